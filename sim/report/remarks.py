"""Remarks on places in files: the common form of mistakes, warnings and broken promises, before any format."""

from __future__ import annotations

import hashlib
import os
import posixpath
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import quote

from sim.errors import Issue

Level = Literal["error", "warning"]

INVALID: Final = "invalid-experiment"
DOUBTFUL: Final = "doubtful-experiment"


@dataclass(frozen=True, slots=True)
class Remark:
    """One remark on a place.

    `rule` is its kind, such as ``threshold``; `title` a few words, `message` sentences. `line` and `col` count from 1
    and are 0 where the remark is on the file as a whole, or, without a `file`, on no file. `key` tells it from others
    of its kind, without the numbers that change from run to run.
    """

    level: Level
    rule: str
    title: str
    message: str
    file: str = ""
    line: int = 0
    col: int = 0
    key: str = ""


def fingerprints(remarks: Iterable[Remark]) -> list[str]:
    """Return 40 hexadecimal digits per remark: the same when lines are added above it or its numbers have changed.

    They rest on rule, file and `key` (of a remark without one: its message), and, where those occur again, on how often
    they have.
    """
    seen = Counter[tuple[str, ...]]()
    found = []
    for remark in remarks:
        told = (remark.rule, slashes(remark.file), remark.key or remark.message)
        text = "\0".join((*told, str(seen[told])))
        seen[told] += 1
        found.append(hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:40])
    return found


def of_issues(issues: Iterable[Issue]) -> list[Remark]:
    """Return a remark for each mistake; its hint is part of the message."""
    return [
        Remark(
            "error",
            INVALID,
            "invalid experiment",
            " ".join(
                part for part in (f"{f'{issue.path}: ' if issue.path else ''}{issue.message}", _hint(issue)) if part
            ),
            issue.file if issue.line or not issue.file.startswith("--") else "",  # "--set" is where, and no file
            issue.line,
            issue.col,
        )
        for issue in issues
    ]


def of_warnings(file: str, warnings: Iterable[str]) -> list[Remark]:
    """Return a remark for each thing in `file` that is allowed but probably not meant."""
    return [Remark("warning", DOUBTFUL, "probably not meant", text, file) for text in warnings]


def worst_first(remarks: Sequence[Remark]) -> list[Remark]:
    """Return the errors before the warnings, each in the order they came."""
    return sorted(remarks, key=lambda remark: remark.level != "error")


def slashes(file: str) -> str:
    """Return a path with forward slashes and without detours (``./a``, ``a/../b``), as the same file is always told."""
    return posixpath.normpath(file.replace(os.sep, "/")) if file else ""


def uri(file: str) -> str:
    """Return a path as the URI reference that SARIF wants; relative paths stay relative."""
    path = slashes(file)
    safe = quote(path.encode("utf-8", "surrogatepass"), safe="/")
    return f"file://{safe}" if path.startswith("/") else safe


def _hint(issue: Issue) -> str:
    return f"({issue.hint})" if issue.hint else ""
