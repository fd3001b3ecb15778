"""Hand traces of conditions: each clause of `sim.routing.conditions`, with whole logs that were worked out on paper.

A log is written as one (joined, started, ended, outcome) per leg; the same for every engine and the naive twin.
"""

from __future__ import annotations

from traces import DENIED, DONE, FAILED, NOT_TRIED, REJECTED, Trace, call

from sim.routing.itinerary import UNLIMITED

A, B, C = 0, 1, 2


# Tries


def test_without_anything_in_the_way_all_is_done(trace: Trace) -> None:
    """If the conditions stand in nobody's way, legs wait and are served as they would be without any."""
    log = trace([1], (0, [[call(A, 10)], [call(A, 2)]]), (3, [[call(A, 4)]]))
    assert log == [(0, 0, 10, DONE), (10, 14, 16, DONE), (3, 10, 14, DONE)]


def test_a_retry_joins_at_once_behind_the_waiter(trace: Trace) -> None:
    """If a leg fails and its retry has no delay, it joins at that instant, when the waiter has the server already."""
    stage = [call(A, 10, fails=True), call(A, 5, after=0), call(A, 7, after=1)]
    log = trace([1], (0, [stage, [call(A, 1)]]), (2, [[call(A, 20)]]))
    assert log == [(0, 0, 10, FAILED), (10, 30, 35, DONE), NOT_TRIED, (35, 35, 36, DONE), (2, 10, 30, DONE)]


def test_a_retry_waits_for_its_delay(trace: Trace) -> None:
    """If a retry has a delay, it joins so long after the end of the try before."""
    log = trace([1], (0, [[call(A, 10, fails=True), call(A, 5, after=0, delay_ns=8)]]))
    assert log == [(0, 0, 10, FAILED), (18, 18, 23, DONE)]


def test_a_chain_may_be_longer_and_in_any_order_of_stations(trace: Trace) -> None:
    """If a try fails, a retry and then a fallback follow; the one behind a leg that was done is not tried."""
    stage = [
        call(A, 3, fails=True),
        call(A, 4, after=0, fails=True, delay_ns=1),
        call(B, 5, after=1),
        call(C, 6, after=2),
    ]
    log = trace([1, 1, 1], (0, [stage]))
    assert log == [(0, 0, 3, FAILED), (4, 4, 8, FAILED), (8, 8, 13, DONE), NOT_TRIED]


def test_the_next_stage_waits_for_all_chains_and_needs_one_answer(trace: Trace) -> None:
    """If one of two chains ends without an answer, the next stage begins when the other has one."""
    stage = [call(A, 9), call(B, 2, fails=True), call(B, 3, after=1, fails=True)]
    log = trace([1, 1], (0, [stage, [call(B, 1)]]))
    assert log == [(0, 0, 9, DONE), (0, 0, 2, FAILED), (2, 2, 5, FAILED), (9, 9, 10, DONE)]


def test_a_chain_without_an_answer_may_be_the_last_to_end(trace: Trace) -> None:
    """If the answer came first, the next stage begins when the other chain has given up trying."""
    stage = [call(A, 4), call(B, 2, fails=True), call(B, 7, after=1, fails=True)]
    log = trace([1, 1], (0, [stage, [call(B, 1)]]))
    assert log == [(0, 0, 4, DONE), (0, 0, 2, FAILED), (2, 2, 9, FAILED), (9, 9, 10, DONE)]


def test_without_an_answer_the_request_is_over(trace: Trace) -> None:
    """If no chain of a stage ends with a leg that was done, later stages are not tried."""
    log = trace([1, 1], (0, [[call(A, 4, fails=True), call(B, 2, fails=True)], [call(B, 1)]]))
    assert log == [(0, 0, 4, FAILED), (0, 0, 2, FAILED), NOT_TRIED]


def test_an_answer_that_ends_the_request_leaves_later_stages_untried(trace: Trace) -> None:
    """If a leg that `ends` its request was done, no further stage begins; if it only failed, one does."""
    stages = [[call(A, 4), call(B, 2, ends=True)], [call(B, 1)]]
    failing = [[call(A, 4), call(B, 2, ends=True, fails=True)], [call(B, 1)]]
    log = trace([1, 1], (0, stages), (10, failing))
    assert log[:3] == [(0, 0, 4, DONE), (0, 0, 2, DONE), NOT_TRIED]
    assert log[3:] == [(10, 10, 14, DONE), (10, 10, 12, FAILED), (14, 14, 15, DONE)]


