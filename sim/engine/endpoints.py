"""Stations under conditions in the reference engine: limits, a line before them, servers, and a queue for those."""

from __future__ import annotations

import sys
from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import NamedTuple

from simpy import Environment, Event

from sim.engine import order
from sim.engine.limits import Limit, limits_of_stations
from sim.engine.stations import Due
from sim.routing.conditions import AS_USUAL, NO_LIMIT, RETRY, Conditions, LegOutcome
from sim.routing.itinerary import UNLIMITED, Itinerary


class Visit(Event):
    """A leg that joins an endpoint, as the event that a server takes it.

    `tokens` is what it takes from limits that count tokens, `queue_most` from how many waiters on it is turned away.
    """

    def __init__(self, env: Environment, tokens: int, queue_most: int) -> None:
        super().__init__(env)
        self.tokens = tokens
        self.queue_most = queue_most


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
    """A station under conditions. A visit waits in line for the limits, then in the queue for a server.

    `cancels`: a server is free as soon as its client hangs up.
    """

    def __init__(
        self,
        env: Environment,
        number: int,
        servers: int,
        *,
        limits: Sequence[Limit],
        outages: Sequence[Outage],
        balance: Balance,
        cancels: bool,
        rejects: bool,
    ) -> None:
        self.cancels = cancels
        self.balance = balance
        self._env = env
        self._number = number
        self._free = sys.maxsize if servers == UNLIMITED else servers
        self._limits = limits
        self._rejects = rejects
        self._line: OrderedDict[Visit, None] = OrderedDict()
        self._queue: OrderedDict[Visit, None] = OrderedDict()
        self._turn: Due | None = None
        self._outages_ahead = deque(outages)
        self._outages_now: list[Outage] = []

    def join(self, visit: Visit) -> Refusal | None:
        """Let a leg join now: rules 2 to 5 of `sim.routing.conditions`."""
        if any(outage.slowdown == 0 for outage in self._outages()):
            return Refusal(LegOutcome.FAILED)
        room_in_ns = self._room_in(visit)
        may_pass = not self._line and room_in_ns == 0
        if not (may_pass and self._free) and len(self._line) + len(self._queue) >= visit.queue_most:
            return Refusal(LegOutcome.REJECTED)
        if may_pass:
            self._pass(visit)
        elif self._rejects:
            return Refusal(LegOutcome.REJECTED, room_in_ns)
        else:
            self._line[visit] = None
            if len(self._line) == 1:
                self._look()
        return None

    def leave(self, visit: Visit) -> None:
        """Let one who waits go away."""
        if visit in self._queue:
            del self._queue[visit]
            return
        was_head = next(iter(self._line)) is visit
        del self._line[visit]
        if was_head:
            self._look()

    def release(self) -> None:
        """Give a server that has become free to the next in the queue."""
        if self._queue:
            self._queue.popitem(last=False)[0].succeed()
        else:
            self._free += 1

    def lasting(self, service_ns: int) -> int:
        """Give how long (ns) a service that starts now takes."""
        slow = [outage.slowdown for outage in self._outages() if outage.slowdown]
        return service_ns * slow[-1] // AS_USUAL if slow else service_ns

    def _pass(self, visit: Visit) -> None:
        """Take from the limits, then a server if one is free."""
        for limit in self._limits:
            limit.take(visit.tokens, int(self._env.now))
        if self._free:
            self._free -= 1
            visit.succeed()
        else:
            self._queue[visit] = None

    def _room_in(self, visit: Visit) -> int:
        """Give in how many ns all limits have room for a visit, if nobody else comes."""
        return max([0, *(limit.room_from(visit.tokens) - int(self._env.now) for limit in self._limits)])

    def _look(self) -> None:
        """See when the head of the line can pass, and let it have its turn then."""
        self._turn = None
        if self._line:
            self._turn = turn = Due(self._env)
            turn.callbacks.append(self._take_turn)
            turn.schedule(self._room_in(next(iter(self._line))), order.turn(self._number))

    def _take_turn(self, turn: Event) -> None:
        """Let the head of the line pass if all limits have room, and look at who is the head now."""
        if turn is not self._turn:  # it was that of a head who has left
            return
        if self._room_in(next(iter(self._line))) == 0:
            self._pass(self._line.popitem(last=False)[0])
        self._look()

    def _outages(self) -> list[Outage]:
        """Give the outages that this instant lies in, in the order of their starts."""
        now = int(self._env.now)
        while self._outages_ahead and self._outages_ahead[0].start_ns <= now:
            self._outages_now.append(self._outages_ahead.popleft())
        if self._outages_now:
            self._outages_now = [outage for outage in self._outages_now if now < outage.end_ns]
        return self._outages_now


def endpoints(env: Environment, itinerary: Itinerary, conditions: Conditions) -> list[Endpoint]:
    """Make the endpoints of a run from the columns of its first itinerary."""
    limits = limits_of_stations(conditions)
    outages: list[list[Outage]] = [[] for _ in limits]
    columns = (conditions.outage_start_ns, conditions.outage_end_ns, conditions.outage_slowdown)
    for station, *outage in zip(conditions.outage_station.tolist(), *(c.tolist() for c in columns), strict=True):
        outages[station].append(Outage(*outage))
    return [
        Endpoint(
            env,
            number,
            servers,
            limits=limits[number],
            outages=outages[number],
            balance=Balance(int(conditions.budget[number]), int(conditions.budget_most[number])),
            cancels=bool(conditions.cancels[number]),
            rejects=bool(conditions.rejects[number]),
        )
        for number, servers in enumerate(itinerary.servers.tolist())
    ]
