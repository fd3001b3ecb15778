"""How many requests are in the system over time: what shows a storm, and whether it passes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.columns import Ints
from sim.outcome.bill import total

BINS: Final = 60
"""Equal parts of the window for which the mean number of requests in the system is told."""

_FIRST = BINS // 6  # parts at the beginning and at the end that are compared
_GROWN = 2.0
_LEAST = 1.0


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


def mean_backlog(replications: Sequence[NDArray[np.float64]]) -> tuple[float, ...]:
    """Give the mean over the replications, bin by bin."""
    return tuple(float(value) for value in np.mean(np.array(replications), axis=0))


def in_words(backlog: Sequence[float]) -> str:
    """Say in words whether a backlog built up, and whether it was gone at the end; nothing where none did.

    What is looked at: the largest bin and the mean of the last sixth, each against the mean of the first sixth.
    """
    if not backlog:
        return ""
    before, after, most = (float(np.mean(backlog[:_FIRST])), float(np.mean(backlog[-_FIRST:])), max(backlog))
    usual = max(before, _LEAST)
    if most < 2 * _GROWN * usual:
        return ""
    peak = f"the number of requests in the system rose from {before:.3g} to {most:.3g}"
    if after >= _GROWN * usual:
        return (
            f"{peak} and had not come down at the end ({after:.3g}): the system does not recover by itself in this time"
        )
    return f"{peak} and came down again ({after:.3g} at the end)"
