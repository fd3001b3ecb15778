"""How many replicas there are, by hand, on every engine: schedules, targets, starting, draining, and what is paid."""

from __future__ import annotations

from typing import Any

import pytest
from traces import DONE, played, rows, singles

from sim.engine import ENGINES, LegLog
from sim.routing.replicas import Balance

on_every_engine = pytest.mark.parametrize("engine", list(ENGINES))


def plan(*steps: tuple[int, int], most: int, **columns: Any) -> dict[str, Any]:
    """Write a plan of the only station: (time, replicas wanted)."""
    return {
        "most": [most],
        "plan_station": [0] * len(steps),
        "plan_at_ns": [at for at, _ in steps],
        "plan_replicas": [replicas for _, replicas in steps],
        "window_ns": [0, 1000],
        **columns,
    }


def sent_to(log: LegLog) -> list[int]:
    """Give the replica of each call."""
    assert log.replica is not None
    return log.replica.tolist()


@on_every_engine
def test_a_replica_is_up_and_paid_by_the_schedule(engine: str) -> None:
    """If a second replica is wanted from 20 to 60 and takes 10 to start, it is sent calls from 30 on and paid for 40.

    A call at 20 finds it not even started, as decisions come before arrivals and starting takes its time.
    """
    calls = singles(*[(at, 5) for at in (0, 20, 29, 30, 59, 60, 70)])
    steps = plan((20, 2), (60, 1), most=2, startup_ns=[10], balance=[Balance.ROUND_ROBIN])
    log, usage = played(engine, calls, 1, **steps)
    assert sent_to(log) == [0, 0, 0, 1, 0, 0, 0]
    assert usage.up_ns == 1000 + 40


@on_every_engine
def test_a_replica_without_startup_takes_who_arrives_then(engine: str) -> None:
    """If starting takes no time, a call that arrives at the very instant finds the replica up."""
    log, _ = played(engine, singles((0, 50), (20, 5)), 1, **plan((20, 2), most=2))
    assert rows(log) == [(0, 0, 50, DONE), (20, 20, 25, DONE)]


@on_every_engine
def test_a_replica_drains(engine: str) -> None:
    """If a replica is wanted no more it serves those it has, who wait there too, and is paid until the last is done."""
    calls = singles((0, 50), (0, 50), (5, 10), (6, 10), (20, 10), (200, 1))
    steps = plan((10, 1), most=2, number=[2], balance=[Balance.ROUND_ROBIN])
    log, usage = played(engine, calls, 1, **steps)
    assert sent_to(log) == [0, 1, 0, 1, 0, 0]
    assert rows(log)[3] == (6, 50, 60, DONE)
    assert usage.up_ns == 1000 + 60


@on_every_engine
def test_a_replica_that_drains_is_up_again_at_once(engine: str) -> None:
    """If it is wanted again before it is down, it need not start anew, and is paid all the time."""
    calls = singles((0, 50), (0, 50), (15, 5), (30, 5), (200, 1))
    steps = plan((10, 1), (20, 2), most=2, number=[2], startup_ns=[500], balance=[Balance.ROUND_ROBIN])
    log, usage = played(engine, calls, 2, **steps)
    assert sent_to(log) == [0, 1, 0, 1, 0]
    assert usage.up_ns == 2000


@on_every_engine
def test_a_start_that_is_called_off_is_paid(engine: str) -> None:
    """If a replica is wanted no more while it starts, it is down at once, and paid for the time it was starting."""
    log, usage = played(engine, singles((0, 5), (100, 5)), 1, **plan((10, 2), (30, 1), most=2, startup_ns=[50]))
    assert sent_to(log) == [0, 0]
    assert usage.up_ns == 1000 + 20


def target(**columns: Any) -> dict[str, Any]:
    """Look every 100 ns: each of up to four replicas is to have one call on average."""
    wanted = {"every_ns": [100], "load_ns": [100], "most": [4], "number": [1], "window_ns": [0, 10**6]}
    return {**wanted, "balance": [Balance.LEAST_LOADED], **columns}


@on_every_engine
def test_a_target_counts_who_is_served_and_who_waits(engine: str) -> None:
    """If five calls are at one replica of two slots for 100 ns, five replicas are wanted, and four may be.

    They are up from 110 on: of four calls then, three go to the new ones and the last one to the first of them again.
    """
    calls = singles(*[(0, 100)] * 5, *[(110, 10)] * 4, (2000, 1))
    log, usage = played(engine, calls, 2, **target(startup_ns=[10]))
    assert sent_to(log) == [0] * 5 + [1, 2, 3, 1, 0]
    # from 100 to 200 there were three at replica 0 and four others for 10 ns: four are wanted until 300, and then one
    assert usage.up_ns == 10**6 + 3 * 200


@on_every_engine
def test_fewer_are_wanted_only_after_the_cooldown(engine: str) -> None:
    """If there is nothing to do any more, replicas stay until what is wanted has not changed for the cooldown.

    Four are wanted from 100 on. With a cooldown of 300 one is from 400 on: three of them are paid for 300 ns.
    """
    calls = singles(*[(0, 50)] * 9, (3000, 1))
    for cooldown, paid in ((0, 100 * 3), (300, 300 * 3), (301, 400 * 3)):
        _, usage = played(engine, calls, 9, **target(cooldown_ns=[cooldown]))
        assert usage.up_ns == 10**6 + paid


@on_every_engine
def test_a_target_keeps_within_its_bounds(engine: str) -> None:
    """If at least two are to be there, two stay although nobody calls."""
    _, usage = played(engine, singles((0, 1), (3000, 1)), 2, **target(least=[2], number=[2]))
    assert usage.up_ns == 2 * 10**6


@on_every_engine
def test_nothing_is_decided_after_the_last_request(engine: str) -> None:
    """If the last request is over before a decision, the replicas that are up then stay, and the run ends."""
    _, usage = played(engine, singles(*[(0, 50)] * 9, (150, 1)), 9, **target())
    assert usage.up_ns == 10**6 + 3 * (10**6 - 100)
