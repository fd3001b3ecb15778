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
    """A mean over futures with its standard error (from the number of draws), and prediction intervals by level."""

    mean: float
    error: float
    intervals: Mapping[float, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class MonthSpend:
    """One month of one pattern in USD; `models` and `causes` split the mean, `cumulative` is up to its end.

    `tokens` are calls and tokens by model and meter, `metered` the USD that they cost.
    """

    month: str
    requests: float
    spend: Range
    cumulative: Range
    per_1k: float
    models: Mapping[str, float]
    causes: Mapping[str, float]
    users: Mapping[str, float]
    tokens: Mapping[str, Mapping[str, float]]
    metered: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class PatternForecast:
    """All months of one pattern. `drivers` is the share of the variance of the whole by factor.

    `savings` against other patterns, over all months: USD, and as a share of what the other one costs.
    """

    name: str
    months: tuple[MonthSpend, ...]
    total: Range
    drivers: Mapping[str, float]
    savings: Mapping[str, tuple[Range, Range]]


@dataclass(frozen=True, slots=True)
class BudgetAnswer:
    """A budget and a pattern: the chance that a month is above it, and that the first such month is this one."""

    budget: str
    pattern: str
    usd: float
    over: Mapping[str, float]
    first: Mapping[str, float]
    never: float
    expected: str | None


@dataclass(frozen=True, slots=True)
class ProjectAnswer:
    """When a project has paid for itself: the chance that it has by the end of each month.

    `median` is the month by which it has in half of the futures; None: in fewer than half.
    """

    project: str
    pattern: str
    instead_of: str
    usd: float
    by: Mapping[str, float]
    median: str | None
    net: Range


@dataclass(frozen=True, slots=True)
class CommitmentAnswer:
    """A commitment and a pattern. It pays in a month whose calls would cost more by use than with it.

    `break_even_usd` is the monthly cost by use from which it pays, `break_even_utilisation` the share of what is bought
    that is then used; None where no use makes it pay: what it covers is worth less than it costs. By month, in the mean
    over futures: `by_use` in USD, `utilisation`, and the probability that it `pays`; `pays_in_all` is that over all
    months together, and `saving` what it saves in them. `from_month`: it pays in half of the futures or more in every
    month from then on; None: not in the last one.
    """

    commitment: str
    pattern: str
    usd_per_month: float
    break_even_usd: float | None
    break_even_utilisation: float | None
    by_use: Mapping[str, float]
    utilisation: Mapping[str, float]
    pays: Mapping[str, float]
    pays_in_all: float
    saving: Range
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
    """Give the mean of draws and intervals in which one more draw lies with the probability of their level.

    An interval runs between order statistics k and draws + 1 - k, interpolated: a further draw from the same law lies
    below the k-th smallest of n with probability k / (n + 1), whatever the law.
    """
    intervals = {}
    for one in dict.fromkeys((level, WIDE)):
        low, high = np.quantile(values, [(1 - one) / 2, (1 + one) / 2], method="weibull").tolist()
        intervals[one] = (low, high)
    spread = float(values.std(ddof=1)) if np.ptp(values) else 0.0
    return Range(float(values.mean()), spread / len(values) ** 0.5, intervals)


def crossed(budget: tuple[str, float], pattern: str, spend: Floats, months: tuple[str, ...]) -> BudgetAnswer:
    """Hold the spend of every future, float64[draws, months], against a line; being on it is not above it."""
    name, usd = budget
    over = spend > usd
    ever = over.any(axis=1)
    first = np.where(ever, over.argmax(axis=1), len(months))
    share = np.bincount(first, minlength=len(months) + 1) / len(spend)
    means = spend.mean(axis=0)
    return BudgetAnswer(
        budget=name,
        pattern=pattern,
        usd=usd,
        over=dict(zip(months, over.mean(axis=0).tolist(), strict=True)),
        first=dict(zip(months, share[:-1].tolist(), strict=True)),
        never=float(share[-1]),
        expected=next((month for month, mean in zip(months, means, strict=True) if mean > usd), None),
    )


def paid_back(
    project: tuple[str, float, float], patterns: tuple[str, str], saved: Floats, months: tuple[str, ...], level: float
) -> ProjectAnswer:
    """Say when the monthly savings of every future, float64[draws, months], have paid for (once, per month) in USD."""
    name, once, monthly = project
    net = np.cumsum(saved - monthly, axis=1) - once
    by = np.logical_or.accumulate(net >= 0, axis=1).mean(axis=0).tolist()
    half = next((month for month, share in zip(months, by, strict=True) if share >= 0.5), None)  # noqa: PLR2004
    return ProjectAnswer(
        project=name,
        pattern=patterns[0],
        instead_of=patterns[1],
        usd=once,
        by=dict(zip(months, by, strict=True)),
        median=half,
        net=ranged(net[:, -1], level),
    )
