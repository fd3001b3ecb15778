"""Stations with replicas in the reference engine: a balancer before them, and how many there are."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from simpy import Environment

from sim.engine.batches import Replica, Speeds, Stay
from sim.engine.endpoints import Balance as Retries
from sim.engine.endpoints import Endpoint, outages_of_stations
from sim.engine.gates import Gate, Room, Visit, lanes_of_stations
from sim.engine.limits import limits_of_gates
from sim.engine.scaling import Wanted
from sim.routing.conditions import Conditions
from sim.routing.itinerary import UNLIMITED, Itinerary
from sim.routing.lanes import lanes_of
from sim.routing.replicas import HALF_BITS, MOST_COUNTED, Balance, Replicas, Usage


class Cluster(Endpoint):
    """A station with replicas; `number` is that of the station."""

    def __init__(
        self,
        env: Environment,
        number: int,
        replicas: Replicas,
        *,
        first: int,
        speeds: Speeds,
        queues: Callable[[], Room],
        **rules: Any,
    ) -> None:
        super().__init__(env, UNLIMITED, **rules)
        self._balance = Balance(int(replicas.balance[number]))
        self.number = number
        self.wanted = Wanted(replicas, number)
        self._startup_ns = int(replicas.startup_ns[number])
        self._load_ns = self._since = 0
        start, end = replicas.window_ns.tolist()
        self._replicas = [
            Replica(
                env,
                (own, first + own),
                slots=int(replicas.slots[number]),
                speeds=speeds,
                window_ns=(start, end),
                queue=queues(),
                home=self,
            )
            for own in range(int(replicas.most[number]))
        ]
        self._last = -1
        for own, replica in enumerate(self._replicas):
            if own < self.wanted.number:
                replica.start(0)

    def hang_up(self, stay: Stay) -> None:
        """Let the client of a leg in a slot go; the slot is free if the station cancels."""
        if self.cancels and stay.replica is not None:
            stay.replica.free(stay)

    def usage(self) -> Usage:
        """Give what the replicas have done within the window."""
        return Usage(
            served_ns=sum(replica.served_ns for replica in self._replicas),
            busy_ns=sum(replica.busy_ns for replica in self._replicas),
            up_ns=sum(replica.paid_ns() for replica in self._replicas),
        )

    def scale(self) -> None:
        """Decide how many replicas are wanted now, and let replicas start, drain or go."""
        self.wanted.decide(int(self._env.now), self._take_load)
        for own, replica in enumerate(self._replicas):
            if own < self.wanted.number:
                replica.start(self._startup_ns)
            else:
                replica.stop()

    def _add_load(self) -> None:
        """Count the time that legs have spent here, before their number changes."""
        there = sum(replica.load() for replica in self._replicas)
        self._load_ns += min(there, MOST_COUNTED) * (int(self._env.now) - self._since)
        self._since = int(self._env.now)

    def _take_load(self) -> int:
        self._add_load()
        load, self._load_ns = self._load_ns, 0
        return load

    def _pick(self, lot: int) -> Replica:
        """Pick a replica for a leg that passes now."""
        up = [replica for replica in self._replicas if replica.is_up()]
        if self._balance == Balance.ROUND_ROBIN:
            return next((replica for replica in up if replica.number > self._last), up[0])
        if self._balance == Balance.LEAST_LOADED:
            return min(up, key=Replica.load)
        high, low = divmod(lot, 1 << HALF_BITS)
        one = other = high * len(up) >> HALF_BITS
        if self._balance == Balance.POWER_OF_TWO and len(up) > 1:
            other = low * (len(up) - 1) >> HALF_BITS
            other += other >= one
        return min(up[min(one, other)], up[max(one, other)], key=Replica.load)

    def _has_room_for(self, visit: Visit) -> bool:
        return self._pick(_stay(visit).lot).has_room()

    def admit(self, visit: Visit) -> None:
        """Send one who has passed all limits to a replica."""
        stay = _stay(visit)
        self._add_load()
        replica = self._pick(stay.lot)
        self._last = replica.number
        replica.take(stay)

    def leave(self, visit: Visit) -> None:
        """Let one who waits go away."""
        self._add_load()
        super().leave(visit)

    def entering(self, stay: Stay) -> None:
        """Note that a leg has a slot now."""
        self._serve(stay)

    def leaving(self) -> None:
        """Note that a leg is about to leave."""
        self._add_load()

    def _queue_of(self, visit: Visit) -> Room:
        replica = _stay(visit).replica
        return self._queue if replica is None else replica.queue


def _stay(visit: Visit) -> Stay:
    if not isinstance(visit, Stay):
        raise TypeError("a leg that comes to replicas brings no work for them")
    return visit


def endpoints(env: Environment, itinerary: Itinerary, conditions: Conditions) -> list[Endpoint]:
    """Make the endpoints of a run from the columns of its first itinerary."""
    lanes = lanes_of(itinerary)
    limits, outages = limits_of_gates(conditions, lanes), outages_of_stations(conditions)
    clusters = _clusters(itinerary)
    found = []
    for number, mine in enumerate(lanes_of_stations(lanes, itinerary)):
        queues = partial(Room, mine, fair=bool(lanes.fair[number]))
        rules: dict[str, Any] = {
            "lanes": mine,
            "outages": outages[number],
            "balance": Retries(int(conditions.budget[number]), int(conditions.budget_most[number])),
            "cancels": bool(conditions.cancels[number]),
            "rejects": bool(conditions.rejects[number]),
            "queue": queues(),
        }
        if itinerary.replicas is not None and number in clusters:
            first, speeds = clusters[number]
            endpoint: Endpoint = Cluster(
                env, number, itinerary.replicas, first=first, speeds=speeds, queues=queues, **rules
            )
        else:
            endpoint = Endpoint(env, int(itinerary.servers[number]), **rules)
        endpoint.gate = Gate(env, number, limits[number], queues(), endpoint.admit)
        for lane, kind in mine.items():
            own = len(itinerary.servers) + lane
            endpoint.gates[lane] = Gate(env, own, limits[own], Room({lane: kind}, fair=False), endpoint.enter)
        found.append(endpoint)
    return found


def _clusters(itinerary: Itinerary) -> dict[int, tuple[int, Speeds]]:
    """Give, for each station with replicas, the number of the first of them in the run, and its speeds."""
    replicas, found = itinerary.replicas, dict[int, tuple[int, Speeds]]()
    if replicas is None:
        return found
    curves = (replicas.prefill_speed, replicas.decode_speed, replicas.beside_speed)
    first = entry = 0
    for station, (slots, most) in enumerate(zip(replicas.slots.tolist(), replicas.most.tolist(), strict=True)):
        if slots:
            found[station] = first, Speeds(*(curve[entry : entry + slots].tolist() for curve in curves))
            first, entry = first + most, entry + slots
    return found
