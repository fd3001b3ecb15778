"""What a confidence score is worth against labels, and where to put its threshold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from sim.chance.normal import normal_quantile
from sim.columns import Bools, Floats
from sim.study.fit.calibration import Platt, cross_calibrated, expected_calibration_error, platt

SHARES: Final = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
"""Shares of escalated answers that are always told."""

_BINS: Final = 10
_RESAMPLES: Final = 400
_SEED: Final = 19_990_326
_FEWEST: Final = 20


@dataclass(frozen=True, slots=True)
class Ranged:
    """A number with its interval."""

    value: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers of neighbouring scores: how many, from which score to which, and the share that is acceptable."""

    count: int
    low: float
    high: float
    right: Ranged
    calibrated: float


@dataclass(frozen=True, slots=True)
class Cut:
    """A threshold and what follows: answers whose score is at or below `threshold` escalate.

    `asked` says for what it was set. `kept` is the share of acceptable answers among those that are kept, `quality`
    that of all users where the strong model's answers are labelled, `usd` the cost of 1,000 requests where both costs
    are given. None where it cannot be told.
    """

    asked: str
    threshold: Ranged
    escalated: Ranged
    kept: Ranged | None
    quality: Ranged | None
    usd: float | None


@dataclass(frozen=True, slots=True)
class Target:
    """What a threshold is to reach: ``escalation`` or ``kept`` or ``quality`` (shares), or ``cost`` (USD of 1,000)."""

    what: str
    value: float


@dataclass(frozen=True, slots=True)
class ScoreFit:
    """A score on some answers: `ece` by kind of calibration (raw only where scores are probabilities)."""

    name: str
    count: int
    accuracy: Ranged
    auroc: Ranged | None
    ece: dict[str, float]
    platt: Platt
    bins: tuple[Bin, ...]
    cuts: tuple[Cut, ...]


@dataclass(frozen=True, slots=True)
class Costs:
    """USD of 1,000 requests: of the first answers, and of those that escalate on top."""

    cheap: float
    strong: float


def fit_score(
    name: str,
    score: Floats,
    right: Bools,
    *,
    strong: Bools | None = None,
    targets: Sequence[Target] = (),
    costs: Costs | None = None,
    level: float = 0.95,
) -> ScoreFit:
    """Measure one score. ValueError for fewer than twenty answers, or where all are alike and nothing can be told."""
    if len(score) < _FEWEST:
        raise ValueError(f"{name}: {len(score)} labelled answers are too few; twenty are the least")
    if right.all() or not right.any():
        kind = "acceptable" if right.all() else "unacceptable"
        raise ValueError(f"{name}: all {len(score)} answers are {kind}; nothing can be told apart")
    calibrated = cross_calibrated(score, right, "isotonic")
    ece = {
        "platt": expected_calibration_error(cross_calibrated(score, right, "platt"), right),
        "isotonic": expected_calibration_error(calibrated, right),
    }
    if float(score.min()) >= 0 and float(score.max()) <= 1:
        ece = {"raw": expected_calibration_error(score, right), **ece}
    cutter = _Cutter(score, right, strong, costs, level)
    asked = [*(Target("escalation", share) for share in SHARES), *targets]
    return ScoreFit(
        name=name,
        count=len(score),
        accuracy=wilson(int(right.sum()), len(right), level),
        auroc=auroc(score, right, level),
        ece=ece,
        platt=platt(score, right),
        bins=tuple(_bins(score, right, calibrated, level)),
        cuts=tuple(cutter.cut(target) for target in asked),
    )


def auroc(score: Floats, right: Bools, level: float = 0.95) -> Ranged | None:
    """Give the area under the ROC curve with the interval of DeLong et al. (1988), on the logit scale.

    None where all answers are alike.
    """
    good, bad = np.sort(score[right]), np.sort(score[~right])
    if not len(good) or not len(bad):
        return None
    above = (np.searchsorted(bad, good, "left") + np.searchsorted(bad, good, "right")) / (2 * len(bad))
    below = 1 - (np.searchsorted(good, bad, "left") + np.searchsorted(good, bad, "right")) / (2 * len(good))
    area = float(above.mean())
    if len(good) < 2 or len(bad) < 2 or area in {0.0, 1.0}:  # noqa: PLR2004 - a variance needs two
        return Ranged(area, 0.0 if area < 1 else area, 1.0 if area > 0 else area)
    variance = float(above.var(ddof=1)) / len(good) + float(below.var(ddof=1)) / len(bad)
    reach = _z(level) * math.sqrt(variance) / (area * (1 - area))
    odds = math.log(area / (1 - area))
    return Ranged(area, 1 / (1 + math.exp(reach - odds)), 1 / (1 + math.exp(-reach - odds)))


