"""Laws of lanes that hold in every run, not on average: bounds of fair queueing, limits that touch nobody else."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from naive_conditions import conditional, laned
from numpy.typing import NDArray

from sim.engine import ENGINES, LegLog, play
from sim.routing.itinerary import UNLIMITED, Itinerary

Ints = NDArray[np.int64]
STRIDES = (2, 3, 6)
"""Weights of three to two to one."""
LEGS = 900

on_every_engine = pytest.mark.parametrize("engine", list(ENGINES))


def played(engine: str, arrival: Ints, service: Ints, servers: int, lane: Ints, **columns: Any) -> LegLog:
    """Play one call for each request at one station of three lanes."""
    legs = np.arange(len(arrival))
    zero = np.zeros_like(legs)
    plan = Itinerary(arrival, np.array([servers]), legs, zero, zero, service)
    own = {name: columns.pop(name) for name in [*columns] if name.startswith("lane_") or name == "fair"}
    return play(conditional(plan, **columns, lanes=laned(plan, [0] * 3, lane=lane, **own)), engine)


def furthest_apart(log: LegLog, cost: Ints, lane: Ints) -> list[tuple[int, int]]:
    """For each two lanes, say how far what they were given differs over any time in which both wait, and the bound.

    All came at 0, and time is counted from when they had; what a lane is given counts as its cost times its stride.
    """
    order = np.lexsort((np.arange(len(lane)), log.started_ns))
    order = order[log.started_ns[order] > 0]
    found = []
    for one, other in combinations(range(len(STRIDES)), 2):
        last = min(np.flatnonzero(lane[order] == number)[-1] for number in (one, other))
        until = order[:last]  # from the last start of either on, one of both has nobody who waits
        given = [np.where(lane[until] == number, cost[until] * STRIDES[number], 0) for number in (one, other)]
        apart = np.concatenate(([0], np.cumsum(given[0] - given[1])))
        bound = sum(int(cost[lane == number].max()) * STRIDES[number] for number in (one, other))
        found.append((int(apart.max() - apart.min()), bound))
    return found


@on_every_engine
@pytest.mark.parametrize("servers", [1, 4])
def test_lanes_that_always_wait_are_given_work_by_weight(engine: str, servers: int) -> None:
    """If lanes are never empty, the work they are given over any time differs by a leg of each, weights considered."""
    chance = np.random.default_rng(servers)
    lane = chance.integers(0, 3, LEGS)
    service = np.rint(chance.lognormal(6, 1.2, LEGS)).astype(np.int64) + 1
    log = played(engine, np.zeros(LEGS, dtype=np.int64), service, servers, lane, lane_stride=STRIDES, fair=[True])
    for apart, bound in furthest_apart(log, service, lane):
        assert bound / 4 < apart <= bound


@on_every_engine
def test_throughput_is_in_proportion_to_weights(engine: str) -> None:
    """If all lanes have work for an hour, servers give them three, two and one sixth of it."""
    chance = np.random.default_rng(7)
    lane, service = np.arange(6_000) % 3, chance.integers(1, 1_000, 6_000)
    log = played(engine, np.zeros(6_000, dtype=np.int64), service, 2, lane, lane_stride=STRIDES, fair=[True])
    hour = 800_000
    assert all(log.started_ns[lane == number].max() > hour for number in range(3))
    work = [int(service[(lane == number) & (log.started_ns < hour)].sum()) for number in range(3)]
    assert np.array(work) / sum(work) == pytest.approx([3 / 6, 2 / 6, 1 / 6], abs=0.002)


@on_every_engine
def test_lanes_share_what_a_limit_lets_through_by_weight(engine: str) -> None:
    """If lanes wait at a limit of tokens, the tokens they are given differ by a leg of each, however long they last."""
    chance = np.random.default_rng(3)
    lane, tokens, service = chance.integers(0, 3, LEGS), chance.integers(1, 50, LEGS), chance.integers(1, 10**6, LEGS)
    limit = {"limit_of_tokens": [True], "limit_period_ns": [7], "limit_burst_ns": [400], "station_limit": [(0, 0)]}
    arrival = np.zeros(LEGS, dtype=np.int64)
    log = played(engine, arrival, service, UNLIMITED, lane, lane_stride=STRIDES, fair=[True], tokens=tokens, **limit)
    for apart, bound in furthest_apart(log, 7 * tokens, lane):
        assert bound / 4 < apart <= bound


@on_every_engine
@pytest.mark.parametrize("rejects", [False, True])
def test_a_limit_of_a_lane_touches_nobody_else(engine: str, rejects: bool) -> None:
    """If lanes share nothing but unlimited servers, each has the log that it has when it is alone."""
    chance = np.random.default_rng(rejects)
    arrival = np.cumsum(chance.choice([0, 0, 1, 5, 20], LEGS))
    lane, service = chance.integers(0, 3, LEGS), chance.integers(0, 30, LEGS)
    limits: dict[str, Any] = {
        "limit_period_ns": [25, 60],
        "limit_per_period": [1, 2],
        "limit_burst_ns": [25, 90],
        "lane_limit": [(0, 0), (2, 1)],
        "rejects": [rejects],
    }
    together = played(engine, arrival, service, UNLIMITED, lane, **limits)
    for number in range(3):
        mine = lane == number
        alone = played(engine, arrival[mine], service[mine], UNLIMITED, lane[mine], **limits)
        for column in ("joined_ns", "started_ns", "ended_ns", "outcome"):
            assert np.array_equal(getattr(together, column)[mine], getattr(alone, column)), (number, column)
        assert alone.replica is None is together.replica
