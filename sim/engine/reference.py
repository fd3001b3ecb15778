"""The reference engine: one SimPy process per request. It is the specification of what an itinerary means."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
from simpy import Environment, Event

from sim.engine import order
from sim.engine.log import LegLog
from sim.engine.stations import Due, Leg, Station
from sim.routing.itinerary import Itinerary


def play(itinerary: Itinerary) -> LegLog:
    """Play the itinerary from an empty system until the last leg has ended; the log has one row per leg.

    The clock counts integer nanoseconds. Raises ValueError if the itinerary breaks its contract or if a time does not
    fit 64 bits.
    """
    itinerary.check()
    log = LegLog(*(np.zeros(itinerary.legs, dtype=np.int64) for _ in range(3)))
    env = Environment()
    stations = [Station(env, int(servers), log) for servers in itinerary.servers]
    env.process(_Players(env, itinerary, stations).source())
    env.run()
    return log


class _Players:
    """The two kinds of process: the source, which lets requests arrive, and the request."""

    def __init__(self, env: Environment, itinerary: Itinerary, stations: list[Station]) -> None:
        self._env = env
        self._stations = stations
        self._legs = itinerary.legs
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
            arrival.schedule(time_ns - int(self._env.now), order.arrival(number, self._legs))
            yield arrival
            self._env.process(self.request(number))

    def request(self, number: int) -> Generator[Event, None, None]:
        """Play one request: the legs of a stage join their stations together; the next stage waits for them all."""
        row, end = self._first[number], self._first[number + 1]
        while row < end:
            stage = self._stage[row]
            joined: list[Leg] = []
            while row < end and self._stage[row] == stage:
                joined.append(self._stations[self._station[row]].join(row, self._service[row]))
                row += 1
            # Waiting for one after the other is enough: a leg that has ended meanwhile is passed at once, so the
            # request moves on at the very event that ends its slowest leg.
            yield from joined