def wilson(events: int, count: int, level: float = 0.95) -> Ranged:
    """Give a share with its interval (Wilson 1927)."""
    z, p = _z(level), events / count
    middle = (p + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(p * (1 - p) / count + z * z / (4 * count * count))
    return Ranged(p, max(middle - half, 0.0), min(middle + half, 1.0))


def _z(level: float) -> float:
    return float(normal_quantile(np.array([(1 + level) / 2]))[0])


def _bins(score: Floats, right: Bools, calibrated: Floats, level: float) -> list[Bin]:
    """Give bins of about as many answers each; equal scores stay together."""
    edges = np.unique(np.quantile(score, np.arange(1, _BINS) / _BINS))
    place = np.searchsorted(edges, score, side="left")
    found = []
    for one in np.unique(place).tolist():
        mine = place == one
        count = int(mine.sum())
        found.append(
            Bin(
                count,
                float(score[mine].min()),
                float(score[mine].max()),
                wilson(int(right[mine].sum()), count, level),
                float(calibrated[mine].mean()),
            )
        )
    return found


class _Cutter:
    """Finds thresholds, with intervals from answers drawn with replacement."""

    def __init__(self, score: Floats, right: Bools, strong: Bools | None, costs: Costs | None, level: float) -> None:
        self._costs, self._level = costs, level
        self._order = np.argsort(score, kind="stable")
        ordered = score[self._order]
        self._ends = np.flatnonzero(np.concatenate((ordered[1:] != ordered[:-1], [True])))
        self._points = np.concatenate(([-np.inf], ordered[self._ends]))
        self._right = right[self._order].astype(np.float64)
        self._strong = None if strong is None else strong[self._order].astype(np.float64)
        rng = np.random.Generator(np.random.Philox(_SEED))
        n = len(score)
        self._weights = [np.bincount(rng.integers(0, n, n), minlength=n).astype(np.float64) for _ in range(_RESAMPLES)]

    def cut(self, target: Target) -> Cut:
        """Set the threshold for a target. ValueError where what it needs is not there, or it is out of reach."""
        if target.what == "quality" and self._strong is None:
            raise ValueError("a target of quality needs to know which answers of the strong model are acceptable")
        if target.what == "cost" and self._costs is None:
            raise ValueError("a target of cost needs the costs of both models")
        whole = self._table(np.ones(len(self._right)))
        at = self._place(whole, target)
        if at is None:
            raise ValueError(f"no threshold reaches {_words(target)} on these answers")
        tables = [self._table(weight) for weight in self._weights]
        places = [place for table in tables if (place := self._place(table, target)) is not None]
        return Cut(
            asked=_words(target),
            threshold=self._range(float(self._points[at]), [float(self._points[place]) for place in places]),
            escalated=self._range(float(whole[0][at]), [float(table[0][at]) for table in tables]),
            kept=None if whole[0][at] >= 1 else self._range(float(whole[1][at]), [float(t[1][at]) for t in tables]),
            quality=None
            if whole[2] is None
            else self._range(float(whole[2][at]), [float(t[2][at]) for t in tables if t[2] is not None]),
            usd=None if self._costs is None else self._costs.cheap + float(whole[0][at]) * self._costs.strong,
        )

    def _table(self, weight: Floats) -> tuple[Floats, Floats, Floats | None]:
        """Give escalated share, accuracy of what is kept and quality of all, at each possible threshold."""
        w = weight[self._order]
        total, good = float(w.sum()), w * self._right

        def up_to(values: Floats) -> Floats:
            return np.concatenate(([0.0], np.cumsum(values)[self._ends]))

        below, good_below = up_to(w), up_to(good)
        left = total - below
        kept = np.where(left > 0, (float(good.sum()) - good_below) / np.where(left > 0, left, 1.0), 0.0)
        quality = None
        if self._strong is not None:
            quality = (float(good.sum()) - good_below + up_to(w * self._strong)) / total
        return below / total, kept, quality

    def _place(self, table: tuple[Floats, Floats, Floats | None], target: Target) -> int | None:
        """Give the first threshold that reaches a target; of cost the last that stays within it."""
        share, kept, quality = table
        if target.what == "cost":
            if self._costs is None or target.value < self._costs.cheap:
                return None
            most = (target.value - self._costs.cheap) / self._costs.strong if self._costs.strong else 1.0
            return int(np.flatnonzero(share <= most + 1e-12)[-1])
        column = {"escalation": share, "kept": kept, "quality": quality}[target.what]
        if column is None:
            return None
        reached = np.flatnonzero(column >= target.value - 1e-12)
        return int(reached[0]) if len(reached) else None

    def _range(self, value: float, drawn: Sequence[float]) -> Ranged:
        if not drawn:
            return Ranged(value, value, value)
        # steps rather than means of two: a threshold may be minus infinity
        ordered, tail = sorted(drawn), (1 - self._level) / 2
        low, high = (ordered[min(int(q * len(ordered)), len(ordered) - 1)] for q in (tail, 1 - tail))
        return Ranged(value, low, high)


def _words(target: Target) -> str:
    if target.what == "cost":
        return f"${target.value:g} per 1,000 requests"
    names = {"escalation": "escalated", "kept": "of what is kept acceptable", "quality": "of all answers acceptable"}
    return f"{100 * target.value:.4g} % {names[target.what]}"
