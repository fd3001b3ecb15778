"""EWMA: an exponentially weighted mean of the scores; robust to what a score's law looks like."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from sim.columns import Floats
from sim.gates.detectors.detector import Chart, MarkovDetector, OneOrTwoSided, Side
from sim.gates.run_length import Step


class Ewma(MarkovDetector):
    """E' = (1 - weight) E + weight x score, alarm beyond the threshold (Roberts 1959; Lucas and Saccucci 1990).

    A chart of one side starts again at 0 where it would fall below, so that a good time is no credit for a bad one.
    """

    kind: Literal["ewma"]
    """Exponentially weighted mean."""
    weight: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Weight of the latest score; small weights find small changes."""

    def step(self, side: Side) -> Step:
        """Say how the mean moves; both sides are one mean that may leave on either."""
        return Step(keep=1.0 - self.weight, weight=self.weight, allowance=0.0, floor=side != "both")

    def chart(self, threshold: float, side: Side, runs: int) -> Chart:
        """Begin at 0."""
        return _Chart(threshold, side, runs, self.weight)


class _Chart(OneOrTwoSided):
    def __init__(self, threshold: float, side: Side, runs: int, weight: float) -> None:
        super().__init__(threshold, side, runs)
        self._weight = weight
        self._floor = 0.0 if side != "both" else -np.inf

    def moved(self, values: Floats, score: Floats) -> Floats:
        moved: Floats = np.maximum(self._floor, (1.0 - self._weight) * values + self._weight * score)
        return moved
