"""Hand traces of conditions: giving up, what comes first at one instant, and runs that are handed over in parts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from naive import play_in_parts
from traces import ABANDONED, DONE, FAILED, NOT_TRIED, REJECTED, TIMED_OUT, Trace, call, laid_out, rows

from sim.engine import ENGINES, Engine
from sim.routing.itinerary import UNLIMITED

A, B, C = 0, 1, 2


# Patience


def test_who_has_waited_long_enough_leaves_the_queue(trace: Trace) -> None:
    """If patience ends before a server is free, the waiter leaves, and the one behind is served in its place."""
    log = trace([1], (0, [[call(A, 10)]]), (1, [[call(A, 5, patience_ns=4)]]), (2, [[call(A, 5)]]))
    assert log == [(0, 0, 10, DONE), (1, 5, 5, ABANDONED), (2, 10, 15, DONE)]


def test_a_server_that_frees_at_the_end_of_patience_is_taken(trace: Trace) -> None:
    """If a server frees at the instant a patience ends, the waiter is served, as long as it takes."""
    log = trace([1], (0, [[call(A, 10)]]), (1, [[call(A, 5, patience_ns=9)]]))
    assert log == [(0, 0, 10, DONE), (1, 10, 15, DONE)]


def test_who_gives_up_moves_on_at_once(trace: Trace) -> None:
    """If a waiter gives up, its fallback joins at that instant, and its next stage follows from there."""
    stages = [[call(A, 5, patience_ns=4), call(B, 3, after=0)], [call(A, 1)]]
    log = trace([1, 1], (0, [[call(A, 10)]]), (1, stages))
    assert log == [(0, 0, 10, DONE), (1, 5, 5, ABANDONED), (5, 5, 8, DONE), (8, 10, 11, DONE)]


def test_a_timeout_ends_waiting_too(trace: Trace) -> None:
    """If the timeout comes while the leg waits, it is abandoned; patience that is longer does not matter."""
    log = trace([1], (0, [[call(A, 10)]]), (1, [[call(A, 5, timeout_ns=3, patience_ns=7)]]))
    assert log == [(0, 0, 10, DONE), (1, 4, 4, ABANDONED)]


def test_a_head_who_leaves_the_line_lets_the_next_look(trace: Trace) -> None:
    """If the head of the line gives up and the next needs less, that one has its turn at the same instant."""
    limit = {"limit_of_tokens": [True], "limit_burst_ns": [10], "station_limit": [(A, 0)]}
    # The limit is used up to 10. The head needs all of it, the next has room from 2 on.
    log = trace(
        [UNLIMITED],
        (0, [[call(A, 1, tokens=10)]]),
        (1, [[call(A, 1, tokens=10, patience_ns=4)]]),
        (1, [[call(A, 1, tokens=2)]]),
        **limit,
    )
    assert log == [(0, 0, 1, DONE), (1, 5, 5, ABANDONED), (1, 5, 6, DONE)]


def test_the_turn_of_a_head_who_left_is_nobodys(trace: Trace) -> None:
    """If the head leaves and the next needs more, nobody passes at the time that had been found for the head."""
    limit = {"limit_of_tokens": [True], "limit_burst_ns": [10], "station_limit": [(A, 0)]}
    log = trace(
        [UNLIMITED],
        (0, [[call(A, 1, tokens=10)]]),
        (1, [[call(A, 1, tokens=4, patience_ns=2)]]),
        (1, [[call(A, 1, tokens=8)]]),
        **limit,
    )
    assert log == [(0, 0, 1, DONE), (1, 3, 3, ABANDONED), (1, 8, 9, DONE)]


def test_one_in_the_middle_may_leave_the_line(trace: Trace) -> None:
    """If one behind the head gives up, the others have their turns as if it had not come."""
    limit = {"limit_period_ns": [10], "limit_burst_ns": [10], "station_limit": [(A, 0)]}
    log = trace(
        [UNLIMITED],
        *[(at, [[call(A, 1, **patience)]]) for at, patience in ((0, {}), (1, {}), (2, {"patience_ns": 3}), (3, {}))],
        **limit,
    )
    assert log == [(0, 0, 1, DONE), (1, 10, 11, DONE), (2, 5, 5, ABANDONED), (3, 20, 21, DONE)]


def test_who_left_after_the_limits_has_used_them(trace: Trace) -> None:
    """If a leg that has passed the limits gives up at the queue, what it took is gone."""
    limit = {"limit_period_ns": [10], "limit_burst_ns": [20], "station_limit": [(A, 0)], "rejects": [True]}
    log = trace([1], (0, [[call(A, 9)]]), (1, [[call(A, 9, patience_ns=2)]]), (9, [[call(A, 9)]]), **limit)
    assert log == [(0, 0, 9, DONE), (1, 3, 3, ABANDONED), (9, 9, 9, REJECTED)]


# Timeouts in service


def test_a_station_that_cancels_goes_to_the_next_waiter_first(trace: Trace) -> None:
    """If a client hangs up and the station cancels, the waiter has the server before the retry joins."""
    stage = [call(A, 50, timeout_ns=10), call(A, 5, after=0)]
    log = trace([1], (0, [stage]), (4, [[call(A, 3)]]), cancels=[True])
    assert log == [(0, 0, 10, TIMED_OUT), (10, 13, 18, DONE), (4, 10, 13, DONE)]


def test_a_station_that_does_not_cancel_works_on(trace: Trace) -> None:
    """If a client hangs up and the station does not cancel, its server is busy to the end that it would have had."""
    stage = [call(A, 50, timeout_ns=10, fails=True), call(A, 5, after=0)]
    log = trace([1], (0, [stage]), (4, [[call(A, 3)]]))
    assert log == [(0, 0, 10, TIMED_OUT), (10, 53, 58, DONE), (4, 50, 53, DONE)]


def test_the_timeout_counts_from_joining(trace: Trace) -> None:
    """If a leg has waited, only what is left of its timeout is left for its service."""
    log = trace([1], (0, [[call(A, 6)]]), (1, [[call(A, 5, timeout_ns=8)]]), (2, [[call(A, 1)]]), cancels=[True])
    assert log == [(0, 0, 6, DONE), (1, 6, 9, TIMED_OUT), (2, 9, 10, DONE)]


def test_a_service_that_ends_at_the_timeout_is_done(trace: Trace) -> None:
    """If a service ends at the very instant of the timeout, it is done, or failed if it fails."""
    log = trace([0], (0, [[call(A, 5, timeout_ns=5)]]), (0, [[call(A, 5, timeout_ns=5, fails=True)]]))
    assert log == [(0, 0, 5, DONE), (0, 0, 5, FAILED)]


def test_a_brown_out_may_bring_the_timeout(trace: Trace) -> None:
    """If a service is slowed beyond the timeout, its client hangs up."""
    slow = {"outage_station": [A], "outage_start_ns": [0], "outage_end_ns": [9], "outage_slowdown": [3000]}
    assert trace([1], (0, [[call(A, 5, timeout_ns=10)]]), **slow) == [(0, 0, 10, TIMED_OUT)]


def test_a_server_may_be_handed_on_within_one_instant(trace: Trace) -> None:
    """If a server is given up to a waiter whose own timeout comes at that instant, it goes on to the next."""
    log = trace(
        [1],
        (0, [[call(A, 50, timeout_ns=10)]]),
        (2, [[call(A, 50, timeout_ns=8)]]),
        (3, [[call(A, 4)]]),
        cancels=[True],
    )
    assert log == [(0, 0, 10, TIMED_OUT), (2, 10, 10, TIMED_OUT), (3, 10, 14, DONE)]


def test_who_gives_up_first_does_not_get_the_server_given_up_later(trace: Trace) -> None:
    """If a waiter's row is lower than that of the one in service, and both give up together, it leaves unserved."""
    first = [[call(B, 3), call(B, 3)], [call(A, 9, timeout_ns=7)]]  # joins A at 3, behind the other
    log = trace([1, 2], (0, first), (1, [[call(A, 50, timeout_ns=9)]]), cancels=[True, False])
    assert log[2:] == [(3, 10, 10, ABANDONED), (1, 1, 10, TIMED_OUT)]


