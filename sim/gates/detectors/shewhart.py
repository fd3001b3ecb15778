"""Shewhart: each window of scores by itself; plain, and slow for small changes."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from sim.chance.normal import normal_cdf
from sim.columns import Bools, Floats
from sim.gates.detectors.detector import Chart, ExactDetector, Side, mirrored
from sim.gates.run_length import Cdf, shifted

_SIGN = {"up": 1.0, "down": -1.0}


class Shewhart(ExactDetector):
    """The sum of the scores of a window over the root of their number, alarm beyond the threshold (Shewhart 1931).

    Windows follow each other without overlap, as in a weekly review. A window of more than one look takes its scores
    for normal.
    """

    kind: Literal["shewhart"]
    """Last epochs alone."""
    window: Annotated[int, Field(ge=1, le=1000)] = 1
    """Epochs that are looked at together."""

    def threshold(self, run_length: float, side: Side, scores: Cdf = normal_cdf, reference_error: float = 0.0) -> float:
        """Give the threshold by the share of windows that may alarm: window / run length."""
        if run_length <= self.window:
            raise ValueError(f"an average run length is more than a window of {self.window}, found {run_length:g}")
        return super().threshold(run_length, side, scores, reference_error)

    def alarm_rate(self, threshold: float, side: Side, shift: float, scores: Cdf) -> float:
        """Give P(alarm in a window) / window."""
        law = shifted(scores if self.window == 1 else normal_cdf, shift * math.sqrt(self.window))
        at = np.array([threshold])
        laws = {"up": (law,), "down": (mirrored(law),), "both": (law, mirrored(law))}[side]
        return sum(1.0 - float(one(at)[0]) for one in laws) / self.window

    def chart(self, threshold: float, side: Side, runs: int) -> Chart:
        """Begin with the first window."""
        return _Chart(threshold, side, runs, self.window)


class _Chart(Chart):
    def __init__(self, threshold: float, side: Side, runs: int, window: int) -> None:
        self.threshold = threshold
        self._side = side
        self._window = window
        self._sum = np.zeros(runs)
        self._looks = np.zeros(runs, dtype=np.int64)
        self._last = np.zeros(runs)

    def look(self, score: Floats) -> Bools:
        self._sum += score
        self._looks += 1
        full = self._looks == self._window
        mean = self._sum / math.sqrt(self._window)
        towards = np.abs(mean) if self._side == "both" else _SIGN[self._side] * mean
        self._last[full] = towards[full]
        self.restart(full)
        found: Bools = full & (towards > self.threshold)
        return found

    def value(self) -> Floats:
        """Give the score of the last whole window."""
        return self._last.copy()

    def restart(self, where: Bools) -> None:
        self._sum[where] = 0.0
        self._looks[where] = 0
