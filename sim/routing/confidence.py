"""Confidence of a first answer: a noisy reading of the latent that decides whether the model succeeds.

With A ~ N(0, 1) the latent ability on a request (acceptable when A >= -Phi^-1(p)), the reading is
S = r A + sqrt(1 - r^2) N. Its correlation r is solved from the AUROC that people measure: the chance that an acceptable
answer reads higher than an unacceptable one. Against a score that knows only right or wrong (binormal), this does not
flatter cascades: answers that barely fail look like answers that barely succeed.
"""

from __future__ import annotations

import functools
import math
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field

from sim.chance.normal import normal_cdf, normal_grid, normal_quantile
from sim.columns import Floats, Ints
from sim.schema import Spec
from sim.units import DurationNs, PositiveDurationNs
from sim.workload.by_class import of_class

_STEPS = 50
_RAREST = 1e-3
_BLIND = 0.5


class Miscalibration(Spec):
    """Distortion of a calibrated probability: logit(c') = slope x logit(c) + shift."""

    slope: Annotated[float, Field(gt=0, le=1000)] = 1.0
    """Above 1 exaggerates, below 1 flattens; never turns the order of two answers round."""
    shift: float = 0.0
    """Above 0 is overconfident (in logits: 1.0 turns .73 into .88)."""

    def distort(self, probability: Floats) -> Floats:
        """Give the distorted probability; 0 and 1 stay what they are."""
        if self.slope == 1.0 and self.shift == 0.0:
            return probability
        from scipy.special import expit, logit  # noqa: PLC0415 - `validate` starts without scipy

        distorted = expit(self.slope * logit(np.clip(probability, 1e-15, 1 - 1e-15)) + self.shift)
        return np.where((probability > 0) & (probability < 1), distorted, probability)


class Episode(Spec):
    """A time in which a model's stated confidence is off: a new version, a changed prompt, an unusual topic."""

    start: DurationNs
    """When it begins, from the start of the run."""
    length: PositiveDurationNs
    """How long it lasts."""
    shift: float
    """Added to the stated confidence in logits, of requests that arrive in that time: -1.0 turns .88 into .73."""

    def distort(self, probability: Floats, arrival_ns: Ints) -> Floats:
        """Give the confidence with those of the episode shifted."""
        shifted = Miscalibration(shift=self.shift).distort(probability)
        return np.where((arrival_ns >= self.start) & (arrival_ns < self.start + self.length), shifted, probability)


def auroc_of(correlation: float, acceptance: float) -> float:
    """Give the AUROC of a reading with correlation r when a share p of the answers is acceptable.

    P(S1 > S2 | A1 acceptable, A2 not), integrated over the reading on a grid.
    """
    if correlation >= 1:
        return 1.0
    reading, weights = normal_grid(points=4_001)
    cut = -float(normal_quantile(np.array([acceptance]))[0])
    accepted = weights * normal_cdf((correlation * reading - cut) / math.sqrt(1 - correlation**2))
    rejected = weights - accepted
    below = np.cumsum(rejected) - 0.5 * rejected
    return float((accepted * below).sum() / (accepted.sum() * rejected.sum()))


@functools.lru_cache(maxsize=1 << 20)  # asked anew for every class in every chunk: it has to hold all there are
def reading_correlation(auroc: float, acceptance: float) -> float:
    """Find the correlation r at which the reading has this AUROC, by bisection (0.5 gives 0, 1 gives 1)."""
    if auroc <= _BLIND:
        return 0.0  # not merely a small number: all readings then say exactly the same
    if auroc >= 1:
        return 1.0
    # where nearly all answers are right (or wrong) the AUROC says little; the solution is taken at the border
    share = min(max(acceptance, _RAREST), 1 - _RAREST)
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if auroc_of(middle, share) < auroc:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def surety_of(reading: Floats, correlation: float, acceptance: float) -> Floats:
    """Give Phi^-1 of P(acceptable | reading): orders answers as their probability does, and tells apart any two.

    Infinite where nothing is left open: at an acceptance of 0 or 1, or under a correlation of 1.
    """
    cut = float(normal_quantile(np.array([acceptance]))[0])
    if math.isinf(cut):
        return np.full(len(reading), cut)
    if correlation >= 1:
        return np.where(reading >= -cut, np.inf, -np.inf)
    return (correlation * reading + cut) / math.sqrt(1 - correlation**2)


class Readings(NamedTuple):
    """What the readings of a model's answers depend on, float64[classes] each: acceptance probability and AUROC."""

    acceptance: Floats
    auroc: Floats

    def correlations(self) -> Floats:
        """Give the correlation of reading and latent in each class."""
        pairs = zip(self.auroc.tolist(), self.acceptance.tolist(), strict=True)
        return np.array([reading_correlation(*pair) for pair in pairs])


def sureties(ability: Floats, noise: Floats, task: Ints, now: Readings, calibrated: Readings | None = None) -> Floats:
    """Give the surety of each answer, from its latent ability and the noise of its reading, both standard normal.

    `task` says of which class a request is. Readings are made `now`; what they mean was learned when they were
    `calibrated` (now, where not given).
    """
    made = now.correlations()
    reading = of_class(made, task) * ability
    reading += of_class(np.sqrt(1 - made * made), task) * noise
    learned = now if calibrated is None else calibrated
    r, cut = (made if learned is now else learned.correlations()), normal_quantile(learned.acceptance)
    is_open = np.isfinite(cut) & (r < 1)
    surety = of_class(r, task) * reading
    surety += of_class(np.where(is_open, cut, 0.0), task)
    surety /= of_class(np.array([math.sqrt(1 - k**2) if k < 1 else 1.0 for k in r.tolist()]), task)
    for code in np.flatnonzero(~is_open).tolist():
        mine = np.flatnonzero(task == code)
        surety[mine] = surety_of(reading[mine], float(r[code]), float(learned.acceptance[code]))
    return surety


def calibrated_probability(reading: Floats, correlation: float, acceptance: float) -> Floats:
    """Give P(acceptable | reading), the probability that a perfectly calibrated confidence would state."""
    return normal_cdf(surety_of(reading, correlation, acceptance))


def measured_auroc(score: Floats, right: np.typing.NDArray[np.bool_]) -> float | None:
    """Give the AUROC of a score against right or wrong (Mann-Whitney, ties count half); None if one class is empty."""
    positives = int(right.sum())
    negatives = len(right) - positives
    if not positives or not negatives:
        return None
    ordered = np.sort(score[~right])
    mine = score[right]
    wins = np.searchsorted(ordered, mine, "left").sum() + np.searchsorted(ordered, mine, "right").sum()
    return float(wins) / (2.0 * positives * negatives)