# At one instant


def test_the_order_of_all_kinds_at_one_instant(trace: Trace) -> None:
    """If all kinds of events fall together, they come in this order: ends, giving up, delays, turns, arrivals."""
    limit = {"limit_period_ns": [10], "limit_burst_ns": [10], "station_limit": [(B, 0)]}
    requests = [
        (0, [[call(B, 1)], [call(C, 9, queue_most=0)]]),  # takes the limit until 10; C at 1
        (0, [[call(B, 3)], [call(C, 2)]]),  # its turn is at 10, its end at 13
        (0, [[call(A, 6, fails=True), call(C, 2, after=0, delay_ns=4)]]),  # joins C at 10
        (0, [[call(A, 7, patience_ns=10), call(C, 2, after=0)]]),  # waits for A from 0 on; the server is free at 6
        (3, [[call(A, 7, patience_ns=7), call(C, 2, after=0)]]),  # gives up at 10, and joins C then
        (4, [[call(C, 6, queue_most=0), call(A, 6, after=0)]]),  # turned away from C
        (10, [[call(C, 2)]]),
    ]
    log = trace([1, UNLIMITED, 1], *requests, **limit)
    assert log == [
        (0, 0, 1, DONE),
        (1, 1, 10, DONE),
        (0, 10, 13, DONE),
        (13, 16, 18, DONE),
        (0, 0, 6, FAILED),
        (10, 12, 14, DONE),
        (0, 6, 13, DONE),
        NOT_TRIED,
        (3, 10, 10, ABANDONED),
        (10, 10, 12, DONE),
        (4, 4, 4, REJECTED),
        (4, 13, 19, DONE),
        (10, 14, 16, DONE),
    ]


