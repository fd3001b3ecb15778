"""How much of the beginning of a series looks unlike the rest: MSER-5, used only to warn.

Cutting where MSER-5 says slightly hurts the coverage of intervals (research: .900 against .920 at 95 %), so the cut is
the user's warm-up and this module only says when it looks too short.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.columns import Ints

BATCH = 5
"""Observations averaged into one before the search, against noise (White 1997)."""

_TOLERATED = 100
"""A cut of less than one in so many observations is not worth a warning."""

LEAST_KEPT = 5
"""Batches that a cut leaves at least: the variance of a handful of them is small by luck."""


@dataclass(frozen=True, slots=True)
class Truncation:
    """Where the series settles.

    `observations` is how many to leave out from the start; `settled` is false when that is more than half of the
    series, or the series is too short to say: then it has not been seen in its steady state.
    """

    observations: int
    settled: bool


def cold_start(columns: Sequence[Ints]) -> int:
    """Give how many measured requests look like a system that is still filling; 0 where there is no sign of it.

    `columns` are the latencies of each replication, int64 ns in order of arrival. Their mean over the replications,
    request by request, shows the transient that single ones hide (Welch 1983). One per cent of the series is let pass.
    """
    length = min((len(column) for column in columns), default=0)
    mean = sum((column[:length] for column in columns), start=np.zeros(length)) / max(len(columns), 1)
    found = mser_5(mean)
    return found.observations if found.observations * _TOLERATED > length else 0


def mser_5(series: NDArray[np.float64]) -> Truncation:
    """Cut that minimises the squared standard error of the mean of what is left (float64[n], in order of time).

    Over means of five, cut d minimises sum((z_i - mean)^2, i >= d) / (k - d)^2 (White 1997; Franklin and White 2008);
    of equal minima the earliest counts. Observations after the last full five are ignored. ValueError for a value that
    is not finite.
    """
    if not np.all(np.isfinite(series)):
        raise ValueError("the series has a value that is not finite")
    batches = len(series) // BATCH
    if batches < 2 * LEAST_KEPT:
        return Truncation(observations=0, settled=False)
    means = series[: batches * BATCH].reshape(batches, BATCH).mean(axis=1)
    # Centred first: sums of squares of large, nearly equal numbers would cancel to noise.
    means = means - means.mean()
    if np.ptp(means) == 0:
        return Truncation(observations=0, settled=True)
    kept = np.arange(batches, 0, -1)
    sums = np.cumsum(means[::-1])[::-1]
    squares = np.cumsum((means * means)[::-1])[::-1]
    error = (squares - sums * sums / kept) / (kept * kept)
    cut = int(np.argmin(error[: batches - LEAST_KEPT + 1]))
    return Truncation(observations=cut * BATCH, settled=cut <= batches // 2)
