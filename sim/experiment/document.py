"""What was read from YAML, and where each part of it stood."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Place = tuple[str | int, ...]
"""Way from the root to a value: keys of mappings and indices of lists."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a value was written.

    `line` and `col` count from 1, and are 0 for a value that did not come from a file; `origin` is what a reader is
    told: ``file:line``, or ``--set``.
    """

    file: str
    line: int
    col: int
    origin: str


@dataclass(frozen=True, slots=True)
class Document:
    """Data of one YAML file: mappings with text keys, lists, text, numbers, booleans and None.

    `marks` has the position of every value, the root included, and `key_marks` the position of the key of every value
    that has one; both are addressed by the place of the value.
    """

    data: Any
    marks: Mapping[Place, Mark]
    key_marks: Mapping[Place, Mark]
    file: str = ""

    def mark(self, place: Place) -> Mark:
        """Position of a value, or of the nearest thing around it that was written."""
        return _nearest(self.marks, place) or Mark(self.file, 0, 0, self.file)

    def key_mark(self, place: Place) -> Mark:
        """Position of the key of a value; of the value itself where it has no key."""
        return self.key_marks.get(place) or self.mark(place)


def dotted(data: Any, place: Place) -> str:
    """Write a place for people: ``patterns.cascade.verify``. Items of a list go by their `name` where they have one."""
    parts = []
    for part in place:
        data = child(data, part)
        name = data.get("name") if isinstance(data, dict) and isinstance(part, int) else None
        parts.append(name if isinstance(name, str) and name else str(part))
    return ".".join(parts)


def child(data: Any, part: str | int) -> Any:
    """Value one step down, None where there is none."""
    if isinstance(data, dict):
        return data.get(part)
    inside = isinstance(data, list) and isinstance(part, int) and 0 <= part < len(data)
    return data[part] if inside else None


def has_child(data: Any, part: str | int) -> bool:
    """Tell whether one step down leads to a value, which may be None."""
    if isinstance(data, dict):
        return part in data
    return isinstance(data, list) and isinstance(part, int) and 0 <= part < len(data)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Hint that names the nearest known word; empty when none is near."""
    known = list(known)
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if not near:  # capitals and separators are the commonest slips and weigh too much above
        plain = {_plain(name): name for name in known}
        near = [plain[match] for match in difflib.get_close_matches(_plain(word), plain, n=1, cutoff=0.7)]
    return f"did you mean '{near[0]}'?" if near else ""


def _plain(word: str) -> str:
    return word.lower().replace("-", "_")


def _nearest(marks: Mapping[Place, Mark], place: Place) -> Mark | None:
    for length in range(len(place), -1, -1):
        if found := marks.get(place[:length]):
            return found
    return None
