"""What every pattern owes, whatever its kind; a new kind is under these tests once `scenes` has an example of it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from scenes import EVERY_KIND, FLEET, came_about, setting

import sim
from sim.engine import play
from sim.routing.conditions import LegOutcome
from sim.routing.patterns import PATTERNS, Pattern
from sim.routing.plan import STEPS_STATION, Cause, Plan
from sim.schema import kind_of

KINDS = sorted(PATTERNS)
RULES = [{"when": {"prompt_tokens": ">3000"}, "to": "middle"}, {"when": {"task": "code"}, "to": "large"}]
SIGNALS = {"task": {"kind": "task_class", "accuracy": 0.8, "time": "15ms", "usd_per_call": 0.00001}}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Every kind in turn."""
    name: str = request.param
    return name


@pytest.fixture(params=["bare", "behind rules"])
def plan(request: pytest.FixtureRequest, kind: str) -> Plan:
    """Plan the example of the kind, alone and behind rules on a signal that takes time."""
    extra: dict[str, Any] = {"rules": RULES} if request.param == "behind rules" else {}
    return came_about(setting({**EVERY_KIND[kind], **extra}, signals=SIGNALS, requests=3_000).plan())


def test_every_kind_has_an_example() -> None:
    """A new pattern file is under these tests."""
    assert set(EVERY_KIND) == set(PATTERNS)
    assert all(kind_of(model) == kind and model.__doc__ for kind, model in PATTERNS.items())


def test_every_request_gets_one_answer(plan: Plan) -> None:
    """Each request's answer is a leg of its own, of the model that is named, awaited, and the only ANSWER."""
    requests = plan.itinerary.requests
    assert np.array_equal(plan.itinerary.leg_request[plan.answer_leg], np.arange(requests))
    assert np.array_equal(plan.leg_model[plan.answer_leg], plan.answer_model)
    assert plan.leg_awaited[plan.answer_leg].all()
    assert np.array_equal(np.flatnonzero(plan.leg_cause == Cause.ANSWER), np.sort(plan.answer_leg))


def test_the_itinerary_keeps_its_contract(plan: Plan) -> None:
    """Legs are sorted by request and stage, without a gap, and the reference engine plays them."""
    itinerary = plan.itinerary
    itinerary.check()
    starts = np.searchsorted(itinerary.leg_request, np.arange(1, itinerary.requests))
    stages = [np.unique(part) for part in np.split(itinerary.leg_stage, starts)]
    assert all(np.array_equal(found, np.arange(len(found))) for found in stages)
    log = play(itinerary)
    done = slice(None) if log.outcome is None else log.outcome == LegOutcome.DONE
    assert np.array_equal((log.ended_ns - log.started_ns)[done], itinerary.leg_service_ns[done])


def test_a_leg_is_a_call_or_a_step(plan: Plan) -> None:
    """Calls are at the station of their model, steps at the one that never queues; nothing is both or neither."""
    call, step = plan.leg_model >= 0, plan.leg_step >= 0
    tried = np.isin(np.arange(plan.itinerary.legs), np.concatenate([group.leg for group in plan.groups]))
    assert np.array_equal(call ^ step, tried)
    assert np.array_equal(plan.itinerary.leg_station[call], plan.leg_model[call] + 1)
    assert set(plan.itinerary.leg_station[step].tolist()) <= {STEPS_STATION}
    first_passes = {Cause.ANSWER, Cause.WASTED_FIRST_PASS, Cause.SECOND_OPINION}
    assert np.array_equal(call[tried], np.isin(plan.leg_cause[tried], sorted(first_passes)))


def test_wasted_first_passes_belong_to_escalated_requests(plan: Plan) -> None:
    """A request has a wasted first pass just when it escalated."""
    wasted = np.zeros(plan.itinerary.requests, dtype=np.bool_)
    wasted[plan.itinerary.leg_request[plan.leg_cause == Cause.WASTED_FIRST_PASS]] = True
    assert np.array_equal(wasted, plan.escalated)


