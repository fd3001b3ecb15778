"""Replicas on every engine, by hand: how a batch slows its calls, who waits where, and what hanging up changes."""

from __future__ import annotations

import pytest
from traces import ABANDONED, DONE, REJECTED, TIMED_OUT, call, played, rows, singles

from sim.engine import ENGINES
from sim.routing.replicas import FULL_SPEED, HALF_BITS, Balance, Usage

HALF, THIRD = FULL_SPEED // 2, FULL_SPEED // 3

on_every_engine = pytest.mark.parametrize("engine", list(ENGINES))


@on_every_engine
def test_two_calls_share_a_replica(engine: str) -> None:
    """If a call joins another one at half speed, both lose half of the time that they have in common.

    The first has 60 of its 100 ns left at 40, and both decode at half speed until the second has ended at 80; the
    first has 40 left then.
    """
    log, usage = played(engine, singles((0, 100), (40, 20)), 2, decode_speed=[FULL_SPEED, HALF])
    assert rows(log) == [(0, 0, 120, DONE), (40, 40, 80, DONE)]
    assert usage == Usage(served_ns=160, busy_ns=120, up_ns=10**9)


@on_every_engine
def test_the_first_token_comes_when_the_prompt_has_been_read(engine: str) -> None:
    """If one call reads its prompt, another one decodes slower, and its first token came when its own was read.

    The first reads until 30; at 50 the second begins to read 20 ns and the first decodes at a third of its pace
    (21,845 of 65,536 parts) until 70; then both decode at half pace.
    """
    log, _ = played(
        engine,
        singles((0, 60), (50, 40)),
        2,
        prefill_ns=[30, 20],
        decode_speed=[FULL_SPEED, HALF],
        beside_speed=[THIRD, THIRD],
    )
    assert log.first_ns is not None
    assert log.first_ns.tolist() == [30, 70]
    # the first has decoded 20 and 20/3 of its 30 by 70: what is left takes 6.67 at half pace; then 20 - 3.5 are left
    assert rows(log) == [(0, 0, 77, DONE), (50, 50, 94, DONE)]


@on_every_engine
def test_prompts_are_read_as_fast_as_their_number_allows(engine: str) -> None:
    """If two prompts are read at once at half speed each, both first tokens come when all has been read."""
    log, _ = played(engine, singles((0, 10), (0, 10)), 2, prefill_ns=[10, 10], prefill_speed=[FULL_SPEED, HALF])
    assert log.first_ns is not None
    assert log.first_ns.tolist() == [20, 20]
    assert rows(log) == [(0, 0, 20, DONE), (0, 0, 20, DONE)]


@on_every_engine
def test_phases_end_at_the_first_whole_nanosecond(engine: str) -> None:
    """If a call works at a third of its pace, 10 ns take 31: 30 leave 10 parts of 65,536 to do."""
    log, _ = played(engine, singles((0, 10)), 1, decode_speed=[THIRD])
    assert rows(log) == [(0, 0, 31, DONE)]


@on_every_engine
def test_who_finds_no_slot_waits_at_its_replica(engine: str) -> None:
    """If calls go to two replicas in turn, the fourth waits behind the second, even while the first replica is idle."""
    log, usage = played(
        engine, singles((0, 10), (0, 50), (10, 5), (16, 5)), 1, number=[2], balance=[Balance.ROUND_ROBIN]
    )
    assert rows(log) == [(0, 0, 10, DONE), (0, 0, 50, DONE), (10, 10, 15, DONE), (16, 50, 55, DONE)]
    assert log.replica is not None
    assert log.replica.tolist() == [0, 1, 0, 1]
    assert usage == Usage(served_ns=70, busy_ns=70, up_ns=2 * 10**9)


@on_every_engine
def test_the_least_loaded_replica_is_picked(engine: str) -> None:
    """If a replica has fewer calls, in slots or waiting, it gets the next one; of equals the first."""
    requests = singles((0, 50), (0, 10), (0, 50), (10, 5), (16, 5))
    log, _ = played(engine, requests, 1, number=[2], balance=[Balance.LEAST_LOADED])
    assert log.replica is not None
    assert log.replica.tolist() == [0, 1, 0, 1, 1]
    assert rows(log)[2] == (0, 50, 100, DONE)


