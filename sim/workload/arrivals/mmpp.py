"""Arrivals at a rate that jumps at random between phases."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from sim.chance import Streams
from sim.columns import Floats, Ints
from sim.schema import Spec
from sim.units import PositiveDurationNs
from sim.workload.arrivals.inversion import inverted
from sim.workload.arrivals.phases import Phases
from sim.workload.arrivals.process import DrawnArrivals
from sim.workload.calendar import Calendar

_TOLERANCE = 1e-9

Chance = Annotated[float, Field(ge=0, le=1)]


class Phase(Spec):
    """One phase of the traffic."""

    rate_per_s: Annotated[float, Field(ge=0, le=1e9)]
    """Arrivals per second in this phase."""
    mean_duration: PositiveDurationNs
    """Mean length of this phase; the lengths are exponential."""


class MmppArrivals(DrawnArrivals):
    """Markov-modulated Poisson process (Heffes & Lucantoni 1986): Poisson within a phase, phases of random length."""

    kind: Literal["mmpp"]
    """Kind of arrival process."""
    phases: Annotated[list[Phase], Field(min_length=2, max_length=100)]
    """The phases."""
    switch: Literal["cyclic", "uniform"] | list[list[Chance]] = "cyclic"
    """What follows a phase: the next in the list, any other alike, or a matrix of chances with a row per phase."""

    @model_validator(mode="after")
    def _traffic_comes_and_goes(self) -> Self:
        if all(phase.rate_per_s == 0 for phase in self.phases):
            raise ValueError("no phase has a rate above 0, so no request would ever come")
        matrix, size = self.switch, len(self.phases)
        if isinstance(matrix, str):
            return self
        example = "for two phases write switch: [[0, 1], [1, 0]]"
        if len(matrix) != size or any(len(row) != size for row in matrix):
            raise ValueError(f"the switch matrix needs {size} rows of {size} chances, one per phase; {example}")
        for i, row in enumerate(matrix):
            if abs(sum(row) - 1) > _TOLERANCE or row[i] != 0:
                raise ValueError(f"row {i + 1} of the switch matrix must add up to 1 and have 0 for itself; {example}")
        reach = np.linalg.matrix_power((np.eye(size) + np.array(matrix)) / 2, size)
        if not np.all(reach > 0):
            raise ValueError(f"the switch matrix never leads from some phase to some other; {example}")
        return self

    def faster(self, factor: float) -> Self:
        """Give the process with `factor` times the rate in every phase; the phases stay as long."""
        phases = [phase.model_copy(update={"rate_per_s": factor * phase.rate_per_s}) for phase in self.phases]
        return self.model_copy(update={"phases": phases})

    def mean_rate_per_s(self, at_s: float | None = None) -> float:  # noqa: ARG002 - the same at all times
        """Give the rate averaged over the time spent in each phase."""
        return self._phases().mean_rate_per_s()

    def blocks(self, streams: Streams, source: str, calendar: Calendar, size: int) -> Iterator[Ints]:  # noqa: ARG002 - the same at all hours
        """Yield the times by inversion of the cumulated rate."""
        return inverted(streams, source, size, self._phases().steps(streams, source))

    def _phases(self) -> Phases:
        rates = tuple(phase.rate_per_s for phase in self.phases)
        return Phases(rates, tuple(phase.mean_duration for phase in self.phases), self._matrix())

    def _matrix(self) -> Floats:
        size = len(self.phases)
        if self.switch == "cyclic":
            return np.roll(np.eye(size), 1, axis=1)
        if self.switch == "uniform":
            return (np.ones((size, size)) - np.eye(size)) / (size - 1)
        return np.array(self.switch, dtype=np.float64)
