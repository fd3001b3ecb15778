"""Confidence intervals of means, shares, ratios and quantiles, from independent replications.

One value per replication is what the intervals are built on: requests of one replication share queues, so their
latencies depend on each other and the textbook interval over single requests covers about 20 % when 95 % was asked.
A single replication is cut into ten sections of equal time, which stand in for replications; such an interval is
trusted only if neighbouring sections do not move together.

Everything that is not a quantile is a ratio of two sums: a mean (sum over count), a share, cost per thousand requests,
a saving, the recovered quality gap.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sim.outcome.histogram import RELATIVE_ERROR, Histogram, histogram_of, merged

Sample: TypeAlias = NDArray[np.number[Any]] | Histogram
"""Observations of one replication, or of one section of a single one: all of them, or their histogram."""

SECTIONS = 10
"""Number of sections that a single replication is cut into."""

ENOUGH_BEYOND = 100
"""Observations beyond a quantile that each replication or section needs; with fewer the estimate itself is biased."""

ENOUGH_INDEPENDENT = 20
"""Independent observations that each replication or section must be worth; with fewer it shows how it began."""

ENOUGH_EVENTS = 10
"""Events and non-events below which the spread of a share between replications says little."""

MOST_CORRELATION = 0.3
"""Lag-1 correlation of section values above which sections are no stand-in for replications."""

FEWEST_SECTIONS = 4
"""Sections with data below which their correlation says nothing."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its confidence bounds, in the unit of the data.

    The bounds are None where a single group of data leaves no way to say. `few_data` marks bounds not to be trusted.
    """

    value: float
    lower: float | None
    upper: float | None
    few_data: bool = False


def ratio_interval(
    numerators: NDArray[np.float64], denominators: NDArray[np.float64], level: float = 0.95, *, sectioned: bool = False
) -> Interval | None:
    """Interval of sum(numerators) / sum(denominators); float64[R] each, one pair per replication.

    The half-width is that of the classical ratio estimator, t(R-1) sqrt(sum(((y - v x) / mean(x))^2) / ((R-1) R))
    (Cochran 1977, chapter 6); with equal denominators it is Student's interval of the mean. `sectioned` says that the
    pairs are sections of one replication, so that their correlation is looked at. `few_data` is also set when the sum
    of the denominators cannot be told from zero (Fieller 1954: the exact interval would be unbounded).

    None if the denominators sum to zero. ValueError for arrays of different length, or values not finite.
    """
    if numerators.shape != denominators.shape or numerators.ndim != 1:
        raise ValueError(f"one pair per replication, found shapes {numerators.shape} and {denominators.shape}")
    if not (np.all(np.isfinite(numerators)) and np.all(np.isfinite(denominators))):
        raise ValueError("a numerator or denominator is not finite")
    pairs = list(zip(numerators.tolist(), denominators.tolist(), strict=True))
    total = math.fsum(x for _, x in pairs)
    if total == 0:
        return None
    value = _ratio(pairs, total)
    mean = total / len(pairs)
    deviations = [deviation(y, x, value) / mean for y, x in pairs]
    found = around(value, deviations, level)
    if found.lower is None:
        return found
    spread = _half_width([x - mean for _, x in pairs], level)
    few = spread >= abs(mean) or (sectioned and _dependent([y / x for y, x in pairs if x]))
    return Interval(found.value, found.lower, found.upper, few_data=few)


def share_interval(interval: Interval, events: float, count: float, *, chance: bool) -> Interval:
    """Interval of a share, made honest at its ends: kept within [0, 1], and not trusted with few events.

    With fewer than 10 events (or others) in all replications together the spread between replications says little, and
    with none at all nothing: 0 of n events still allows 3/n (Hanley and Lippman-Hand 1983). `chance` is false for a
    share that is none or all whatever happens.
    """
    few = interval.few_data or (chance and min(events, count - events) < ENOUGH_EVENTS)
    lower = None if interval.lower is None else max(interval.lower, 0.0)
    upper = None if interval.upper is None else min(interval.upper, 1.0)
    return Interval(interval.value, lower, upper, few_data=few)


def quantile_intervals(
    samples: Sequence[Sample], shares: Sequence[float], level: float = 0.95, *, sectioned: bool = False
) -> list[Interval] | None:
    """Intervals of some quantiles of the pooled samples; one sample per replication (or section, if `sectioned`).

    A quantile is the inverse of the empirical distribution function: the smallest observation with at least a share
    `q` at or below it. Nothing is interpolated, so integer nanoseconds stay integers. The centre is the quantile of all
    samples together and the half-width t(R-1) sqrt(sum((q_i - centre)^2) / ((R-1) R)) over the quantiles of the
    replications, and beyond it the error of a histogram where one stands for observations. Replications without
    observations have no say in the spread but set `few_data`; so does any with fewer than 100 observations beyond the
    quantile, and correlation between sections.

    None if there is no observation at all. ValueError for a share outside (0, 1) or a NaN.
    """
    if not any(len(sample) for sample in samples):
        return None
    centres = quantiles(pooled(samples), shares)
    by_sample = [quantiles(sample, shares) for sample in samples if len(sample)]
    short = too_short(samples)
    found = []
    for number, (q, centre) in enumerate(zip(shares, centres, strict=True)):
        values = [row[number] for row in by_sample]
        bounds = around(centre, [value - centre for value in values], level, _error(samples) * centre)
        few = short or bounds.few_data or too_few_beyond(samples, q) or (sectioned and _dependent(values))
        found.append(Interval(bounds.value, bounds.lower, bounds.upper, few_data=few))
    return found


def quantile_ratio_interval(
    samples: Sequence[Sample],
    references: Sequence[Sample],
    q: float,
    level: float = 0.95,
    *,
    sectioned: bool = False,
) -> Interval | None:
    """Interval of the `q` quantile of `samples` over that of `references`, paired by replication (or section).

    The value is the ratio of the pooled quantiles; the spread is that of `ratio_interval` with the quantiles of the
    replications as pairs, so luck that both share (common random numbers) cancels.

    None if either side has no observation, or the pooled quantile of `references` is zero. ValueError if the number
    of replications differs.
    """
    if len(samples) != len(references):
        raise ValueError(f"{len(samples)} replications against {len(references)}")
    if not any(len(sample) for sample in samples) or not any(len(sample) for sample in references):
        return None
    base = quantile(pooled(references), q)
    if base == 0:
        return None
    value = quantile(pooled(samples), q) / base
    both = zip(samples, references, strict=True)
    pairs = [(quantile(one, q), quantile(other, q)) for one, other in both if len(one) and len(other)]
    above, below = _error(samples), _error(references)
    deviations = [deviation(y, x, value) / base for y, x in pairs]
    found = around(value, deviations, level, value * (above + below) / (1 - below))
    few = found.few_data or too_few_beyond([*samples, *references], q) or too_short(samples) or too_short(references)
    few = few or (sectioned and _dependent([y / x for y, x in pairs if x]))
    return Interval(found.value, found.lower, found.upper, few_data=few)


def quantile(sample: Sample, q: float) -> float:
    """Smallest observation with at least a share `q` of `sample` at or below it (inverse empirical distribution)."""
    return quantiles(sample, (q,))[0]


def quantiles(sample: Sample, shares: Sequence[float]) -> list[float]:
    """Give a quantile of the sample for each share; of a histogram where it would lie in its bucket.

    A share counts as the decimal it is written as, so that 0.07 of 100 observations is the seventh, which in binary
    arithmetic it is not. ValueError for a share outside (0, 1), an empty sample or a NaN.
    """
    if not all(0 < q < 1 for q in shares):
        raise ValueError(f"a quantile lies strictly between 0 and 1, found {shares}")
    if len(sample) == 0:
        raise ValueError("no observation to take a quantile of")
    positions = [math.ceil(Fraction(repr(float(q))) * len(sample)) - 1 for q in shares]
    if isinstance(sample, Histogram):
        return sample.at(positions)
    parted = np.partition(sample, (*positions, len(sample) - 1))
    if math.isnan(parted[-1]):  # NaN sorts last
        raise ValueError("an observation is NaN")
    return [float(parted[position]) for position in positions]


def pooled(samples: Sequence[Sample]) -> Sample:
    """Put samples together: a histogram if any of them is one."""
    arrays = [sample for sample in samples if not isinstance(sample, Histogram)]
    if len(arrays) == len(samples):
        return np.concatenate(arrays)
    counted = [sample for sample in samples if isinstance(sample, Histogram)]
    return merged([*counted, *(histogram_of(array.astype(np.int64)) for array in arrays)])


def too_few_beyond(groups: Iterable[Sample], q: float) -> bool:
    """Say whether any group has fewer than 100 observations on the far side of the `q` quantile."""
    exact = Fraction(repr(float(q)))
    return any(len(group) * min(exact, 1 - exact) < ENOUGH_BEYOND for group in groups)


def too_short(samples: Sequence[Sample]) -> bool:
    """Say whether a replication (or section) is worth fewer than 20 independent observations.

    With v the variance of all observations and b that of the replications' means, a replication is worth v / b of
    them: all that it holds if they are independent, few if they move together. In a queue that is the length of the
    replication over twice the time in which the queue forgets, k say; and where it begins empty, or the warm-up ends
    too soon, all replications err to the same side, by sqrt(R / (4 k)) standard errors of their mean. An interval
    knows nothing of that.
    """
    some = [sample for sample in samples if len(sample)]
    return len(some) > 1 and worth(some) < ENOUGH_INDEPENDENT * len(some)


def worth(samples: Sequence[Sample]) -> float:
    """Give the number of independent observations that all of these are worth: R v / b, as `too_short` says.

    Infinity where the means of the replications do not differ. ValueError for fewer than two with observations.
    """
    some = [sample for sample in samples if len(sample)]
    if len(some) < 2:  # noqa: PLR2004 - a spread needs two
        raise ValueError("a spread between replications needs two of them")
    origin = quantile(some[0], 0.5)  # counted from there, equal observations have no variance, not even by rounding
    groups = [_moments(sample, origin) for sample in some]
    total = math.fsum(count for count, _, _ in groups)
    centre = math.fsum(count * mean for count, mean, _ in groups) / total
    inside = math.fsum(count * (variance + (mean - centre) ** 2) for count, mean, variance in groups) / total
    between = math.fsum((mean - centre) ** 2 for _, mean, _ in groups) / (len(groups) - 1)
    return len(some) * inside / between if between else math.inf


def _moments(sample: Sample, origin: float) -> tuple[int, float, float]:
    """Give number, mean less `origin` and variance of observations; those in a histogram lie amid their buckets."""
    away = (sample.middles() if isinstance(sample, Histogram) else sample) - np.float64(origin)
    counts = sample.counts if isinstance(sample, Histogram) else np.ones(1)
    mean = float(np.sum(away * counts)) / len(sample)
    return len(sample), mean, float(np.sum((away - mean) ** 2 * counts)) / len(sample)


def lag_one_correlation(values: Sequence[float]) -> float:
    """Correlation of neighbours in `values`; 0 if they are all equal."""
    mean = math.fsum(values) / len(values)
    apart = [value - mean for value in values]
    variance = math.fsum(value * value for value in apart)
    return math.fsum(a * b for a, b in pairwise(apart)) / variance if variance else 0.0


def _error(samples: Iterable[Sample]) -> float:
    """Give the share of a pooled quantile by which it may be off because observations were counted in buckets."""
    return RELATIVE_ERROR if any(isinstance(sample, Histogram) for sample in samples) else 0.0


def _dependent(values: Sequence[float]) -> bool:
    return len(values) < FEWEST_SECTIONS or lag_one_correlation(values) > MOST_CORRELATION


def _ratio(pairs: Sequence[tuple[float, float]], total: float) -> float:
    """Sum over sum; exactly the common ratio where all pairs have the same one, whatever the rounding of the sums."""
    ratios = {y / x for y, x in pairs if x}
    if len(ratios) == 1 and all(y == 0 for y, x in pairs if not x):
        return ratios.pop()
    return math.fsum(y for y, _ in pairs) / total


def deviation(y: float, x: float, value: float) -> float:
    """Return y - value * x, exactly zero where y / x is `value`."""
    return 0.0 if x and y / x == value else y - value * x


def around(value: float, deviations: Sequence[float], level: float, error: float = 0.0) -> Interval:
    """Give the interval of a value from its deviations; `error` is what it may be off besides."""
    if len(deviations) < 2:  # noqa: PLR2004 - a spread needs two
        return Interval(value, None, None, few_data=True)
    half = _half_width(deviations, level) + error
    return Interval(value, value - half, value + half)


def _half_width(deviations: Sequence[float], level: float) -> float:
    """Student's t times the standard error of the mean of `deviations` about zero."""
    count = len(deviations)
    # fsum is exact: the order of replications, hence of workers, cannot change the result.
    squares = math.fsum(apart * apart for apart in deviations)
    return student_t(count - 1, level) * math.sqrt(squares / ((count - 1) * count))


@lru_cache(maxsize=64)
def student_t(freedom: int, level: float) -> float:
    """Two-sided critical value of Student's t for `level`, such as 2.093 for 19 degrees of freedom and 0.95."""
    from scipy.special import stdtrit  # noqa: PLC0415 - scipy loads slowly and `validate` must not wait for it

    if not 0 < level < 1:
        raise ValueError(f"a confidence level lies strictly between 0 and 1, found {level}")
    return float(stdtrit(freedom, (1 + level) / 2))
