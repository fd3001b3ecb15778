"""A rate that jumps between phases: the random environment of on-off and Markov-modulated arrivals."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Final

import numpy as np

from sim.chance import Purpose, Streams
from sim.columns import Floats
from sim.workload.arrivals.inversion import Step
from sim.workload.arrivals.process import unit_exponential

_DRAWS: Final = 256  # phases drawn at once; no result depends on it


@dataclass(frozen=True, slots=True)
class Phases:
    """Phases with exponential durations. `switch[i, j]` is the chance that phase j follows phase i."""

    rates_per_s: tuple[float, ...]
    mean_durations_ns: tuple[int, ...]
    switch: Floats

    def shares(self) -> Floats:
        """Give the long-run share of time in each phase: visits x mean duration, the visits solving v = v P."""
        size = len(self.rates_per_s)
        equations = self.switch.T - np.eye(size)
        equations[-1] = 1.0  # one balance equation follows from the others; the visits add up to 1 instead
        visits = np.linalg.solve(equations, np.eye(size)[-1])
        time = visits * np.array(self.mean_durations_ns, dtype=np.float64)
        shares: Floats = time / time.sum()
        return shares

    def mean_rate_per_s(self) -> float:
        """Give the rate averaged over the shares of time."""
        return float(self.shares() @ np.array(self.rates_per_s))

    def steps(self, streams: Streams, source: str) -> Iterator[Step]:
        """Yield phase after phase without end, the first drawn by the shares of time, so that the start is stationary.

        What is left of an exponential duration is exponential again, so the first phase needs no special length.
        """
        first = np.cumsum(self.shares()).tolist()
        following = np.cumsum(self.switch, axis=1).tolist()
        last = len(self.rates_per_s) - 1
        thresholds = first
        for start in count(0, _DRAWS):
            lengths = unit_exponential(streams.uniform(Purpose.PHASE, (source,), start, start + _DRAWS)).tolist()
            choices = streams.uniform(Purpose.PHASE, (source, "next"), start, start + _DRAWS).tolist()
            for length, choice in zip(lengths, choices, strict=True):
                phase = min(bisect_right(thresholds, choice), last)  # rounding may leave the last threshold below 1
                thresholds = following[phase]
                yield Step(round(length * self.mean_durations_ns[phase]), self.rates_per_s[phase])