@on_every_engine
def test_lots_pick_replicas(engine: str) -> None:
    """If replicas are picked by lot, the upper half of it names one of three, and the lower half one of the two others.

    The better of both gets the call; of equals the first.
    """
    third, two_thirds = -(-(2**HALF_BITS) // 3), -(-(2 ** (HALF_BITS + 1)) // 3)
    half = 2 ** (HALF_BITS - 1)
    lots = [two_thirds << HALF_BITS, 0, third << HALF_BITS | half, (two_thirds << HALF_BITS) + half]
    requests = singles(*[(0, 50)] * 4)
    for balance, expected in ((Balance.RANDOM, [2, 0, 1, 2]), (Balance.POWER_OF_TWO, [0, 1, 2, 1])):
        log, _ = played(engine, requests, 3, number=[3], balance=[balance], lot=lots)
        assert log.replica is not None
        assert log.replica.tolist() == expected


@on_every_engine
def test_hanging_up_speeds_the_others_up(engine: str) -> None:
    """If a client hangs up at 20 and the station cancels, the other call has its replica for itself from then on."""
    requests = [*singles((0, 100), timeout_ns=20), *singles((0, 100))]
    log, _ = played(engine, requests, 2, {"cancels": [True]}, decode_speed=[FULL_SPEED, HALF])
    assert rows(log) == [(0, 0, 20, TIMED_OUT), (0, 0, 110, DONE)]
    log, usage = played(engine, requests, 2, decode_speed=[FULL_SPEED, HALF], prefill_ns=[50, 0])
    assert rows(log) == [(0, 0, 20, TIMED_OUT), (0, 0, 150, DONE)]
    assert log.first_ns is not None
    assert log.first_ns.tolist() == [-1, 0], "the prompt was read for nobody"
    assert usage.served_ns == 300


@on_every_engine
def test_a_call_that_ends_at_its_timeout_is_done(engine: str) -> None:
    """If the last token comes at the instant at which the client would hang up, the client has its answer."""
    log, _ = played(engine, singles((0, 20), timeout_ns=20), 1)
    assert rows(log) == [(0, 0, 20, DONE)]


@on_every_engine
def test_the_freed_slot_goes_to_the_waiter(engine: str) -> None:
    """If a request comes back at the instant it frees a slot, it goes behind who waited; waiters give up in between."""
    first = (0, [[call(0, 10)], [call(0, 10)]])
    log, _ = played(engine, [first, *singles((1, 30), patience_ns=5), *singles((2, 10))], 1)
    assert rows(log) == [(0, 0, 10, DONE), (10, 20, 30, DONE), (1, 6, 6, ABANDONED), (2, 10, 20, DONE)]


@on_every_engine
def test_all_who_wait_count_against_the_queue(engine: str) -> None:
    """If one call waits at another replica and one may wait, a call that finds its own replica full is rejected."""
    requests = singles((0, 50), (0, 50), (1, 50), (2, 50), queue_most=1)
    log, _ = played(engine, requests, 1, number=[2], balance=[Balance.ROUND_ROBIN])
    assert rows(log)[2:] == [(1, 50, 100, DONE), (2, 2, 2, REJECTED)]
    assert log.replica is not None
    assert log.replica.tolist() == [0, 1, 0, -1]


@on_every_engine
def test_brown_outs_and_outages_hold_for_replicas(engine: str) -> None:
    """If a call starts in a brown-out both its phases take longer; if the station is down it fails at once."""
    shared = {
        "outage_station": [0, 0],
        "outage_start_ns": [0, 40],
        "outage_end_ns": [5, 50],
        "outage_slowdown": [1500, 0],
    }
    log, _ = played(engine, singles((0, 30), (45, 10)), 1, shared, prefill_ns=[10, 5])
    assert log.first_ns is not None
    assert log.first_ns.tolist() == [15, -1]
    assert [row[1:3] for row in rows(log)] == [(0, 45), (45, 45)]


@on_every_engine
def test_usage_is_that_of_the_window(engine: str) -> None:
    """If a window begins while a call is served and ends while another one is, parts of both count."""
    _, usage = played(engine, singles((0, 30), (50, 30)), 1, window_ns=[20, 60])
    assert usage == Usage(served_ns=20, busy_ns=20, up_ns=40)


@on_every_engine
def test_long_runs_are_counted_exactly(engine: str) -> None:
    """If a replica counts on for years without being idle, nothing is lost: its counters begin anew before they end.

    Three hundred calls of 16 hours each bring 2**70 parts of work, of which a counter holds less than 2**63.
    """
    hours, many = 8 * 3_600 * 10**9, 300
    requests = singles(*[(number * hours, 2 * hours) for number in range(many)])
    log, usage = played(engine, requests, 2, decode_speed=[FULL_SPEED, HALF], window_ns=[0, 2**62])
    ends = log.ended_ns.tolist()
    assert usage.served_ns == sum(ends) - sum(log.started_ns.tolist())
    assert ends[-1] == 2 * hours * many, "a replica that always has work does it at its full pace"
