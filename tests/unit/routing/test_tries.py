"""Calls that may be refused: the tries that a plan holds, and what a request gets by how they end."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scenes import CASCADE, EVERY_KIND, FLEET, WORKLOAD, Setting, setting

from sim.routing.conditions import NO_LIMIT, LegOutcome
from sim.routing.lanes import lanes_of
from sim.routing.plan import Plan
from sim.routing.tries import UNANSWERED, Tries

N = 400
DONE, FAILED, NOT_TRIED = (np.int8(outcome) for outcome in (LegOutcome.DONE, LegOutcome.FAILED, LegOutcome.NOT_TRIED))
SMALL, LARGE = 0, 2


def fleet(**clients: dict[str, Any]) -> dict[str, Any]:
    """Give the fleet with clients that give up, and whatever else is said of them."""
    found = copy.deepcopy(FLEET)
    for name, client in clients.items():
        found[name]["client"] = {"timeout": "30s", **client}
    return found


def scene(pattern: dict[str, Any], **clients: dict[str, Any]) -> Setting:
    """Give a scene of one pattern whose calls may be refused."""
    return setting(pattern, fleet=fleet(**clients), requests=N)


def tries_of(plan: Plan) -> Tries:
    """Give the tries of a plan that has some."""
    assert plan.tries is not None
    return plan.tries


def settled(plan: Plan, failing: NDArray[np.bool_]) -> Plan:
    """Settle a plan in which these legs fail when they are tried: what an engine would find, without time."""
    conditions = plan.itinerary.conditions
    assert conditions is not None
    outcome = np.full(plan.itinerary.legs, NOT_TRIED)
    went_on = np.ones(N, dtype=np.bool_)
    stages = plan.itinerary.leg_stage
    for stage in range(int(stages.max()) + 1):
        done, ended = np.zeros(N, dtype=np.bool_), np.zeros(N, dtype=np.bool_)
        for leg in np.flatnonzero(stages == stage):
            request, after = plan.itinerary.leg_request[leg], conditions.after[leg]
            if went_on[request] and (after < 0 or outcome[after] == FAILED):
                outcome[leg] = FAILED if failing[leg] else DONE
                done[request] |= not failing[leg]
                ended[request] |= bool(not failing[leg] and conditions.ends[leg])
        present = np.zeros(N, dtype=np.bool_)
        present[plan.itinerary.leg_request[stages == stage]] = True
        went_on &= ~present | (done & ~ended)
    return tries_of(plan).settle(plan, outcome)


def test_a_call_is_its_tries_then_those_of_the_fallbacks() -> None:
    """If a model has two retries and falls back to another with one, a call is five legs in a chain."""
    one = scene(EVERY_KIND["single"], middle={"retries": 2, "fallback": ["large"]}, large={"retries": 1})
    plan = one.plan()
    conditions = plan.itinerary.conditions
    assert conditions is not None
    assert plan.itinerary.legs == 5 * N
    assert plan.itinerary.leg_station.reshape(N, 5).tolist() == [[2, 2, 2, 3, 3]] * N
    assert (conditions.after.reshape(N, 5) - np.arange(5 * N).reshape(N, 5)).tolist()[0][1:] == [-1] * 4
    assert (conditions.after.reshape(N, 5)[:, 0] == -1).all()
    assert conditions.ends.reshape(N, 5).tolist() == [[False, False, False, True, True]] * N
    delays = conditions.delay_ns.reshape(N, 5)
    assert (delays[:, [0, 3]] == 0).all()
    assert (delays[:, 1] <= 5 * 10**8).all()
    assert (delays[:, 2] > 5 * 10**8).any()
    assert (conditions.timeout_ns == 30 * 10**9).all()
    plan.itinerary.check()


def test_a_retry_has_luck_of_its_own() -> None:
    """If a call is tried again, it takes another time; the first try takes what it takes without retries."""
    one = scene(EVERY_KIND["single"] | {"model": "large"}, large={"retries": 1})
    times = one.plan().itinerary.leg_service_ns.reshape(N, 2)
    assert np.array_equal(times[:, 0], one.answers.service("large").total_ns)
    assert not np.any(times[:, 0] == times[:, 1])


def test_if_all_goes_well_it_is_the_plain_plan() -> None:
    """If no call fails, the settled plan gives every request what the plain one gives it, in every pattern."""
    for kind in ("cascade", "ensemble", "pre_route", "split"):
        plain = setting(EVERY_KIND[kind], requests=N).plan()
        trying = scene(EVERY_KIND[kind], small={"retries": 2, "fallback": ["large"]}, large={"retries": 1}).plan()
        found = settled(trying, np.zeros(trying.itinerary.legs, dtype=np.bool_))
        for column in ("answer_model", "answer_held", "escalated"):
            assert np.array_equal(getattr(found, column), getattr(plain, column)), (kind, column)
        names = [[plan.routes[code] for code in plan.route] for plan in (found, plain)]
        assert names[0] == names[1]
        assert sum(int(group.is_answer.sum()) for group in found.groups) == N
        assert sum(len(group.leg) for group in found.groups) == plain.itinerary.legs


def test_a_request_without_an_answer_is_unanswered() -> None:
    """If every try fails, nobody answers; nothing is escalated, and the route says so."""
    plan = scene(CASCADE, small={"retries": 1}).plan()
    found = settled(plan, plan.itinerary.leg_station == SMALL + 1)
    assert (found.answer_model == -1).all()
    assert not found.escalated.any()
    assert {found.routes[code] for code in found.route} == {UNANSWERED}
    assert sum(len(group.leg) for group in found.groups) == 2 * N


def test_a_failed_escalation_leaves_the_first_answer() -> None:
    """If the frontier fails, those who escalated get the cheap answer after all, and did escalate."""
    plan = scene(CASCADE, large={"retries": 1}).plan()
    plain = setting(CASCADE, requests=N).plan()
    found = settled(plan, plan.itinerary.leg_station == LARGE + 1)
    assert 0 < plain.escalated.sum() < N
    assert np.array_equal(found.escalated, plain.escalated)
    assert set(found.answer_model.tolist()) == {SMALL}
    assert {found.routes[code] for code in found.route} == {"small"}


def test_a_fallback_answers_for_good() -> None:
    """If the cheap model fails and the frontier answers in its place, nothing is checked or escalated any more."""
    plan = scene(CASCADE, small={"fallback": ["large"]}).plan()
    found = settled(plan, plan.itinerary.leg_station == SMALL + 1)
    assert set(found.answer_model.tolist()) == {LARGE}
    assert not found.escalated.any()
    assert {found.routes[code] for code in found.route} == {"fallback:large"}
    assert not np.any(found.leg_step >= 0)


def test_an_ensemble_lives_with_one_answer() -> None:
    """If one of the two models fails, everyone gets the answer of the other."""
    pattern = {**EVERY_KIND["ensemble"], "sample": 1.0}
    for failing, answering in ((SMALL, LARGE), (LARGE, SMALL)):
        plan = scene(pattern, small={}, large={}).plan()
        found = settled(plan, plan.itinerary.leg_station == failing + 1)
        assert set(found.answer_model.tolist()) == {answering}


@pytest.mark.parametrize("kind", ["cascade", "spillover"])
def test_patterns_may_refuse_by_themselves(kind: str) -> None:
    """If a pattern looks at queues, its calls have the queue they are refused at, whatever the models say."""
    spillover = {"name": "s", "kind": "spillover", "models": ["small", "middle", "large"], "queue": 3}
    pattern = {**CASCADE, "admit_queue": 3} if kind == "cascade" else spillover
    plan = setting(pattern, requests=N).plan()
    conditions = plan.itinerary.conditions
    assert conditions is not None
    most = [set(conditions.queue_most[plan.itinerary.leg_station == model + 1].tolist()) for model in range(3)]
    assert most == ([{NO_LIMIT}, set(), {3}] if kind == "cascade" else [{3}, {3}, {NO_LIMIT}])
    stops = conditions.stops[plan.itinerary.leg_station == LARGE + 1]
    assert stops.all() if kind == "cascade" else not conditions.stops.any()


def test_a_spillover_is_named_by_who_answers() -> None:
    """If the first model refuses, the route is the model that answered in its place; nothing counts as escalated."""
    spillover = {"name": "s", "kind": "spillover", "models": ["small", "large"], "queue": 3}
    plan = setting(spillover, requests=N).plan()
    refused = np.zeros(plan.itinerary.legs, dtype=np.bool_)
    refused[::4] = True  # the first leg of every other request
    found = settled(plan, refused)
    assert [found.routes[code] for code in found.route[:4]] == ["large", "small", "large", "small"]
    assert not found.escalated.any()


def test_each_leg_goes_by_the_lane_of_its_segment() -> None:
    """If a model has an order, calls to it go by one lane per segment; calls to others by the one that those have."""
    models = copy.deepcopy(FLEET)
    models["small"]["order"] = {"kind": "priority", "segments": {"paid": 0, "free": 1}}
    segments = {"free": {"share": 0.7}, "paid": {"share": 0.3}}
    scene = setting(CASCADE, fleet=models, workload={**WORKLOAD, "segments": segments}, requests=N)
    plan = scene.plan("cascade")
    conditions = plan.itinerary.conditions
    assert conditions is not None
    plan.itinerary.check()
    lanes = lanes_of(plan.itinerary)
    assert lanes.lane_station.tolist() == [0, 1, 1, 2, 3]
    assert lanes.lane_rank.tolist() == [0, 1, 0, 0, 0]
    names = np.array(scene.requests.segments)[scene.requests.segment[plan.itinerary.leg_request]]
    expected = np.where(plan.leg_model == SMALL, np.where(names == "free", 1, 2), plan.itinerary.leg_station + 1)
    expected[plan.itinerary.leg_station == 0] = 0
    assert lanes.lane.tolist() == expected.tolist()
    assert set(lanes.lane.tolist()) == {0, 1, 2, 4}
