"""From a score to a probability: isotonic and logistic (Platt) calibration, and how far a probability is off."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from sim.columns import Bools, Floats

BINS: Final = 15
"""Bins of the expected calibration error, of equal width (Guo et al. 2017, arXiv 1706.04599)."""

_STEPS: Final = 100
_FOLDS: Final = 5
_SEED: Final = 20_170_614


class Calibration(Protocol):
    """Turns scores into probabilities."""

    def probability(self, score: Floats) -> Floats:
        """Give the probability that an answer of each score is acceptable."""


@dataclass(frozen=True, slots=True)
class Isotonic:
    """The non-decreasing function that fits best: between `score` points, `value` is drawn by straight lines."""

    score: Floats
    value: Floats

    def probability(self, score: Floats) -> Floats:
        """Give the probability that an answer of each score is acceptable."""
        return np.interp(score, self.score, self.value)


@dataclass(frozen=True, slots=True)
class Platt:
    """1 / (1 + exp(-(slope x score + offset))) (Platt 1999)."""

    slope: float
    offset: float

    def probability(self, score: Floats) -> Floats:
        """Give the probability that an answer of each score is acceptable."""
        return _logistic(self.slope * score + self.offset)


def isotonic(score: Floats, right: Bools) -> Isotonic:
    """Fit by pooling adjacent violators (Ayer et al. 1955); equal scores are one point."""
    points, place = np.unique(score, return_inverse=True)
    count = np.bincount(place).astype(np.float64)
    mean = np.bincount(place, weights=right) / count
    blocks: list[tuple[float, float, int]] = []
    for value, weight in zip(mean.tolist(), count.tolist(), strict=True):
        blocks.append((value, weight, 1))
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            (low, a, m), (high, b, n) = blocks[-2:]
            blocks[-2:] = [((low * a + high * b) / (a + b), a + b, m + n)]
    values = np.repeat([value for value, _, _ in blocks], [many for _, _, many in blocks])
    return Isotonic(points, values)


def platt(score: Floats, right: Bools) -> Platt:
    """Fit by Newton's method, with Platt's smoothed targets, so that perfect separation has an end too."""
    good = int(right.sum())
    bad = len(right) - good
    target = np.where(right, (good + 1) / (good + 2), 1 / (bad + 2))
    centre, scale = float(score.mean()), float(score.std()) or 1.0
    x = (score - centre) / scale
    slope, offset = 0.0, math.log((good + 1) / (bad + 1))
    for _ in range(_STEPS):
        p = _logistic(slope * x + offset)
        error, w = target - p, np.maximum(p * (1 - p), 1e-12)
        a, b, c = float((w * x * x).sum()) + 1e-9, float((w * x).sum()), float(w.sum()) + 1e-9
        g, h = float((error * x).sum()), float(error.sum())
        det = a * c - b * b
        step = ((c * g - b * h) / det, (a * h - b * g) / det)
        slope, offset = slope + step[0], offset + step[1]
        if max(abs(step[0]), abs(step[1])) < 1e-10:  # noqa: PLR2004 - of a standardised score
            break
    return Platt(slope / scale, offset - slope * centre / scale)


def cross_calibrated(score: Floats, right: Bools, kind: str) -> Floats:
    """Give each answer the probability of a calibration that was fitted to the others' folds."""
    fits: dict[str, Callable[[Floats, Bools], Calibration]] = {"isotonic": isotonic, "platt": platt}
    fit = fits[kind]
    fold = np.random.Generator(np.random.Philox(_SEED)).permutation(len(score)) % _FOLDS
    found = np.zeros(len(score))
    for one in range(_FOLDS):
        rest = fold != one
        found[~rest] = fit(score[rest], right[rest]).probability(score[~rest])
    return found


def expected_calibration_error(probability: Floats, right: Bools) -> float:
    """Give the mean distance of stated and true shares over bins of equal width, weighted by their answers."""
    place = np.minimum((probability * BINS).astype(np.int64), BINS - 1)
    stated = np.bincount(place, weights=probability, minlength=BINS)
    true = np.bincount(place, weights=right, minlength=BINS)
    return float(np.abs(stated - true).sum() / len(right))


def _logistic(x: Floats) -> Floats:
    from scipy.special import expit  # noqa: PLC0415 - scipy loads slowly and `validate` must not wait for it

    found: Floats = expit(x)
    return found
