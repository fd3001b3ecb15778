"""Itineraries with conditions that hypothesis draws: every engine gives the log of the naive twin, however it is cut.

Times come from a handful, so that most events are tied: most mistakes in their order show only there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_conditions import conditional, laned

from sim.engine import ENGINES, LegLog
from sim.engine import play as play_on
from sim.routing.conditions import NO_LIMIT
from sim.routing.itinerary import UNLIMITED, Itinerary
from sim.routing.lanes import Lanes

TIMES = st.sampled_from([0, 10, 20, 30, 40, 50])
LASTING = st.sampled_from([10, 20, 30, 50])

on_every_engine = pytest.mark.parametrize("engine", list(ENGINES))


def or_no_limit(values: list[int]) -> st.SearchStrategy[int]:
    """Draw one of these values, or none at all."""
    return st.sampled_from([*values, NO_LIMIT, NO_LIMIT])


@st.composite
def plans(draw: st.DrawFn) -> Itinerary:
    """Draw up to 10 requests of up to two stages of up to four legs, over up to three stations with conditions."""
    stations = draw(st.integers(1, 3))
    station = st.integers(0, stations - 1)
    stage = st.lists(st.tuples(station, TIMES), min_size=1, max_size=4)
    requests = draw(st.lists(st.tuples(TIMES, st.lists(stage, max_size=2)), min_size=1, max_size=10))
    servers = draw(st.lists(st.sampled_from([UNLIMITED, 1, 1, 2]), min_size=stations, max_size=stations))
    plan = naive.itinerary_of(servers, sorted(requests, key=lambda request: request[0]))
    held = plan.servers[plan.leg_station] != UNLIMITED
    plan = replace(plan, leg_service_ns=np.where(held, np.maximum(plan.leg_service_ns, 10), plan.leg_service_ns))
    columns = draw(station_columns(stations))
    if draw(st.booleans()):
        columns["lanes"] = draw(lanes(plan, columns))
    return conditional(plan, **draw(leg_columns(plan)), **columns)


@st.composite
def lanes(draw: st.DrawFn, plan: Itinerary, columns: dict[str, Any]) -> Lanes:
    """Draw one to three lanes for each station, of legs that go by them, with limits of the lane alone or shared."""
    stations = len(plan.servers)
    lanes_of = draw(st.lists(st.integers(1, 3), min_size=stations, max_size=stations))
    station = np.repeat(np.arange(stations), lanes_of).tolist()
    of_lanes = {"min_size": len(station), "max_size": len(station)}
    within = draw(st.lists(st.integers(0, 2), min_size=plan.legs, max_size=plan.legs))
    limits = len(columns.get("limit_burst_ns", []))
    taken = columns.get("station_limit", [])
    pairs = [
        (lane, limit) for lane, where in enumerate(station) for limit in range(limits) if (where, limit) not in taken
    ]
    return laned(
        plan,
        station,
        lane=[
            station.index(where) + number % lanes_of[where]
            for where, number in zip(plan.leg_station.tolist(), within, strict=True)
        ],
        lane_rank=draw(st.lists(st.integers(-1, 1), **of_lanes)),
        lane_stride=draw(st.lists(st.integers(1, 3), **of_lanes)),
        lane_most=draw(st.lists(or_no_limit([0, 1, 2]), **of_lanes)),
        fair=draw(st.lists(st.booleans(), min_size=stations, max_size=stations)),
        lane_limit=sorted(draw(st.sets(st.sampled_from(pairs), max_size=4))) if pairs else [],
    )


@st.composite
def leg_columns(draw: st.DrawFn, plan: Itinerary) -> dict[str, Any]:
    """Draw the conditions of the legs; each kind is there or not."""
    columns: dict[str, Any] = {}
    values = {
        "delay_ns": st.sampled_from([0, 0, 10, 20]),
        "heeds": st.booleans(),
        "patience_ns": or_no_limit([1, 10, 20, 40]),
        "timeout_ns": or_no_limit([1, 10, 20, 30, 60]),
        "queue_most": or_no_limit([0, 1, 2]),
        "fails": st.booleans(),
        "tokens": st.integers(0, 5),
        "ends": st.booleans(),
        "stops": st.booleans(),
    }
    for name, value in values.items():
        if draw(st.booleans()):
            columns[name] = draw(st.lists(value, min_size=plan.legs, max_size=plan.legs))
    after: list[int] = []
    for row, stage in enumerate(zip(plan.leg_request.tolist(), plan.leg_stage.tolist(), strict=True)):
        above = [
            other
            for other in range(row)
            if (plan.leg_request[other], plan.leg_stage[other]) == stage and other not in after
        ]
        after.append(draw(st.sampled_from([-1, *above])) if above else -1)
    return {**columns, "after": after} if draw(st.integers(0, 4)) else columns


@st.composite
def station_columns(draw: st.DrawFn, stations: int) -> dict[str, Any]:
    """Draw the conditions of the stations, their limits and outages; each kind is there or not."""

    def flags(most: int) -> list[bool]:
        return draw(st.lists(st.booleans(), min_size=most, max_size=most))

    columns: dict[str, Any] = {"cancels": flags(stations), "rejects": [False] * stations}
    if draw(st.booleans()):
        columns["rejects"] = flags(stations)
    if draw(st.booleans()):
        of_stations = {"min_size": stations, "max_size": stations}
        columns["budget"] = draw(st.lists(or_no_limit([0, 100, 500, 1000]), **of_stations))
        columns["budget_most"] = draw(st.lists(st.sampled_from([0, 999, 1000, 1500, 3000]), **of_stations))
    limits = draw(st.integers(0, 3))
    if limits:
        of_limits = {"min_size": limits, "max_size": limits}
        columns["limit_of_tokens"] = flags(limits)
        columns["limit_period_ns"] = draw(st.lists(st.sampled_from([10, 20, 7]), **of_limits))
        columns["limit_per_period"] = draw(st.lists(st.sampled_from([1, 2, 3]), **of_limits))
        columns["limit_burst_ns"] = draw(st.lists(st.sampled_from([1, 10, 20, 35]), **of_limits))
        pairs = st.tuples(st.integers(0, stations - 1), st.integers(0, limits - 1))
        columns["station_limit"] = sorted(draw(st.sets(pairs, max_size=6)))
    slowdowns = st.sampled_from([0, 0, 1000, 1500, 2000])
    outage = st.tuples(st.integers(0, stations - 1), TIMES, LASTING, slowdowns)
    outages = sorted(draw(st.lists(outage, max_size=4)), key=lambda drawn: drawn[:2])
    columns["outage_station"] = [where for where, *_ in outages]
    columns["outage_start_ns"] = [start for _, start, _, _ in outages]
    columns["outage_end_ns"] = [start + lasts for _, start, lasts, _ in outages]
    columns["outage_slowdown"] = [slowdown for *_, slowdown in outages]
    return columns


def columns_of(*logs: LegLog) -> list[list[int]]:
    """Give logs, one after the other, as plain lists, which compare exactly and print well."""
    names = [name for name in LegLog.__slots__ if getattr(logs[0], name) is not None]
    return [np.concatenate([getattr(log, name) for log in logs]).tolist() for name in names]


@on_every_engine
@given(plan=plans(), data=st.data())
@settings(max_examples=200, deadline=None, derandomize=True)
def test_agrees_with_the_naive_twin_however_it_is_cut(engine: str, plan: Itinerary, data: st.DataObject) -> None:
    """If a run with conditions is handed over whole or in parts, its log is what the rules, taken literally, give."""
    expected = columns_of(naive.play(plan))
    assert columns_of(play_on(plan, engine)) == expected
    cuts = sorted(data.draw(st.sets(st.integers(0, plan.requests), max_size=4)))
    logs = naive.play_in_parts(ENGINES[engine](), plan, cuts)
    assert len(logs) == len(cuts) + 1
    assert columns_of(*logs) == expected