def test_a_chain_goes_as_far_as_it_comes_before_the_next_begins(trace: Trace) -> None:
    """If the first leg of a chain is turned away at once, its retry joins before the first leg of the next chain."""
    # C is busy until 9. Row 1 is turned away there, and falls back to A as row 3 before row 2 gets there.
    stage = [call(C, 2, queue_most=0), call(A, 3), call(A, 5, after=0)]
    log = trace([1, 1, 1], (0, [[call(C, 9)]]), (1, [stage]))
    assert log == [(0, 0, 9, DONE), (1, 1, 1, REJECTED), (1, 6, 9, DONE), (1, 1, 6, DONE)]


def test_a_request_may_be_over_at_the_instant_it_arrives(trace: Trace) -> None:
    """If all chains of a stage are turned away, the request is over, and those who arrive behind are played."""
    down = {"outage_station": [A], "outage_start_ns": [0], "outage_end_ns": [5], "outage_slowdown": [0]}
    log = trace([1], (0, [[call(A, 1), call(A, 1)], [call(A, 1)]]), (5, [[call(A, 1)]]), **down)
    assert log == [(0, 0, 0, FAILED), (0, 0, 0, FAILED), NOT_TRIED, (5, 5, 6, DONE)]


# Retry balance


def test_a_retry_takes_from_the_balance_until_none_is_left(trace: Trace) -> None:
    """If the balance holds one and a half retries, the first is granted and the second is denied, and moves on."""
    stage = [
        call(A, 1, fails=True),
        call(A, 1, after=0, fails=True),
        call(A, 1, after=1),
        call(B, 1, after=2, delay_ns=4),
    ]
    log = trace([UNLIMITED] * 2, (0, [stage]), budget=[0, 0], budget_most=[1500, 0])
    assert log == [(0, 0, 1, FAILED), (1, 1, 2, FAILED), (2, 2, 2, DENIED), (6, 6, 7, DONE)]


def test_first_tries_fill_the_balance_up_to_its_most(trace: Trace) -> None:
    """If each first try adds half a retry, of which one is kept, then two tries grant one, and four no more."""
    one, retried = [[call(A, 1)]], [[call(A, 1, fails=True), call(A, 1, after=0, fails=True), call(A, 1, after=1)]]
    log = trace(
        [UNLIMITED],
        *[(0, retried), (10, one), (20, retried), (30, one), (40, one), (50, one), (60, retried)],
        budget=[500],
        budget_most=[1000],
    )
    tried = [(0, 0, 1, FAILED), (1, 1, 2, FAILED), (2, 2, 2, DENIED)]
    assert log[:3] == tried
    for at, first in ((20, 4), (60, 10)):
        assert log[first : first + 3] == [(at + a, at + b, at + c, outcome) for a, b, c, outcome in tried]


def test_the_balance_is_asked_before_the_station(trace: Trace) -> None:
    """If a granted retry meets a station that is down, its thousand is gone, and the next is denied."""
    down = {"outage_station": [A], "outage_start_ns": [0], "outage_end_ns": [5], "outage_slowdown": [0]}
    stage = [call(A, 1), call(A, 1, after=0), call(A, 1, after=1, delay_ns=9)]
    log = trace([1], (0, [stage]), budget=[999], budget_most=[1000], **down)
    assert log == [(0, 0, 0, FAILED), (0, 0, 0, FAILED), (9, 9, 9, DENIED)]


# Outages


def test_a_station_that_is_down_turns_away_who_joins_and_serves_who_waits(trace: Trace) -> None:
    """If a station goes down, a waiter is still served, who joins fails, and at the end of the outage all is well."""
    down = {"outage_station": [A], "outage_start_ns": [2], "outage_end_ns": [8], "outage_slowdown": [0]}
    log = trace([1], *[(at, [[call(A, 4)]]) for at in (0, 1, 2, 7, 8)], **down)
    assert log == [(0, 0, 4, DONE), (1, 4, 8, DONE), (2, 2, 2, FAILED), (7, 7, 7, FAILED), (8, 8, 12, DONE)]


