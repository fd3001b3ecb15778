"""A histogram of integers that loses little: quantiles of any number of observations in bounded memory.

Buckets are those of the number's own floating-point form, cut to ten bits of mantissa: every integer below 2,048 has a
bucket of its own, and above that a bucket is at most 1/1024 of what it holds. Observations are taken to lie evenly in
their bucket, so a quantile is told to within 1/1024 of itself, and mostly far better. (The same layout as
HdrHistogram's, Tene 2012, in base 2.) Counts of two histograms add up, in any order, to the counts of all observations
together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from sim.columns import Floats, Ints

RELATIVE_ERROR: Final = 1 / 1024
"""A quantile read off a histogram lies within this share of the exact one."""

_BITS: Final = 10
_SHIFT: Final = 52 - _BITS
_ONE: Final = 1023 << _BITS  # bucket of 1, before it is moved to 1


def buckets_of(values: Ints) -> Ints:
    """Give the bucket of each value (int64, 0 or more): 0 for 0, then growing with the value."""
    buckets: Ints = (values.astype(np.float64).view(np.int64) >> _SHIFT) - (_ONE - 1)
    return np.maximum(buckets, 0)


def edges_of(buckets: Ints) -> tuple[Ints, Ints]:
    """Give the least and the largest integer in each bucket, int64; in buckets without any the largest is less."""
    low = np.ceil(_floor(buckets)).astype(np.int64)
    high = np.ceil(_floor(buckets + 1)).astype(np.int64) - 1
    return np.where(buckets == 0, 0, low), np.where(buckets == 0, 0, high)


def _floor(buckets: Ints) -> Floats:
    bits: Ints = (buckets + (_ONE - 1)) << _SHIFT
    return bits.view(np.float64)


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts of observations: `counts` int64 by `buckets` int64, ascending; buckets without any are left out."""

    buckets: Ints
    counts: Ints

    def __len__(self) -> int:
        """Give the number of observations."""
        return int(self.counts.sum())

    def at(self, positions: Sequence[int]) -> list[float]:
        """Give the observations at these positions, from 0, in order of size, as if those in a bucket lay evenly in it.

        (Their middle for all of them would hide how far the quantiles of replications lie apart.)
        """
        reached = np.cumsum(self.counts)
        places = np.searchsorted(reached, positions, side="right")
        low, high = edges_of(self.buckets[places])
        counts, before = self.counts[places], (reached - self.counts)[places]
        rows = zip(positions, low.tolist(), high.tolist(), counts.tolist(), before.tolist(), strict=True)
        return [
            least + (most - least) * (position - first + 0.5) / count for position, least, most, count, first in rows
        ]

    def middles(self) -> Floats:
        """Give the middle of each bucket, float64."""
        low, high = edges_of(self.buckets)
        return (low + high) / 2


def histogram_of(values: Ints) -> Histogram:
    """Count values (int64, 0 or more)."""
    buckets, counts = np.unique(buckets_of(values), return_counts=True)
    return Histogram(buckets, counts.astype(np.int64))


def merged(parts: Sequence[Histogram]) -> Histogram:
    """Give the histogram of all observations together."""
    return added_up(np.concatenate([part.buckets for part in parts]), np.concatenate([part.counts for part in parts]))


def added_up(buckets: Ints, counts: Ints) -> Histogram:
    """Give the histogram of counts (1 or more) of which several may belong to one bucket."""
    lowest = int(buckets.min()) if len(buckets) else 0
    sums = np.bincount(buckets - lowest, weights=counts)  # floats, but nobody has 2**53 observations
    places = np.flatnonzero(sums)
    return Histogram(places + lowest, sums[places].astype(np.int64))
