"""The itinerary: the contract between routing patterns and engines.

A pattern turns requests into legs; an engine plays them. A *leg* is one call (to a model, a classifier, a verifier).
Legs of one request with the same stage number start together and are joined: the next stage starts when the slowest has
ended. No chance, price, model name or quality is left in here, so an engine is a pure function of these arrays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.routing.callers import Callers
from sim.routing.conditions import Conditions
from sim.routing.replicas import Replicas

UNLIMITED = 0
"""Number of servers of a station that never queues."""


@dataclass(frozen=True, slots=True)
class Itinerary:
    """What happens to each request, as columns.

    `arrival_ns` int64[n]: arrival times, non-decreasing; the request number is the position.
    `servers` int64[k]: servers per station, `UNLIMITED` for a station without a queue.
    Legs, sorted by (request, stage), in order of joining within a stage:
    `leg_request` int64[m], `leg_stage` int64[m] (0, 1, ... without gaps in each request), `leg_station` int64[m],
    `leg_service_ns` int64[m] (>= 0, and >= 1 at a station with a queue: a server cannot be held for no time, and so
    the order in which tied legs leave a queue is that of their rows).
    A request without legs is answered at its arrival.
    `conditions` are what may keep legs from being done at their first try; without any, every leg is done.
    `callers` (beside conditions) say what callers do of their own accord; without any, nothing.
    `replicas` (beside conditions) say which stations serve in batches, and how.
    """

    arrival_ns: NDArray[np.int64]
    servers: NDArray[np.int64]
    leg_request: NDArray[np.int64]
    leg_stage: NDArray[np.int64]
    leg_station: NDArray[np.int64]
    leg_service_ns: NDArray[np.int64]
    conditions: Conditions | None = None
    replicas: Replicas | None = None
    callers: Callers | None = None

    @property
    def requests(self) -> int:
        """Number of requests."""
        return len(self.arrival_ns)

    @property
    def legs(self) -> int:
        """Number of legs."""
        return len(self.leg_request)

    def check(self) -> None:
        """Raise ValueError if the columns break the contract above; cheap, called once per plan."""
        columns = (self.leg_request, self.leg_stage, self.leg_station, self.leg_service_ns)
        if any(column.dtype != np.int64 for column in (self.arrival_ns, self.servers, *columns)):
            raise ValueError("itinerary columns must be int64")
        if len({len(column) for column in columns}) != 1:
            raise ValueError("leg columns differ in length")
        if np.any(self.arrival_ns[1:] < self.arrival_ns[:-1]):  # a difference might overflow
            raise ValueError("arrivals are not sorted")
        if np.any(self.leg_service_ns < 0) or np.any(self.servers < 0):
            raise ValueError("negative service time or number of servers")
        if self.legs:
            self._check_legs()
        if self.conditions is not None:
            self.conditions.check(self)
        if self.replicas is not None:
            self.replicas.check(self)
        if self.callers is not None:
            self.callers.check(self)

    def _check_legs(self) -> None:
        request, stage = self.leg_request, self.leg_stage
        same = request[1:] == request[:-1]
        step = np.diff(stage)
        first = np.concatenate(([True], ~same))
        if np.any(request[1:] < request[:-1]) or np.any(stage[first] != 0) or np.any(same & ((step < 0) | (step > 1))):
            raise ValueError("legs are not sorted by request and stage, or a stage is skipped")
        if request[0] < 0 or request[-1] >= self.requests:
            raise ValueError("a leg belongs to no request")
        if np.any((self.leg_station < 0) | (self.leg_station >= len(self.servers))):
            raise ValueError("a leg names no station")
        if np.any((self.leg_service_ns == 0) & (self.servers[self.leg_station] != UNLIMITED)):
            raise ValueError("a leg holds a server for no time")
