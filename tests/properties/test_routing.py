"""Whatever experiment is written, plans keep their promises and common random numbers hold."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import FLEET, Setting, setting

from sim.engine import play
from sim.outcome.bill import leg_costs
from sim.routing.plan import Cause, Plan

REQUESTS = 60
MODELS = list(FLEET)

shares = st.floats(0, 1).map(lambda value: round(value, 3))
models = st.sampled_from(MODELS)
conditions = st.one_of(
    st.builds(lambda op, n: {"prompt_tokens": f"{op}{n}"}, st.sampled_from([">", "<="]), st.integers(0, 5000)),
    st.builds(lambda label: {"task": label}, st.sampled_from(["chat", "code"])),
    st.builds(lambda x: {"hard": f">={x}"}, shares),
)
rules = st.lists(st.builds(lambda when, to: {"when": when, "to": to}, conditions, models), max_size=3)
whens = st.one_of(
    st.builds(lambda x: {"confidence_below": x}, shares),
    st.builds(lambda x: {"lowest": x}, shares),
    st.builds(lambda x, refusal: {"confidence_below": {"code": x}, "refusal": refusal}, shares, st.booleans()),
    st.just({"hedging": True}),
)
verifies = st.sampled_from([None, {"time": "60ms"}, {"usd_per_call": 0.001, "auroc": 0.9}, {"time": "0s"}])


@st.composite
def cascades(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a ladder of two or three models with its rules."""
    ladder = draw(st.permutations(MODELS)).copy()[: draw(st.integers(2, 3))]
    when = draw(st.one_of(whens, st.lists(whens, min_size=len(ladder) - 1, max_size=len(ladder) - 1)))
    pattern = {"kind": "cascade", "ladder": ladder, "escalate_when": when}
    verify = draw(verifies)
    return pattern if verify is None else {**pattern, "verify": verify}


@st.composite
def ensembles(draw: st.DrawFn) -> dict[str, Any]:
    """Draw an ensemble, in the open or in the shadow."""
    judge = {"accuracy": draw(shares), **draw(st.sampled_from([{}, {"time": "120ms"}, {"usd_per_call": 0.001}]))}
    pair = draw(st.permutations(MODELS))[:2]
    return {
        "kind": "ensemble",
        "models": pair,
        "sample": draw(shares),
        "reward_model": judge,
        "shadow": draw(st.booleans()),
    }


splits = st.builds(lambda a: {"kind": "split", "shares": {"small": a, "large": 1 - a}}, shares)
pre_routes = st.builds(lambda model: {"kind": "pre_route", "otherwise": model}, models)
bodies = st.one_of(cascades(), ensembles(), splits, pre_routes)
patterns = st.builds(lambda body, first: {"name": "drawn", **body, "rules": first}, bodies, rules)
SIGNALS = {
    "task": {"kind": "task_class", "accuracy": 0.8, "time": "15ms"},
    "hard": {"kind": "similarity", "auroc": 0.7, "usd_per_call": 0.00002},
}


def scene_of(pattern: dict[str, Any], **sections: Any) -> Setting:
    """Give the scene of a drawn pattern."""
    return setting(pattern, requests=REQUESTS, signals=SIGNALS, **sections)


def stages(plan: Plan, request: int) -> list[list[tuple[int, int]]]:
    """Give (station, service time) of the legs of a request, stage by stage."""
    mine = plan.itinerary.leg_request == request
    found: list[list[tuple[int, int]]] = []
    for stage, station, service in zip(
        plan.itinerary.leg_stage[mine],
        plan.itinerary.leg_station[mine],
        plan.itinerary.leg_service_ns[mine],
        strict=True,
    ):
        found += [[] for _ in range(stage + 1 - len(found))]
        found[stage].append((int(station), int(service)))
    return found


