"""What GitHub Actions reads from a step: annotations, its summary, its outputs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

from sim.report.escapes import clipped, printable, utf8
from sim.report.remarks import Remark, slashes, worst_first

MOST: Final = 10
"""Annotations of one level that GitHub shows of a step."""

SUMMARY_BYTES: Final = 1 << 20
"""Size of the summary of a step."""

_LONGEST: Final = 4_000


def workflow_commands(remarks: Sequence[Remark]) -> list[str]:
    """Return a workflow command per remark, the worst first; what GitHub would not show is counted."""
    found: list[str] = []
    for level in ("error", "warning"):
        own = [remark for remark in worst_first(remarks) if remark.level == level]
        told = own if len(own) <= MOST else own[: MOST - 1]
        found += map(_command, told)
        if rest := len(own) - len(told):
            found.append(f"::{level} title=tiercast::and {rest:,} more of this kind, which the log has")
    return found


def outputs(values: Mapping[str, str]) -> str:
    """Return the lines for ``$GITHUB_OUTPUT``; a value may hold anything, as its delimiter does not occur in it."""
    return "".join(_output(name, utf8(value)) for name, value in values.items())


def harmless(text: str) -> str:
    """Return output so that the runner finds no workflow command in it, whatever names it shows.

    The runner takes every line that begins with ``::``, blanks before it or not, and ``##[`` anywhere.
    """
    return "\n".join(map(_harmless, text.split("\n")))


def _harmless(line: str) -> str:
    safe = "\r".join(_no_command(part) for part in line.split("\r"))
    return safe.replace("##[", "##\N{WORD JOINER}[")


def _no_command(line: str) -> str:
    bare = line.lstrip()
    return line[: len(line) - len(bare)] + "\N{WORD JOINER}" + bare if bare.startswith("::") else line


def _command(remark: Remark) -> str:
    places: dict[str, str] = {}
    if remark.file:
        places["file"] = slashes(remark.file)
        if remark.line > 0:
            places |= {"line": str(remark.line), "col": str(max(remark.col, 1))}
    places["title"] = f"tiercast: {clipped(printable(remark.title), _LONGEST)}"
    told = ",".join(f"{name}={_property(value)}" for name, value in places.items())
    return f"::{remark.level} {told}::{_data(clipped(printable(remark.message), _LONGEST))}"


def _data(text: str) -> str:
    return utf8(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _output(name: str, value: str) -> str:
    delimiter = f"tiercast_{hashlib.sha256(value.encode()).hexdigest()[:32]}"
    if delimiter in value:
        raise ValueError(f"the value of {name} holds its own delimiter")
    return f"{name}<<{delimiter}\n{value}\n{delimiter}\n"
