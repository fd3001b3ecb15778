"""A slow twin of what replicas do: all of them work on from each event to the next, and nothing is ever scheduled."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sim.routing.itinerary import Itinerary
from sim.routing.replicas import FULL_SPEED, LEG_COLUMNS, STATION_COLUMNS, Balance, Replicas


def with_replicas(itinerary: Itinerary, slots: list[int], **columns: Any) -> Itinerary:
    """Put replicas at the stations that have slots: these columns, and for the others one replica at full speed."""
    stations, legs, curve = len(slots), itinerary.legs, [FULL_SPEED] * sum(slots)
    values: dict[str, Any] = {
        "prefill_ns": [0] * legs,
        "lot": [0] * legs,
        "slots": slots,
        "number": [1] * stations,
        "balance": [Balance.ROUND_ROBIN] * stations,
        "most": columns.get("number", [1] * stations),
        **{name: [0] * stations for name in ("startup_ns", "every_ns", "cooldown_ns")},
        "load_ns": [1] * stations,
        "least": [1] * stations,
        **{name: [] for name in ("plan_station", "plan_at_ns", "plan_replicas")},
        "prefill_speed": curve,
        "decode_speed": curve,
        "beside_speed": curve,
        "window_ns": [0, 10**9],
    } | columns
    return replace(
        itinerary, replicas=Replicas(**{name: np.array(value, dtype=np.int64) for name, value in values.items()})
    )


def replicas_of(itinerary: Itinerary, legs: slice) -> Replicas | None:
    """Give the replicas as some legs, all those of some requests, see them."""
    replicas = itinerary.replicas
    return replicas and replace(replicas, **{name: getattr(replicas, name)[legs] for name in LEG_COLUMNS})


@dataclass
class Inside:
    """A leg in a slot: what it still has to do of this phase and of the next."""

    leg: int
    left: int
    then: int
    prefills: bool = True


class Batches:
    """The replicas of all stations that have some, by (station, number)."""

    def __init__(self, itinerary: Itinerary) -> None:
        columns = itinerary.replicas
        self.is_empty = columns is None
        self.clock = 0
        self.inside: dict[tuple[int, int], list[Inside]] = {}
        self.waiting: dict[tuple[int, int], list[int]] = {}
        self.last: dict[int, int] = {}
        self.served: dict[int, int] = {}
        self.busy: dict[int, int] = {}
        self.first: dict[int, int] = {}
        self.decided: dict[int, int] = {}
        self.where: dict[int, tuple[int, int]] = {}
        self.plan: list[tuple[int, int, int]] = []
        self.load: dict[int, int] = {}
        self.paid: dict[int, int] = {}
        self.wanted: dict[int, int] = {}
        self.changed: dict[int, int] = {}
        self.state: dict[tuple[int, int], str] = {}
        self.ready: dict[tuple[int, int], int] = {}
        self.slots = [0] * len(itinerary.servers) if columns is None else columns.slots.tolist()
        if columns is None:
            return
        self.column = {name: getattr(columns, name).tolist() for name in STATION_COLUMNS}
        plan = zip(
            *(getattr(columns, f"plan_{name}").tolist() for name in ("at_ns", "station", "replicas")), strict=True
        )
        self.plan = sorted(plan)
        self.prefill, self.lot = columns.prefill_ns.tolist(), columns.lot.tolist()
        self.balance = columns.balance.tolist()
        self.window = columns.window_ns.tolist()
        self.speed: dict[tuple[str, int, int], int] = {}
        entry = 0
        for station, slots in enumerate(self.slots):
            for many in range(1, slots + 1):
                self.speed["prefill", station, many] = int(columns.prefill_speed[entry])
                self.speed["decode", station, many] = int(columns.decode_speed[entry])
                self.speed["beside", station, many] = int(columns.beside_speed[entry])
                entry += 1
            if slots:
                self.served[station] = self.busy[station] = self.load[station] = self.paid[station] = 0
                self.wanted[station], self.changed[station] = int(columns.number[station]), 0
                for number in range(int(columns.most[station])):
                    self.inside[station, number], self.waiting[station, number] = [], []
                    self.state[station, number] = "up" if number < columns.number[station] else "down"
                    self.ready[station, number] = 0

    def pace(self, at: tuple[int, int], one: Inside) -> int:
        """Give what a leg inside does in a nanosecond."""
        prefilling = sum(other.prefills for other in self.inside[at])
        if one.prefills:
            return self.speed["prefill", at[0], prefilling]
        kind = "beside" if prefilling else "decode"
        return self.speed[kind, at[0], len(self.inside[at]) - prefilling]

    def work_until(self, now: int) -> None:
        """Let everybody work."""
        for at, inside in self.inside.items():
            measured = len(range(max(self.clock, self.window[0]), min(now, self.window[1])))
            self.served[at[0]] += measured * len(inside)
            self.busy[at[0]] += measured * (len(inside) > 0)
            self.paid[at[0]] += measured * (self.state[at] != "down")
            for one, pace in [(one, self.pace(at, one)) for one in inside]:
                one.left -= pace * (now - self.clock)
        for station in self.load:
            there = sum(len(self.inside[at]) + len(self.waiting[at]) for at in self.inside if at[0] == station)
            self.load[station] += min(there, 2**20) * (now - self.clock)
        self.clock = now

    def next_decision(self) -> tuple[int, int] | None:
        """Give when and where it is next decided how many replicas are wanted."""
        times = [(at, station) for at, station, _ in self.plan]
        for station in self.load:
            every = self.column["every_ns"][station]
            if every:
                times.append((self.decided.get(station, 0) + every, station))
        return min(times, default=None)

    def decide(self, now: int, station: int) -> None:
        """Decide at one station how many replicas are wanted, and let them start, drain or go."""
        wanted = self.wanted[station]
        if self.plan and self.plan[0][:2] == (now, station):
            wanted = self.plan.pop(0)[2]
        if self.column["every_ns"][station] and now == self.decided.get(station, 0) + self.column["every_ns"][station]:
            self.decided[station] = now
            needed = -(-self.load[station] // self.column["load_ns"][station])
            needed = max(self.column["least"][station], min(needed, self.column["most"][station]))
            self.load[station] = 0
            if needed > wanted or now - self.changed[station] >= self.column["cooldown_ns"][station]:
                wanted = needed
        if wanted != self.wanted[station]:
            self.wanted[station], self.changed[station] = wanted, now
        for at in [at for at in self.state if at[0] == station]:
            self.arrange(now, at, is_wanted=at[1] < wanted)

    def arrange(self, now: int, at: tuple[int, int], *, is_wanted: bool) -> None:
        """Let a replica start, be up again, drain or go."""
        if is_wanted and self.state[at] == "down":
            self.state[at], self.ready[at] = "up", now + self.column["startup_ns"][at[0]]
        elif is_wanted:
            self.state[at] = "up"
        elif self.state[at] == "up":
            self.state[at] = "drains"
        self.let_go(at)

    def let_go(self, at: tuple[int, int]) -> None:
        """Let a replica go that drains and has no legs."""
        if self.state[at] == "drains" and not self.inside[at]:
            self.state[at] = "down"

    def next_step(self) -> tuple[int, tuple[int, int]] | None:
        """Give when and where the next phase ends."""
        steps = []
        for at, inside in self.inside.items():
            for one in inside:
                spans, rest = divmod(one.left, self.pace(at, one))
                steps.append((self.clock + max(spans + (rest > 0), 0), at))
        return min(steps, default=None)

    def step(self, at: tuple[int, int]) -> int | None:
        """End one phase there; give the leg whose last one it was."""
        order = sorted((not one.prefills, one.left, one.leg, one) for one in self.inside[at] if one.left <= 0)
        one = order[0][-1]
        if one.prefills:
            one.prefills, one.left = False, one.then
            self.first[one.leg] = self.clock
            return None
        self.inside[at].remove(one)
        return one.leg

    def pick(self, station: int, leg: int) -> tuple[int, int]:
        """Give the replica that a leg would be sent to."""
        up = [at for at in self.inside if at[0] == station and self.state[at] == "up" and self.ready[at] <= self.clock]

        def load(at: tuple[int, int]) -> tuple[int, int]:
            return len(self.inside[at]) + len(self.waiting[at]), at[1]

        if self.balance[station] == Balance.ROUND_ROBIN:
            return min(up, key=lambda at: (at[1] <= self.last.get(station, -1), at[1]))
        if self.balance[station] == Balance.LEAST_LOADED:
            return min(up, key=load)
        one = up[(self.lot[leg] // 2**26) * len(up) // 2**26]
        others = [at for at in up if at != one]
        if self.balance[station] == Balance.RANDOM or not others:
            return one
        return min(one, others[(self.lot[leg] % 2**26) * len(others) // 2**26], key=load)

    def send(self, station: int, leg: int) -> tuple[int, int]:
        """Send a leg to its replica, to wait there."""
        at = self.where[leg] = self.pick(station, leg)
        self.last[station] = at[1]
        self.waiting[at].append(leg)
        return at

    def enter(self, at: tuple[int, int], leg: int, prefill: int, service: int) -> None:
        """Put a leg in a slot that knows how long its phases take alone."""
        self.inside[at].append(Inside(leg, prefill * FULL_SPEED, (service - prefill) * FULL_SPEED))

    def has_room(self, at: tuple[int, int]) -> bool:
        """Say whether a slot is free."""
        return len(self.inside[at]) < self.slots[at[0]]
