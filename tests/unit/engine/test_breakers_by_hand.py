"""Hand traces of breakers: each clause of `sim.routing.callers`, with whole logs that were worked out on paper.

A log is written as one (joined, started, ended, outcome) per leg; the same for every engine and the naive twin.
"""

from __future__ import annotations

import pytest
from traces import DENIED, DONE, FAILED, NOT_TRIED, REJECTED, SKIPPED, TIMED_OUT, Leg, Trace, call

from sim.routing.conditions import NO_LIMIT
from sim.routing.itinerary import UNLIMITED

A, B = 0, 1


def breaker(allowed: int, within: int, cooldown: int) -> dict[str, list[int]]:
    """Give station A a breaker, and station B none."""
    return {"allowed_fails": [allowed, NO_LIMIT], "within_ns": [within, 1], "cooldown_ns": [cooldown, 1]}


def requests(*arrivals: int, service_ns: int = 1, **columns: bool) -> list[tuple[int, list[list[Leg]]]]:
    """Write requests of one call to A each."""
    return [(time, [[call(A, service_ns, **columns)]]) for time in arrivals]


def test_more_failures_than_allowed_open_it_for_the_cooldown(trace: Trace) -> None:
    """If two failures are allowed, the third opens the breaker at its end; after the cooldown it is closed again."""
    log = trace([UNLIMITED, 1], *requests(0, 2, 4, 5, 14, 15, fails=True), **breaker(2, 100, 10))
    assert log == [
        (0, 0, 1, FAILED),
        (2, 2, 3, FAILED),
        (4, 4, 5, FAILED),
        (5, 5, 5, SKIPPED),  # completions come before arrivals
        (14, 14, 14, SKIPPED),
        (15, 15, 16, FAILED),  # one of two that are allowed again
    ]


def test_failures_count_for_so_long(trace: Trace) -> None:
    """If a failure lies as far back as the time in which they are counted, it does not count any more."""
    far = trace([UNLIMITED, 1], *requests(0, 10, 11, 13, fails=True), **breaker(1, 10, 50))
    assert [outcome for *_, outcome in far] == [FAILED, FAILED, FAILED, SKIPPED]  # those that end at 11 and 12 open it
    near = trace([UNLIMITED, 1], *requests(0, 9, 11, fails=True), **breaker(1, 10, 50))
    assert [outcome for *_, outcome in near] == [FAILED, FAILED, SKIPPED]


def test_failures_that_are_spread_out_never_open_it(trace: Trace) -> None:
    """If no more failures than allowed lie within the time, the breaker stays closed however many there are."""
    log = trace([UNLIMITED, 1], *requests(0, 10, 20, 30, 40, fails=True), **breaker(1, 10, 50))
    assert [outcome for *_, outcome in log] == [FAILED] * 5


def test_it_forgets_what_failed_before_it_opened(trace: Trace) -> None:
    """If a breaker has opened, failures of before and those while it was open do not count once it is closed."""
    late = (3, [[call(A, 5, fails=True)]])  # ends at 8, while the breaker is open
    log = trace(
        [UNLIMITED, 1], *requests(0, 2, fails=True), late, *requests(13, 16, 17, fails=True), **breaker(1, 99, 9)
    )
    assert log == [
        (0, 0, 1, FAILED),
        (2, 2, 3, FAILED),
        (3, 3, 3, SKIPPED),
        (13, 13, 14, FAILED),
        (16, 16, 17, FAILED),
        (17, 17, 17, SKIPPED),
    ]


def test_who_joined_before_goes_on(trace: Trace) -> None:
    """If a breaker opens while legs wait and are served, they are served to their ends, and do not count."""
    log = trace([1, 1], *requests(0, 0, 0, 40, service_ns=10, fails=True), **breaker(0, 10, 25))
    assert log == [(0, 0, 10, FAILED), (0, 10, 20, FAILED), (0, 20, 30, FAILED), (40, 40, 50, FAILED)]


def test_it_counts_before_the_next_of_the_chain_joins(trace: Trace) -> None:
    """If a failure opens the breaker, the retry that joins at that instant is passed over, and the fallback asked."""
    stage = [call(A, 5, fails=True), call(A, 5, after=0), call(A, 5, after=1), call(B, 5, after=2)]
    log = trace([1, 1], (0, [stage]), **breaker(0, 10, 25))
    assert log == [(0, 0, 5, FAILED), (5, 5, 5, SKIPPED), NOT_TRIED, (5, 5, 10, DONE)]