@settings(deadline=None, max_examples=80)
@given(patterns)
def test_any_pattern_keeps_the_accounts(pattern: dict[str, Any]) -> None:
    """One awaited answer per request, no empty stage, no model twice, and groups of legs that make the itinerary."""
    scene = scene_of(pattern)
    plan = scene.plan()
    assert np.array_equal(plan.itinerary.leg_request[plan.answer_leg], np.arange(REQUESTS))
    assert plan.leg_awaited[plan.answer_leg].all()
    assert np.count_nonzero(plan.leg_cause == Cause.ANSWER) == REQUESTS
    for request in range(REQUESTS):
        parts = stages(plan, request)
        calls = [station for part in parts for station, _ in part if station]
        assert all(parts)
        assert len(set(calls)) == len(calls)
    wasted = np.bincount(plan.itinerary.leg_request[plan.leg_cause == Cause.WASTED_FIRST_PASS], minlength=REQUESTS)
    assert np.array_equal(wasted > 0, plan.escalated)
    assert np.array_equal(np.sort(np.concatenate([group.leg for group in plan.groups])), np.arange(plan.itinerary.legs))
    for group in plan.groups:
        assert np.array_equal(group.request, np.unique(group.request))
        assert np.array_equal(plan.itinerary.leg_request[group.leg], group.request)
        assert np.array_equal(plan.itinerary.leg_stage[group.leg], group.stage)
        assert (leg_costs(group, plan, scene.answers) >= 0).all()


@settings(deadline=None, max_examples=40)
@given(patterns)
def test_without_queues_time_is_the_sum_of_the_slowest(pattern: dict[str, Any]) -> None:
    """If nothing queues, the last leg of a request ends after the sum over its stages of the slowest leg."""
    free = {name: {**model, "capacity": "unlimited"} for name, model in FLEET.items()}
    plan = scene_of(pattern, fleet=free).plan()
    log = play(plan.itinerary)
    ended = np.zeros(REQUESTS, dtype=np.int64)
    np.maximum.at(ended, plan.itinerary.leg_request, log.ended_ns)
    sums = [sum(max(time for _, time in part) for part in stages(plan, request)) for request in range(REQUESTS)]
    assert (ended - plan.itinerary.arrival_ns).tolist() == sums


@settings(deadline=None, max_examples=40)
@given(patterns, patterns)
def test_any_two_patterns_see_the_same_luck(one: dict[str, Any], other: dict[str, Any]) -> None:
    """If two patterns call the same model for the same request, the call takes the same time."""
    plans = [scene_of(pattern).plan() for pattern in (one, other)]
    for model in range(len(MODELS)):
        times = []
        for plan in plans:
            column = np.full(REQUESTS, -1, dtype=np.int64)
            legs = plan.leg_model == model
            column[plan.itinerary.leg_request[legs]] = plan.itinerary.leg_service_ns[legs]
            times.append(column)
        shared = (times[0] >= 0) & (times[1] >= 0)
        assert np.array_equal(times[0][shared], times[1][shared])


@settings(deadline=None, max_examples=40)
@given(patterns, st.integers(2, 20))
def test_the_bill_scales_with_the_prices(pattern: dict[str, Any], k: int) -> None:
    """If every price of the fleet is k times as high, every call costs k times as much, to the nano-dollar."""
    dear = {
        name: {**model, "price": {meter: price * k for meter, price in model["price"].items()}}
        for name, model in FLEET.items()
    }
    bills = []
    for fleet in (FLEET, dear):
        scene = scene_of(pattern, fleet=fleet)
        plan = scene.plan()
        calls = [group for group in plan.groups if group.model >= 0]
        bills.append([(group, leg_costs(group, plan, scene.answers)) for group in calls])
    for (group, costs), (dearer, more) in zip(*bills, strict=True):
        assert (group.model, group.request.tolist()) == (dearer.model, dearer.request.tolist())
        assert np.array_equal(costs * k, more)


@settings(deadline=None, max_examples=40)
@given(st.lists(shares, min_size=2, max_size=4), shares)
def test_escalation_grows_with_the_threshold(bounds: list[float], auroc: float) -> None:
    """For any verifier, a higher threshold escalates every request that a lower one does."""
    sets = []
    for bound in sorted(bounds):
        pattern = {"name": "c", "kind": "cascade", "ladder": ["small", "large"], "verify": {"auroc": 0.5 + auroc / 2}}
        sets.append(scene_of({**pattern, "escalate_when": {"confidence_below": bound}}).plan().escalated)
    assert all(not np.any(low & ~high) for low, high in pairwise(sets))