def test_a_turn_comes_before_an_arrival(trace: Trace) -> None:
    """If a head has its turn at the instant somebody arrives, it has the server, and who arrives finds no room."""
    limit = {"limit_period_ns": [10], "limit_burst_ns": [10], "station_limit": [(A, 0)]}
    log = trace([1], *[(at, [[call(A, 4)]]) for at in (0, 1, 10)], **limit)
    assert log == [(0, 0, 4, DONE), (1, 10, 14, DONE), (10, 20, 24, DONE)]


def test_who_joins_after_a_delay_stands_behind_a_head_whose_turn_it_is(trace: Trace) -> None:
    """If a retry joins at the instant of a turn, it comes first but the line is not empty, so it waits."""
    limit = {"limit_period_ns": [10], "limit_burst_ns": [10], "station_limit": [(A, 0)]}
    stage = [call(B, 2, fails=True), call(A, 4, after=0, delay_ns=8)]
    log = trace([UNLIMITED] * 2, (0, [stage]), (0, [[call(A, 4)]]), (1, [[call(A, 4)]]), **limit)
    assert log == [(0, 0, 2, FAILED), (10, 20, 24, DONE), (0, 0, 4, DONE), (1, 10, 14, DONE)]


def test_who_joins_after_a_delay_still_counts_a_head_whose_turn_it_is(trace: Trace) -> None:
    """If a retry that is content with nobody waiting joins at the instant of a turn, the head still waits."""
    limit = {"limit_period_ns": [10], "limit_burst_ns": [10], "station_limit": [(A, 0)]}
    stage = [call(B, 2, fails=True), call(A, 4, after=0, delay_ns=8, queue_most=1)]
    log = trace([UNLIMITED] * 2, (0, [stage]), (0, [[call(A, 4)]]), (1, [[call(A, 4)]]), **limit)
    assert log == [(0, 0, 2, FAILED), (10, 10, 10, REJECTED), (0, 0, 4, DONE), (1, 10, 14, DONE)]


def test_delays_that_end_together_are_in_the_order_of_their_legs(trace: Trace) -> None:
    """If two retries join at one instant, the one of the lower row is first, though it was decided on later."""
    late = [call(A, 8, fails=True), call(C, 3, after=0, delay_ns=2)]
    early = [call(B, 2, fails=True), call(C, 3, after=0, delay_ns=8)]
    log = trace([1, 1, 1], (0, [late]), (0, [early]))
    assert log == [(0, 0, 8, FAILED), (10, 10, 13, DONE), (0, 0, 2, FAILED), (10, 13, 16, DONE)]


