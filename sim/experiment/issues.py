"""Turn pydantic's findings into issues: the place in the file, plain words, and what would be accepted."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from sim.errors import Issue
from sim.experiment.document import Document, Mark, Place, child, did_you_mean, dotted, has_child
from sim.experiment.spec_names import branches_along, known_keys, known_kinds

MOST_TOLD: Final = 100
"""Issues told of one file; the others are counted. A file with more has one reason for them all."""

_LONGEST = 40
_SHAPES = {"mapping": "a mapping of keys and values", "list": "a list", "text": "text", "number": "a number"}
_EXPECTED = {
    "string_type": _SHAPES["text"],
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": _SHAPES["number"],
    "float_parsing": _SHAPES["number"],
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "dict_type": _SHAPES["mapping"],
    "mapping_type": _SHAPES["mapping"],
    "model_type": _SHAPES["mapping"],
    "model_attributes_type": _SHAPES["mapping"],
    "dataclass_type": _SHAPES["mapping"],
    "list_type": _SHAPES["list"],
    "tuple_type": _SHAPES["list"],
    "set_type": _SHAPES["list"],
    "frozen_set_type": _SHAPES["list"],
    "none_required": "nothing",
}
"""What was expected, by type of error."""

_BOUNDS = {
    "greater_than": ("gt", "must be greater than {}"),
    "greater_than_equal": ("ge", "must be at least {}"),
    "less_than": ("lt", "must be less than {}"),
    "less_than_equal": ("le", "must be at most {}"),
    "multiple_of": ("multiple_of", "must be a multiple of {}"),
    "too_short": ("min_length", "needs at least {} items"),
    "too_long": ("max_length", "may have at most {} items"),
    "string_too_short": ("min_length", "needs at least {} characters"),
    "string_too_long": ("max_length", "may have at most {} characters"),
    "string_pattern_mismatch": ("pattern", "must match the pattern {}"),
}
"""Name of the limit in the context of an error, and the sentence that holds it."""

_OF_SHAPE = frozenset({*_EXPECTED, "literal_error", "enum"})
"""Types of error that say a value is of another shape than a branch of a union wants."""

_TEXT_HINT = "put it in quotes to make it text"
_BOOLEAN_HINT = "yes, no, on and off are text in YAML 1.2; write true or false"


def issues_from_validation(
    error: ValidationError, document: Document, prefix: Place = (), model: type[BaseModel] | None = None
) -> list[Issue]:
    """Issues for all findings of one validation, in the order of the file; after many of them the rest is counted.

    `prefix` is the place in the document of what was validated; `model` is what it was validated against, and gives
    the keys that a did-you-mean may suggest.
    """
    findings = [_Finding(details, document, prefix, model) for details in error.errors(include_url=False)]
    groups = sorted((_meant(group) for group in _grouped(findings)), key=lambda group: group[0].position())
    issues = [_merged(group) for group in groups[:MOST_TOLD]]
    rest = len(groups) - len(issues)
    return [*issues, Issue(f"and {rest:,} more mistakes", document.file)] if rest else issues


class _Finding:
    """One finding of pydantic, and the way to it in the data.

    `place` is where the data has it; parts of pydantic's `loc` that the data does not have (tags of unions, names of
    branches) are left out. `branched` tells whether the last of them came after the last part of the data.
    """

    def __init__(
        self, details: Mapping[str, Any], document: Document, prefix: Place, model: type[BaseModel] | None
    ) -> None:
        self.kind: str = details["type"]
        self.loc: Place = details["loc"]
        self.message: str = details["msg"]
        self.context: Mapping[str, Any] = details.get("ctx", {})
        self.document, self.model = document, model
        self.place, self.branched = _walk(document.data, prefix, self._loc_of_value(), model)
        self.input: Any = details.get("input")

    def _loc_of_value(self) -> Place:
        """Place of the value in pydantic's terms: around a key that is missing."""
        return self.loc[:-1] if self.kind == "missing" else self.loc

    def issue(self) -> Issue:
        """Write the finding as an issue."""
        place, mark = self._spot()
        message, hint = self._words()
        return Issue(message, mark.file, mark.line, mark.col, dotted(self.document.data, place), hint)

    def position(self) -> tuple[int, int]:
        """Line and column where the issue will stand."""
        mark = self._spot()[1]
        return mark.line, mark.col

    def _spot(self) -> tuple[Place, Mark]:
        """Place in the document that the issue is about, and where its author must look."""
        place, marked = self.place, self.document.mark
        if self.kind == "missing":
            place, marked = (*place, self.loc[-1]), self._mark_of_parent
        elif self.kind == "extra_forbidden" or self.loc[-1:] == ("[key]",):
            marked = self.document.key_mark
        elif self.kind == "union_tag_not_found":
            marked = self._mark_of_parent
        elif self.kind == "union_tag_invalid":
            place = (*place, self._discriminator())
        return place, marked(place)

    def _mark_of_parent(self, place: Place) -> Mark:
        """Where a reader looks for something that is not there: the key of what should hold it."""
        return self.document.key_mark(place[:-1] if self.kind == "missing" else place)

    def _words(self) -> tuple[str, str]:
        """Message and hint."""
        special: dict[str, Callable[[], tuple[str, str]]] = {
            "missing": lambda: (f"{self.loc[-1]} is required", ""),
            "extra_forbidden": self._extra,
            "union_tag_invalid": self._unknown_kind,
            "union_tag_not_found": self._no_kind,
            "literal_error": self._choice,
            "enum": self._choice,
        }
        if self.kind in special:
            return special[self.kind]()
        if self.kind in _EXPECTED:
            hint = {"string_type": _TEXT_HINT, "bool_type": _BOOLEAN_HINT}.get(self.kind, "")
            useful = hint if isinstance(self.input, str | int | float) else ""
            return f"expected {_EXPECTED[self.kind]}, found {_show(self.input)}", useful
        if self.kind in _BOUNDS:
            name, sentence = _BOUNDS[self.kind]
            limit = _plain(self.context.get(name))
            words = sentence.format(limit)
            return f"{words.removesuffix('s') if limit == '1' else words}, found {self._amount()}", ""
        if self.kind in {"value_error", "assertion_error"}:
            return re.sub(r"^(Value error|Assertion failed), ", "", self.message), ""
        words = self.message[:1].lower() + self.message[1:]
        return f"{words}, found {_show(self.input)}", ""

    def _amount(self) -> str:
        """Show what was found: the length where the limit is about that, else the value."""
        length = self.context.get("actual_length")
        return str(length) if length is not None else _show(self.input)

    def _extra(self) -> tuple[str, str]:
        name = str(self.loc[-1])
        known = known_keys(self.model, self.loc[:-1]) if self.model else []
        around = _value_at(self.document.data, self.place[:-1])
        free = [key for key in known if not has_child(around, key)]
        listed = f"keys here are {', '.join(known)}" if known else ""
        return f"unknown key '{name}'", did_you_mean(name, free) or listed

    def _discriminator(self) -> str:
        return str(self.context.get("discriminator", "'kind'")).strip("'")

    def _unknown_kind(self) -> tuple[str, str]:
        known = _quoted(str(self.context.get("expected_tags", "")))
        tag = str(self.context.get("tag", ""))
        return f"unknown {self._discriminator()} '{_short(tag)}'; one of: {', '.join(known)}", did_you_mean(tag, known)

    def _no_kind(self) -> tuple[str, str]:
        name = self._discriminator()
        known = known_kinds(self.model, self.loc, name) if self.model else []
        return f"{name} is required" + (f"; one of: {', '.join(known)}" if known else ""), ""

    def _choice(self) -> tuple[str, str]:
        expected = str(self.context.get("expected", ""))
        known = _quoted(expected) or [expected]
        hint = did_you_mean(self.input, known) if isinstance(self.input, str) else ""
        return f"{_show(self.input)} is not allowed; one of: {', '.join(known)}", hint


