"""Latency, time to first token and queueing, read off hand-made plans and logs."""

from __future__ import annotations

import numpy as np
from naive import Stages, itinerary_of

from sim.engine import play
from sim.engine.log import LegLog
from sim.outcome.latency import waits
from sim.routing.itinerary import UNLIMITED
from sim.routing.plan import Cause, LegGroup, Plan

STEPS, MODEL, OTHER = 0, 1, 2


def plan_of(
    servers: list[int],
    requests: list[tuple[int, Stages]],
    *,
    ttft: list[int],
    answers: list[int],
    held: list[bool],
    unawaited: tuple[int, ...] = (),
) -> Plan:
    """Make a plan by hand: `ttft` per leg, `answers` the answering leg per request, `unawaited` legs."""
    itinerary = itinerary_of(servers, requests)
    count = itinerary.requests
    groups = [
        LegGroup(
            request=itinerary.leg_request[[leg]],
            leg=np.array([leg]),
            stage=itinerary.leg_stage[[leg]],
            ttft_ns=np.array([ttft[leg]]),
            is_answer=np.array([leg in answers]),
            model=int(itinerary.leg_station[leg]) - 1,
            step=-1,
            cause=Cause.ANSWER,
            awaited=leg not in unawaited,
        )
        for leg in range(itinerary.legs)
    ]
    return Plan(
        itinerary=itinerary,
        models=("one", "two"),
        steps=(),
        routes=("one",),
        groups=tuple(groups),
        answer_model=np.zeros(count, dtype=np.int64),
        answer_held=np.array(held),
        escalated=np.zeros(count, dtype=np.bool_),
        route=np.zeros(count, dtype=np.int64),
    )


def columns(plan: Plan) -> tuple[list[int], list[int], list[int]]:
    """Give latency, time to first token and queueing of a plan that the reference engine plays."""
    found = waits(plan, play(plan.itinerary))
    return found.latency_ns.tolist(), found.ttft_ns.tolist(), found.queueing_ns.tolist()


def test_a_streamed_answer_shows_after_its_first_token() -> None:
    """If one server gets two requests at once, the second waits, and its tokens stream after wait plus TTFT."""
    plan = plan_of(
        [UNLIMITED, 1, UNLIMITED],
        [(0, [[(MODEL, 100)]]), (10, [[(MODEL, 50)]])],
        ttft=[30, 20],
        answers=[0, 1],
        held=[False, False],
    )
    assert columns(plan) == ([100, 140], [30, 110], [0, 90])


def test_a_held_answer_shows_when_its_check_ends() -> None:
    """If an answer is checked as a whole, its first token is seen when the check ends, together with the last."""
    plan = plan_of(
        [UNLIMITED, UNLIMITED, UNLIMITED],
        [(5, [[(MODEL, 100)], [(STEPS, 7)]])],
        ttft=[30, 7],
        answers=[0],
        held=[True],
    )
    assert columns(plan) == ([107], [107], [0])


def test_an_escalated_answer_streams_from_the_second_model() -> None:
    """If a request escalates, it pays for the first answer, the check and the wait, then the second answer streams."""
    plan = plan_of(
        [UNLIMITED, 1, 1],
        [(0, [[(OTHER, 300)]]), (0, [[(MODEL, 100)], [(STEPS, 20)], [(OTHER, 200)]])],
        ttft=[10, 50, 20, 60],
        answers=[0, 3],
        held=[False, False],
    )
    # the second model is free at 300; the request has been ready since 120
    assert columns(plan) == ([300, 500], [10, 360], [0, 180])


def test_two_legs_of_a_stage_are_waited_for_together() -> None:
    """If two models answer at once, the slower counts, and so does the queueing of that one only."""
    plan = plan_of(
        [UNLIMITED, 1, 1],
        [(0, [[(MODEL, 90)]]), (0, [[(MODEL, 30), (OTHER, 200)], [(STEPS, 5)]])],
        ttft=[1, 1, 1, 5],
        answers=[0, 1],
        held=[False, True],
    )
    assert columns(plan) == ([90, 205], [1, 205], [0, 0])


def test_shadow_legs_delay_nobody() -> None:
    """If a second call and the judge run behind the user's back, latency is that of the first call alone."""
    plan = plan_of(
        [UNLIMITED, UNLIMITED, UNLIMITED],
        [(0, [[(MODEL, 40), (OTHER, 900)], [(STEPS, 50)]])],
        ttft=[15, 1, 50],
        answers=[0],
        held=[False],
        unawaited=(1, 2),
    )
    assert columns(plan) == ([40], [15], [0])


def test_latency_less_service_on_the_way_is_queueing() -> None:
    """If every stage has one leg, queueing is latency less the sum of the services, on any log."""
    rng = np.random.default_rng(3)
    requests: list[tuple[int, Stages]] = [
        (int(when), [[(MODEL, int(a))], [(STEPS, int(b))], [(OTHER, int(c))]])
        for when, a, b, c in zip(np.sort(rng.integers(0, 900, 50)), *rng.integers(1, 60, (3, 50)), strict=True)
    ]
    plan = plan_of([UNLIMITED, 2, 1], requests, ttft=[1] * 150, answers=list(range(2, 150, 3)), held=[False] * 50)
    latency, _, queueing = columns(plan)
    services = plan.itinerary.leg_service_ns.reshape(50, 3).sum(axis=1)
    assert sum(queueing) > 0
    assert queueing == (np.array(latency) - services).tolist()


def test_a_request_that_arrives_later_counts_from_its_arrival() -> None:
    """If the whole log is moved in time, nothing that is measured from the arrival changes."""
    moved = [
        columns(
            plan_of(
                [UNLIMITED, 1, UNLIMITED],
                [(shift, [[(MODEL, 100)]]), (shift + 10, [[(MODEL, 50)]])],
                ttft=[30, 20],
                answers=[0, 1],
                held=[False, True],
            )
        )
        for shift in (0, 10**15)
    ]
    assert moved[0] == moved[1]


def test_ties_in_a_stage_take_the_last_leg() -> None:
    """If two legs of a stage end together, the queueing is that of the leg that stands last: the log decides alone."""
    plan = plan_of([UNLIMITED, 1, 1], [(0, [[(MODEL, 50), (OTHER, 50)]])], ttft=[1, 1], answers=[0], held=[False])
    log = LegLog(*(np.array(times, dtype=np.int64) for times in ([0, 0], [10, 25], [60, 60])))
    assert waits(plan, log).queueing_ns.tolist() == [25]
