"""The reference engine: one SimPy process per request. It is the specification of what an itinerary means."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator

import numpy as np
from simpy import Environment, Event

from sim.engine import order
from sim.engine.log import LegLog
from sim.engine.parts import Intake
from sim.engine.stations import Due, Leg, Station
from sim.routing.itinerary import Itinerary


class Reference:
    """Plays with SimPy; its clock counts integer nanoseconds."""

    def __init__(self) -> None:
        self._env = Environment()
        self._intake = Intake()
        self._stations: list[Station] = []
        self._open: deque[_Part] = deque()

    def advance(self, itinerary: Itinerary, until_ns: int | None) -> list[LegLog]:
        """Take in the next requests and play all events before `until_ns`, or all there are."""
        first_leg, first_request = self._intake.take(itinerary, until_ns)
        if not self._stations:
            self._stations = [Station(self._env, int(servers)) for servers in itinerary.servers]
        part = _Part(self._env, self._stations, itinerary, first_leg, first_request)
        self._open.append(part)
        self._env.process(part.source())
        if until_ns is None:
            self._env.run()
        else:
            while self._env.peek() < until_ns:
                self._env.step()
        done = []
        while self._open and self._open[0].to_come == 0:
            done.append(self._open.popleft().log)
        return done


class _Part:
    """One itinerary in play, with its two kinds of process: the source, which lets requests arrive, and the request.

    `to_come` counts the requests that have not ended.
    """

    def __init__(
        self, env: Environment, stations: list[Station], itinerary: Itinerary, first_leg: int, first_request: int
    ) -> None:
        times = [np.zeros(itinerary.legs, dtype=np.int64) for _ in range(3)]
        self.log = LegLog(times[0], times[1], times[2])
        self.to_come = itinerary.requests
        self._env = env
        self._stations = stations
        self._first_leg = first_leg
        self._first_request = first_request
        self._times = (self.log.joined_ns.data, self.log.started_ns.data, self.log.ended_ns.data)
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
