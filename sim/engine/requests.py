"""The requests of one itinerary in the reference engine, where every leg is done at its first try."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence

import numpy as np
from simpy import Environment, Event

from sim.engine import order
from sim.engine.log import LegLog
from sim.engine.stations import Due, Leg, Station
from sim.routing.itinerary import Itinerary


class Arrivals(ABC):
    """Lets the requests of one itinerary arrive; what a request does is said by those who derive from this.

    `first` has the numbers of the first row and of the first request among all of the run; `to_come` counts the
    requests that have not ended.
    """

    def __init__(self, env: Environment, itinerary: Itinerary, first: tuple[int, int]) -> None:
        self.to_come = itinerary.requests
        self._env = env
        self._first_leg, self._first_request = first
        # A memoryview hands out plain integers one at a time: faster than the array, and no list of them all is kept.
        self._arrival = itinerary.arrival_ns.data
        self._stage = itinerary.leg_stage.data
        self._station = itinerary.leg_station.data
        self._service = itinerary.leg_service_ns.data
        # Request r owns the rows first[r] to first[r + 1] (exclusive).
        self._first = np.searchsorted(itinerary.leg_request, np.arange(itinerary.requests + 1)).data

    def source(self) -> Generator[Event, None, None]:
        """Wait for each arrival in turn and let its request begin."""
        for number, time_ns in enumerate(self._arrival):
            arrival = Due(self._env)
            arrival.schedule(time_ns - int(self._env.now), order.arrival(self._first_request + number))
            yield arrival
            self._env.process(self.request(number))

    @abstractmethod
    def request(self, number: int) -> Generator[Event, None, None]:
        """Play one request."""


class Requests(Arrivals):
    """One itinerary without conditions in play: its arrivals, and one process per request."""

    def __init__(
        self, env: Environment, stations: Sequence[Station], itinerary: Itinerary, first: tuple[int, int]
    ) -> None:
        super().__init__(env, itinerary, first)
        times = [np.zeros(itinerary.legs, dtype=np.int64) for _ in range(3)]
        self.log = LegLog(times[0], times[1], times[2])
        self._times = (self.log.joined_ns.data, self.log.started_ns.data, self.log.ended_ns.data)
        self._stations = stations

    def request(self, number: int) -> Generator[Event, None, None]:
        """Play one request: the legs of a stage join their stations together; the next stage waits for them all."""
        row, end = self._first[number], self._first[number + 1]
        while row < end:
            stage = self._stage[row]
            joined: list[Leg] = []
            while row < end and self._stage[row] == stage:
                leg = Leg(self._env, self._first_leg + row, self._service[row], self._times, row)
                self._stations[self._station[row]].join(leg)
                joined.append(leg)
                row += 1
            # Waiting for one after the other is enough: a leg that has ended meanwhile is passed at once, so the
            # request moves on at the very event that ends its slowest leg.
            yield from joined
        self.to_come -= 1