def test_a_service_is_slowed_by_the_last_brown_out_it_starts_in(trace: Trace) -> None:
    """If brown-outs overlap, the one that began last counts, being down counts as none, and the start decides."""
    slow = {
        "outage_station": [A, A, A, B],
        "outage_start_ns": [0, 20, 40, 0],
        "outage_end_ns": [60, 30, 50, 99],
        "outage_slowdown": [1500, 3001, 0, 9000],
    }
    log = trace([UNLIMITED, 1], *[(at, [[call(A, 5)]]) for at in (0, 19, 20, 30, 45, 59, 60)], **slow)
    assert log == [
        (0, 0, 7, DONE),
        (19, 19, 26, DONE),
        (20, 20, 35, DONE),
        (30, 30, 37, DONE),
        (45, 45, 45, FAILED),
        (59, 59, 66, DONE),
        (60, 60, 65, DONE),
    ]


def test_a_waiter_is_slowed_by_the_brown_out_at_its_start(trace: Trace) -> None:
    """If a waiter starts in a brown-out while the station is down, it is slow; when it joined does not matter."""
    slow = {
        "outage_station": [A, A],
        "outage_start_ns": [5, 6],
        "outage_end_ns": [11, 20],
        "outage_slowdown": [2000, 0],
    }
    log = trace([1], (0, [[call(A, 10)]]), (1, [[call(A, 3)]]), (2, [[call(A, 3)]]), **slow)
    assert log == [(0, 0, 10, DONE), (1, 10, 16, DONE), (2, 16, 19, DONE)]


# Queues


def test_a_full_queue_turns_away(trace: Trace) -> None:
    """If as many wait as a leg is content with, it is rejected; with 0 it is taken only by a free server."""
    log = trace([1], *[(at, [[call(A, 10, queue_most=most)]]) for at, most in ((0, 0), (1, 0), (2, 1), (3, 1), (4, 2))])
    assert log == [(0, 0, 10, DONE), (1, 1, 1, REJECTED), (2, 10, 20, DONE), (3, 3, 3, REJECTED), (4, 20, 30, DONE)]


def test_the_queue_counts_those_at_the_limits_too(trace: Trace) -> None:
    """If one waits for a server and one at the limits, a leg content with two waiters is turned away."""
    # A cell of 10 per leg and a burst of two: rows 0 and 1 pass at 0, row 2 passes at 10.
    limit = {"limit_period_ns": [10], "limit_burst_ns": [20], "station_limit": [(A, 0)]}
    log = trace([1], *[(at, [[call(A, 8, queue_most=most)]]) for at, most in ((0, 9), (0, 9), (1, 9), (2, 2))], **limit)
    assert log == [(0, 0, 8, DONE), (0, 8, 16, DONE), (1, 16, 24, DONE), (2, 2, 2, REJECTED)]


# Limits


def test_a_limit_lets_a_burst_pass_and_then_one_per_period(trace: Trace) -> None:
    """If a limit grants one leg per 10 ns in bursts of two, the third waits for its turn; idle time is not saved up."""
    limit = {"limit_period_ns": [10], "limit_burst_ns": [20], "station_limit": [(A, 0)]}
    log = trace([UNLIMITED], *[(at, [[call(A, 1)]]) for at in (5, 5, 6, 7, 90, 90, 91)], **limit)
    assert log[:4] == [(5, 5, 6, DONE), (5, 5, 6, DONE), (6, 15, 16, DONE), (7, 25, 26, DONE)]
    assert log[4:] == [(90, 90, 91, DONE), (90, 90, 91, DONE), (91, 100, 101, DONE)]


def test_costs_are_rounded_up_and_no_more_than_the_burst(trace: Trace) -> None:
    """If three tokens are granted per 10 ns, one costs 4 ns; what would cost more than the burst takes all of it."""
    limit = {
        "limit_of_tokens": [True],
        "limit_period_ns": [10],
        "limit_per_period": [3],
        "limit_burst_ns": [12],
        "station_limit": [(A, 0)],
    }
    # Costs 4, 7, 4, 0, 12: used up to 4, to 11; the third has room from 3 (15 - 12) on, the fourth costs nothing but
    # stands in line, and the last has room when all is empty, at 15.
    log = trace([UNLIMITED], *[(0, [[call(A, 2, tokens=tokens)]]) for tokens in (1, 2, 1, 0, 1000)], **limit)
    assert log == [(0, 0, 2, DONE), (0, 0, 2, DONE), (0, 3, 5, DONE), (0, 3, 5, DONE), (0, 15, 17, DONE)]


def test_all_limits_of_a_station_must_have_room(trace: Trace) -> None:
    """If a station has two limits, who passes takes from both, and waits for the one that has room last."""
    limit = {"limit_period_ns": [10, 3], "limit_burst_ns": [20, 3], "station_limit": [(A, 0), (A, 1)]}
    log = trace([UNLIMITED], *[(0, [[call(A, 1)]]) for _ in range(4)], **limit)
    assert [start for _, start, _, _ in log] == [0, 3, 10, 20]


