"""How much a metric has changed between two runs with the same luck: paired by replication, relative to the first.

Every estimator here is, to first order, its value plus the mean of one deviation per replication: of a ratio of sums
(y_i - v x_i) / mean(x), of a quantile q_i - c. The relative change of two of them, a / b - 1, then has the deviations
(da_i - (a / b) db_i) / b (the delta method), in which what both runs share cancels: with the same seed, an unchanged
experiment changes by exactly 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sim.columns import Floats
from sim.outcome.histogram import RELATIVE_ERROR, Histogram
from sim.outcome.intervals import (
    Interval,
    Sample,
    around,
    deviation,
    pooled,
    quantile,
    ratio_interval,
    too_few_beyond,
    too_short,
)


@dataclass(frozen=True, slots=True)
class Basis:
    """What an estimate rests on: its value, one deviation per replication (None where one has no data), and doubts.

    `error` is what the value may be off besides, because observations were counted in buckets; `few_data` that it is
    not to be trusted.
    """

    value: float
    deviations: tuple[float | None, ...]
    error: float = 0.0
    few_data: bool = False


BasisOf: TypeAlias = Callable[[], Basis | None]
"""Works out the basis of an estimate: only what is compared pays for it. None without data."""


def ratio_basis(numerators: Floats, denominators: Floats, *, few_data: bool = False) -> Basis | None:
    """Give the basis of sum(numerators) / sum(denominators), one pair per replication; None for a sum of zero."""
    found = ratio_interval(numerators, denominators)
    if found is None:
        return None
    mean = float(denominators.mean())
    pairs = zip(numerators.tolist(), denominators.tolist(), strict=True)
    return Basis(found.value, tuple(deviation(y, x, found.value) / mean for y, x in pairs), few_data=few_data)


def quantile_basis(samples: Sequence[Sample], q: float) -> Basis | None:
    """Give the basis of the `q` quantile of the pooled samples, one per replication; None without observations."""
    if not any(len(sample) for sample in samples):
        return None
    centre = quantile(pooled(samples), q)
    deviations = tuple(quantile(sample, q) - centre if len(sample) else None for sample in samples)
    counted = any(isinstance(sample, Histogram) for sample in samples)
    few = too_few_beyond(samples, q) or too_short(samples)
    return Basis(centre, deviations, RELATIVE_ERROR * centre if counted else 0.0, few)


def relative_change(now: Basis, before: Basis, level: float) -> Interval | None:
    """Give now / before - 1 with its interval: 0.26 is 26 % more. Exactly 0, without width, if nothing has changed.

    None if there is nothing to be relative to: a `before` of zero that has become something else. ValueError if the
    numbers of replications differ.
    """
    pairs = _pairs(now, before)
    if _is_same(now, before):
        return Interval(0.0, 0.0, 0.0)
    if before.value == 0:
        return None
    ratio = now.value / before.value
    deviations = [(a - ratio * b) / before.value for a, b in pairs]
    error = (now.error + abs(ratio) * before.error) / abs(before.value)
    return _doubted(around(ratio - 1, deviations, level, error), now, before, len(pairs))


def absolute_change(now: Basis, before: Basis, level: float) -> Interval:
    """Give now - before with its interval, in the unit of both. Exactly 0, without width, if nothing has changed.

    ValueError if the numbers of replications differ.
    """
    pairs = _pairs(now, before)
    if _is_same(now, before):
        return Interval(0.0, 0.0, 0.0)
    found = around(now.value - before.value, [a - b for a, b in pairs], level, now.error + before.error)
    return _doubted(found, now, before, len(pairs))


def _pairs(now: Basis, before: Basis) -> list[tuple[float, float]]:
    """Give the deviations of the replications in which both have data."""
    if len(now.deviations) != len(before.deviations):
        raise ValueError(f"{len(now.deviations)} replications against {len(before.deviations)}")
    both = zip(now.deviations, before.deviations, strict=True)
    return [(a, b) for a, b in both if a is not None and b is not None]


def _is_same(now: Basis, before: Basis) -> bool:
    return now.value == before.value and now.deviations == before.deviations


def _doubted(found: Interval, now: Basis, before: Basis, pairs: int) -> Interval:
    """Hand on every doubt about either side."""
    few = found.few_data or now.few_data or before.few_data or pairs < len(now.deviations)
    return Interval(found.value, found.lower, found.upper, few_data=few)
