"""Renewal arrivals: the spread that was asked for, at the right rate from the first second on."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import special, stats

from sim.chance import Streams
from sim.workload.arrivals.renewal import RenewalArrivals
from sim.workload.calendar import Calendar

LAWS = [("gamma", 0.3), ("gamma", 1.17), ("gamma", 3.0), ("weibull", 0.3), ("weibull", 1.17), ("weibull", 3.0)]
each_law = pytest.mark.parametrize(("law", "cv"), LAWS)


def renewal(law: str, cv: float) -> RenewalArrivals:
    """Make a process of 5 arrivals per second."""
    return RenewalArrivals.model_validate({"kind": "renewal", "rate_per_s": 5, "cv": cv, "law": law})


@each_law
def test_gaps_have_the_mean_and_the_spread(law: str, cv: float) -> None:
    """Mean and scv of half a million gaps lie within 4 standard errors, those of the scv by the delta method."""
    blocks = list(islice(renewal(law, cv).times(Streams(7, 0), "all", Calendar()), 8))
    gaps = np.diff(np.concatenate(blocks)) / 200e6
    off = gaps - gaps.mean()
    variance = np.mean(off**2)
    influence = (off**2 - variance) / gaps.mean() ** 2 - 2 * variance * off / gaps.mean() ** 3
    assert abs(gaps.mean() - 1) <= 4 * gaps.std() / np.sqrt(len(gaps))
    assert abs(variance / gaps.mean() ** 2 - cv**2) <= 4 * influence.std() / np.sqrt(len(gaps))


def remaining_cdf(law: str, cv: float, x: np.ndarray) -> np.ndarray:
    """Give P(rest of a gap in progress <= x), the integral of 1 - F over the mean, by the trapezoid rule."""
    if law == "gamma":
        gap = stats.gamma(1 / cv**2, scale=cv**2)
    else:
        shapes = np.linspace(0.2, 5, 400_001)
        scv = np.exp(special.gammaln(1 + 2 / shapes) - 2 * special.gammaln(1 + 1 / shapes)) - 1
        shape = shapes[np.argmin(np.abs(scv - cv**2))]
        gap = stats.weibull_min(shape, scale=1 / special.gamma(1 + 1 / shape))
    grid = np.concatenate([[0], np.logspace(-9, 3, 40_001)])
    survival = gap.sf(grid)
    integral = np.concatenate([[0], np.cumsum((survival[1:] + survival[:-1]) / 2 * np.diff(grid))])
    return np.interp(x, grid, integral)


@each_law
def test_first_arrival_is_what_is_left_of_a_gap(law: str, cv: float) -> None:
    """First arrivals of 3,000 sources follow the law of the remaining gap (sqrt(n) D <= 2.3)."""
    process = renewal(law, cv)
    first = [next(process.blocks(Streams(7, run), "all", Calendar(), 4))[0] for run in range(3_000)]
    distance = stats.kstest(np.array(first) / 200e6, lambda x: remaining_cdf(law, cv, x)).statistic
    assert distance * np.sqrt(len(first)) <= 2.3


def test_rate_is_right_from_the_start() -> None:
    """Bursty arrivals meet their rate in the first two mean gaps already; starting with a full gap gives 80 % more."""
    process = renewal("gamma", 3.0)
    counts = []
    for run in range(4_000):
        times = next(process.blocks(Streams(7, run), "all", Calendar(), 256))
        counts.append(int(np.searchsorted(times, 400e6)))
    assert abs(np.mean(counts) - 2) <= 4 * np.std(counts) / np.sqrt(len(counts))


@pytest.mark.parametrize("cv", [0, -1, 1_000])
def test_spread_has_limits(cv: float) -> None:
    """A cv of 0 is a constant and has its own kind; a cv of 1,000 could not be drawn."""
    with pytest.raises(ValidationError):
        renewal("gamma", cv)
