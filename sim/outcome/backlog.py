"""How many requests are in the system over time: what shows a storm, and whether it passes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.columns import Ints
from sim.outcome.estimates import Estimate
from sim.outcome.intervals import ratio_interval
from sim.outcome.sums import total

BINS: Final = 60
"""Equal parts of the window for which the mean number of requests in the system is told."""

SIXTH: Final = BINS // 6
"""Parts at the beginning and at the end of the window that are held against each other."""


class Backlog:
    """Time that requests have spent in the system up to each edge of the bins, int ns of any size.

    A request is in the system from its arrival until its answer, or until it is known that there is none. Those of the
    warm-up count as well: the system does not know of it.
    """

    def __init__(self, start_ns: int, end_ns: int) -> None:
        length = end_ns - start_ns
        self._edges = np.array([start_ns + length * k // BINS for k in range(BINS + 1)], dtype=np.int64)
        self.spent_ns: list[int] = [0] * (BINS + 1)

    def add(self, arrival_ns: Ints, latency_ns: Ints) -> None:
        """Take in requests in order of arrival, int64 ns each."""
        if not len(arrival_ns):
            return
        first, last = np.searchsorted(self._edges, (arrival_ns[0], (arrival_ns + latency_ns).max()), side="right")
        for number in range(int(first), int(last)):  # edges that some of them lie around
            edge = self._edges[number]
            here = int(np.searchsorted(arrival_ns, edge))
            self.spent_ns[number] += total(np.minimum(edge - arrival_ns[:here], latency_ns[:here]))
        whole = total(latency_ns)
        for number in range(int(last), BINS + 1):
            self.spent_ns[number] += whole

    def close(self) -> NDArray[np.float64]:
        """Give the mean number of requests in the system in each bin, float64[BINS]; zeros for an empty window."""
        widths = np.maximum(np.diff(self._edges), 1)
        spent = [after - before for before, after in zip(self.spent_ns[:-1], self.spent_ns[1:], strict=True)]
        return np.array([float(time) for time in spent]) / widths


def over_time(replications: Sequence[NDArray[np.float64]], level: float) -> tuple[Estimate, ...]:
    """Give the mean number of requests in the system in each bin over the replications, with its interval."""
    return tuple(_mean(column, level) for column in np.array(replications).T)


def summed_up(replications: Sequence[NDArray[np.float64]], level: float) -> dict[str, Estimate]:
    """Give the metrics of a backlog: in the first sixth of the window, in its fullest bin, and in the last sixth.

    The fullest bin is the one that is fullest on average, the same for all replications.
    """
    table = np.array(replications)
    fullest = int(np.argmax(table.mean(axis=0)))
    return {
        "backlog.start": _mean(table[:, :SIXTH].mean(axis=1), level),
        "backlog.most": _mean(table[:, fullest], level),
        "backlog.end": _mean(table[:, -SIXTH:].mean(axis=1), level),
    }


def _mean(values: NDArray[np.float64], level: float) -> Estimate:
    found = ratio_interval(values, np.ones(len(values)), level)
    if found is None:
        raise ValueError("a run has a replication at least")
    return Estimate(found.value, found.lower, found.upper, "requests", few_data=found.few_data)
