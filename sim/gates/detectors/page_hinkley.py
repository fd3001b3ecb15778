"""Page-Hinkley: sums how far scores lie from their own mean so far, so that it needs no reference to begin with."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Final, Literal

import numpy as np
from pydantic import Field

from sim.chance.normal import normal_cdf
from sim.columns import Bools, Floats
from sim.gates.detectors.detector import Chart, Detector, Side
from sim.gates.run_length import Cdf

_RUNS: Final = 4_000
_RUN_LENGTHS: Final = 8
_SEED: Final = 1954
_STEPS: Final = 60


class PageHinkley(Detector):
    """Sums of score - mean - allowance (up) and mean - score - allowance (down), less their least value so far.

    The mean is that of the scores so far, the present one included; older parts of the sums may be forgotten (Page
    1954; Hinkley 1971, Biometrika 58). Since the mean follows the change, it is the cautious one. No formula gives its
    run lengths: its thresholds come from up to 4,000 simulated runs with a seed of their own.
    """

    kind: Literal["page_hinkley"]
    """Page-Hinkley test."""
    allowance: Annotated[float, Field(ge=0, le=100)] = 0.25
    """Distance from the mean that counts for nothing, in standard deviations of an epoch's score."""
    keep: Annotated[float, Field(gt=0, le=1)] = 0.9999
    """What is kept of a sum from look to look."""
    least: Annotated[int, Field(ge=1, le=10_000)] = 14
    """Looks before the first alarm."""

    def threshold(
        self,
        run_length: float,
        side: Side,
        scores: Cdf = normal_cdf,  # noqa: ARG002
        reference_error: float = 0.0,  # noqa: ARG002 - it has its own mean
    ) -> float:
        """Give the threshold by simulated scores, normal ones whatever the law: sums of many scores are."""
        if run_length <= self.least:
            raise ValueError(f"an average run length is more than {self.least} looks, found {run_length:g}")
        return _threshold(self, run_length, side)

    def delay(self, threshold: float, side: Side, shift: float, scores: Cdf = normal_cdf) -> float:  # noqa: ARG002
        """Give the average over simulated runs, whose scores have moved from the first look that may alarm on."""
        rng = np.random.Generator(np.random.Philox(_SEED + 1))
        chart = self.chart(threshold, side, _RUNS)
        going, total, looks = np.ones(_RUNS, dtype=np.bool_), 0, 0
        towards = -shift if side == "down" else shift
        while going.any():
            looks += 1
            after = looks >= self.least
            alarm = chart.look(rng.standard_normal(_RUNS) + (towards if after else 0.0))
            total += int(going.sum()) if after else 0
            going &= ~alarm
        return total / _RUNS

    def chart(self, threshold: float, side: Side, runs: int) -> Chart:
        """Begin with nothing seen."""
        return PageHinkleyChart(threshold, side, runs, allowance=self.allowance, keep=self.keep, least=self.least)


class PageHinkleyChart(Chart):
    """The chart; the mean so far and the two sums of every run."""

    def __init__(self, threshold: float, side: Side, runs: int, *, allowance: float, keep: float, least: int) -> None:
        self.threshold = threshold
        self._allowance, self._keep, self._least = allowance, keep, least
        self._signs = {"up": [1.0], "down": [-1.0], "both": [1.0, -1.0]}[side]
        self._looks = np.zeros(runs, dtype=np.int64)
        self._mean = np.zeros(runs)
        self._sums = np.zeros((len(self._signs), runs))
        self._lowest = np.full((len(self._signs), runs), np.inf)

    def look(self, score: Floats) -> Bools:
        """Move the mean, then the sums."""
        self._looks += 1
        self._mean += (score - self._mean) / self._looks
        for number, sign in enumerate(self._signs):
            moved = self._keep * self._sums[number] + sign * (score - self._mean) - self._allowance
            self._sums[number] = moved
            self._lowest[number] = np.minimum(self._lowest[number], moved)
        found: Bools = (self.value() > self.threshold) & (self._looks >= self._least)
        return found

    def value(self) -> Floats:
        """Give the larger distance of a sum from its least value."""
        seen: Floats = np.where(self._looks > 0, (self._sums - self._lowest).max(axis=0), 0.0)
        return seen

    def restart(self, where: Bools) -> None:
        """Forget all of some runs."""
        self._looks[where] = 0
        self._mean[where] = 0.0
        self._sums[:, where] = 0.0
        self._lowest[:, where] = np.inf


@lru_cache(maxsize=64)
def _threshold(detector: PageHinkley, run_length: float, side: Side) -> float:
    """Find the threshold that gives simulated runs the average length: by the largest values on the way.

    A run alarms at the first look where its largest value so far exceeds the threshold, so one set of runs serves for
    all thresholds. Runs are cut at eight times the length asked for; what is left of those without an alarm is taken to
    last as long again as the average, as geometric tails do.
    """
    rng = np.random.Generator(np.random.Philox(_SEED))
    looks = int(np.ceil(_RUN_LENGTHS * run_length))
    runs = max(64, min(_RUNS, 20_000_000 // looks))
    chart = detector.chart(np.inf, side, runs)
    most = np.empty((looks, runs), dtype=np.float32)
    for look in range(looks):
        chart.look(rng.standard_normal(runs))
        value = chart.value() if look + 1 >= detector.least else np.zeros(runs)
        most[look] = value if look == 0 else np.maximum(most[look - 1], value)

    def average(threshold: float) -> float:
        # looks before the alarm, and the alarm itself
        ends = (most <= threshold).sum(axis=0) + 1
        cut = ends > looks
        total = float(np.where(cut, looks, ends).sum())
        alarms = runs - int(cut.sum())
        return total / alarms if alarms else np.inf

    low, high = 0.0, float(most[-1].max())
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if average(middle) < run_length:
            low = middle
        else:
            high = middle
    return high
