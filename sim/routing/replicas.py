"""Replicas that serve calls in batches: the part of an itinerary about stations that have `slots`.

All that `sim.routing.conditions` says holds for such a station, with what follows in place of servers.

**Dispatch.** A replica is picked for a leg at the instant it passes the limits (and, to see whether it may start at
once, as if it did), among those that are up; it stays with that replica. A free slot there is taken at once, and else
the leg waits for one at the replica: first come first served, or in the order that `sim.routing.lanes` gives to queues,
each replica having one of its own (with leads of its own, where the station is fair). All who wait at the station,
whatever the replica, count against `queue_most` and `lane_most`. Of n replicas that are up, in the order of their
numbers, by `balance`:

- `ROUND_ROBIN`: the next one after the one picked last, the first one to begin with and after the last.
- `LEAST_LOADED`: the one with fewest legs, in its slots or waiting for them; of equals the first.
- `RANDOM`: number (lot >> 26) x n >> 26.
- `POWER_OF_TWO`: that one, i, or number (lot mod 2**26) x (n - 1) >> 26, plus 1 if that is i or more: whichever has
  fewer legs, of equals the first (Mitzenmacher 2001). If n is 1, that one.

**Service.** A leg first prefills (reads its prompt) and then decodes (writes its answer): alone on its replica
`prefill_ns`, and the rest of `service_ns`; in a brown-out each of `prefill_ns` and `service_ns` is longer as at other
stations. It has so many nanoseconds times `FULL_SPEED` of work to do in each phase. While p legs of a replica prefill
and d decode, each of the former works off `prefill_speed` of p every nanosecond, and each of the latter `decode_speed`
of d if p is 0, and `beside_speed` of d if not. So a prompt that is read slows those who decode, as in engines that put
both in one batch (Agrawal et al. 2024, "Taming throughput-latency tradeoff in LLM inference with Sarathi-Serve").
A phase ends at the first nanosecond at which nothing is left to do of it, even if there was nothing from the start. A
leg has its first token when it ends to prefill.

**Steps.** At each step of a replica one phase ends, and as long as another one is to end at that instant a further step
follows. The first to end are legs that prefill, and among those of one phase the one that has least left (which may be
less than nothing), then the one further up. After the last phase the slot goes to the next waiter first; then the leg
is DONE, or FAILED if it `fails`. At one instant the steps of replicas come after the completions at other stations and
before those who give up, in the order of stations and replicas.

**Giving up.** If the station `cancels`, the slot of a leg that is TIMED_OUT is free at once and goes to the next waiter
before the client moves on; else the replica works on until the leg would have ended.

**Scaling.** `number` replicas are wanted at the start, and up. At `plan_at_ns` as many are as the row says. Then, where
there is an `every_ns`, at each multiple of it as many are as have `load_ns` each: ceil(load / load_ns), from `least` to
`most`, load being the time since the multiple before that legs spent at the station's replicas, in a slot or waiting
for one, summed over the legs (of which 2**20 count at once). Fewer than before are only wanted if `cooldown_ns` have
passed since what is wanted last changed, or since 0. If w are wanted, the first w replicas are to be up and no others:

- One of the first w that is down starts; it is up from `startup_ns` later on. One that drains is up again at once.
- One of the others that starts, or that has no legs, is down at once. Else it drains: it is sent no more legs, serves
  those who are there, also those who wait, and is down when the last has left its slot.

At one instant this comes after the turns at limits and before arrivals, in the order of stations, and only while some
request is not over or has not arrived. A replica is paid for from when it starts until it is down.

The log has for legs that were in a slot the number of the `replica` within its station, and `first_ns`, the time of the
first token, if that came before the client left; and else -1. `usage` of an engine says what replicas did within
`window_ns`, whoever for.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sim.routing.itinerary import Itinerary

FULL_SPEED: Final = 1 << 16
"""The speed of a leg that is alone: of work per nanosecond."""
LONGEST_NS: Final = 2**62 // FULL_SPEED
"""A service may be as long as this, brown-outs included: 19 hours."""
MOST_SLOTS: Final = 4096
LOT_BITS: Final = 52
"""A `lot` is less than 2 to the power of this."""
MOST_COUNTED: Final = 2**20
"""Legs at a station at once that count for its load."""
HALF_BITS: Final = LOT_BITS // 2


class Balance(IntEnum):
    """How a replica is picked."""

    ROUND_ROBIN = 0
    LEAST_LOADED = 1
    RANDOM = 2
    POWER_OF_TWO = 3


@dataclass(frozen=True, slots=True)
class Usage:
    """What the replicas of a station did within the window, in nanoseconds, summed over them.

    `served_ns` counts for each the slots that were taken, `busy_ns` the time that any was, `up_ns` the time it was paid
    for. Python's integers, which have no largest one.
    """

    served_ns: int = 0
    busy_ns: int = 0
    up_ns: int = 0


@dataclass(frozen=True, slots=True)
class Replicas:
    """Columns beside the legs and the stations of an itinerary with conditions, as explained above.

    Legs: `prefill_ns` int64[m], from 0 to the leg's `service_ns`; `lot` int64[m], a uniform of `LOT_BITS` bits.
    Stations: `slots` int64[k] of each replica, 0 for a station without replicas, where the others have no meaning;
    `number` int64[k] of replicas, `balance` int64[k] of `Balance`; `most` int64[k] (`number` or more) and `startup_ns`
    int64[k]; `every_ns` (0: never), `load_ns`, `least`, `cooldown_ns` int64[k].
    `plan_station`, `plan_at_ns`, `plan_replicas` int64[p], sorted by station and time, at most one row for both; from 1
    to `most`.
    Speeds, in parts of `FULL_SPEED` and 1 or more: `prefill_speed`, `decode_speed`, `beside_speed` int64[sum of slots],
    one for each number of legs from 1 to the slots of a station, station after station.
    `window_ns` int64[2]: start and end of what `usage` is about.
    """

    prefill_ns: NDArray[np.int64]
    lot: NDArray[np.int64]
    slots: NDArray[np.int64]
    number: NDArray[np.int64]
    balance: NDArray[np.int64]
    most: NDArray[np.int64]
    startup_ns: NDArray[np.int64]
    every_ns: NDArray[np.int64]
    load_ns: NDArray[np.int64]
    least: NDArray[np.int64]
    cooldown_ns: NDArray[np.int64]
    plan_station: NDArray[np.int64]
    plan_at_ns: NDArray[np.int64]
    plan_replicas: NDArray[np.int64]
    prefill_speed: NDArray[np.int64]
    decode_speed: NDArray[np.int64]
    beside_speed: NDArray[np.int64]
    window_ns: NDArray[np.int64]

    def check(self, itinerary: Itinerary) -> None:
        """Raise ValueError if the columns break the contract above, or do not fit an itinerary that keeps its own."""
        if itinerary.conditions is None:
            raise ValueError("replicas: there are no conditions beside them")
        stations, speeds = len(itinerary.servers), int(np.maximum(self.slots, 0).sum())
        rows = {
            **dict.fromkeys(LEG_COLUMNS, itinerary.legs),
            **dict.fromkeys(STATION_COLUMNS, stations),
            **dict.fromkeys(_PLAN, len(self.plan_station)),
            **dict.fromkeys(_SPEEDS, speeds),
            "window_ns": 2,
        }
        for name, length in rows.items():
            column = getattr(self, name)
            if column.dtype != np.int64 or column.shape != (length,):
                raise ValueError(f"replicas: {name} must be int64[{length}], not {column.dtype}{list(column.shape)}")
        self._check_stations()
        self._check_scaling()
        self._check_legs(itinerary)

    def _check_stations(self) -> None:
        start, end = self.window_ns.tolist()
        batched = self.slots > 0
        if np.any(self.slots < 0) or np.any(self.number[batched] < 1):
            raise ValueError("replicas: a number of slots below 0, or of replicas below 1")
        if not 0 <= start <= end:
            raise ValueError("replicas: the window starts before 0, or ends before it starts")
        if int(self.slots.max(initial=0)) > MOST_SLOTS:
            raise ValueError(f"replicas: more than {MOST_SLOTS} slots")
        if np.any((self.balance[batched] < 0) | (self.balance[batched] >= len(Balance))):
            raise ValueError("replicas: an unknown balance")
        for name in _SPEEDS:
            if np.any((getattr(self, name) < 1) | (getattr(self, name) > FULL_SPEED)):
                raise ValueError(f"replicas: {name} must lie between 1 and {FULL_SPEED}")

    def _check_scaling(self) -> None:
        batched = self.slots > 0
        if np.any((self.most < self.number)[batched]):
            raise ValueError("replicas: more of them at the start than there may be")
        for name, least, most in (("startup_ns", 0, _LONG), ("every_ns", 0, _TICK), ("cooldown_ns", 0, _LONG)):
            column = getattr(self, name)[batched]
            if np.any((column < least) | (column > most)):
                raise ValueError(f"replicas: {name} must lie between {least} and {most}")
        scaled = batched & (self.every_ns > 0)
        if np.any((self.load_ns < 1)[scaled]) or np.any(((self.least < 1) | (self.least > self.most))[scaled]):
            raise ValueError("replicas: load_ns must be 1 or more, and least from 1 to most")
        station, at = self.plan_station, self.plan_at_ns
        if np.any((station < 0) | (station >= len(self.slots))) or not batched[station].all():
            raise ValueError("replicas: a plan names no station with replicas")
        if np.any((station[1:] < station[:-1]) | ((station[1:] == station[:-1]) & (at[1:] <= at[:-1]))) or np.any(
            at < 0
        ):
            raise ValueError("replicas: plans are not sorted by station and time, or start before 0")
        if np.any((self.plan_replicas < 1) | (self.plan_replicas > self.most[station])):
            raise ValueError("replicas: a plan wants fewer than 1 or more than there may be")

    def _check_legs(self, itinerary: Itinerary) -> None:
        conditions, longest = itinerary.conditions, itinerary.leg_service_ns
        if np.any((self.prefill_ns < 0) | (self.prefill_ns > longest)):
            raise ValueError("replicas: prefill_ns must lie between 0 and the service time")
        if np.any((self.lot < 0) | (self.lot >> LOT_BITS > 0)):
            raise ValueError(f"replicas: a lot must be a number of {LOT_BITS} bits")
        slowest = max(_AS_USUAL, int(conditions.outage_slowdown.max(initial=0))) if conditions is not None else 0
        at_replicas = longest[self.slots[itinerary.leg_station] > 0]
        if int(at_replicas.max(initial=0)) * slowest // _AS_USUAL >= LONGEST_NS:
            raise ValueError("replicas: a service time (with the longest slowdown) does not fit 62 bits of work")


_AS_USUAL: Final = 1000
_LONG: Final = 2**61
_TICK: Final = 2**42
_SPEEDS: Final = ("prefill_speed", "decode_speed", "beside_speed")
_PLAN: Final = ("plan_station", "plan_at_ns", "plan_replicas")
STATION_COLUMNS: Final = (
    *("slots", "number", "balance"),
    *("most", "startup_ns", "every_ns", "load_ns", "least", "cooldown_ns"),
)
LEG_COLUMNS: Final = ("prefill_ns", "lot")
SHARED_COLUMNS: Final = tuple(field.name for field in fields(Replicas) if field.name not in LEG_COLUMNS)
"""Those that are the same in all itineraries of a run."""
