"""The base of every detector: a control chart that looks at one score an epoch and says when to stop and look."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Annotated, Final, Literal, TypeAlias

import numpy as np
from pydantic import Field

from sim.chance.normal import normal_cdf
from sim.columns import Bools, Floats
from sim.gates.run_length import Cdf, Step, average_run_length, shifted
from sim.schema import Spec

_PRECISION: Final = 1e-4
_ERRORS: Final = 7
_NUDGE: Final = 1e-3
_NOTHING: Final = 1e-9

Side: TypeAlias = Literal["up", "down", "both"]
"""Which way a change must go to be one."""

Smallest = Annotated[float, Field(gt=0, le=100)]


class Chart(ABC):
    """What a detector draws while it looks: one value (or two, for both sides) of each of some independent runs."""

    threshold: float
    """What a value must exceed for an alarm."""

    @abstractmethod
    def look(self, score: Floats) -> Bools:
        """Take in the next score of every run (float64[r], mean 0 and variance 1 in control); say where alarms are."""

    @abstractmethod
    def value(self) -> Floats:
        """Give the present value of every run, to be compared with `threshold`; float64[r]."""

    @abstractmethod
    def restart(self, where: Bools) -> None:
        """Begin again in some of the runs, as after an alarm that was acted upon."""


class Detector(Spec, ABC):
    """A control chart; subclasses say their `kind`."""

    @abstractmethod
    def threshold(self, run_length: float, side: Side, scores: Cdf = normal_cdf, reference_error: float = 0.0) -> float:
        """Give the threshold whose average run length in control is `run_length` looks, both sides counted.

        `reference_error` is the standard error of the reference that scores are taken against, in standard deviations
        of a score: all scores of a chart share it, so that it looks like a change (Jensen et al. 2006, Journal of
        Quality Technology 38(4)). The rate of false alarms is then met in the mean over such references.
        """

    @abstractmethod
    def chart(self, threshold: float, side: Side, runs: int) -> Chart:
        """Begin a chart of `runs` independent runs."""

    @abstractmethod
    def delay(self, threshold: float, side: Side, shift: float, scores: Cdf = normal_cdf) -> float:
        """Give the average run length when scores have moved by `shift` towards the side from the first look on."""


class ExactDetector(Detector, ABC):
    """A detector whose run lengths are known without simulation."""

    @abstractmethod
    def alarm_rate(self, threshold: float, side: Side, shift: float, scores: Cdf) -> float:
        """Give alarms a look where scores have moved up by `shift`: one over the average run length."""

    def threshold(self, run_length: float, side: Side, scores: Cdf = normal_cdf, reference_error: float = 0.0) -> float:
        """Give the least threshold whose rate of alarms is not above one in `run_length`, to a part in ten thousand."""
        if run_length <= 1:
            raise ValueError(f"an average run length is more than one look, found {run_length:g}")
        errors, weights = _quadrature(reference_error)

        def excess(threshold: float) -> float:
            """Give the logarithm of the rate over the rate wanted: nearly a straight line in the threshold."""
            rates = [self.alarm_rate(threshold, side, error, scores) for error in errors]
            rate = float(np.dot(weights, rates))
            return math.log(rate * run_length) if rate > 0 else -math.inf

        return _falling_to_zero(excess)

    def delay(self, threshold: float, side: Side, shift: float, scores: Cdf = normal_cdf) -> float:
        """Give one over the rate of alarms."""
        rate = self.alarm_rate(threshold, side, -shift if side == "down" else shift, scores)
        return 1 / rate if rate > 0 else math.inf


class MarkovDetector(ExactDetector, ABC):
    """A detector whose run lengths a Markov chain gives."""

    @abstractmethod
    def step(self, side: Side) -> Step:
        """Say how the chart moves, for one side (or for both at once, where the step has no floor)."""

    def alarm_rate(self, threshold: float, side: Side, shift: float, scores: Cdf) -> float:
        """Give the rate; those of two charts of one side each add up.

        That holds exactly for CUSUM charts of which one cannot alarm right after the other (Kemp 1961, JRSS B 23).
        """
        step, moved = self.step(side), shifted(scores, shift)
        laws = [moved] if side == "up" or not step.floor else [mirrored(moved)] if side == "down" else None
        return sum(1 / average_run_length(step, threshold, law) for law in laws or (moved, mirrored(moved)))


class OneOrTwoSided(Chart, ABC):
    """A chart that keeps a value for each side it watches; float64[sides, r]."""

    def __init__(self, threshold: float, side: Side, runs: int) -> None:
        self.threshold = threshold
        self._signs = {"up": [1.0], "down": [-1.0], "both": [1.0, -1.0]}[side]
        self._values = np.zeros((len(self._signs), runs), dtype=np.float64)

    @abstractmethod
    def moved(self, values: Floats, score: Floats) -> Floats:
        """Give the next values of one side from its scores, which are positive where they point to a change."""

    def look(self, score: Floats) -> Bools:
        """Move every side, and compare."""
        for number, sign in enumerate(self._signs):
            self._values[number] = self.moved(self._values[number], sign * score)
        found: Bools = self.value() > self.threshold
        return found

    def value(self) -> Floats:
        """Give the larger of the sides."""
        largest: Floats = self._values.max(axis=0)
        return largest

    def restart(self, where: Bools) -> None:
        """Set the values back to 0."""
        self._values[:, where] = 0.0


def mirrored(scores: Cdf) -> Cdf:
    """Give the law of the negative of a score; exact where no lattice point lies at the place asked for."""
    return lambda z: 1.0 - scores(np.nextafter(-z, -np.inf))


def _falling_to_zero(excess: Callable[[float], float]) -> float:
    """Give the least place, to a part in ten thousand, at which a function that falls is not above 0; 0 if all are.

    False position with the Illinois rule (Dowell and Jarratt 1971, BIT 11), and a bisection after each step that has
    not halved the bracket: the function has steps where scores lie on a lattice.
    """
    low, high = 0.0, 1.0
    above, below = math.inf, excess(1.0)
    while below > 0:
        low, above, high = high, below, 2 * high
        below = excess(high)
    halved = True
    while high - low > _PRECISION * high:
        if high < _NOTHING:  # alarms are rare enough at any threshold: halving would go on to the least double
            return 0.0
        width, at = high - low, (low + high) / 2
        if halved and math.isfinite(above) and math.isfinite(below):
            at = min(
                max(low + width * above / (above - below), low + _PRECISION * high / 2), high - _PRECISION * high / 2
            )
        found = excess(at)
        if found > 0:
            low, above, below = at, found, below / 2
        else:
            high, below, above = at, found, above / 2
        halved = high - low <= width / 2
    return high


def _quadrature(spread: float) -> tuple[list[float], Floats]:
    """Give places and weights for the mean over a normal error of this spread (Gauss-Hermite); one place for none."""
    if not spread:
        return [0.0], np.ones(1)
    places, weights = np.polynomial.hermite_e.hermegauss(_ERRORS)
    return (spread * places).tolist(), weights / weights.sum()
