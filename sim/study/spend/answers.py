"""What is said of spend: ranges with prediction intervals, crossed budgets, projects that pay for themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from sim.columns import Floats
from sim.study.spend.quotes import PriceChange

WIDE: Final = 0.95
"""Level of the wide prediction interval, beside the one that is asked for."""


@dataclass(frozen=True, slots=True)
class Range:
    """A quantity over futures: median and prediction intervals by level, which tell of one future; and the mean.

    Means of parts add up, medians do not. A heavy tail may carry the mean out of an interval: see `tails`. `error` is
    the standard error of the mean, from the number of draws.
    """

    median: float
    mean: float
    error: float
    intervals: Mapping[float, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class MonthSpend:
    """One month of one pattern in USD; `models` and `causes` split the mean, `cumulative` is up to its end.

    `per_1k` is spend per thousand requests (None: there are none), and `users` spend per user by segment, future by
    future; what replicas cost is split by requests.
    `tokens` are calls and tokens by model and meter, `metered` the USD that they cost.
    """

    month: str
    requests: float
    spend: Range
    cumulative: Range
    per_1k: Range | None
    models: Mapping[str, float]
    causes: Mapping[str, float]
    users: Mapping[str, Range]
    tokens: Mapping[str, Mapping[str, float]]
    metered: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class PatternForecast:
    """All months of one pattern: what they cost in all, and per thousand requests.

    `drivers` is the share of the variance of the whole by factor, `drivers_error` the standard error of each from the
    number of draws; a factor of which nothing is drawn has neither.
    `savings` against other patterns, over all months: USD, and as a share of what the other one costs.
    """

    name: str
    months: tuple[MonthSpend, ...]
    total: Range
    per_1k: Range | None
    drivers: Mapping[str, float]
    drivers_error: Mapping[str, float]
    savings: Mapping[str, tuple[Range, Range]]


@dataclass(frozen=True, slots=True)
class BudgetAnswer:
    """A budget and a pattern: the chance that a month is above it, and that the first such month is this one.

    `median` and `expected` are the first months in which the median and the mean are above it; None: in no month.
    """

    budget: str
    pattern: str
    usd: float
    over: Mapping[str, float]
    first: Mapping[str, float]
    never: float
    median: str | None
    expected: str | None


@dataclass(frozen=True, slots=True)
class ProjectAnswer:
    """When a project has paid for itself: the chance that it has by the end of each month.

    `median` is the month by which it has in half of the futures, `between` the months that bound the prediction
    interval; None: later than all months. `nets` is what was saved up to the end of each month, less engineering and
    upkeep; `net` that of the last one. Nothing is discounted.
    """

    project: str
    pattern: str
    instead_of: str
    usd: float
    upkeep_usd_per_month: float
    by: Mapping[str, float]
    median: str | None
    between: tuple[str | None, str | None]
    nets: Mapping[str, Range]
    net: Range


@dataclass(frozen=True, slots=True)
class CommitmentMonth:
    """A month of a commitment, or ``all`` of them: cost by use and what is saved in USD, and the share that is used.

    `pays` is the probability that its calls cost more by use than with it.
    """

    month: str
    by_use: Range
    utilisation: Range
    pays: float
    saving: Range


@dataclass(frozen=True, slots=True)
class CommitmentAnswer:
    """A commitment and a pattern. It pays in a month whose calls would cost more by use than with it.

    `break_even_usd` is the monthly cost by use from which it pays, `break_even_utilisation` the share of what is bought
    that is then used (at the prices of all months of a future); None where it can pay in less than half of the futures:
    what it covers is worth less than it costs. `from_month`: it pays in half of the futures or more in every month from
    then on; None: not in the last one.
    """

    commitment: str
    kind: str
    pattern: str
    usd_per_month: float
    break_even_usd: float | None
    break_even_utilisation: Range | None
    months: tuple[CommitmentMonth, ...]
    whole: CommitmentMonth
    from_month: str | None


@dataclass(frozen=True, slots=True)
class SpendForecast:
    """What `tiercast forecast` answers."""

    experiment: str
    title: str
    hash: str
    seed: int
    level: float
    draws: int
    baseline: str
    requests: int
    replications: int
    patterns: Mapping[str, PatternForecast]
    budgets: tuple[BudgetAnswer, ...] = ()
    projects: tuple[ProjectAnswer, ...] = ()
    commitments: tuple[CommitmentAnswer, ...] = ()
    price_changes: tuple[PriceChange, ...] = ()
    notes: tuple[str, ...] = field(default=())


def ranged(values: Floats, level: float) -> Range:
    """Give median and mean of draws, and intervals in which one more draw lies with the probability of their level.

    An interval runs between order statistics k and draws + 1 - k, interpolated: a further draw from the same law lies
    below the k-th smallest of n with probability k / (n + 1), whatever the law.
    """
    intervals = {}
    for one in dict.fromkeys((level, WIDE)):
        low, high = np.quantile(values, [(1 - one) / 2, (1 + one) / 2], method="weibull").tolist()
        intervals[one] = (low, high)
    spread = float(values.std(ddof=1)) if np.ptp(values) else 0.0
    return Range(float(np.median(values)), float(values.mean()), spread / len(values) ** 0.5, intervals)


def crossed(budget: tuple[str, float], pattern: str, spend: Floats, months: tuple[str, ...]) -> BudgetAnswer:
    """Hold the spend of every future, float64[draws, months], against a line; being on it is not above it."""
    name, usd = budget
    over = spend > usd
    ever = over.any(axis=1)
    first = np.where(ever, over.argmax(axis=1), len(months))
    share = np.bincount(first, minlength=len(months) + 1) / len(spend)
    return BudgetAnswer(
        budget=name,
        pattern=pattern,
        usd=usd,
        over=dict(zip(months, over.mean(axis=0).tolist(), strict=True)),
        first=dict(zip(months, share[:-1].tolist(), strict=True)),
        never=float(share[-1]),
        median=next((month for month, of in zip(months, np.median(spend, axis=0), strict=True) if of > usd), None),
        expected=next((month for month, of in zip(months, spend.mean(axis=0), strict=True) if of > usd), None),
    )


def paid_back(
    project: tuple[str, float, float], patterns: tuple[str, str], saved: Floats, months: tuple[str, ...], level: float
) -> ProjectAnswer:
    """Say when the monthly savings of every future, float64[draws, months], have paid for (once, per month) in USD."""
    name, once, monthly = project
    net = np.cumsum(saved - monthly, axis=1) - once
    by = np.logical_or.accumulate(net >= 0, axis=1).mean(axis=0).tolist()
    nets = {month: ranged(net[:, number], level) for number, month in enumerate(months)}

    def first(share: float) -> str | None:
        return next((month for month, reached in zip(months, by, strict=True) if reached >= share), None)

    return ProjectAnswer(
        project=name,
        pattern=patterns[0],
        instead_of=patterns[1],
        usd=once,
        upkeep_usd_per_month=monthly,
        by=dict(zip(months, by, strict=True)),
        median=first(0.5),
        between=(first((1 - level) / 2), first((1 + level) / 2)),
        nets=nets,
        net=nets[months[-1]],
    )


def share_of_variance(part: Floats, whole: Floats, variance: float) -> tuple[float, float]:
    """Give the variance of `part` as a share of that of the whole, and its standard error: both drawn together.

    `whole` is what was drawn, `variance` its variance and that of chance around it. The error is that of a ratio of two
    means, of the squared deviations of both, by the delta method.
    """
    share = float(part.var(ddof=1)) / variance
    influence = ((part - part.mean()) ** 2 - share * (whole - whole.mean()) ** 2) / variance
    return share, float(influence.std(ddof=1)) / len(part) ** 0.5
