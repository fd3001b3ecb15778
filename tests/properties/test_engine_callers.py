"""Itineraries whose callers do more of their own accord: every engine gives the log of the naive twin.

Times come from a handful, so that most events are tied.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from properties.test_engine_conditions import columns_of, plans
from properties.test_engine_replicas import batched

from sim.engine import ENGINES
from sim.engine import play as play_on
from sim.routing.callers import Callers
from sim.routing.conditions import NO_LIMIT
from sim.routing.itinerary import Itinerary

on_every_engine = pytest.mark.parametrize("engine", list(ENGINES))


@st.composite
def with_callers(draw: st.DrawFn) -> Itinerary:
    """Draw an itinerary with conditions, sometimes with batches, and callers that act of their own accord."""
    plan = draw(st.one_of(plans(), plans(), batched()))
    stations = len(plan.servers)

    def column(values: st.SearchStrategy[Any], rows: int = stations) -> np.ndarray[Any, Any]:
        return np.array(draw(st.lists(values, min_size=rows, max_size=rows)), dtype=np.int64)

    return replace(
        plan,
        callers=Callers(
            hedges=draw(hedges_of(plan)),
            hedge_ns=column(st.sampled_from([1, 5, 10, 10, 20, 30]), plan.legs),
            lenient=column(st.booleans(), plan.legs).astype(np.bool_),
            allowed_fails=column(st.sampled_from([0, 1, 1, 2, NO_LIMIT])),
            within_ns=column(st.sampled_from([1, 10, 20, 100])),
            cooldown_ns=column(st.sampled_from([1, 10, 20, 30])),
        ),
    )


@st.composite
def hedges_of(draw: st.DrawFn, plan: Itinerary) -> np.ndarray[Any, Any]:
    """Let some legs that stand alone hedge one above, of the same request and stage."""
    assert plan.conditions is not None
    hedges, after = [-1] * plan.legs, plan.conditions.after.tolist()
    stages = list(zip(plan.leg_request.tolist(), plan.leg_stage.tolist(), strict=True))
    for row in range(plan.legs):
        free = [
            other
            for other in range(row)
            if stages[other] == stages[row] and hedges[other] < 0 and other not in hedges and after[row] < 0
        ]
        if free and row not in after and draw(st.booleans()):
            hedges[row] = draw(st.sampled_from(free))
    return np.array(hedges, dtype=np.int64)


@on_every_engine
@given(plan=with_callers(), data=st.data())
@settings(max_examples=250, deadline=None, derandomize=True)
def test_agrees_with_the_naive_twin_however_it_is_cut(engine: str, plan: Itinerary, data: st.DataObject) -> None:
    """If callers act of their own accord, the log is what the rules, taken literally, give, whole or in parts."""
    expected = columns_of(naive.play(plan))
    assert columns_of(play_on(plan, engine)) == expected
    cuts = sorted(data.draw(st.sets(st.integers(0, plan.requests), max_size=4)))
    assert columns_of(*naive.play_in_parts(ENGINES[engine](), plan, cuts)) == expected
