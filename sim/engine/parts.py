"""What every engine asks of the itineraries it is handed one after the other."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sim.columns import Ints
from sim.routing import callers, replicas
from sim.routing.conditions import SHARED_COLUMNS
from sim.routing.itinerary import Itinerary
from sim.routing.lanes import SHARED_LANE_COLUMNS

T = TypeVar("T", bound=np.generic)


class Intake:
    """Numbers legs and requests over all itineraries of a run, and refuses what does not follow from those before."""

    def __init__(self) -> None:
        self.legs = 0
        self.requests = 0
        self._servers: Ints | None = None
        self._conditions: dict[str, bytes] = {}
        self._earliest_ns: int | None = None

    def take(self, itinerary: Itinerary, until_ns: int | None, *, checked: bool = False) -> tuple[int, int]:
        """Check the next itinerary; give the numbers of its first leg and of its first request.

        Raises ValueError if it breaks its contract, starts before the last `until_ns`, goes on beyond this one, has
        other servers, or other conditions for stations, limits and outages.
        """
        if not checked:
            itinerary.check()
        shared = _shared(itinerary)
        if self._servers is None:
            self._servers, self._conditions = itinerary.servers.copy(), shared
        elif shared != self._conditions:
            raise ValueError("the conditions of stations, limits and outages are not those of the itineraries before")
        elif not np.array_equal(self._servers, itinerary.servers):
            raise ValueError("the servers are not those of the itineraries before")
        if itinerary.requests:
            if self._earliest_ns is not None and itinerary.arrival_ns[0] < self._earliest_ns:
                raise ValueError("arrivals are not sorted: an itinerary starts before the one before it had ended")
            if until_ns is not None and itinerary.arrival_ns[-1] > until_ns:
                raise ValueError("a request arrives after the time up to which all arrivals were to be known")
        if until_ns is not None:
            self._earliest_ns = until_ns
        first = (self.legs, self.requests)
        self.legs += itinerary.legs
        self.requests += itinerary.requests
        return first


def _shared(itinerary: Itinerary) -> dict[str, bytes]:
    """Give what all itineraries of a run have in common, to be compared."""
    conditions = itinerary.conditions
    columns = (
        (conditions, SHARED_COLUMNS),
        (None if conditions is None else conditions.lanes, SHARED_LANE_COLUMNS),
        (itinerary.replicas, replicas.SHARED_COLUMNS),
        (itinerary.callers, callers.SHARED_COLUMNS),
    )
    return {name: getattr(of, name).tobytes() for of, names in columns if of is not None for name in names}


def plain(column: NDArray[T]) -> NDArray[T]:
    """Give the column contiguous and writeable, as compiled loops expect it; copied only where it is not."""
    column = np.ascontiguousarray(column)
    return column if column.flags.writeable else column.copy()
