"""The reference engine, fed by our own arrivals and laws, against queueing theory: 43 values of 14 systems.

Each value is observed in R = 40 replications, t = (mean - exact) / (s / sqrt(R)). Two things are asked of it:
|t| <= 4.6 (Student's t with 39 degrees of freedom: 4.4e-5 per value) and a half-width below the cap that the value
states, so that no value passes by being noisy. All together must have t scattered as theory says, so that a small bias
everywhere shows.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from exact import formulas
from exact.systems import CUT, REQUESTS, SPARE, SYSTEMS
from numpy.typing import NDArray
from scipy import stats

REPLICATIONS = 40
LARGEST_T = 4.6
HALF_WIDTH = float(stats.t.ppf(0.975, REPLICATIONS - 1))

# Simulations are shared between the tests of this module: `pytest -n 2 --dist loadgroup` keeps them on one worker.


@cache
def observed(name: str) -> NDArray[np.float64]:
    """Simulate a system once; one row per replication, one column per value."""
    return np.array([SYSTEMS[name].observe(replication) for replication in range(REPLICATIONS)])


def standard_errors(name: str) -> NDArray[np.float64]:
    """Give the standard error of the mean of each value of a system."""
    return observed(name).std(axis=0, ddof=1) / math.sqrt(REPLICATIONS)


def t_values(name: str) -> NDArray[np.float64]:
    """Give the distance of each value of a system from theory, in standard errors."""
    expected = [value.expected for value in SYSTEMS[name].values]
    return (observed(name).mean(axis=0) - expected) / standard_errors(name)


@pytest.mark.parametrize("name", SYSTEMS)
def test_simulation_agrees_with_theory(name: str) -> None:
    """If a system has exact values, simulation meets each of them within its noise, and the noise is small."""
    off = []
    for value, t, error in zip(SYSTEMS[name].values, t_values(name), standard_errors(name), strict=True):
        width = HALF_WIDTH * error / value.scale
        if not (abs(t) <= LARGEST_T and width <= value.widest):
            off.append(
                f"{value.name} {value.exact:.6g}: t {t:+.2f}, half-width {width:.2%} of at most {value.widest:.2%}"
            )
    assert not off, "\n".join(off)


def test_there_are_enough_values() -> None:
    """If this module speaks for the engine, it holds at least 30 exact values."""
    assert sum(len(system.values) for system in SYSTEMS.values()) >= 30


@pytest.mark.slow
def test_deviations_are_scattered_as_chance_would() -> None:
    """If there is no bias, the t of independent systems have mean 0 and the variance of Student's t, 39/37."""
    # Values of one system move together, so only their average per system counts as one observation.
    averages = np.array([t_values(name).mean() for name in SYSTEMS])
    assert abs(averages.mean()) <= 4 / math.sqrt(len(SYSTEMS))
    # One value per system, the first: a sum of independent squares, each t**2 = F(1, 39) distributed like a chi-square
    # whose variance is larger by the factor 39/37 (bounds at 3e-5 on either side).
    squares = np.array([t_values(name)[0] ** 2 for name in SYSTEMS]).sum() * 37 / 39
    low, high = stats.chi2.ppf([3e-5, 1 - 3e-5], len(SYSTEMS))
    assert low <= squares <= 1.1 * high


@pytest.mark.slow
def test_noise_is_as_large_as_theory_says() -> None:
    """If waits of M/M/1 are correlated as Daley (1968) says, so is the standard error, within a factor 1.5."""
    # With 39 degrees of freedom a standard error is known to 11 %, so 1.5 is 3.6 of its standard deviations.
    column = [value.name for value in SYSTEMS["M/M/1"].values].index("mean wait")
    theory = formulas.mm1_wait_standard_deviation(0.6, 1) / math.sqrt(REPLICATIONS * (REQUESTS - CUT - SPARE))
    assert 1 / 1.5 <= standard_errors("M/M/1")[column] / theory <= 1.5
