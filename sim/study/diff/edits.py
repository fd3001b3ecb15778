"""What was edited between two experiments: values of their resolved form, by dotted path."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sim.experiment.document import Place, dotted
from sim.experiment.judged import JUDGED

_BESIDE = frozenset({*JUDGED, "name", "title", "description"})
"""What an experiment is called and how it is judged: neither changes anything that is played."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A value that is not what it was; None on the side that has none. Values are written as JSON."""

    path: str
    before: str | None
    after: str | None


def edits(before: Mapping[str, Any], after: Mapping[str, Any], *, also: str = "") -> list[Edit]:
    """Give what differs between two resolved experiments, in the order of the second, then what is gone.

    `also` is a key that judges, and counts this time.
    """
    beside = _BESIDE - {also}
    old, new = (
        dict(_leaves(side, {key: value for key, value in side.items() if key not in beside}, ()))
        for side in (before, after)
    )
    order = [*new, *(path for path in old if path not in new)]
    return [Edit(path, old.get(path), new.get(path)) for path in order if old.get(path) != new.get(path)]


def _leaves(root: Mapping[str, Any], value: Any, place: Place) -> Iterator[tuple[str, str]]:
    """Yield every value that is no mapping; a list of mappings is gone into, any other list is a value."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(root, inner, (*place, key))
    elif isinstance(value, list) and value and all(isinstance(inner, dict) for inner in value):
        for index, inner in enumerate(value):
            yield from _leaves(root, inner, (*place, index))
    elif value is not None:
        yield dotted(root, place), json.dumps(value, ensure_ascii=False)
