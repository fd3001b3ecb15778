"""Arrivals at equal distances: a metronome, or the worst case of a scheduler."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction as Ratio
from itertools import count
from typing import Literal, Self

import numpy as np

from sim.chance import Streams
from sim.columns import Ints
from sim.units import DurationNs, RatePerS
from sim.workload.arrivals.process import END, DrawnArrivals, Expectation
from sim.workload.calendar import Calendar


class ConstantArrivals(DrawnArrivals):
    """One arrival every 1 / rate."""

    kind: Literal["constant"]
    """Kind of arrival process."""
    rate_per_s: RatePerS
    """Arrivals per second."""
    first: DurationNs | None = None
    """Time of the first arrival; 1 / rate where left out."""

    def faster(self, factor: float) -> Self:
        """Give the process at `factor` times its rate."""
        return self.model_copy(update={"rate_per_s": factor * self.rate_per_s})

    def mean_rate_per_s(self, at_s: float | None = None) -> float:  # noqa: ARG002 - the same at all times
        """Give the rate."""
        return self.rate_per_s

    def expectation(self, calendar: Calendar) -> Expectation:  # noqa: ARG002 - the same at all hours
        """Give the number of arrivals up to any time, which is certain."""
        gap, offset, parts = self._grid()
        return lambda until_ns: float(max(-((offset - until_ns * parts) // gap), 0))

    def blocks(self, streams: Streams, source: str, calendar: Calendar, size: int) -> Iterator[Ints]:  # noqa: ARG002 - no chance here
        """Yield the times, each rounded from its own exact value: rounding never adds up.

        The rate is taken as the decimal that was written; halves round up.
        """
        gap, offset, parts = self._grid()
        for start in count(0, size):
            times = [(offset + k * gap) // parts for k in range(start, start + size)]
            if times[-1] >= END:
                kept = [time for time in times if time < END]
                if kept:
                    yield np.array(kept, dtype=np.int64)
                return
            yield np.array(times, dtype=np.int64)

    def _grid(self) -> tuple[int, int, int]:
        """Give gap, offset and parts, whole numbers: the k-th arrival is at (offset + k gap) // parts."""
        gap_ns = 10**9 / Ratio(repr(self.rate_per_s))
        offset_ns = gap_ns if self.first is None else Ratio(self.first)
        parts = 2 * gap_ns.denominator
        return 2 * gap_ns.numerator, int(offset_ns * parts) + gap_ns.denominator, parts
