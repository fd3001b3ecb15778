"""Arrivals with independent gaps of any spread: steadier or more clustered than Poisson."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field

from sim.chance import Purpose, Streams
from sim.chance.gamma_table import solved_quantiles
from sim.chance.laws.gamma import gamma_quantile
from sim.chance.laws.weibull import weibull_power
from sim.columns import Floats, Ints
from sim.units import RatePerS
from sim.workload.arrivals.process import DrawnArrivals, running_sum, uniforms, unit_exponential
from sim.workload.calendar import Calendar


class RenewalArrivals(DrawnArrivals):
    """Stationary renewal process: independent gaps of one law, met at a random moment.

    The first gap is therefore what is left of a gap in progress, and the rate is right from the first second on.
    """

    kind: Literal["renewal"]
    """Kind of arrival process."""
    rate_per_s: RatePerS
    """Arrivals per second."""
    cv: Annotated[float, Field(ge=0.01, le=100)]
    """Coefficient of variation of the gaps; 1 is like Poisson, below 1 steadier, above 1 clustered."""
    law: Literal["gamma", "weibull"] = "gamma"
    """Law of the gaps."""

    def faster(self, factor: float) -> Self:
        """Give the process at `factor` times its rate."""
        return self.model_copy(update={"rate_per_s": factor * self.rate_per_s})

    def mean_rate_per_s(self, at_s: float | None = None) -> float:  # noqa: ARG002 - the same at all times
        """Give the rate."""
        return self.rate_per_s

    def blocks(self, streams: Streams, source: str, calendar: Calendar, size: int) -> Iterator[Ints]:  # noqa: ARG002 - the same at all hours
        """Yield the times: running sums of the gaps, each rounded to a nanosecond."""
        return running_sum(self._gaps(streams, source, size))

    def _gaps(self, streams: Streams, source: str, size: int) -> Iterator[Floats]:
        """Yield the gaps in ns. The gap in progress at the start is length-biased and cut at a uniform point."""
        draws = uniforms(streams, source, size)
        first = next(draws)
        gaps = self._quantile(first)
        cut = streams.uniform(Purpose.PHASE, (source,), 0, 1)
        gaps[:1] = self._covering_quantile(first[:1]) * cut
        yield gaps
        for u in draws:
            yield self._quantile(u)

    def _quantile(self, u: Floats) -> Floats:
        """Give quantiles of the gap, in ns."""
        mean_ns, scv = 1e9 / self.rate_per_s, self.cv**2
        if self.law == "gamma":
            return gamma_quantile(u, 1 / scv, mean_ns * scv)
        power, scale = weibull_power(scv, mean_ns)
        return scale * np.power(unit_exponential(u), power)

    def _covering_quantile(self, u: Floats) -> Floats:
        """Give quantiles of the gap that covers a random moment, in ns; for a few u.

        Its density is x f(x) / mean: for a gamma law the shape is one more; for a Weibull law the standardised
        (x / scale)**shape, exponential before, is gamma with shape 1 + 1 / shape.
        """
        mean_ns, scv = 1e9 / self.rate_per_s, self.cv**2
        if self.law == "gamma":
            return solved_quantiles(u, 1 / scv + 1) * (mean_ns * scv)
        power, scale = weibull_power(scv, mean_ns)
        return scale * np.power(solved_quantiles(u, 1 + power), power)