def test_who_is_skipped_goes_to_the_next_station(trace: Trace) -> None:
    """If a first try is skipped, its retries are passed over with their delays; the fallback joins after its own."""
    stage = [call(A, 5), call(A, 5, after=0, delay_ns=7), call(B, 5, after=1, delay_ns=2)]
    log = trace([1, 1], *requests(0, fails=True), (3, [stage, [call(B, 1)]]), **breaker(0, 10, 25))
    assert log == [(0, 0, 1, FAILED), (3, 3, 3, SKIPPED), NOT_TRIED, (5, 5, 10, DONE), (10, 10, 11, DONE)]


def test_without_a_fallback_there_is_no_answer(trace: Trace) -> None:
    """If a leg is skipped and no other station follows, its chain has ended, and the request with it."""
    stage = [call(A, 5), call(A, 5, after=0)]
    log = trace([1, 1], *requests(0, fails=True), (3, [stage, [call(B, 1)]]), **breaker(0, 10, 25))
    assert log == [(0, 0, 1, FAILED), (3, 3, 3, SKIPPED), NOT_TRIED, NOT_TRIED]


def test_who_gives_up_counts(trace: Trace) -> None:
    """If a client hangs up, that is a failure at that instant, whether it was served or waited."""
    served = trace([1, 1], (0, [[call(A, 9, timeout_ns=4)]]), *requests(4, 29), **breaker(0, 10, 25))
    assert served == [(0, 0, 4, TIMED_OUT), (4, 4, 4, SKIPPED), (29, 29, 30, DONE)]
    waited = trace(
        [1, 1], *requests(0, service_ns=9), (0, [[call(A, 9, patience_ns=4)]]), *requests(4), **breaker(0, 10, 25)
    )
    assert [outcome for *_, outcome in waited][2] == SKIPPED


@pytest.mark.parametrize(("lenient", "outcome"), [(False, SKIPPED), (True, REJECTED)])
def test_a_rejection_counts_unless_it_is_lenient(trace: Trace, lenient: bool, outcome: int) -> None:
    """If a leg is rejected, that is a failure, but not where a rule of the pattern's own rejects it."""
    busy = requests(0, service_ns=9)
    log = trace([1, 1], *busy, *requests(1, 2, queue_most=0, lenient=lenient), **breaker(0, 10, 25))
    assert log == [(0, 0, 9, DONE), (1, 1, 1, REJECTED), (2, 2, 2, outcome)]


def test_who_is_skipped_leaves_the_balance_of_retries_alone(trace: Trace) -> None:
    """If first tries are skipped they add nothing to the balance; a retry that was denied is no failure."""
    failing = [call(A, 1, fails=True), call(A, 1, after=0, delay_ns=30)]
    skipped = requests(2, 3)
    log = trace(
        [1, 1], (0, [failing]), *skipped, *requests(40), **breaker(0, 10, 25), budget=[400, 0], budget_most=[900, 0]
    )
    assert log == [(0, 0, 1, FAILED), (31, 31, 31, DENIED), (2, 2, 2, SKIPPED), (3, 3, 3, SKIPPED), (40, 40, 41, DONE)]


def test_an_outage_is_a_failure_of_each_who_joins(trace: Trace) -> None:
    """If a station is down, those who join fail at once and count; the breaker then keeps others away from it."""
    down = {"outage_station": [A], "outage_start_ns": [0], "outage_end_ns": [50]}
    stage = [call(A, 5), call(B, 5, after=0)]
    log = trace([1, UNLIMITED], *[(time, [stage]) for time in (0, 0, 1, 22)], **breaker(1, 10, 20), **down)
    assert log == [
        *((0, 0, 0, FAILED), (0, 0, 5, DONE)),
        *((0, 0, 0, FAILED), (0, 0, 5, DONE)),
        *((1, 1, 1, SKIPPED), (1, 1, 6, DONE)),
        *((22, 22, 22, FAILED), (22, 22, 27, DONE)),
    ]
