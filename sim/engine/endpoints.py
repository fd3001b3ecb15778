"""Stations under conditions in the reference engine: limits, a line before them, servers, and a queue for those."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from simpy import Environment

from sim.engine.gates import Gate, Lane, Room, Visit
from sim.routing.conditions import AS_USUAL, NO_LIMIT, RETRY, Conditions, LegOutcome
from sim.routing.itinerary import UNLIMITED
from sim.routing.replicas import Usage


class Refusal(NamedTuple):
    """What becomes of a leg that an endpoint does not take, and in how many ns its limits will have room."""

    outcome: LegOutcome
    wait_ns: int = 0


class Outage(NamedTuple):
    """A time in which an endpoint is down (a slowdown of 0) or slow (thousandths of the usual time)."""

    start_ns: int
    end_ns: int
    slowdown: int


class Balance:
    """Retries that an endpoint still grants, in thousandths: each first try adds `budget`, up to `most`."""

    def __init__(self, budget: int, most: int) -> None:
        self._budget = budget
        self._most = most
        self._left = most

    def earn(self) -> None:
        """Note a first try."""
        self._left = min(self._left + self._budget, self._most)

    def grants(self) -> bool:
        """Take a retry from the balance, if there is one left."""
        if self._budget == NO_LIMIT:
            return True
        if self._left < RETRY:
            return False
        self._left -= RETRY
        return True


class Endpoint:
    """A station under conditions. A visit waits at the limits of its lane, at those of all, then for a server.

    `gate` are the limits of all, `gates` those of each lane, and `queue` is who waits for a server. `cancels`: a server
    is free as soon as its client hangs up.
    """

    def __init__(
        self,
        env: Environment,
        servers: int,
        *,
        lanes: Mapping[int, Lane],
        outages: Sequence[Outage],
        balance: Balance,
        cancels: bool,
        rejects: bool,
        queue: Room,
    ) -> None:
        self.cancels = cancels
        self.balance = balance
        self.gate: Gate
        self.gates: dict[int, Gate] = {}
        self._env = env
        self._free = sys.maxsize if servers == UNLIMITED else servers
        self._lanes = lanes
        self._rejects = rejects
        self._queue = queue
        self._waiting = dict.fromkeys(lanes, 0)
        self._outages_ahead = deque(outages)
        self._outages_now: list[Outage] = []

    def join(self, visit: Visit) -> Refusal | None:
        """Let a leg join now: rules 2 to 5 of `sim.routing.conditions`, with those of `sim.routing.lanes`."""
        if any(outage.slowdown == 0 for outage in self._outages()):
            return Refusal(LegOutcome.FAILED)
        own = self.gates[visit.lane]
        may_pass = own.is_open(visit) and self.gate.is_open(visit)
        if not (may_pass and self._has_room_for(visit)) and self._is_full_for(visit):
            return Refusal(LegOutcome.REJECTED)
        if not may_pass and self._rejects:
            return Refusal(LegOutcome.REJECTED, max(own.room_in(visit), self.gate.room_in(visit)))
        self._waiting[visit.lane] += 1
        if own.is_open(visit):
            own.take(visit)
            self.enter(visit)
        else:
            own.wait(visit)
        return None

    def enter(self, visit: Visit) -> None:
        """Let one who has passed its lane's limits come to those of the station."""
        if self.gate.is_open(visit):
            self.gate.take(visit)
            self.admit(visit)
        else:
            self.gate.wait(visit)

    def admit(self, visit: Visit) -> None:
        """Let one who has passed all limits take a server if one is free."""
        if self._free:
            self._free -= 1
            self._serve(visit)
        else:
            self._queue.add(visit)

    def leave(self, visit: Visit) -> None:
        """Let one who waits go away."""
        self._waiting[visit.lane] -= 1
        queue = self._queue_of(visit)
        if visit in queue:
            queue.remove(visit)
        elif visit in self.gate.line:
            self.gate.leave(visit)
        else:
            self.gates[visit.lane].leave(visit)

    def release(self) -> None:
        """Give a server that has become free to the next in the queue."""
        visit = self._queue.head()
        if visit is None:
            self._free += 1
        else:
            self._queue.remove(visit)
            self._serve(visit)

    def usage(self) -> Usage:
        """Give what replicas did, of which an endpoint has none by itself."""
        return Usage()

    def lasting(self, service_ns: int) -> int:
        """Give how long (ns) a service that starts now takes."""
        slow = [outage.slowdown for outage in self._outages() if outage.slowdown]
        return service_ns * slow[-1] // AS_USUAL if slow else service_ns

    def _serve(self, visit: Visit) -> None:
        """Let a server take a visit."""
        self._waiting[visit.lane] -= 1
        self._queue_of(visit).charge(visit.lane, visit.service_ns)
        visit.succeed()

    def _has_room_for(self, visit: Visit) -> bool:  # noqa: ARG002 - where there are replicas it depends on the visit
        """Say whether a server is free."""
        return self._free > 0

    def _queue_of(self, visit: Visit) -> Room:  # noqa: ARG002 - the same
        """Give where a visit waits for a server."""
        return self._queue

    def _is_full_for(self, visit: Visit) -> bool:
        """Say whether so many wait that this visit may not wait as well."""
        waiting, most = self._waiting, self._lanes[visit.lane].most
        return sum(waiting.values()) >= visit.queue_most or waiting[visit.lane] >= most

    def _outages(self) -> list[Outage]:
        """Give the outages that this instant lies in, in the order of their starts."""
        now = int(self._env.now)
        while self._outages_ahead and self._outages_ahead[0].start_ns <= now:
            self._outages_now.append(self._outages_ahead.popleft())
        if self._outages_now:
            self._outages_now = [outage for outage in self._outages_now if now < outage.end_ns]
        return self._outages_now


def outages_of_stations(conditions: Conditions) -> list[list[Outage]]:
    """Give the outages of each station."""
    outages: list[list[Outage]] = [[] for _ in conditions.cancels]
    columns = (conditions.outage_start_ns, conditions.outage_end_ns, conditions.outage_slowdown)
    for station, *outage in zip(conditions.outage_station.tolist(), *(c.tolist() for c in columns), strict=True):
        outages[station].append(Outage(*outage))
    return outages
