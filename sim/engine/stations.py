"""Stations of the reference engine: a pool of servers behind one first-come-first-served queue."""

from __future__ import annotations

import sys
from collections import deque

from simpy import Environment, Event
from simpy.events import EventPriority

from sim.engine import order
from sim.routing.itinerary import UNLIMITED

Times = tuple["memoryview[int]", "memoryview[int]", "memoryview[int]"]
"""Where joined, started and ended are written, one value per row."""


class Due(Event):
    """An event that happens at a known time, at its place in the total order of events."""

    def schedule(self, delay_ns: int, rank: int) -> None:
        """Let it happen `delay_ns` from now; `rank` comes from `sim.engine.order`."""
        self._ok = True
        self._value = None
        self.env.schedule(self, EventPriority(rank), delay_ns)


class Leg(Due):
    """The end of one leg, as an event to wait for; it is scheduled once a server takes the leg.

    `number` is the leg's among all of the run, `service_ns` how long it holds its server; its times are written to
    row `row` of `times`.
    """

    def __init__(self, env: Environment, number: int, service_ns: int, times: Times, row: int) -> None:
        super().__init__(env)
        self.number = number
        self.service_ns = service_ns
        self._joined, self._started, self._ended = times
        self._row = row

    def join(self) -> None:
        """Note that it joins a station now."""
        self._joined[self._row] = int(self.env.now)

    def start(self) -> None:
        """Note that a server takes it now, and let it end after its service time."""
        self._started[self._row] = int(self.env.now)
        self.schedule(self.service_ns, order.completion(self.number))

    def end(self) -> None:
        """Note that it has ended now."""
        self._ended[self._row] = int(self.env.now)


class Station:
    """A pool of servers, each holding one leg at a time; legs that find none free wait in order of joining."""

    def __init__(self, env: Environment, servers: int) -> None:
        self._env = env
        self._free = sys.maxsize if servers == UNLIMITED else servers
        self._waiting: deque[Leg] = deque()

    def join(self, leg: Leg) -> None:
        """Let a leg join now: it starts at once if a server is free, and waits in the queue otherwise."""
        # First in the list, before the request that will wait for the leg: a freed server goes to the next waiter
        # before the request that freed it moves on.
        leg.callbacks.append(lambda _: self._release(leg))
        leg.join()
        if self._free:
            self._free -= 1
            leg.start()
        else:
            self._waiting.append(leg)

    def _release(self, ended: Leg) -> None:
        ended.end()
        if self._waiting:
            self._waiting.popleft().start()
        else:
            self._free += 1