def test_a_rejection_tells_when_there_will_be_room(trace: Trace) -> None:
    """If a station rejects at its limit, a client who heeds it is back when there is room, or after its own delay."""
    limit = {"limit_period_ns": [10], "limit_burst_ns": [10], "station_limit": [(A, 0)], "rejects": [True]}
    heeding = [call(A, 1), call(A, 1, after=0, heeds=True, delay_ns=3)]
    patient = [call(A, 1), call(A, 1, after=0, heeds=True, delay_ns=30)]
    deaf = [call(A, 1), call(A, 1, after=0, delay_ns=3)]
    log = trace([1], (0, [[call(A, 1)]]), (2, [heeding]), (4, [patient]), (5, [deaf]), **limit)
    assert log == [
        (0, 0, 1, DONE),
        *[(2, 2, 2, REJECTED), (10, 10, 11, DONE)],
        *[(4, 4, 4, REJECTED), (34, 34, 35, DONE)],
        *[(5, 5, 5, REJECTED), (8, 8, 8, REJECTED)],
    ]


def test_a_full_queue_does_not_tell_when_there_will_be_room(trace: Trace) -> None:
    """If a leg is rejected since too many wait, there is nothing to heed, though a limit is used up as well."""
    limit = {"limit_period_ns": [10], "limit_burst_ns": [10], "station_limit": [(A, 0)], "rejects": [True]}
    stage = [call(A, 1, queue_most=0), call(A, 1, after=0, heeds=True, delay_ns=4)]
    log = trace([1], (0, [[call(A, 1)]]), (2, [stage]), **limit)
    assert log == [(0, 0, 1, DONE), (2, 2, 2, REJECTED), (6, 6, 6, REJECTED)]


def test_a_rejection_may_stop_a_chain(trace: Trace) -> None:
    """If a leg that stops is rejected, nothing of its chain is tried any more; if it fails, the next one is."""
    rejected = [call(A, 1, queue_most=0, stops=True), call(B, 1, after=0)]
    failing = [call(B, 2, fails=True, stops=True), call(B, 1, after=0)]
    log = trace([1, UNLIMITED], (0, [[call(A, 9)]]), (1, [rejected, [call(B, 1)]]), (2, [failing, [call(B, 1)]]))
    assert log == [
        (0, 0, 9, DONE),
        *[(1, 1, 1, REJECTED), NOT_TRIED, NOT_TRIED],
        *[(2, 2, 4, FAILED), (4, 4, 5, DONE), (5, 5, 6, DONE)],
    ]


def test_stations_share_a_limit_in_their_order(trace: Trace) -> None:
    """If heads of two stations may pass at one instant and there is room for one, the lower station's passes first."""
    limit = {"limit_period_ns": [10], "limit_burst_ns": [10], "station_limit": [(A, 0), (B, 0)]}
    log = trace([UNLIMITED] * 2, (0, [[call(B, 1)]]), (1, [[call(B, 1)]]), (2, [[call(A, 1)]]), **limit)
    assert log == [(0, 0, 1, DONE), (1, 20, 21, DONE), (2, 10, 11, DONE)]


def test_a_cheap_leg_may_pass_a_shared_limit_before_a_dear_head(trace: Trace) -> None:
    """If a leg of another station finds room for what little it takes, the head that needs more looks again later."""
    limit = {
        "limit_of_tokens": [True],
        "limit_burst_ns": [10],
        "station_limit": [(A, 0), (B, 0)],
    }
    log = trace(
        [UNLIMITED] * 2,
        (0, [[call(A, 1, tokens=10)]]),
        (1, [[call(A, 1, tokens=10)]]),
        (5, [[call(B, 1, tokens=4)]]),
        **limit,
    )
    assert log == [(0, 0, 1, DONE), (1, 14, 15, DONE), (5, 5, 6, DONE)]


def test_who_passed_the_limits_waits_for_a_server(trace: Trace) -> None:
    """If the server is busy, those who have passed queue for it in the order in which they passed."""
    limit = {"limit_period_ns": [3], "limit_burst_ns": [3], "station_limit": [(A, 0)]}
    log = trace([1], *[(at, [[call(A, 8)]]) for at in (0, 1, 2)], **limit)
    assert log == [(0, 0, 8, DONE), (1, 8, 16, DONE), (2, 16, 24, DONE)]