def test_who_gives_up_together_does_so_in_the_order_of_their_legs(trace: Trace) -> None:
    """If two waiters give up at one instant, the one of the lower row falls back first, though it joined last."""
    first = [[call(B, 3)], [call(A, 1, patience_ns=7), call(C, 2, after=0)]]
    second = [[call(A, 1, patience_ns=9), call(C, 2, after=0)]]
    log = trace([1, 1, 1], (0, first), (0, [[call(A, 99)]]), (1, second))
    assert log[1:3] == [(3, 10, 10, ABANDONED), (10, 10, 12, DONE)]
    assert log[4:] == [(1, 10, 10, ABANDONED), (10, 12, 14, DONE)]


def test_a_leg_without_length_may_end_at_its_turn(trace: Trace) -> None:
    """If a leg that takes no time passes at its turn, it has ended before the turn of a higher station."""
    limit = {
        "limit_period_ns": [10, 10],
        "limit_burst_ns": [10, 10],
        "station_limit": [(A, 0), (B, 1)],
    }
    # Both heads have their turn at 10. The first then goes on to C, before the second does.
    fast = [[call(A, 0)], [call(C, 3)]]
    slow = [[call(B, 0)], [call(C, 3)]]
    log = trace([0, 0, 1], (0, [[call(B, 0)], [call(A, 0)]]), (1, slow), (1, fast), **limit)
    assert log == [
        *[(0, 0, 0, DONE), (0, 0, 0, DONE)],
        *[(1, 10, 10, DONE), (10, 13, 16, DONE)],
        *[(1, 10, 10, DONE), (10, 10, 13, DONE)],
    ]


# In parts


@pytest.fixture(params=sorted(ENGINES))
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn."""
    return ENGINES[request.param]()


def test_a_server_works_on_after_its_part_was_handed_over(engine: Engine) -> None:
    """If a server works for a client who hung up in an earlier part, whoever comes in a later one waits for it."""
    plan = laid_out([1], (0, [[call(A, 50, timeout_ns=10)]]), (20, [[call(A, 3)]]), (30, [[call(A, 3)]]))
    logs = play_in_parts(engine, plan, [1, 2])
    assert [rows(log) for log in logs] == [[(0, 0, 10, TIMED_OUT)], [(20, 50, 53, DONE)], [(30, 53, 56, DONE)]]


def test_limits_and_balances_last_from_part_to_part(engine: Engine) -> None:
    """If a limit or the balance is used up in one part, it is so in the next."""
    limit = {"limit_period_ns": [10], "limit_burst_ns": [10], "station_limit": [(A, 0)]}
    stage = [call(B, 1, fails=True), call(B, 1, after=0)]
    plan = laid_out(
        [UNLIMITED] * 2,
        (0, [[call(A, 1)], stage]),
        (5, [[call(A, 1)], stage]),
        budget=[0, 0],
        budget_most=[0, 1000],
        **limit,
    )
    logs = play_in_parts(engine, plan, [1])
    assert rows(logs[0]) == [(0, 0, 1, DONE), (1, 1, 2, FAILED), (2, 2, 3, DONE)]
    assert [row[:3] for row in rows(logs[1])] == [(5, 10, 11), (11, 11, 12), (12, 12, 12)]


def test_parts_must_share_their_conditions(engine: Engine) -> None:
    """If a part has other conditions of stations than those before, or suddenly none or some, it is refused."""
    plan = laid_out([1], (0, [[call(A, 1)]]))
    with_other, without = laid_out([1], (5, [[call(A, 1)]]), cancels=[True]), replace(plan, conditions=None)
    engine.advance(plan, 5)
    for other in (with_other, replace(without, arrival_ns=without.arrival_ns + 5)):
        with pytest.raises(ValueError, match="conditions of stations, limits and outages"):
            engine.advance(other, None)


def test_a_part_without_conditions_is_not_followed_by_one_with(engine: Engine) -> None:
    """If the first part has no conditions, none has."""
    plan = laid_out([1], (0, [[call(A, 1)]]))
    engine.advance(replace(plan, conditions=None), 0)
    with pytest.raises(ValueError, match="conditions of stations, limits and outages"):
        engine.advance(plan, None)
