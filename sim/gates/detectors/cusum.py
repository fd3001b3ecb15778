"""CUSUM: sums what scores exceed an allowance by; the quickest for a lasting change of a known size."""

from __future__ import annotations

from typing import Literal

import numpy as np

from sim.columns import Floats
from sim.gates.detectors.detector import Chart, MarkovDetector, OneOrTwoSided, Side, Smallest
from sim.gates.run_length import Step


class Cusum(MarkovDetector):
    """S' = max(0, S + score - shift / 2), alarm beyond the threshold (Page 1954, Biometrika 41)."""

    kind: Literal["cusum"]
    """Cumulative sum."""
    shift: Smallest | None = None
    """The change to be found soonest, in standard deviations of an epoch's score; 1, or what the gate is to find."""

    @property
    def allowance(self) -> float:
        """Half of the shift."""
        return (1.0 if self.shift is None else self.shift) / 2

    def step(self, side: Side) -> Step:  # noqa: ARG002 - both sides are two charts of one
        """Say how one side moves."""
        return Step(keep=1.0, weight=1.0, allowance=self.allowance, floor=True)

    def chart(self, threshold: float, side: Side, runs: int) -> Chart:
        """Begin at 0."""
        return _Chart(threshold, side, runs, self.allowance)


class _Chart(OneOrTwoSided):
    def __init__(self, threshold: float, side: Side, runs: int, allowance: float) -> None:
        super().__init__(threshold, side, runs)
        self._allowance = allowance

    def moved(self, values: Floats, score: Floats) -> Floats:
        moved: Floats = np.maximum(0.0, values + score - self._allowance)
        return moved
