"""The check of itineraries with conditions for the compiled engine, while their legs are taken into its table.

It lets pass only what `Itinerary.check` lets pass. What does not is left to that, which says why.
"""

from __future__ import annotations

from dataclasses import replace
from operator import is_
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.columns import Ints
from sim.engine import kernel
from sim.engine.general_legs import columns_of, take_in
from sim.engine.parts import plain
from sim.routing.conditions import NO_LIMIT, SHARED_COLUMNS, Conditions
from sim.routing.itinerary import Itinerary
from sim.routing.lanes import SHARED_LANE_COLUMNS, lanes_of

_MOST_FIELDS: Final = 2


class Check:
    """Checks the itineraries of a run; what they have in common is looked at once."""

    def __init__(self) -> None:
        self._tables: list[NDArray[Any]] = []
        self._most: Ints = np.empty((0, _MOST_FIELDS), dtype=np.int64)

    def take_in(self, itinerary: Itinerary, legs: Ints, begin: tuple[int, int, int]) -> int | None:
        """Put the legs into the table of the general loop; count those of the request that has most.

        `begin` says how many rows of the table, requests there, and legs of the run come before. None if some column
        does not keep the contract: then the table may not be filled.
        """
        columns = columns_of(itinerary)
        arrival, servers = plain(itinerary.arrival_ns), plain(itinerary.servers)
        lane_station = plain(lanes_of(itinerary).lane_station)
        others = (arrival, servers, lane_station)
        if columns is None or any(column.dtype != np.int64 or column.ndim != 1 for column in others):
            return None
        four = kernel.Legs(columns.request, columns.stage, columns.station, columns.service)
        if not kernel.valid(arrival, servers, four):
            return None
        most = np.zeros((len(servers), _MOST_FIELDS), dtype=np.int64)
        is_named = np.zeros(itinerary.legs, dtype=np.bool_)
        longest = int(take_in(columns, legs, begin, lane_station, is_named, most))
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
    powers = [max(value, min(2 ** value.bit_length(), NO_LIMIT)) for value in most.ravel().tolist()]
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
