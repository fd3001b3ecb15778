"""What a set of conditions must keep to be played at all."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from naive import itinerary_of
from naive_conditions import conditional

from sim.routing.conditions import (
    LEG_COLUMNS,
    LIMIT_COLUMNS,
    NO_LIMIT,
    OUTAGE_COLUMNS,
    SHARED_COLUMNS,
    STATION_COLUMNS,
    Conditions,
)
from sim.routing.itinerary import Itinerary

A, B = 0, 1
GOOD: dict[str, Any] = {
    "after": [-1, 0, 1, -1, -1],
    "limit_of_tokens": [False, True],
    "limit_period_ns": [10, 1000],
    "limit_per_period": [3, 5],
    "limit_burst_ns": [10, 10],
    "station_limit": [(A, 0), (A, 1), (B, 0)],
    "outage_station": [A, A, B],
    "outage_start_ns": [5, 9, 2],
    "outage_end_ns": [8, 10, 3],
    "outage_slowdown": [0, 1000, 2500],
}
"""Good conditions of two requests: a chain of three legs and another of one, and a request of one leg."""


def plan(**columns: Any) -> Itinerary:
    """Give the good itinerary with some columns of its conditions replaced."""
    stages = [[(A, 4), (A, 4), (B, 4)], [(B, 4)]]
    return conditional(itinerary_of([1, 0], [(0, stages), (3, [[(A, 4)]])]), **(GOOD | columns))


def test_good_conditions_pass() -> None:
    """If the conditions keep their contract, largest numbers included, nothing is said."""
    plan().check()
    plan(patience_ns=[1] * 5, timeout_ns=[NO_LIMIT] * 5, delay_ns=[NO_LIMIT - 1] * 5).check()
    conditional(itinerary_of([], [])).check()
    conditional(itinerary_of([2], [(0, [])])).check()


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"after": [0, -1, -1, -1, -1]}, "a row above"),
        ({"after": [-1, 2, -1, -1, -1]}, "a row above"),
        ({"after": [-1, -2, -1, -1, -1]}, "a row above"),
        ({"after": [-1, 0, 0, -1, -1]}, "named by two"),
        ({"after": [-1, 0, 1, 2, -1]}, "same request and stage"),
        ({"after": [-1, 0, 1, -1, 3]}, "same request and stage"),
        ({"delay_ns": [-1] * 5}, "delay_ns must lie"),
        ({"delay_ns": [NO_LIMIT] * 5}, "delay_ns must lie"),
        ({"patience_ns": [0] * 5}, "patience_ns must lie"),
        ({"timeout_ns": [0] * 5}, "timeout_ns must lie"),
        ({"timeout_ns": [NO_LIMIT + 1] * 5}, "timeout_ns must lie"),
        ({"queue_most": [-1] * 5}, "queue_most must lie"),
        ({"tokens": [-1] * 5}, "tokens must lie"),
        ({"budget": [-1, 0]}, "budget must lie"),
        ({"budget_most": [0, NO_LIMIT + 1]}, "budget_most must lie"),
        ({"limit_period_ns": [0, 1]}, "limit_period_ns must lie"),
        ({"limit_per_period": [1, 0]}, "limit_per_period must lie"),
        ({"limit_burst_ns": [1, NO_LIMIT]}, "limit_burst_ns must lie"),
        ({"station_limit": [(2, 0)]}, "names no station"),
        ({"station_limit": [(-1, 0)]}, "names no station"),
        ({"station_limit": [(A, 2)]}, "names no limit"),
        ({"station_limit": [(A, -1)]}, "names no limit"),
        ({"station_limit": [(A, 1), (A, 0)]}, "not sorted"),
        ({"station_limit": [(B, 0), (A, 1)]}, "not sorted"),
        ({"station_limit": [(A, 0), (A, 0)]}, "twice"),
        ({"tokens": [0, 0, 0, 0, (NO_LIMIT - 1) // 1000 + 1]}, "tokens of a leg times"),
        ({"outage_station": [A, A, 2]}, "outage names no station"),
        ({"outage_station": [-1, A, B]}, "outage names no station"),
        ({"outage_station": [A, B, A]}, "outages are not sorted"),
        ({"outage_start_ns": [7, 6, 2]}, "outages are not sorted"),
        ({"outage_end_ns": [5, 10, 3]}, "does not end after"),
        ({"outage_slowdown": [0, 999, 1000]}, "slowdown must be"),
        ({"outage_slowdown": [0, -1, 1000]}, "slowdown must be"),
        ({"outage_slowdown": [0, 1000, NO_LIMIT // 4]}, "service time of a leg times"),
    ],
)
def test_conditions_that_break_the_contract_are_refused(columns: dict[str, Any], message: str) -> None:
    """If a column of the conditions holds what it must not, the itinerary is refused and told why."""
    with pytest.raises(ValueError, match=message):
        plan(**columns).check()


def test_products_are_looked_at_where_they_are_formed() -> None:
    """If numbers are large at a station without such a limit or outage, or just small enough, they pass."""
    largest = (NO_LIMIT - 1) // 1000
    plan(tokens=[largest, largest, NO_LIMIT, NO_LIMIT, largest]).check()
    plan(outage_slowdown=[NO_LIMIT // 4 - 1, 0, 1000]).check()


@pytest.mark.parametrize("name", [*LEG_COLUMNS, *SHARED_COLUMNS])
def test_columns_have_their_types_and_lengths(name: str) -> None:
    """If a column is of another type, shape or length, the itinerary is refused."""
    good = plan()
    conditions = good.conditions
    assert conditions is not None
    column = getattr(conditions, name)
    for bad in (column.astype(np.float64), column.astype(np.int32), column[..., None]):
        with pytest.raises(ValueError, match=f"{name} (must be|has the shape)"):
            replace(good, conditions=replace(conditions, **{name: bad})).check()
    # What there are so many of as rows of the column is known from others, but for these.
    if name not in {"station_limit", "limit_burst_ns", "outage_station"}:
        with pytest.raises(ValueError, match=f"{name} has the shape"):
            replace(good, conditions=replace(conditions, **{name: column[:-1]})).check()


def test_every_column_is_of_one_kind() -> None:
    """If a column is added to the conditions, it must be said what it has a row for."""
    kinds = (*LEG_COLUMNS, *STATION_COLUMNS, *LIMIT_COLUMNS, "station_limit", *OUTAGE_COLUMNS)
    assert (*kinds, "lanes") == tuple(field.name for field in fields(Conditions))
    assert kinds == (*LEG_COLUMNS, *SHARED_COLUMNS)
    assert {name.partition("_")[0] for name in LIMIT_COLUMNS} == {"limit"}
    assert {name.partition("_")[0] for name in OUTAGE_COLUMNS} == {"outage"}
