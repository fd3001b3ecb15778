"""The planner: what is added in what order becomes stages, causes and answers."""

from __future__ import annotations

import numpy as np
import pytest
from scenes import setting

from sim.columns import Ints
from sim.routing.plan import STEPS_STATION, Cause, Plan, Planner

SMALL, MIDDLE, LARGE = range(3)
N = 4
CALL, STEP = True, False


def planner() -> Planner:
    """Give a planner of four requests and the models small, middle, large."""
    return Planner(setting(requests=N).answers)


def finish(made: Planner) -> Plan:
    """Give the plan."""
    return made.finish(made.answers.fleet)


def rows(*numbers: int) -> Ints:
    """Give row numbers."""
    return np.array(numbers, dtype=np.int64)


def time(milliseconds: int, count: int = N) -> Ints:
    """Give one duration for all."""
    return np.full(count, milliseconds * 1_000_000, dtype=np.int64)


def legs(plan: Plan, request: int) -> list[tuple[int, int, str]]:
    """Give (stage, model or -1, cause) of each leg of a request."""
    mine = np.flatnonzero(plan.itinerary.leg_request == request)
    return [
        (int(plan.itinerary.leg_stage[leg]), int(plan.leg_model[leg]), Cause(plan.leg_cause[leg]).label) for leg in mine
    ]


def test_one_call_each() -> None:
    """A call and its answer make one leg at the model's station, with the model's own times."""
    made = planner()
    made.call(made.everyone(), "middle")
    made.answer(made.everyone(), "middle")
    plan = finish(made)
    assert [legs(plan, k) for k in range(N)] == [[(0, MIDDLE, "answer")]] * N
    assert plan.itinerary.leg_station.tolist() == [MIDDLE + 1] * N
    assert np.array_equal(plan.itinerary.leg_service_ns, made.answers.service("middle").total_ns)
    assert np.array_equal(plan.leg_ttft_ns, made.answers.service("middle").ttft_ns)
    assert plan.itinerary.servers.tolist() == [0, 4, 0, 0]
    assert (plan.routes, plan.route.tolist(), plan.steps) == (("middle",), [0] * N, ())


def test_stages_follow_then() -> None:
    """What is added before `then` shares a stage, and requests that have nothing yet skip none."""
    made = planner()
    made.call(rows(0, 1), "small")
    made.call(rows(1, 2), "large", awaited=False)
    made.then(made.everyone())
    made.then(made.everyone())
    made.step(rows(0, 2), "check", time(60)[:2], 0.001, cause=Cause.VERIFICATION)
    made.then(made.everyone())
    made.call(made.everyone(), "middle")
    made.answer(made.everyone(), "middle")
    plan = finish(made)
    assert legs(plan, 0) == [(0, SMALL, "second_opinion"), (1, -1, "verification"), (2, MIDDLE, "answer")]
    assert legs(plan, 1) == [(0, SMALL, "second_opinion"), (0, LARGE, "second_opinion"), (1, MIDDLE, "answer")]
    assert legs(plan, 2) == [(0, LARGE, "second_opinion"), (1, -1, "verification"), (2, MIDDLE, "answer")]
    assert legs(plan, 3) == [(0, MIDDLE, "answer")]
    assert plan.leg_awaited[plan.leg_model == LARGE].tolist() == [False, False]
    assert plan.leg_awaited[plan.leg_model != LARGE].all()


def test_steps_run_without_a_queue_at_their_price() -> None:
    """A step has the station of steps, its time as service time, and a price in nano-dollars; equal steps are one."""
    made = planner()
    made.call(made.everyone(), "middle")
    made.answer(made.everyone(), "middle")
    for row in (rows(0), rows(3)):
        made.step(row, "judge", time(5, 1), 0.000_002, cause=Cause.JUDGE)
    made.step(rows(1), "judge", time(5, 1), 0.000_003, cause=Cause.JUDGE)
    plan = finish(made)
    steps = plan.leg_step >= 0
    assert plan.itinerary.leg_station[steps].tolist() == [STEPS_STATION] * 3
    assert plan.itinerary.leg_service_ns[steps].tolist() == [5_000_000] * 3
    assert [plan.steps[number].nano_usd for number in plan.leg_step[steps]] == [2_000, 3_000, 2_000]
    assert len(plan.steps) == 2


def test_a_step_without_time_or_price_is_none() -> None:
    """What costs nothing leaves no leg; what costs only time or only money does."""
    made = planner()
    made.call(made.everyone(), "small")
    made.answer(made.everyone(), "small")
    made.step(made.everyone(), "free", time(0), 0.0, cause=Cause.CLASSIFIER)
    made.step(made.everyone(), "slow", time(1), 0.0, cause=Cause.CLASSIFIER)
    made.step(made.everyone(), "dear", time(0), 0.1, cause=Cause.CLASSIFIER)
    assert [step.name for step in finish(made).steps] == ["slow", "dear"]


def test_unused_answers_of_escalated_requests_are_wasted() -> None:
    """An unused answer is a wasted first pass if the request escalated and a second opinion if not."""
    made = planner()
    made.call(made.everyone(), "small")
    made.answer(made.everyone(), "small", held=True)
    made.escalate(rows(1))
    made.then(made.everyone())
    made.call(rows(1, 2), "large")
    made.answer(rows(1), "large")
    plan = finish(made)
    assert legs(plan, 0) == [(0, SMALL, "answer")]
    assert legs(plan, 1) == [(0, SMALL, "wasted_first_pass"), (1, LARGE, "answer")]
    assert legs(plan, 2) == [(0, SMALL, "answer"), (1, LARGE, "second_opinion")]
    assert plan.escalated.tolist() == [False, True, False, False]
    assert plan.answer_held.tolist() == [True, False, True, True]
    assert plan.answer_model.tolist() == [SMALL, LARGE, SMALL, SMALL]
    assert [plan.routes[code] for code in plan.route] == ["small", "large", "small", "small"]


def test_the_last_call_answers() -> None:
    """If a model is called twice, the answer is that of the second call."""
    made = planner()
    for _ in range(2):
        made.call(made.everyone(), "small")
        made.then(made.everyone())
    made.answer(made.everyone(), "small")
    plan = finish(made)
    assert plan.itinerary.leg_stage[plan.answer_leg].tolist() == [1] * N


def test_a_route_can_be_named() -> None:
    """A relabelled request has the route's name; the others keep the model's."""
    made = planner()
    made.call(made.everyone(), "small")
    made.answer(made.everyone(), "small")
    made.relabel(rows(2), "small+large")
    plan = finish(made)
    assert [plan.routes[code] for code in plan.route] == ["small", "small", "small+large", "small"]


def test_a_request_without_an_answer_is_a_bug() -> None:
    """A pattern that forgets a request is stopped."""
    made = planner()
    made.call(made.everyone(), "small")
    made.answer(rows(0, 1, 3), "small")
    with pytest.raises(ValueError, match="without an answer"):
        finish(made)


def test_an_answer_of_a_model_that_was_not_called_is_a_bug() -> None:
    """A pattern that hands out an answer nobody gave is stopped."""
    made = planner()
    made.call(rows(0, 1, 3), "small")
    made.answer(made.everyone(), "small")
    with pytest.raises(ValueError, match="did not call"):
        finish(made)
