"""Metrics of routers between two models on labelled prompts, with the routers that any other must beat."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from sim.columns import Floats, Ints
from sim.study.fit.curve import Curve, Sorted

RESAMPLES: Final = 400
FOLDS: Final = 5
SHARES: Final = (0.1, 0.2, 0.3, 0.5)
"""Shares of strong calls at which the recovered part of the gap is told."""

_SHRINK: Final = 10.0
_BINS: Final = 10
_SEED: Final = 20_240_618


@dataclass(frozen=True, slots=True)
class Measure:
    """A number with its bootstrap interval over the prompts."""

    value: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class RouterMetrics:
    """One router: `metrics` by name (apgr, cpt50, cpt80, aiq, pgr10, ..., arena), and its curve."""

    name: str
    metrics: dict[str, Measure]
    curve: Curve


@dataclass(frozen=True, slots=True)
class RouterFit:
    """What `tiercast fit router` answers: quality of both models, and routers from the worst bound to the best."""

    file: str
    rows: int
    weak: float
    strong: float
    both_wrong: float
    gains: float
    losses: float
    level: float
    in_usd: bool
    routers: tuple[RouterMetrics, ...]


@dataclass(frozen=True, slots=True)
class Prompts:
    """Prompts with the quality of both models, float64 each; costs in USD a prompt, where known."""

    weak: Floats
    strong: Floats
    costs: tuple[Floats, Floats] | None = None


def fit_routers(
    file: str,
    prompts: Prompts,
    scores: dict[str, Floats],
    *,
    classes: dict[str, Ints] | None = None,
    numbers: dict[str, Floats] | None = None,
    level: float = 0.95,
) -> RouterFit:
    """Measure routers by score, by class and by number, with a random one and the oracle beside them.

    Those by class and by number learn the mean gain of their class (or tenth of the numbers) on four fifths of the
    prompts and are measured on the last, in turn. ValueError where the strong model is no better.
    """
    gain = prompts.strong - prompts.weak
    routers = {"random": np.zeros(len(gain)), **scores}
    for name, codes in (classes or {}).items():
        routers[f"by {name}"] = _cross_validated(codes, gain)
    for name, values in (numbers or {}).items():
        routers[f"by {name}"] = _cross_validated(_tenths(values), gain)
    routers["oracle"] = gain
    found = [_measured(name, score, prompts, level) for name, score in routers.items()]
    return RouterFit(
        file=file,
        rows=len(gain),
        weak=float(prompts.weak.mean()),
        strong=float(prompts.strong.mean()),
        both_wrong=float(((prompts.weak == 0) & (prompts.strong == 0)).mean()),
        gains=float((gain > 0).mean()),
        losses=float((gain < 0).mean()),
        level=level,
        in_usd=prompts.costs is not None,
        routers=tuple(found),
    )


def _measured(name: str, score: Floats, prompts: Prompts, level: float) -> RouterMetrics:
    ordered = Sorted(score, prompts.weak, prompts.strong, prompts.costs)
    in_usd = prompts.costs is not None
    whole = ordered.curve()
    values = _metrics(whole, in_usd=in_usd)
    drawn = [_metrics(one, in_usd=in_usd) for one in _resampled(ordered, len(score))]
    ends = [50 * (1 - level), 100 - 50 * (1 - level)]
    found = {}
    for key, value in values.items():
        lower, upper = np.percentile([some[key] for some in drawn], ends)
        found[key] = Measure(value, float(lower), float(upper))
    return RouterMetrics(name, found, whole)


def _resampled(ordered: Sorted, rows: int) -> Iterator[Curve]:
    """Yield curves of prompts drawn with replacement; the same draws for every router, so that they can be compared."""
    rng = np.random.Generator(np.random.Philox(_SEED))
    for _ in range(RESAMPLES):
        weight = np.bincount(rng.integers(0, rows, rows), minlength=rows).astype(np.float64)
        try:
            yield ordered.curve(weight)
        except ValueError:
            continue


def _metrics(curve: Curve, *, in_usd: bool) -> dict[str, float]:
    found = {"apgr": curve.apgr(), "cpt50": curve.cpt(0.5), "cpt80": curve.cpt(0.8), "aiq": curve.aiq()}
    found |= {f"pgr{100 * share:.0f}": curve.pgr(share) for share in SHARES}
    if in_usd:
        found["arena"], found["arena_share"] = curve.arena()
    return found


def _cross_validated(codes: Ints, gain: Floats) -> Floats:
    """Give each prompt the mean gain of its class among the prompts of the other folds, shrunk to that of all."""
    fold = np.random.Generator(np.random.Philox(_SEED + 1)).permutation(len(codes)) % FOLDS
    score, size = np.zeros(len(codes)), int(codes.max()) + 1
    for one in range(FOLDS):
        rest = fold != one
        count = np.bincount(codes[rest], minlength=size)
        total = np.bincount(codes[rest], weights=gain[rest], minlength=size)
        mean = (total + _SHRINK * float(gain[rest].mean())) / (count + _SHRINK)
        score[~rest] = mean[codes[~rest]]
    return score


def _tenths(values: Floats) -> Ints:
    """Cut numbers into tenths of the prompts."""
    edges = np.quantile(values, np.arange(1, _BINS) / _BINS)
    return np.searchsorted(np.unique(edges), values, side="left").astype(np.int64)


def oracle_apgr(gains: float, losses: float) -> float:
    """Give the APGR of the oracle in closed form, from the shares of prompts that only one of the models gets right.

    It sends first what only the strong model gets right, last what only the weak one does: the recovered part rises to
    g / (g - l), stays, and falls to 1.
    """
    top = gains / (gains - losses)
    return gains * top / 2 + (1 - gains - losses) * top + losses * (top + 1) / 2


def names_of(fits: Sequence[RouterMetrics]) -> list[str]:
    """Name the metrics that were measured."""
    return list(fits[0].metrics) if fits else []
