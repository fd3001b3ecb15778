"""The check of itineraries with conditions for the compiled engine: one compiled pass over the legs.

It lets pass only what `Itinerary.check` lets pass. What does not is left to that, which says why.
"""

# mypy: disable-error-code="no-untyped-def, misc"

from __future__ import annotations

from dataclasses import replace
from operator import is_
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim.columns import Ints
from sim.engine import kernel
from sim.engine.general_world import Legs
from sim.engine.parts import plain
from sim.routing.conditions import SHARED_COLUMNS, Conditions
from sim.routing.itinerary import Itinerary
from sim.routing.lanes import SHARED_LANE_COLUMNS, lanes_of

_NO_LIMIT: Final = 2**62
_FLAGS: Final = frozenset({"heeds", "fails", "ends", "stops"})
_njit: Any = njit  # its types do not know `_nrt`
_at: Any = np.uintp


@_njit(**kernel.options())
def _valid(legs, lane_station, is_named, most):
    """Count the legs of the request that has most, if the conditions of legs keep their contract; else give -1.

    Notes the most tokens and the longest time that a leg of each station has.
    """
    sound = True
    longest, first = 0, 0
    for row in range(len(legs.after)):
        here = _at(row)
        after = legs.after[here]
        if after != -1:
            if after < 0 or after >= row:
                return -1
            above = _at(after)
            sound = sound and not is_named[above]
            sound = sound and legs.request[above] == legs.request[here] and legs.stage[above] == legs.stage[here]
            is_named[above] = True
        sound = sound and 0 <= legs.delay[here] < _NO_LIMIT
        sound = sound and 1 <= legs.patience[here] <= _NO_LIMIT and 1 <= legs.timeout[here] <= _NO_LIMIT
        sound = sound and 0 <= legs.queue_most[here] <= _NO_LIMIT and 0 <= legs.tokens[here] <= _NO_LIMIT
        lane = legs.lane[here]
        if lane < 0 or lane >= len(lane_station):
            return -1
        sound = sound and lane_station[_at(lane)] == legs.station[here]
        station = _at(legs.station[here])
        most[station, 0] = max(most[station, 0], legs.tokens[here])
        most[station, 1] = max(most[station, 1], legs.service[here])
        if legs.request[here] != legs.request[_at(first)]:
            first = row
        longest = max(longest, row - first + 1)
    return longest if sound else -1


class Check:
    """Checks the itineraries of a run; what they have in common is looked at once."""

    def __init__(self) -> None:
        self._tables: list[NDArray[Any]] = []
        self._most: Ints = np.empty((0, 2), dtype=np.int64)

    def longest(self, itinerary: Itinerary, arrival: Ints, servers: Ints, legs: Legs) -> int | None:
        """Count the legs of the request that has most, if all columns keep the contract; None leaves it to that.

        `arrival`, `servers` and `legs` are those of the itinerary, plain.
        """
        columns = [arrival, servers, *legs]
        kinds = [np.int64, np.int64, *(np.bool_ if name in _FLAGS else np.int64 for name in Legs._fields)]
        if any(column.dtype != kind or column.ndim != 1 for column, kind in zip(columns, kinds, strict=True)):
            return None
        if len({len(column) for column in legs}) != 1:
            return None
        lane_station = plain(lanes_of(itinerary).lane_station)
        if lane_station.dtype != np.int64 or lane_station.ndim != 1:
            return None
        most = np.zeros((len(servers), 2), dtype=np.int64)
        is_named = np.zeros(itinerary.legs, dtype=np.bool_)
        four = kernel.Legs(legs.request, legs.stage, legs.station, legs.service)
        longest = int(_valid(legs, lane_station, is_named, most)) if kernel.valid(arrival, servers, four) else -1
        return longest if longest >= 0 and self._fits(itinerary, most) else None

    def _fits(self, itinerary: Itinerary, most: Ints) -> bool:
        """Say whether stations, limits and outages keep the contract for legs that have this at most."""
        conditions = itinerary.conditions
        tables = [itinerary.servers, *(getattr(conditions, name) for name in SHARED_COLUMNS)]
        if conditions is not None and conditions.lanes is not None:
            tables += [getattr(conditions.lanes, name) for name in SHARED_LANE_COLUMNS]
        known = len(tables) == len(self._tables) and all(map(is_, tables, self._tables))
        if known and np.all(most <= self._most):
            return True
        for bound in (_rounded_up(most), most):  # what is rounded up is seldom exceeded by a later itinerary
            try:
                _with_a_leg_each(itinerary, bound).check()
            except ValueError:
                continue
            self._tables, self._most = tables, bound
            return True
        return False


def _rounded_up(most: Ints) -> Ints:
    """Round up to powers of two, but to none that the contract would refuse."""
    powers = [max(value, min(2 ** value.bit_length(), _NO_LIMIT)) for value in most.ravel().tolist()]
    return np.array(powers, dtype=np.int64).reshape(most.shape)


def _with_a_leg_each(itinerary: Itinerary, most: Ints) -> Itinerary:
    """Give an itinerary that has the same stations, limits and outages, and of each station's legs the most."""
    stations = len(most)
    number, zero = np.arange(stations, dtype=np.int64), np.zeros(stations, dtype=np.int64)
    no, one = np.zeros(stations, dtype=np.bool_), np.ones(stations, dtype=np.int64)
    legs: dict[str, Any] = {
        "after": zero - 1,
        "tokens": most[:, 0],
        **dict.fromkeys(("delay_ns", "queue_most"), zero),
        **dict.fromkeys(("patience_ns", "timeout_ns"), one),
        **dict.fromkeys(("heeds", "fails", "ends", "stops"), no),
    }
    shared = {name: getattr(itinerary.conditions, name) for name in SHARED_COLUMNS}
    lanes = lanes_of(itinerary)
    return Itinerary(
        arrival_ns=np.zeros(1, dtype=np.int64),
        servers=itinerary.servers,
        leg_request=zero,
        leg_stage=zero,
        leg_station=number,
        leg_service_ns=np.maximum(most[:, 1], 1),
        conditions=Conditions(**legs, **shared, lanes=replace(lanes, lane=np.searchsorted(lanes.lane_station, number))),
    )


def forget_cache() -> None:
    """Empty numba's cache of the check, so that the next call compiles; nothing to do where numba is told not to."""
    if hasattr(_valid, "_cache"):
        _valid._cache.flush()  # noqa: SLF001 - numba offers no other way
