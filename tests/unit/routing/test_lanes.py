"""What a set of lanes must keep to be played at all."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from naive import itinerary_of
from naive_conditions import conditional, laned

from sim.routing.conditions import NO_LIMIT
from sim.routing.itinerary import Itinerary
from sim.routing.lanes import SHARED_LANE_COLUMNS, Lanes, lanes_of

A, B = 0, 1
STATIONS = [A, A, B, B, B]
GOOD: dict[str, Any] = {
    "lane": [0, 1, 4, 2],
    "lane_rank": [-5, 2, 0, 0, 1],
    "lane_stride": [1, 3, 2, 1, 7],
    "lane_most": [0, NO_LIMIT, 3, 3, 3],
    "fair": [True, False],
    "lane_limit": [(0, 1), (1, 0), (1, 1), (4, 1)],
}
"""Good lanes of two requests with two legs each, at stations with two and three lanes."""
LIMITS: dict[str, Any] = {
    "tokens": [3, 2, 1, 2],
    "limit_of_tokens": [False, True],
    "limit_period_ns": [10, 1000],
    "limit_per_period": [3, 5],
    "limit_burst_ns": [10, 10**6],
    "station_limit": [(B, 0)],
}


def plan(stations: list[int] = STATIONS, service_ns: int = 4, **columns: Any) -> Itinerary:
    """Give the good itinerary with some columns of its lanes or conditions replaced."""
    calls = [[(A, service_ns), (A, service_ns)], [(B, service_ns)]]
    bare = itinerary_of([1, 0], [(0, calls), (3, [[(B, service_ns)]])])
    own = {name: columns.pop(name) for name in [*columns] if name in GOOD}
    return conditional(bare, **(LIMITS | columns), lanes=laned(bare, stations, **(GOOD | own)))


def test_good_lanes_pass() -> None:
    """If the lanes keep their contract, nothing is said; without any, each station has one that changes nothing."""
    plan().check()
    bare = conditional(itinerary_of([1, 0], [(0, [[(B, 4), (A, 4)]])]))
    alone = lanes_of(bare)
    assert (alone.lane.tolist(), alone.lane_station.tolist(), alone.fair.tolist()) == ([1, 0], [0, 1], [False, False])
    assert bare.conditions is not None
    replace(bare, conditions=replace(bare.conditions, lanes=alone)).check()


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"stations": [A, B, A, B, B]}, "not sorted, or a station has no lane"),
        ({"stations": [A, A, A, A, A]}, "not sorted, or a station has no lane"),
        ({"stations": [A, A, B, B, 2]}, "not sorted, or a station has no lane"),
        ({"lane": [0, 1, 5, 2]}, "names no lane"),
        ({"lane": [-1, 1, 4, 2]}, "names no lane"),
        ({"lane": [2, 1, 4, 2]}, "not one of its station"),
        ({"lane_most": [0, 0, 0, 0, -1]}, "lane_most must lie"),
        ({"lane_most": [0, 0, 0, 0, NO_LIMIT + 1]}, "lane_most must lie"),
        ({"lane_stride": [1, 1, 1, 1, 0]}, "lane_stride be 1"),
        ({"lane_limit": [(5, 1)]}, "lane_limit names no lane"),
        ({"lane_limit": [(-1, 1)]}, "lane_limit names no lane"),
        ({"lane_limit": [(0, 2)]}, "lane_limit names no limit"),
        ({"lane_limit": [(1, 1), (0, 1)]}, "not sorted"),
        ({"lane_limit": [(0, 1), (0, 1)]}, "twice"),
        ({"lane_limit": [(2, 0)]}, "a limit that the station has"),
        ({"tokens": [0, 0, 0, (NO_LIMIT - 1) // 1000 + 1]}, "tokens of a leg times"),
        ({"service_ns": NO_LIMIT // 3 + 1}, "a stride times the cost"),
    ],
)
def test_lanes_that_break_the_contract_are_refused(columns: dict[str, Any], message: str) -> None:
    """If a column of the lanes holds what it must not, the itinerary is refused and told why."""
    with pytest.raises(ValueError, match=message):
        plan(**columns).check()


def test_costs_are_looked_at_where_leads_are_kept() -> None:
    """If a long leg is at a station that is not fair, or just short enough, a large stride passes."""
    plan(service_ns=NO_LIMIT // 3 + 1, fair=[False, False]).check()
    plan(service_ns=(NO_LIMIT - 1) // 3).check()
    large: dict[str, Any] = {"station_limit": [(A, 0)], "lane_limit": [], "limit_period_ns": [NO_LIMIT - 1, 1]}
    plan(**large, limit_per_period=[3, 1], limit_burst_ns=[NO_LIMIT - 1, 1]).check()
    plan(**large, limit_per_period=[1, 1], limit_burst_ns=[(NO_LIMIT - 1) // 3, 1]).check()
    with pytest.raises(ValueError, match="a stride times the cost"):
        plan(**large, limit_per_period=[1, 1], limit_burst_ns=[NO_LIMIT // 3 + 1, 1]).check()


@pytest.mark.parametrize("name", [field.name for field in fields(Lanes)])
def test_columns_have_their_types_and_lengths(name: str) -> None:
    """If a column is of another type, shape or length, the itinerary is refused."""
    good = plan()
    assert good.conditions is not None
    lanes = lanes_of(good)
    column = getattr(lanes, name)
    wrong = [column.astype(np.float64), column.astype(np.int32), column[..., None]]
    if name not in {"lane_limit", "lane_station"}:  # what there are so many of is known from others, but for these
        wrong.append(column[:-1])
    for bad in wrong:
        with pytest.raises(ValueError, match=f"lanes: ({name}|lane_rank) (must be|has the shape)"):
            replace(good, conditions=replace(good.conditions, lanes=replace(lanes, **{name: bad}))).check()


def test_all_but_the_lane_of_a_leg_is_shared_by_a_run() -> None:
    """If a column is added to the lanes, it belongs to the stations of the run unless it is the legs' own."""
    assert ("lane", *SHARED_LANE_COLUMNS) == tuple(field.name for field in fields(Lanes))
