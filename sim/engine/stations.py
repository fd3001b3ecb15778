"""Stations of the reference engine: a pool of servers behind one first-come-first-served queue."""

from __future__ import annotations

import sys
from collections import deque

from simpy import Environment, Event
from simpy.events import EventPriority

from sim.engine import order
from sim.engine.log import LegLog
from sim.routing.itinerary import UNLIMITED


class Due(Event):
    """An event that happens at a known time, at its place in the total order of events."""

    def schedule(self, delay_ns: int, rank: int) -> None:
        """Let it happen `delay_ns` from now; `rank` comes from `sim.engine.order`."""
        self._ok = True
        self._value = None
        self.env.schedule(self, EventPriority(rank), delay_ns)


class Leg(Due):
    """The end of one leg, as an event to wait for; it is scheduled once a server takes the leg.

    `row` is the leg's row in itinerary and log; `service_ns` is how long it holds its server.
    """

    def __init__(self, env: Environment, row: int, service_ns: int) -> None:
        super().__init__(env)
        self.row = row
        self.service_ns = service_ns


class Station:
    """A pool of servers, each holding one leg at a time; legs that find none free wait in order of joining."""

    def __init__(self, env: Environment, servers: int, log: LegLog) -> None:
        self._env = env
        self._free = sys.maxsize if servers == UNLIMITED else servers
        self._waiting: deque[Leg] = deque()
        self._joined, self._started, self._ended = log.joined_ns.data, log.started_ns.data, log.ended_ns.data

    def join(self, row: int, service_ns: int) -> Leg:
        """Let a leg join now: it starts at once if a server is free, and waits in the queue otherwise."""
        leg = Leg(self._env, row, service_ns)
        # First in the list, before the request that will wait for the leg: a freed server goes to the next waiter
        # before the request that freed it moves on.
        leg.callbacks.append(self._release)
        self._joined[row] = int(self._env.now)
        if self._free:
            self._free -= 1
            self._serve(leg)
        else:
            self._waiting.append(leg)
        return leg

    def _serve(self, leg: Leg) -> None:
        self._started[leg.row] = int(self._env.now)
        leg.schedule(leg.service_ns, order.completion(leg.row))

    def _release(self, ended: Leg) -> None:
        self._ended[ended.row] = int(self._env.now)
        if self._waiting:
            self._serve(self._waiting.popleft())
        else:
            self._free += 1
