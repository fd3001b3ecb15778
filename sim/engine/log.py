"""What an engine returns: the leg log, as columns in the order of the itinerary's legs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class LegLog:
    """When each leg joined its station's queue, started service and ended; int64 nanoseconds, one row per leg.

    `outcome` int8 of `sim.routing.conditions.LegOutcome`; None where there are no conditions, and so all legs are done.
    `first_ns` and `replica` int64 as in `sim.routing.replicas`; None where no station has replicas.
    """

    joined_ns: NDArray[np.int64]
    started_ns: NDArray[np.int64]
    ended_ns: NDArray[np.int64]
    outcome: NDArray[np.int8] | None = None
    first_ns: NDArray[np.int64] | None = None
    replica: NDArray[np.int64] | None = None
