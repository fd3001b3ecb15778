"""Poisson arrivals: the mean gap at ten million draws, and counts whose variance is their mean."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from scipy import stats

from sim.chance import Purpose, Streams
from sim.workload.arrivals.poisson import PoissonArrivals
from sim.workload.calendar import Calendar


def times(rate: float, blocks: int) -> np.ndarray:
    """Give the arrivals of so many blocks of 65,536."""
    drawn = PoissonArrivals(kind="poisson", rate_per_s=rate)
    return np.concatenate(list(islice(drawn.times(Streams(7, 0), "all", Calendar()), blocks)))


def test_mean_gap_of_ten_million() -> None:
    """The mean gap of 10**7 arrivals is 1 / rate within 4 standard errors, 0.13 %."""
    arrivals = times(40.0, 153)
    assert len(arrivals) > 10**7
    z = (arrivals[-1] / len(arrivals) / 25e6 - 1) * np.sqrt(len(arrivals))
    assert abs(z) <= 4


@pytest.mark.parametrize("window_s", [0.1, 1, 30])
def test_counts_have_variance_equal_to_mean(window_s: float) -> None:
    """The index of dispersion of counts per window is 1 within 4 standard errors, sqrt(2 / (n - 1))."""
    arrivals = times(40.0, 16)
    windows = int(arrivals[-1] / (window_s * 1e9))
    counts = np.bincount((arrivals / (window_s * 1e9)).astype(np.int64))[:windows]
    z = (counts.var(ddof=1) / counts.mean() - 1) / np.sqrt(2 / (windows - 1))
    assert abs(z) <= 4


def test_gaps_are_exponential_and_uncorrelated() -> None:
    """Gaps fit the exponential law (sqrt(n) D <= 2.3) and neighbours do not correlate."""
    gaps = np.diff(times(40.0, 16)) / 25e6
    assert stats.kstest(gaps, "expon").statistic * np.sqrt(len(gaps)) <= 2.3
    assert abs(np.corrcoef(gaps[1:], gaps[:-1])[0, 1]) * np.sqrt(len(gaps)) <= 4


def test_gaps_come_from_the_quantile_function() -> None:
    """The first gaps are -log(1 - u) / rate of the first uniforms, rounded to a nanosecond each."""
    u = Streams(7, 0).uniform(Purpose.ARRIVAL, ("all",), 0, 1_000)
    exact = -np.log(1 - u.astype(np.longdouble)) * 25e6
    gaps = np.diff(times(40.0, 1)[:1_000], prepend=0)
    assert np.max(np.abs(gaps - exact)) <= 0.5 + 1e-6


def test_twice_the_rate_is_half_the_time() -> None:
    """At twice the rate the same luck brings every arrival in half the time, but for the rounding of each gap."""
    slow, fast = times(20.0, 1), times(40.0, 1)
    assert np.all(np.abs(slow - 2 * fast) <= 1.5 * np.arange(1, len(slow) + 1))
