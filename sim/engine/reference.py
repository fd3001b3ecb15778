"""The reference engine: one SimPy process per request. It is the specification of what an itinerary means."""

from __future__ import annotations

from collections import deque

from simpy import Environment

from sim.engine.clients import Clients
from sim.engine.clusters import Cluster, endpoints
from sim.engine.desks import Desk, desks
from sim.engine.endpoints import Endpoint
from sim.engine.log import LegLog
from sim.engine.parts import Intake
from sim.engine.requests import Requests
from sim.engine.scaling import Scaler
from sim.engine.stations import Station
from sim.routing.itinerary import Itinerary
from sim.routing.replicas import Usage


class Reference:
    """Plays with SimPy; its clock counts integer nanoseconds."""

    def __init__(self) -> None:
        self._env = Environment()
        self._intake = Intake()
        self._stations: list[Station] = []
        self._endpoints: list[Endpoint] = []
        self._desks: list[Desk] = []
        self._open: deque[Requests | Clients] = deque()
        self._is_last = False

    def advance(self, itinerary: Itinerary, until_ns: int | None) -> list[LegLog]:
        """Take in the next requests and play all events before `until_ns`, or all there are."""
        first = self._intake.take(itinerary, until_ns)
        self._is_last = until_ns is None
        part = self._part(itinerary, first)
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

    def usage(self) -> list[Usage]:
        """Give what the replicas of each station did within the window."""
        return [endpoint.usage() for endpoint in self._endpoints]

    def _is_over(self) -> bool:
        """Say whether nobody will come and every request is over."""
        return self._is_last and not any(part.to_come for part in self._open)

    def _part(self, itinerary: Itinerary, first: tuple[int, int]) -> Requests | Clients:
        """Give the part of the run that an itinerary is, and before the first make the stations."""
        conditions = itinerary.conditions
        if conditions is None:
            if not self._stations:
                self._stations = [Station(self._env, int(servers)) for servers in itinerary.servers]
            return Requests(self._env, self._stations, itinerary, first)
        if not self._endpoints:
            self._endpoints = endpoints(self._env, itinerary, conditions)
            self._desks = desks(itinerary)
            clusters = [endpoint for endpoint in self._endpoints if isinstance(endpoint, Cluster)]
            Scaler(self._env, clusters, self._is_over)
        return Clients(self._env, (self._endpoints, self._desks), itinerary, conditions, first)
