"""``--set patterns.cascade.escalate_when.confidence_below=0.7``: one value of a document replaced from outside."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from sim.errors import InvalidInput, Issue
from sim.experiment.document import Document, Mark, Place, did_you_mean, dotted
from sim.experiment.yaml_source import parse_yaml_list

ORIGIN: Final = "--set"
"""Origin of the marks of replaced values; also their file, with line 0."""

_MARK: Final = Mark(ORIGIN, 0, 0, ORIGIN)
_EXAMPLE: Final = "write --set path=value, such as --set run.duration=1h"
_PART = re.compile(r"""'([^']*)'|"([^"]*)"|([^.'"=][^.=]*)""")


def set_value(document: Document, assignment: str) -> Document:
    """Document with one value replaced or added; the given one stays as it is.

    The path is dotted; keys that are missing are created, items of lists are addressed by their `name` or their index
    from 0, and a part with dots or equal signs in it may be quoted. The value is YAML as inside brackets.
    """
    parts, text = _split(assignment)
    value = _value(text, ".".join(parts))
    place, data = _put(document.data, parts, value, (), document.data)
    marks = _without(document.marks, place)
    key_marks = _without(document.key_marks, place)
    for written in [*(place[:length] for length in range(len(place))), *places_in(value, place)]:
        marks.setdefault(written, _MARK)
        if written and isinstance(written[-1], str):
            key_marks.setdefault(written, _MARK)
    return Document(data, marks, key_marks, document.file)


def _split(assignment: str) -> tuple[list[str], str]:
    """Parts of the path, and the text of the value."""
    parts: list[str] = []
    position, separator = 0, "."
    while separator == ".":
        match = _PART.match(assignment, position)
        parts.append(next(group for group in match.groups() if group is not None).strip() if match else "")
        position = match.end() + 1 if match else len(assignment) + 1
        separator = assignment[position - 1 : position]
    if separator != "=" or not all(parts):
        raise InvalidInput([Issue(f"'{assignment}' is not an assignment", ORIGIN, hint=_EXAMPLE)])
    return parts, assignment[position:]


class NoSuchPlaceError(LookupError):
    """A dotted place leads nowhere."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def parts_of(name: str) -> list[str] | None:
    """Give the parts of a dotted place; None if it is none."""
    try:
        return _split(f"{name}=0")[0]
    except InvalidInput:
        return None


def replaced(data: Any, parts: list[str], value: Any) -> Any:
    """Give a copy of the data with one value replaced or added; what is beside it is shared with the original."""
    return _put(data, parts, value, (), data)[1]


def value_at(data: Any, parts: list[str]) -> Any:
    """Give the value at a dotted place. Raises NoSuchPlaceError."""
    while parts:
        if isinstance(data, list):
            try:
                data, parts = data[_item(data, parts[0], "")], parts[1:]
            except InvalidInput as error:
                raise NoSuchPlaceError(error.issues[0].message, error.issues[0].hint) from None
            continue
        if not isinstance(data, dict):
            raise NoSuchPlaceError(f"there is no {parts[0]} in a single value", "")
        key, rest = _key(data, parts)
        if key not in data:
            known = [str(name) for name in data]
            raise NoSuchPlaceError(f"there is no {key!r}", did_you_mean(key, known) or f"there are: {', '.join(known)}")
        data, parts = data[key], rest
    return data


def _value(text: str, path: str) -> Any:
    quoted = f"put it in quotes: --set \"{path}='{text}'\""
    try:
        values = parse_yaml_list(text, ORIGIN)
    except InvalidInput as error:
        issues = [Issue(f"{path}: {issue.message}", ORIGIN, hint=quoted) for issue in error.issues]
        raise InvalidInput(issues) from error
    if len(values) > 1:
        raise InvalidInput([Issue(f"{path}: found {len(values)} values", ORIGIN, hint=f"write --set {path}=[{text}]")])
    if not values and text.strip():
        raise InvalidInput([Issue(f"{path}: {text} is a comment to YAML", ORIGIN, hint=quoted)])
    return values[0] if values else None


def _put(data: Any, parts: list[str], value: Any, above: Place, root: Any) -> tuple[Place, Any]:
    """Place of the value, and a copy of `data` that holds it; what is beside the path is shared with the original."""
    if not parts:
        return above, value
    if isinstance(data, list):
        index = _item(data, parts[0], dotted(root, above))
        place, item = _put(data[index], parts[1:], value, (*above, index), root)
        return place, [*data[:index], item, *data[index + 1 :]]
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise InvalidInput(
            [Issue(f"is a single value, and has no {parts[0]} to set", ORIGIN, path=dotted(root, above))]
        )
    key, rest = _key(data, parts)
    place, inner = _put(data.get(key), rest, value, (*above, key), root)
    return place, {**data, key: inner}


def _key(data: dict[str, Any], parts: list[str]) -> tuple[str, list[str]]:
    """Longest key that the path starts with (keys such as ``latency.p95`` hold dots), and the rest of the path."""
    for length in range(len(parts), 0, -1):
        joined = ".".join(parts[:length])
        if joined in data:
            return joined, parts[length:]
    return parts[0], parts[1:]


def _item(items: list[Any], part: str, place: str) -> int:
    """Index of the item of that name, or at that position."""
    names = [str(item["name"]) if isinstance(item, dict) and "name" in item else "" for item in items]
    if part in names:
        return names.index(part)
    if part.isascii() and part.isdigit() and int(part) < len(items):
        return int(part)
    known = [name for name in names if name]
    listed = f"items are {', '.join(known)}" if known else f"it has {len(items)} items, counted from 0"
    hint = did_you_mean(part, known) or listed
    raise InvalidInput([Issue(f"no item '{part}'", ORIGIN, path=place, hint=hint)])


def _without(marks: Mapping[Place, Mark], place: Place) -> dict[Place, Mark]:
    """Drop the marks of a place and of what is below it."""
    return {known: mark for known, mark in marks.items() if known[: len(place)] != place}


def places_in(value: Any, place: Place = ()) -> list[Place]:
    """Place of a value and of all values inside it."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place, *(found for part, item in inner for found in places_in(item, (*place, part)))]
