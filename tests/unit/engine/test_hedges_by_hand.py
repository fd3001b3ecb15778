"""Hedged calls by hand: each clause of `sim.routing.callers`, with whole logs that were worked out on paper.

A log is written as one (joined, started, ended, outcome) per leg; the same for every engine and the naive twin.
"""

from __future__ import annotations

import pytest
from traces import CANCELLED, DENIED, DONE, FAILED, NOT_TRIED, REJECTED, TIMED_OUT, WITHDRAWN, Trace, call

from sim.routing.itinerary import UNLIMITED

A, B = 0, 1


def test_who_is_done_first_is_the_answer(trace: Trace) -> None:
    """If a hedge is done before the call it stands beside, that is given up at once and the next stage begins."""
    log = trace([1, 1], (0, [[call(A, 10), call(B, 3, hedges=0, hedge_ns=4)], [call(B, 1)]]))
    assert log == [(0, 0, 7, CANCELLED), (4, 4, 7, DONE), (7, 7, 8, DONE)]


def test_the_first_call_may_be_first_after_all(trace: Trace) -> None:
    """If the call that was hedged is done before its hedge, the hedge is given up."""
    log = trace([1, 1], (0, [[call(A, 6), call(B, 3, hedges=0, hedge_ns=4)], [call(B, 1)]]))
    assert log == [(0, 0, 6, DONE), (4, 4, 6, CANCELLED), (6, 7, 8, DONE)]  # B works on what was given up


def test_a_call_that_ends_in_time_is_not_hedged(trace: Trace) -> None:
    """If a call ends at the very instant at which its hedge would join, or before, that is not tried."""
    log = trace([1, 1], *((time, [[call(A, 4), call(B, 3, hedges=0, hedge_ns=4)]]) for time in (0, 9)))
    assert log == [(0, 0, 4, DONE), NOT_TRIED, (9, 9, 13, DONE), NOT_TRIED]


def test_of_two_at_one_instant_the_first_call_counts(trace: Trace) -> None:
    """If both are done at one instant, the call that was hedged is the answer, as it stands first."""
    log = trace([1, 1], (0, [[call(A, 10), call(B, 6, hedges=0, hedge_ns=4)]]))
    assert log == [(0, 0, 10, DONE), (4, 4, 10, CANCELLED)]


def test_who_still_waits_is_withdrawn(trace: Trace) -> None:
    """If the one that is given up waits for a server, it leaves the queue and no server sees it."""
    busy, next_one = (0, [[call(B, 20)]]), (9, [[call(B, 1)]])
    log = trace([1, 1], busy, (0, [[call(A, 10), call(B, 6, hedges=0, hedge_ns=4)]]), next_one)
    assert log == [(0, 0, 20, DONE), (0, 0, 10, DONE), (4, 10, 10, WITHDRAWN), (9, 20, 21, DONE)]


@pytest.mark.parametrize(("cancels", "free"), [(True, 7), (False, 20)])
def test_the_server_of_the_loser_is_free_if_the_station_cancels(trace: Trace, cancels: bool, free: int) -> None:
    """If a call is given up in service, its server goes to the next waiter at once, or when it has worked it off."""
    log = trace(
        [1, 1],
        (0, [[call(A, 20), call(B, 3, hedges=0, hedge_ns=4)]]),
        (1, [[call(A, 5)]]),
        cancels=[cancels, False],
    )
    assert log == [(0, 0, 7, CANCELLED), (4, 4, 7, DONE), (1, free, free + 5, DONE)]


def test_nothing_follows_while_one_of_the_two_is_under_way(trace: Trace) -> None:
    """If a hedged call fails, its hedge may still be done, and then no retry is made."""
    stage = [call(A, 5, fails=True), call(B, 10, hedges=0, hedge_ns=2), call(A, 5, after=0)]
    assert trace([1, 1], (0, [stage])) == [(0, 0, 5, FAILED), (2, 2, 12, DONE), NOT_TRIED]


def test_when_both_have_failed_the_chain_goes_on(trace: Trace) -> None:
    """If both fail, the retry comes after its pause from the end of the second one."""
    stage = [
        call(A, 5, fails=True),
        call(B, 10, fails=True, hedges=0, hedge_ns=2),
        call(A, 1, after=0, delay_ns=3),
    ]
    assert trace([1, 1], (0, [stage])) == [(0, 0, 5, FAILED), (2, 2, 12, FAILED), (15, 15, 16, DONE)]


def test_a_call_that_failed_before_is_not_hedged(trace: Trace) -> None:
    """If a call fails or is given up before the hedge would join, the retry follows at once, hedged by its own."""
    stage = [
        call(A, 9, timeout_ns=3),
        call(B, 9, hedges=0, hedge_ns=4),
        call(A, 9, after=0),
        call(B, 1, hedges=2, hedge_ns=4),
    ]
    log = trace([UNLIMITED, 1], (0, [stage]))
    assert log == [(0, 0, 3, TIMED_OUT), NOT_TRIED, (3, 3, 8, CANCELLED), (7, 7, 8, DONE)]


def test_a_hedge_is_refused_as_others_are(trace: Trace) -> None:
    """If a hedge finds the queue full, it is rejected, and the call that it hedges goes on alone."""
    stage = [call(A, 10), call(B, 6, hedges=0, hedge_ns=4, queue_most=0)]
    log = trace([1, 1], (0, [[call(B, 20)]]), (0, [stage]))
    assert log == [(0, 0, 20, DONE), (0, 0, 10, DONE), (4, 4, 4, REJECTED)]


def test_hedges_leave_the_balance_of_retries_alone(trace: Trace) -> None:
    """If hedges join where retries are paid from a balance, they neither take from it nor add to it."""
    hedged = [call(A, 10), call(A, 3, hedges=0, hedge_ns=4)]
    failing = [call(A, 1, fails=True), call(A, 1, after=0)]
    stages = [hedged, failing, hedged, hedged, failing]  # each first try adds a quarter of a retry
    requests = [(20 * number, [stage]) for number, stage in enumerate(stages)]
    log = trace([UNLIMITED, 1], *requests, budget=[250, 0], budget_most=[1000, 0])
    tried = [CANCELLED, DONE]
    assert [outcome for *_, outcome in log] == [*tried, FAILED, DONE, *tried, *tried, FAILED, DENIED]
