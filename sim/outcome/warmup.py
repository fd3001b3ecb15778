"""How much of the beginning of a series looks unlike the rest: MSER-5, used only to warn.

Cutting where MSER-5 says slightly hurts the coverage of intervals (research: .900 against .920 at 95 %), so the cut is
the user's warm-up and this module only says when it looks too short.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from sim.columns import Ints

BATCH = 5
"""Observations averaged into one before the search, against noise (White 1997)."""

_MOST_BATCHES = 8_192
"""Sums kept of a series; even, so that neighbours can be put together."""

_TOLERATED = 100
"""A cut of less than one in so many observations is not worth a warning."""

LEAST_KEPT = 5
"""Batches that a cut leaves at least: the variance of a handful of them is small by luck."""


@dataclass(frozen=True, slots=True)
class Truncation:
    """Where the series settles.

    `batches` is how many to leave out from the start; `settled` is false when that is more than half of the series, or
    the series is too short to say: then it has not been seen in its steady state.
    """

    batches: int
    settled: bool


class Series:
    """The latencies of one replication in order of arrival, as sums of equally many neighbours: few, however many come.

    Sums of five to begin with; when there are 8,192 of them, neighbours are put together two by two. Which sums there
    are, and how they round, depends only on how many latencies were taken in.
    """

    def __init__(
        self, sums: NDArray[np.float64] | None = None, starts_ns: Ints | None = None, batch: int = BATCH
    ) -> None:
        """Begin with nothing, or with the sums of a series that has ended."""
        self.batch = batch
        self.sums = np.empty(0, dtype=np.float64) if sums is None else sums
        self.starts_ns = np.empty(0, dtype=np.int64) if starts_ns is None else starts_ns
        self._rest = (np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))

    def add(self, latency_ns: Ints, arrival_ns: Ints) -> None:
        """Take in the next latencies, with the arrivals they belong to; int64 ns each."""
        latency_ns, arrival_ns = (
            np.concatenate(pair) for pair in zip(self._rest, (latency_ns, arrival_ns), strict=True)
        )
        while len(latency_ns) >= self.batch:
            count = min(len(latency_ns) // self.batch, _MOST_BATCHES - len(self.sums))
            used = count * self.batch
            by_place = latency_ns[:used].reshape(-1, BATCH).astype(np.float64).T
            fives = reduce(np.add, by_place)  # a sum along the rows gives the same, in three times as long
            self.sums = np.concatenate((self.sums, _folded(fives, self.batch // BATCH)))
            self.starts_ns = np.concatenate((self.starts_ns, arrival_ns[: used : self.batch]))
            latency_ns, arrival_ns = latency_ns[used:], arrival_ns[used:]
            if len(self.sums) == _MOST_BATCHES:
                self.sums, self.starts_ns, self.batch = _folded(self.sums, 2), self.starts_ns[::2], 2 * self.batch
        self._rest = latency_ns, arrival_ns

    def means(self, batch: int) -> NDArray[np.float64]:
        """Give the means of `batch` neighbours each, which is this series' own batch or a doubling of it."""
        times = batch // self.batch
        return _folded(self.sums[: len(self.sums) // times * times], times) / batch


def cold_start(replications: Sequence[Series]) -> tuple[int, int]:
    """Give how many measured requests look like a system that is still filling, and when the first other arrives.

    (0, 0) where there is no sign of it. The mean over the replications, batch by batch, shows the transient that single
    ones hide (Welch 1983). One per cent of the series is let pass.
    """
    batch = max(series.batch for series in replications)
    columns = [series.means(batch) for series in replications]
    length = min(len(column) for column in columns)
    found = mser(sum((column[:length] for column in columns), start=np.zeros(length)) / len(columns))
    if found.batches * _TOLERATED <= length:
        return 0, 0
    first = replications[0]
    return found.batches * batch, int(first.starts_ns[found.batches * (batch // first.batch)])


def mser(means: NDArray[np.float64]) -> Truncation:
    """Cut that minimises the squared standard error of the mean of what is left (float64[n], in order of time).

    Over means of neighbours (of five: MSER-5), cut d minimises sum((z_i - mean)^2, i >= d) / (k - d)^2 (White 1997;
    Franklin and White 2008); of equal minima the earliest counts. ValueError for a value that is not finite.
    """
    if not np.all(np.isfinite(means)):
        raise ValueError("the series has a value that is not finite")
    batches = len(means)
    if batches < 2 * LEAST_KEPT:
        return Truncation(batches=0, settled=False)
    # Centred first: sums of squares of large, nearly equal numbers would cancel to noise.
    means = means - means.mean()
    if np.ptp(means) == 0:
        return Truncation(batches=0, settled=True)
    kept = np.arange(batches, 0, -1)
    sums = np.cumsum(means[::-1])[::-1]
    squares = np.cumsum((means * means)[::-1])[::-1]
    error = (squares - sums * sums / kept) / (kept * kept)
    cut = int(np.argmin(error[: batches - LEAST_KEPT + 1]))
    return Truncation(batches=cut, settled=cut <= batches // 2)


def _folded(sums: NDArray[np.float64], times: int) -> NDArray[np.float64]:
    """Add neighbours two by two, until each is the sum of `times` (a power of two)."""
    while times > 1:
        sums, times = sums[0::2] + sums[1::2], times // 2
    return sums
