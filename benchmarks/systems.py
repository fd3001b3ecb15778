"""The three systems that every engine plays: M/M/1, M/M/10, and a cascade, each loaded to four fifths or so.

Everything is drawn beforehand and rounded to whole nanoseconds; `Numbers` says the same to those who draw as they go.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sim.routing.itinerary import UNLIMITED, Itinerary

NS = 1_000_000_000
PART = 65_536
"""Requests per part where a run is handed over in parts."""

Part = tuple[Itinerary, int | None]
"""An itinerary, and the time before which nobody who comes later will arrive (None: nobody will)."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """A system: arrivals per second, servers and mean service time (s) of the first station, and of the second.

    `escalated` of the requests go on to the second station after a check of `check_s` that nobody waits for.
    """

    name: str
    rate: float
    servers: int
    mean_s: float
    escalated: float = 0.0
    check_s: float = 0.0
    second_servers: int = 0
    second_mean_s: float = 0.0
    is_cascade: bool = field(default=False)


SYSTEMS = (
    Numbers("M/M/1", rate=0.8, servers=1, mean_s=1.0),
    Numbers("M/M/10", rate=8.0, servers=10, mean_s=1.0),
    Numbers(
        "cascade",
        rate=8.0,
        servers=10,
        mean_s=1.0,
        escalated=0.3,
        check_s=0.06,
        second_servers=4,
        second_mean_s=4 / 3,  # 8/s x .3 x 4/3 s / 4 servers = .8
        is_cascade=True,
    ),
)


def drawn(system: Numbers, requests: int, seed: int = 1) -> Itinerary:
    """Draw a run of this many requests as an engine takes it."""
    chance = np.random.Generator(np.random.Philox(seed))
    arrival = np.cumsum(_exponential(chance, NS / system.rate, requests))
    service = _exponential(chance, NS * system.mean_s, requests)
    if not system.is_cascade:
        one = np.arange(requests, dtype=np.int64)
        zero = np.zeros(requests, dtype=np.int64)
        return Itinerary(arrival, np.array([system.servers]), one, zero, zero.copy(), service)
    goes_on = chance.random(requests) < system.escalated
    legs = 2 + goes_on.astype(np.int64)
    request = np.repeat(np.arange(requests, dtype=np.int64), legs)
    first = np.cumsum(legs) - legs
    stage = np.arange(len(request), dtype=np.int64) - np.repeat(first, legs)
    time = np.empty(len(request), dtype=np.int64)
    time[first] = service
    time[first + 1] = round(NS * system.check_s)
    time[first[goes_on] + 2] = _exponential(chance, NS * system.second_mean_s, int(goes_on.sum()))
    servers = np.array([system.servers, UNLIMITED, system.second_servers], dtype=np.int64)
    return Itinerary(arrival, servers, request, stage, stage.copy(), time)


def _exponential(chance: np.random.Generator, mean_ns: float, size: int) -> NDArray[np.int64]:
    """Draw exponential times in whole nanoseconds, at least one."""
    return np.maximum(chance.exponential(mean_ns, size).astype(np.int64), 1)


def parts_of(itinerary: Itinerary, cuts: list[int]) -> list[Part]:
    """Cut an itinerary into parts that begin at these request numbers, as `Engine.advance` takes them."""
    edges = [0, *cuts, itinerary.requests]
    row = np.searchsorted(itinerary.leg_request, edges)
    arrival = itinerary.arrival_ns
    last = int(arrival[-1]) if itinerary.requests else 0
    parts: list[Part] = []
    for (begin, end), (low, high) in zip(pairwise(edges), pairwise(row.tolist()), strict=True):
        legs = slice(low, high)
        part = Itinerary(
            arrival[begin:end],
            itinerary.servers,
            itinerary.leg_request[legs] - begin,
            itinerary.leg_stage[legs],
            itinerary.leg_station[legs],
            itinerary.leg_service_ns[legs],
        )
        parts.append((part, int(arrival[end]) if end < itinerary.requests else last))
    parts[-1] = (parts[-1][0], None)
    return parts


def even_parts(itinerary: Itinerary, size: int = PART) -> list[Part]:
    """Cut an itinerary into parts of `size` requests."""
    return parts_of(itinerary, list(range(size, itinerary.requests, size)))
