"""Arrivals of many users who know nothing of each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Self

from sim.chance import Streams
from sim.columns import Ints
from sim.units import RatePerS
from sim.workload.arrivals.process import DrawnArrivals, running_sum, uniforms, unit_exponential
from sim.workload.calendar import Calendar


class PoissonArrivals(DrawnArrivals):
    """Poisson process: exponential gaps, each independent of all before."""

    kind: Literal["poisson"]
    """Kind of arrival process."""
    rate_per_s: RatePerS
    """Arrivals per second."""

    def faster(self, factor: float) -> Self:
        """Give the process at `factor` times its rate."""
        return self.model_copy(update={"rate_per_s": factor * self.rate_per_s})

    def mean_rate_per_s(self, at_s: float | None = None) -> float:  # noqa: ARG002 - the same at all times
        """Give the rate."""
        return self.rate_per_s

    def blocks(self, streams: Streams, source: str, calendar: Calendar, size: int) -> Iterator[Ints]:  # noqa: ARG002 - the same at all hours
        """Yield the times: running sums of exponential gaps, each rounded to a nanosecond."""
        gap_ns = 1e9 / self.rate_per_s
        return running_sum(gap_ns * unit_exponential(u) for u in uniforms(streams, source, size))
