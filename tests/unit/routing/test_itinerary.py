"""The contract between patterns and engines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from naive import itinerary_of

from sim.routing.itinerary import Itinerary

GOOD: dict[str, list[int]] = {
    "arrival_ns": [0, 5, 5],
    "servers": [0, 2],
    "leg_request": [0, 0, 0, 2, 2],
    "leg_stage": [0, 0, 1, 0, 1],
    "leg_station": [1, 0, 1, 0, 1],
    "leg_service_ns": [7, 0, 3, 1, 1],
}


def itinerary(**changes: Any) -> Itinerary:
    """Give the good itinerary with some columns replaced."""
    return Itinerary(**{name: np.array(column, dtype=np.int64) for name, column in (GOOD | changes).items()})


def test_a_good_itinerary_passes() -> None:
    """Tied arrivals, parallel legs and requests without legs are allowed."""
    good = itinerary()
    good.check()
    assert (good.requests, good.legs) == (3, 5)


def test_nothing_at_all_passes() -> None:
    """No requests, or requests without legs, are no mistake."""
    itinerary_of([0], []).check()
    itinerary_of([0], [(3, []), (4, [])]).check()


BAD: dict[str, dict[str, list[int]]] = {
    "arrivals are not sorted": {"arrival_ns": [0, 6, 5]},
    "differ in length": {"leg_station": [1, 0, 1, 0]},
    "not sorted by request and stage": {"leg_request": [0, 0, 2, 1, 1], "leg_stage": [0, 0, 0, 0, 1]},
    "a stage is skipped": {"leg_stage": [0, 0, 2, 0, 1]},
    "or a stage is skipped": {"leg_stage": [1, 1, 2, 0, 1]},
    "not sorted by request and stage, or": {"leg_stage": [0, 1, 0, 0, 1]},
    "belongs to no request": {"leg_request": [0, 0, 0, 3, 3]},
    "a leg belongs to no": {"leg_request": [-1, -1, -1, 2, 2]},
    "names no station": {"leg_station": [1, 0, 2, 0, 1]},
    "a leg names no": {"leg_station": [1, 0, -1, 0, 1]},
    "negative service time": {"leg_service_ns": [7, 0, -3, 1, 1]},
    "or number of servers": {"servers": [0, -1]},
}


@pytest.mark.parametrize(("message", "changes"), BAD.items(), ids=list(BAD))
def test_a_broken_contract_is_named(message: str, changes: dict[str, list[int]]) -> None:
    """Whatever an engine could not play is refused with the reason."""
    with pytest.raises(ValueError, match=message):
        itinerary(**changes).check()


@pytest.mark.parametrize("column", list(GOOD))
def test_every_column_counts_in_int64(column: str) -> None:
    """A column of another type, floats above all, is refused."""
    columns = {name: np.array(values, dtype=np.int64) for name, values in GOOD.items()}
    columns[column] = columns[column].astype(np.float64)
    with pytest.raises(ValueError, match="must be int64"):
        Itinerary(**columns).check()
