"""Answers of checks that are kept: an unchanged question about unchanged files is answered without playing anything.

    results/.answers/<key>.json     a line with the SHA-256 of the rest; then the question, the SHA-256 of every file
                                    that was read, and the answer with all its numbers

The key is that of the question: the file as it was typed, the options that can change the answer, and every line of
tiercast and version of what it computes with. The answer counts only while all the files are what they were, and the
result that it rests on is still below the same folder. What is damaged, of another layout or cannot be written counts
as not there: then the check is made. Nothing here loads what plays, so that an answer comes at once.
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import hashlib
import json
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args, get_origin, get_type_hints

from sim.errors import RunError
from sim.experiment.durable import replace_file, sha256_of
from sim.experiment.made_by import made_by
from sim.experiment.places import result_folder
from sim.study.verdict import CheckResult

MOST: Final = 64
"""As many answers are kept; those not asked for the longest go first."""

_FOLDER: Final = ".answers"
_LAYOUT: Final = 1
_DIGITS: Final = 32


@dataclass(frozen=True, slots=True)
class Question:
    """What decides on the answer of a check, besides the content of files: `experiment` as typed, and options."""

    experiment: str
    overrides: tuple[str, ...]
    seed: int | None
    replications: int | None
    until_decided: bool
    budget: int | None
    engine: str

    def key(self) -> str:
        """Give the name under which the answer is kept: another one for every version of what computes it."""
        content = {"layout": _LAYOUT, "question": dataclasses.asdict(self), "made_by": made_by()}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:_DIGITS]


def answered(question: Question, root: Path) -> CheckResult | None:
    """Give the answer that is kept below `root`, None if there is none that still holds."""
    path = _path(question, root)
    try:
        digest, _, content = path.read_bytes().partition(b"\n")
        if hashlib.sha256(content).hexdigest().encode() != digest:
            return None
        told = json.loads(content)
        if any(sha256_of(Path(file)) != was for file, was in told["files"].items()):
            return None
        result: CheckResult = rebuilt(CheckResult, told["answer"])
        if not (result_folder(result.run.experiment, result.run.hash, root) / "manifest.json").is_file():
            return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    with contextlib.suppress(OSError):  # a folder that may only be read answers all the same
        path.touch()
    return result


def digests(files: Iterable[Path]) -> dict[str, str]:
    """Give the SHA-256 of files by their path: to be taken before the check reads them, and again after it.

    OSError for one that cannot be read.
    """
    return {str(file): sha256_of(file) for file in files}


def keep(question: Question, root: Path, result: CheckResult, files: Mapping[str, str]) -> None:
    """Keep an answer below `root`, and no more than `MOST` of them. A disk that refuses is no reason to fail."""
    with contextlib.suppress(RunError, OSError, ValueError):
        told = {"question": dataclasses.asdict(question), "files": files, "answer": dataclasses.asdict(result)}
        data = json.dumps(told, allow_nan=False, default=_plain).encode()
        path = _path(question, root)
        replace_file(path, hashlib.sha256(data).hexdigest().encode() + b"\n" + data)
        for old in sorted(kept(root), key=lambda one: one.stat().st_mtime_ns, reverse=True)[MOST:]:
            old.unlink(missing_ok=True)


def kept(root: Path) -> list[Path]:
    """Give the files of the answers that are kept below `root`."""
    return sorted((root / _FOLDER).glob("*.json"))


def _path(question: Question, root: Path) -> Path:
    return root / _FOLDER / f"{question.key()}.json"


def _plain(scalar: Any) -> Any:
    """Give a number or truth value of NumPy as one of Python; anything else is a mistake, and told as one."""
    return scalar.item()


def rebuilt(kind: Any, data: Any) -> Any:
    """Put together what `dataclasses.asdict` has taken apart: data classes, tuples, mappings, enums and plain values.

    Raises TypeError, KeyError or ValueError where the data are not those of `kind`.
    """
    origin, inside = get_origin(kind), get_args(kind)
    if origin in (typing.Union, types.UnionType):
        (kind,) = (one for one in inside if one is not type(None))
        found = None if data is None else rebuilt(kind, data)
    elif origin is tuple:
        found = tuple(rebuilt(inside[0], value) for value in data)
    elif origin is not None and origin is not typing.Literal:
        found = {str(key): rebuilt(inside[1], value) for key, value in dict(data).items()}
    elif dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        found = kind(**{name: rebuilt(hints[name], value) for name, value in dict(data).items()})
    elif isinstance(kind, type) and issubclass(kind, enum.Enum):
        found = kind(data)
    else:
        found = float(data) if kind is float else data
    return found
