"""What may keep a call from being done at its first try: the part of an itinerary that only engines can decide.

Whether a queue is full, a limit reached, or patience at its end is known only while a run is played. All that chance
has a say in is settled before: how long each try would take, whether it would fail, how long the client backs off. So
an engine stays a pure function of columns.

**Tries.** A leg is one try of one call. A leg with an `after` is tried only if the leg it names has not been done: a
retry, or a fallback to another station. Legs that follow each other so are a *chain*; a stage begins with the first
leg of each of its chains, in the order of those legs (a chain goes as far as it comes at that instant before the next
one begins), and ends when every chain has ended: with a leg that was done, or with none left to try. The next stage
begins, at once, if some chain of this one ended with a leg that was done and none of those `ends` the request;
otherwise the request is over.

**Joining** a station at time t:

1. A *retry* (its `after` is at the same station) needs 1,000 of the station's retry balance and takes them; without,
   it is DENIED at t. A leg without an `after` adds `budget` to the balance, up to `budget_most` (where it starts). A
   budget of `NO_LIMIT` asks for nothing.
2. If the station is down at t (t lies in an outage with a slowdown of 0), the leg FAILED at t. Those who joined before
   are served all the same. An instant t lies in an outage if start <= t < end.
3. It may pass at once if nobody waits at the station's limits and each of them has room; it may start at once if it
   may pass, a server is free, and nobody waits for one. If it may not start at once and `queue_most` legs or more
   already wait at the station (for its limits or for a server), it is REJECTED at t, with a w of 0.
4. If it may not pass and the station rejects at its limits, it is REJECTED at t, to be tried again after w: the time
   until every limit would have room if nobody else came.
5. Otherwise it passes (taking from every limit) or waits for its turn at the limits, first come first served; once
   passed it takes a free server or waits for one, first come first served.

**Limits** are token buckets in the form of the generic cell rate algorithm (ATM Forum 1996), in whole nanoseconds: a
leg costs ceil(n x `period_ns` / `per_period`), n being 1 or its `tokens`, but no more than `burst_ns`. A limit has
room for a cost c at time t if max(full_ns, t) + c <= t + burst_ns, and after taking it full_ns = max(full_ns, t) + c.
A limit may serve several stations, and has had room for all of `burst_ns` before the first leg. The head of the line of
each station passes as soon as all limits have room for it: when that is, is looked at whenever a leg comes to be the
head, and again at the time found then, which is an event of its own (a turn) even if it is now. Heads pass one after
the other.

**Service.** A leg that a server takes at time u ends at u + `service_ns`, or longer in a brown-out (an outage with
another slowdown than 0) that u lies in: service_ns x slowdown // 1000 (the last brown-out that applies counts). At its
end the server goes to the next waiter first; then the leg is DONE, or FAILED if it `fails`.

**Giving up.** A leg that no server has taken when t + `patience_ns` or t + `timeout_ns` has come leaves: ABANDONED
(`NO_LIMIT` never comes). One that is in service at t + `timeout_ns` is TIMED_OUT; its server is free at once if the
station `cancels` (and goes to the next waiter before the client moves on), and else works on to the end that it would
have had.

**Moving on.** When a leg has ended in any way but DONE, the next of its chain joins after its `delay_ns`, or after w
if it `heeds` the w of a rejection and that is longer; at once, within the same event, if that is no time. A leg that
`stops` ends its chain if it is REJECTED.

**At one instant** completions come first, then those who give up, then those who join after a delay, each in the order
of their legs; then those whose turn at the limits has come, in the order of stations; then arrivals.

**Classes of callers** have limits of their own and go before others by the rules of `sim.routing.lanes`. **Callers** do
more of their own accord by those of `sim.routing.callers`.

Times of legs: `joined` t; `started` u, or where no server took it the time it ended; `ended`. Legs that were not tried
have -1 in all three.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sim.routing.itinerary import Itinerary
    from sim.routing.lanes import Lanes

NO_LIMIT: Final = 2**62
"""Instead of a time, a length or a budget: as long, as many as it likes."""

NONE: Final = -1


class LegOutcome(IntEnum):
    """What became of a leg."""

    NOT_TRIED = 0
    DONE = 1
    FAILED = 2
    TIMED_OUT = 3
    ABANDONED = 4
    REJECTED = 5
    DENIED = 6
    SKIPPED = 7
    CANCELLED = 8
    WITHDRAWN = 9


@dataclass(frozen=True, slots=True)
class Conditions:
    """Columns beside the legs, the stations and the limits of an itinerary, as explained above.

    Legs: `after` int64[m], a row above, of the same request and stage, named by one leg at most, or -1; `delay_ns`
    int64[m]; `heeds` bool[m]; `patience_ns`, `timeout_ns` int64[m], 1 or more; `queue_most` int64[m]; `fails` bool[m];
    `tokens` int64[m]; `ends`, `stops` bool[m].
    Stations: `cancels` bool[k], `rejects` bool[k], `budget` and `budget_most` int64[k] in thousandths of a retry.
    Limits: `limit_of_tokens` bool[l], `limit_period_ns`, `limit_per_period`, `limit_burst_ns` int64[l], each 1 or more;
    `station_limit` int64[p, 2], pairs of (station, limit), sorted.
    Outages, sorted by station and start: `outage_station`, `outage_start_ns`, `outage_end_ns` (after the start),
    `outage_slowdown` int64[o]; a slowdown of 0 means down, and else thousandths, 1,000 or more.

    Numbers are 0 or more where nothing else is said, and `NO_LIMIT` at most; `delay_ns`, the columns of limits and the
    products tokens x period and service x slowdown, where the leg's station has such a limit or outage, stay below it.
    `lanes` are classes of callers; without any, all are alike.
    """

    after: NDArray[np.int64]
    delay_ns: NDArray[np.int64]
    heeds: NDArray[np.bool_]
    patience_ns: NDArray[np.int64]
    timeout_ns: NDArray[np.int64]
    queue_most: NDArray[np.int64]
    fails: NDArray[np.bool_]
    tokens: NDArray[np.int64]
    ends: NDArray[np.bool_]
    stops: NDArray[np.bool_]
    cancels: NDArray[np.bool_]
    rejects: NDArray[np.bool_]
    budget: NDArray[np.int64]
    budget_most: NDArray[np.int64]
    limit_of_tokens: NDArray[np.bool_]
    limit_period_ns: NDArray[np.int64]
    limit_per_period: NDArray[np.int64]
    limit_burst_ns: NDArray[np.int64]
    station_limit: NDArray[np.int64]
    outage_station: NDArray[np.int64]
    outage_start_ns: NDArray[np.int64]
    outage_end_ns: NDArray[np.int64]
    outage_slowdown: NDArray[np.int64]
    lanes: Lanes | None = None

    def check(self, itinerary: Itinerary) -> None:
        """Raise ValueError if the columns break the contract above, or do not fit an itinerary that keeps its own."""
        self._check_shapes(itinerary)
        for name in _NUMBERS:
            column, least, most = getattr(self, name), _LEAST.get(name, 0), _MOST.get(name, NO_LIMIT)
            if np.any((column < least) | (column > most)):
                raise ValueError(f"conditions: {name} must lie between {least} and {most}")
        self._check_chains(itinerary)
        self._check_limits(itinerary)
        self._check_outages(itinerary)
        if self.lanes is not None:
            self.lanes.check(itinerary)

    def _check_shapes(self, itinerary: Itinerary) -> None:
        rows = {
            **dict.fromkeys(LEG_COLUMNS, itinerary.legs),
            **dict.fromkeys(STATION_COLUMNS, len(itinerary.servers)),
            **dict.fromkeys(LIMIT_COLUMNS, len(self.limit_burst_ns)),
            **dict.fromkeys(OUTAGE_COLUMNS, len(self.outage_station)),
        }
        for name, length in rows.items():
            column, kind = getattr(self, name), np.bool_ if name in _TRUTHS else np.int64
            if column.dtype != kind:
                raise ValueError(f"conditions: {name} must be {np.dtype(kind).name}, not {column.dtype}")
            if column.shape != (length,):
                raise ValueError(f"conditions: {name} has the shape {column.shape}, not ({length},)")
        pairs = self.station_limit
        if pairs.dtype != np.int64 or pairs.ndim != _PAIR or pairs.shape[1] != _PAIR:
            raise ValueError("conditions: station_limit must be pairs of int64")

    def _check_chains(self, itinerary: Itinerary) -> None:
        later = np.flatnonzero(self.after != NONE)
        earlier = self.after[later]
        if np.any((earlier < 0) | (earlier >= later)):
            raise ValueError("conditions: an `after` is neither -1 nor a row above")
        for column in (itinerary.leg_request, itinerary.leg_stage):
            if np.any(column[later] != column[earlier]):
                raise ValueError("conditions: an `after` is not of the same request and stage")
        if len(np.unique(earlier)) != len(earlier):
            raise ValueError("conditions: an `after` is named by two legs")

    def _check_limits(self, itinerary: Itinerary) -> None:
        station, limit = self.station_limit.T
        if np.any((station < 0) | (station >= len(itinerary.servers))):
            raise ValueError("conditions: station_limit names no station")
        if np.any((limit < 0) | (limit >= len(self.limit_burst_ns))):
            raise ValueError("conditions: station_limit names no limit")
        if np.any((station[1:] < station[:-1]) | ((station[1:] == station[:-1]) & (limit[1:] <= limit[:-1]))):
            raise ValueError("conditions: station_limit is not sorted, or holds a pair twice")
        most = _most_at_stations(itinerary, self.tokens)
        by_tokens = self.limit_of_tokens[limit]
        station, period = station[by_tokens], self.limit_period_ns[limit[by_tokens]]
        if np.any(most[station] > (NO_LIMIT - 1) // period):
            raise ValueError("conditions: the tokens of a leg times the period of a limit do not fit 62 bits")

    def _check_outages(self, itinerary: Itinerary) -> None:
        station, start, slowdown = self.outage_station, self.outage_start_ns, self.outage_slowdown
        if np.any((station < 0) | (station >= len(itinerary.servers))):
            raise ValueError("conditions: an outage names no station")
        if np.any((station[1:] < station[:-1]) | ((station[1:] == station[:-1]) & (start[1:] < start[:-1]))):
            raise ValueError("conditions: outages are not sorted by station and start")
        if np.any(self.outage_end_ns <= start):
            raise ValueError("conditions: an outage does not end after its start")
        if np.any((slowdown != 0) & (slowdown < AS_USUAL)):
            raise ValueError("conditions: a slowdown must be 0 (down) or 1,000 thousandths and more")
        most = _most_at_stations(itinerary, itinerary.leg_service_ns)
        if np.any(most[station] > (NO_LIMIT - 1) // np.maximum(slowdown, AS_USUAL)):
            raise ValueError("conditions: the service time of a leg times a slowdown does not fit 62 bits")


_COLUMNS: Final = tuple(field.name for field in fields(Conditions) if field.name != "lanes")
LEG_COLUMNS: Final = _COLUMNS[:10]
STATION_COLUMNS: Final = _COLUMNS[10:14]
LIMIT_COLUMNS: Final = _COLUMNS[14:18]
OUTAGE_COLUMNS: Final = _COLUMNS[19:]
SHARED_COLUMNS: Final = _COLUMNS[10:]
"""Those that are the same in all itineraries of a run."""

AS_USUAL: Final = 1000
"""A slowdown that changes nothing, in thousandths."""
RETRY: Final = 1000
"""What a retry takes from the balance."""
_PAIR: Final = 2
_TRUTHS: Final = frozenset({"heeds", "fails", "ends", "stops", "cancels", "rejects", "limit_of_tokens"})
_NUMBERS: Final = (
    *("delay_ns", "patience_ns", "timeout_ns", "queue_most", "tokens", "budget", "budget_most"),
    *("limit_period_ns", "limit_per_period", "limit_burst_ns"),
)
_LEAST: Final = {"patience_ns": 1, "timeout_ns": 1, **dict.fromkeys(LIMIT_COLUMNS[1:], 1)}
_MOST: Final = {"delay_ns": NO_LIMIT - 1, **dict.fromkeys(LIMIT_COLUMNS[1:], NO_LIMIT - 1)}
"""Where they are not 0 and `NO_LIMIT`."""


def _most_at_stations(itinerary: Itinerary, column: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give the largest value among the legs of each station."""
    most = np.zeros_like(itinerary.servers)
    np.maximum.at(most, itinerary.leg_station, column)
    return most


def unconditional(legs: int, stations: int) -> Conditions:
    """Give conditions that stand in nobody's way."""
    number, flag = np.zeros(legs, dtype=np.int64), np.zeros(legs, dtype=np.bool_)
    none = np.empty(0, dtype=np.int64)
    return Conditions(
        after=number + NONE,
        delay_ns=number,
        heeds=flag,
        patience_ns=number + NO_LIMIT,
        timeout_ns=number + NO_LIMIT,
        queue_most=number + NO_LIMIT,
        fails=flag,
        tokens=number,
        ends=flag,
        stops=flag,
        cancels=np.zeros(stations, dtype=np.bool_),
        rejects=np.zeros(stations, dtype=np.bool_),
        budget=np.full(stations, NO_LIMIT),
        budget_most=np.zeros(stations, dtype=np.int64),
        limit_of_tokens=np.empty(0, dtype=np.bool_),
        limit_period_ns=none,
        limit_per_period=none,
        limit_burst_ns=none,
        station_limit=np.empty((0, 2), dtype=np.int64),
        outage_station=none,
        outage_start_ns=none,
        outage_end_ns=none,
        outage_slowdown=none,
    )