def _value_at(data: Any, place: Place) -> Any:
    for part in place:
        data = child(data, part)
    return data


def _walk(data: Any, prefix: Place, loc: Place, model: type[BaseModel] | None) -> tuple[Place, bool]:
    """Follow pydantic's way through the data, leaving out names of branches and what else the data does not have."""
    data = _value_at(data, prefix)
    place, branched = prefix, False
    branches = branches_along(model, loc) if model else [False] * len(loc)
    for part, branch in zip(loc, branches, strict=True):
        branched = branch or not has_child(data, part)
        if not branched:
            place, data = (*place, part), child(data, part)
    return place, branched


def _grouped(findings: list[_Finding]) -> list[list[_Finding]]:
    """Put findings of all branches of a union on one value together, without branches that were never meant."""
    deepest = _deepest(findings)
    groups: dict[tuple[Any, ...], list[_Finding]] = {}
    for finding in findings:
        if not _is_other_shape(finding, deepest):
            missing = finding.loc[-1:] if finding.kind == "missing" else ()
            groups.setdefault((finding.place, missing, finding.branched or finding.loc), []).append(finding)
    return list(groups.values())


def _deepest(findings: list[_Finding]) -> dict[Place, int]:
    """For each part of pydantic's places, how far into the data the findings below it reach."""
    deepest: dict[Place, int] = {}
    for finding in findings:
        reach = len(finding.place) + (finding.kind == "missing")
        for length in range(len(finding.loc)):
            around = finding.loc[:length]
            deepest[around] = max(reach, deepest.get(around, 0))
    return deepest


def _is_other_shape(finding: _Finding, deepest: Mapping[Place, int]) -> bool:
    """Tell whether a branch was never meant: it wants one value where another branch found faults inside a mapping."""
    return finding.branched and finding.kind in _OF_SHAPE and deepest[finding.loc[:-1]] > len(finding.place)


def _meant(group: list[_Finding]) -> list[_Finding]:
    """If the value has the shape that one branch of a union wants, the others, which want another, are silent."""
    return [finding for finding in group if finding.kind not in _OF_SHAPE] or group


def _merged(group: list[_Finding]) -> Issue:
    """One issue for all branches of a union that complain of one value."""
    issues = [finding.issue() for finding in group]
    messages = list(dict.fromkeys(issue.message for issue in issues))
    hint = next((issue.hint for issue in issues if issue.hint), "")
    first = issues[0]
    return Issue("; or ".join(messages), first.file, first.line, first.col, first.path, hint)


def _quoted(text: str) -> list[str]:
    return re.findall(r"'([^']*)'", text)


def _plain(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _show(value: Any) -> str:
    """Show a value as its author wrote it, shortened."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    return f"'{_short(value)}'" if isinstance(value, str) else _short(str(value))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
