"""Lanes: classes of callers at a station; who goes first where legs wait, and what limits one class alone.

Each leg goes by one lane, and each lane belongs to one station. An itinerary without lanes is played as if each station
had one. Lanes change these rules of `sim.routing.conditions`:

**Limits of a lane** stand before those of its station, with a line of their own, first come first served. A leg takes
from the limits of its lane when it passes them; then it comes to the station's limits, where it passes if nobody waits
there and each has room, and else waits in the station's line. So, when a leg joins:

3. It may pass at once if nobody waits at its lane's limits or at the station's, and each of all these has room. If it
   may not start at once, it is also REJECTED, with a w of 0, if `lane_most` legs or more of its lane already wait (for
   limits or for a server).
4. The w of a rejection is the time until every limit of the lane and of the station would have room.
5. If it passes its lane's limits but not the station's, it takes from the former, and waits in the station's line.

**Order.** In a station's line and in its queue for servers, the next is:

- In a station that is not `fair`: the one whose lane has the smallest rank, and of several with equal ranks the one who
  came to that line or queue first. Nobody who is being served has to make way: non-preemptive priority (Cobham 1954).
- In a `fair` one: the first come of the lane whose lead is smallest, of those by which somebody waits; with equal leads
  that of the lower lane. Leads are 0 at first. When a leg passes the station's limits, or a server takes it, after
  waiting or at once, the lead of its lane is subtracted from the leads of all lanes of the station, none of which falls
  below 0; then the lead of its lane is cost x `lane_stride`. Line and queue keep leads of their own: the cost in the
  line is the most that the leg takes from any limit of the station, in the queue its `service_ns`.

That is start-time fair queueing (Goyal, Vin & Cheng 1996), for any number of servers as by Jin, Chase & Kaur (2004):
a lead is how far the start tag of a lane lies ahead of virtual time, so that it stays bounded however long a run is. Of
two lanes f, g by which somebody waits all the time, the work W that servers take differs by
abs(W_f x stride_f - W_g x stride_g) <= c_f x stride_f + c_g x stride_g, with c the largest costs: shares in inverse
proportion to strides. A lane that nobody uses saves nothing up.

The head of a line is the one who is next. When somebody else comes to be next, that one is looked at, as any head.

**At one instant** the turns at the limits of stations come in the order of stations, then those at the limits of lanes
in the order of lanes.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sim.routing.itinerary import Itinerary

_NO_LIMIT: Final = 2**62  # as in `sim.routing.conditions`
_PAIR: Final = 2


@dataclass(frozen=True, slots=True)
class Lanes:
    """Columns beside those of `Conditions`, as explained above.

    Legs: `lane` int64[m], a lane of the leg's station.
    Lanes, sorted by station, of which each has one or more: `lane_station` int64[n]; `lane_rank` int64[n];
    `lane_stride` int64[n], 1 or more, and where the station is fair so small that the cost of no leg of the
    station times a stride reaches `NO_LIMIT`; `lane_most` int64[n], 0 or more and `NO_LIMIT` at most.
    Stations: `fair` bool[k].
    `lane_limit` int64[q, 2], pairs of (lane, limit), sorted; none of a limit that the lane's station has. The tokens of
    a leg times the period of a limit of tokens stay below `NO_LIMIT`, if a lane of its station has that limit.
    """

    lane: NDArray[np.int64]
    lane_station: NDArray[np.int64]
    lane_rank: NDArray[np.int64]
    lane_stride: NDArray[np.int64]
    lane_most: NDArray[np.int64]
    fair: NDArray[np.bool_]
    lane_limit: NDArray[np.int64]

    def check(self, itinerary: Itinerary) -> None:
        """Raise ValueError if the columns break the contract above; those of the itinerary are known to keep theirs."""
        self._check_shapes(itinerary)
        station, stations = self.lane_station, len(itinerary.servers)
        if np.any(station[1:] < station[:-1]) or not np.array_equal(np.unique(station), np.arange(stations)):
            raise ValueError("lanes: lane_station is not sorted, or a station has no lane")
        if np.any((self.lane < 0) | (self.lane >= len(station))):
            raise ValueError("lanes: a leg names no lane")
        if np.any(station[self.lane] != itinerary.leg_station):
            raise ValueError("lanes: the lane of a leg is not one of its station")
        if np.any((self.lane_most < 0) | (self.lane_most > _NO_LIMIT)) or np.any(self.lane_stride < 1):
            raise ValueError("lanes: lane_most must lie between 0 and NO_LIMIT, and lane_stride be 1 or more")
        self._check_limits(itinerary)
        self._check_costs(itinerary)

    def _check_shapes(self, itinerary: Itinerary) -> None:
        rows = {
            "lane": itinerary.legs,
            **dict.fromkeys(("lane_station", "lane_rank", "lane_stride", "lane_most"), len(self.lane_station)),
            "fair": len(itinerary.servers),
        }
        for name, length in rows.items():
            column, kind = getattr(self, name), np.bool_ if name == "fair" else np.int64
            if column.dtype != kind:
                raise ValueError(f"lanes: {name} must be {np.dtype(kind).name}, not {column.dtype}")
            if column.shape != (length,):
                raise ValueError(f"lanes: {name} has the shape {column.shape}, not ({length},)")
        pairs = self.lane_limit
        if pairs.dtype != np.int64 or pairs.ndim != _PAIR or pairs.shape[1] != _PAIR:
            raise ValueError("lanes: lane_limit must be pairs of int64")

    def _check_limits(self, itinerary: Itinerary) -> None:
        conditions = itinerary.conditions
        assert conditions is not None  # noqa: S101 - the caller is its check
        lane, limit = self.lane_limit.T
        if np.any((lane < 0) | (lane >= len(self.lane_station))):
            raise ValueError("lanes: lane_limit names no lane")
        if np.any((limit < 0) | (limit >= len(conditions.limit_burst_ns))):
            raise ValueError("lanes: lane_limit names no limit")
        if np.any((lane[1:] < lane[:-1]) | ((lane[1:] == lane[:-1]) & (limit[1:] <= limit[:-1]))):
            raise ValueError("lanes: lane_limit is not sorted, or holds a pair twice")
        shared = set(map(tuple, conditions.station_limit.tolist()))
        if any(pair in shared for pair in zip(self.lane_station[lane].tolist(), limit.tolist(), strict=True)):
            raise ValueError("lanes: lane_limit names a limit that the station has")
        most = np.zeros_like(itinerary.servers)
        np.maximum.at(most, itinerary.leg_station, conditions.tokens)
        of_tokens = conditions.limit_of_tokens[limit]
        station, period = self.lane_station[lane[of_tokens]], conditions.limit_period_ns[limit[of_tokens]]
        if np.any(most[station] > (_NO_LIMIT - 1) // period):
            raise ValueError("lanes: the tokens of a leg times the period of a limit do not fit 62 bits")

    def _check_costs(self, itinerary: Itinerary) -> None:
        conditions = itinerary.conditions
        assert conditions is not None  # noqa: S101 - the caller is its check
        most = np.zeros_like(itinerary.servers)
        np.maximum.at(most, itinerary.leg_station, itinerary.leg_service_ns)
        tokens = np.zeros_like(itinerary.servers)
        np.maximum.at(tokens, itinerary.leg_station, conditions.tokens)
        station, limit = conditions.station_limit.T
        many = np.where(conditions.limit_of_tokens[limit], tokens[station], 1)
        cost = -(-many * conditions.limit_period_ns[limit] // conditions.limit_per_period[limit])
        np.maximum.at(most, station, np.minimum(cost, conditions.limit_burst_ns[limit]))
        most = np.where(self.fair, most, 0)[self.lane_station]
        if np.any(most > (_NO_LIMIT - 1) // self.lane_stride):
            raise ValueError("lanes: a stride times the cost of a leg does not fit 62 bits")


SHARED_LANE_COLUMNS: Final = tuple(field.name for field in fields(Lanes))[1:]
"""Those that are the same in all itineraries of a run."""


def one_lane_each(leg_station: NDArray[np.int64], stations: int) -> Lanes:
    """Give lanes that change nothing: one for each station."""
    number = np.zeros(stations, dtype=np.int64)
    return Lanes(
        lane=leg_station,
        lane_station=np.arange(stations, dtype=np.int64),
        lane_rank=number,
        lane_stride=number + 1,
        lane_most=number + _NO_LIMIT,
        fair=np.zeros(stations, dtype=np.bool_),
        lane_limit=np.empty((0, 2), dtype=np.int64),
    )


def lanes_of(itinerary: Itinerary) -> Lanes:
    """Give the lanes of an itinerary with conditions, or where it has none, one for each station."""
    conditions = itinerary.conditions
    given = None if conditions is None else conditions.lanes
    return one_lane_each(itinerary.leg_station, len(itinerary.servers)) if given is None else given
