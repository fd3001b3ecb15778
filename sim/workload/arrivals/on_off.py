"""Arrivals in bursts: a rate while on, silence while off."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Self

import numpy as np

from sim.chance import Streams
from sim.columns import Ints
from sim.units import PositiveDurationNs, RatePerS
from sim.workload.arrivals.inversion import inverted
from sim.workload.arrivals.phases import Phases
from sim.workload.arrivals.process import DrawnArrivals
from sim.workload.calendar import Calendar


class OnOffArrivals(DrawnArrivals):
    """Poisson arrivals that are switched on and off for exponential times (Kuczura 1973)."""

    kind: Literal["on_off"]
    """Kind of arrival process."""
    rate_per_s: RatePerS
    """Arrivals per second while on."""
    on: PositiveDurationNs
    """Mean length of a burst."""
    off: PositiveDurationNs
    """Mean length of the silence between bursts."""

    def faster(self, factor: float) -> Self:
        """Give the process at `factor` times its rate."""
        return self.model_copy(update={"rate_per_s": factor * self.rate_per_s})

    def mean_rate_per_s(self, at_s: float | None = None) -> float:  # noqa: ARG002 - the same at all times
        """Give the rate while on times the share of time that is on."""
        return self.rate_per_s * self.on / (self.on + self.off)

    def blocks(self, streams: Streams, source: str, calendar: Calendar, size: int) -> Iterator[Ints]:  # noqa: ARG002 - the same at all hours
        """Yield the times by inversion of the cumulated rate."""
        phases = Phases((self.rate_per_s, 0.0), (self.on, self.off), np.array([[0.0, 1.0], [1.0, 0.0]]))
        return inverted(streams, source, size, phases.steps(streams, source))