def test_only_declared_models_are_called(kind: str, plan: Plan) -> None:
    """Legs go to models that the pattern says it may call; servers are those of the fleet."""
    allowed = {*setting(EVERY_KIND[kind]).scene.line_up.patterns[-1].all_models(), "middle", "large"}
    assert {plan.models[number] for number in np.unique(plan.leg_model[plan.leg_model >= 0])} <= allowed
    assert plan.models == tuple(FLEET)
    assert plan.itinerary.servers.tolist() == [0, 4, 0, 0]


def test_service_times_are_those_of_the_answers(kind: str) -> None:
    """A call takes what the model takes for that request, in whichever pattern and stage it stands."""
    scene = setting(EVERY_KIND[kind], requests=3_000)
    plan = scene.plan()
    for number, model in enumerate(plan.models):
        legs = np.flatnonzero(plan.leg_model == number)
        rows = plan.itinerary.leg_request[legs]
        assert np.array_equal(plan.itinerary.leg_service_ns[legs], scene.answers.service(model).total_ns[rows])
        assert np.array_equal(plan.leg_ttft_ns[legs], scene.answers.service(model).ttft_ns[rows])


def test_each_request_calls_a_model_once(plan: Plan) -> None:
    """No request pays for the same model twice."""
    call = plan.leg_model >= 0
    pairs = plan.itinerary.leg_request[call] * len(plan.models) + plan.leg_model[call]
    assert len(np.unique(pairs)) == len(pairs)


def test_routes_are_named(plan: Plan) -> None:
    """Each request has a route, and no name stands twice."""
    assert set(np.unique(plan.route).tolist()) <= set(range(len(plan.routes)))
    assert len(set(plan.routes)) == len(plan.routes)


def test_rules_in_front_change_nothing_for_the_rest(kind: str) -> None:
    """Requests that meet no rule have the legs that the pattern alone gives them."""
    rule = {"when": {"prompt_tokens": ">3000"}, "to": "middle"}
    own = EVERY_KIND[kind].get("rules", [])
    bare = setting(EVERY_KIND[kind], requests=3_000)
    ruled = setting({**EVERY_KIND[kind], "rules": [rule, *own]}, requests=3_000)
    long = bare.requests.input_tokens > 3000
    one, other = bare.plan(), ruled.plan()
    for column in ("leg_model", "leg_cause", "leg_ttft_ns", "leg_awaited"):
        parts = [getattr(p, column)[~long[p.itinerary.leg_request]] for p in (one, other)]
        assert np.array_equal(*parts)
    assert np.array_equal(one.answer_model[~long], other.answer_model[~long])
    assert set(other.answer_model[long].tolist()) == {list(FLEET).index("middle")}
    assert not other.escalated[long].any()
    assert not other.answer_held[long].any()


def test_no_requests_make_an_empty_plan(kind: str) -> None:
    """If nothing arrives, the plan is empty and can be played."""
    scene = setting({**EVERY_KIND[kind], "rules": RULES}, signals=SIGNALS, run={"duration": "1ms"})
    assert len(scene.requests) == 0
    plan = scene.plan()
    assert plan.itinerary.legs == len(play(plan.itinerary).ended_ns) == 0


def test_an_unknown_model_is_refused(kind: str) -> None:
    """If the fleet lacks a model that the pattern calls, the experiment is refused."""
    called = setting(EVERY_KIND[kind]).scene.line_up.patterns[-1].all_models()[0]
    document = json.loads(json.dumps(EVERY_KIND[kind]).replace(f'"{called}"', '"tiny"'))
    with pytest.raises(sim.InvalidInput, match="'tiny', which the fleet does not have"):
        setting(document, requests=1)


def test_the_base_routes_nothing() -> None:
    """A pattern that forgets to route says so."""
    with pytest.raises(TypeError, match="routes nothing"):
        Pattern(name="p").route(None, np.arange(3, dtype=np.int64))  # type: ignore[arg-type]
