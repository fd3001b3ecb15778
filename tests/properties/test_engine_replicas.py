"""Itineraries whose stations serve in batches, drawn by hypothesis: every engine gives the log of the naive twin.

Times and speeds come from a handful, so that most events are tied, and many phases end within the same nanosecond.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_conditions import ConditionedLoop
from naive_replicas import with_replicas
from properties.test_engine_conditions import TIMES, columns_of, plans

from sim.engine import ENGINES
from sim.engine import play as play_on
from sim.routing.itinerary import Itinerary
from sim.routing.replicas import FULL_SPEED, LOT_BITS, Balance

SPEEDS = st.sampled_from([FULL_SPEED, FULL_SPEED // 2, FULL_SPEED // 3, FULL_SPEED // 7, 1000])

on_every_engine = pytest.mark.parametrize("engine", list(ENGINES))


@st.composite
def batched(draw: st.DrawFn) -> Itinerary:
    """Draw an itinerary with conditions, and replicas for some of its stations."""
    plan = draw(plans())
    stations = len(plan.servers)
    slots = draw(st.lists(st.sampled_from([0, 1, 2, 3, 3]), min_size=stations, max_size=stations))
    curve = {"min_size": sum(slots), "max_size": sum(slots)}
    share = st.lists(st.sampled_from([0, 0, 1, 2, 4]), min_size=plan.legs, max_size=plan.legs)
    lots = st.integers(0, 2**LOT_BITS - 1)
    held = np.array(slots, dtype=np.int64)[plan.leg_station] > 0
    plan = replace(plan, leg_service_ns=np.where(held, np.maximum(plan.leg_service_ns, 1), plan.leg_service_ns))
    most = draw(st.lists(st.integers(1, 3), min_size=stations, max_size=stations))
    return with_replicas(
        plan,
        slots,
        **draw(scaled(slots, most)),
        prefill_ns=plan.leg_service_ns * np.array(draw(share), dtype=np.int64) // 4,
        lot=draw(st.lists(lots, min_size=plan.legs, max_size=plan.legs)),
        balance=draw(st.lists(st.sampled_from(list(Balance)), min_size=stations, max_size=stations)),
        prefill_speed=draw(st.lists(SPEEDS, **curve)),
        decode_speed=draw(st.lists(SPEEDS, **curve)),
        beside_speed=draw(st.lists(SPEEDS, **curve)),
        window_ns=sorted(draw(st.tuples(*[st.integers(0, 400)] * 2))),
    )


@st.composite
def scaled(draw: st.DrawFn, slots: list[int], most: list[int]) -> dict[str, Any]:
    """Draw how many replicas there are at the start, and what changes that; each kind is there or not."""
    stations = len(slots)
    number = [draw(st.integers(1, each)) for each in most] if draw(st.booleans()) else most

    def each(values: st.SearchStrategy[int]) -> list[int]:
        return draw(st.lists(values, min_size=stations, max_size=stations))

    plans: dict[tuple[int, int], int] = {}
    for station in range(stations):
        if slots[station]:
            wanted = st.tuples(TIMES, st.integers(1, most[station]))
            plans |= {(station, at): replicas for at, replicas in draw(st.lists(wanted, max_size=3))}
    return {
        "number": number,
        "most": most,
        "startup_ns": each(st.sampled_from([0, 0, 10, 25])),
        "every_ns": each(st.sampled_from([0, 10, 15])),
        "load_ns": each(st.sampled_from([5, 10, 20])),
        "cooldown_ns": each(st.sampled_from([0, 10, 40])),
        "plan_station": [station for station, _ in sorted(plans)],
        "plan_at_ns": [at for _, at in sorted(plans)],
        "plan_replicas": [plans[key] for key in sorted(plans)],
    }


@on_every_engine
@given(plan=batched(), data=st.data())
@settings(max_examples=150, deadline=None, derandomize=True)
def test_agrees_with_the_naive_twin_however_it_is_cut(engine: str, plan: Itinerary, data: st.DataObject) -> None:
    """If stations serve in batches, log and usage are what the rules, taken literally, give, whole or in parts."""
    loop = ConditionedLoop(plan)
    expected = columns_of(loop.play())
    assert columns_of(play_on(plan, engine)) == expected
    cuts = sorted(data.draw(st.sets(st.integers(0, plan.requests), max_size=4)))
    player = ENGINES[engine]()
    assert columns_of(*naive.play_in_parts(player, plan, cuts)) == expected
    used = player.usage()
    loop.batches.work_until(10**6)
    assert {n: used[n].served_ns for n in loop.batches.served} == loop.batches.served
    assert {n: used[n].busy_ns for n in loop.batches.busy} == loop.batches.busy
    assert {n: used[n].up_ns for n in loop.batches.paid} == loop.batches.paid
