"""The dependence between two models' answers, against independent integrators."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import owens_t

from sim.routing.dependence import both_right, right_when_wrong, solve_rho

PROBABILITIES = [0.01, 0.3, 0.5, 0.84, 0.999]


def both_right_by_owen(rho: float, p_first: float, p_second: float) -> float:
    """Give P(Z1 <= h, Z2 <= k) at correlation rho by Owen's T function (Owen 1956)."""
    h, k = stats.norm.ppf([p_first, p_second])
    rest = math.sqrt((1 - rho) * (1 + rho))
    if h == 0 or k == 0:
        h, k = h or 1e-300, k or 1e-300
    halves = owens_t(h, (k - rho * h) / (h * rest)) + owens_t(k, (h - rho * k) / (k * rest))
    other_sides = 0.5 if h * k < 0 else 0.0
    return (p_first + p_second) / 2 - float(halves) - other_sides


@pytest.mark.parametrize("rho", [0.0, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999])
@pytest.mark.parametrize("p_first", PROBABILITIES)
@pytest.mark.parametrize("p_second", PROBABILITIES)
def test_both_right_agrees_with_owens_t(rho: float, p_first: float, p_second: float) -> None:
    """The grid gives the bivariate normal probability to 1e-8, up to the strongest dependence that is solved for."""
    assert both_right(rho, p_first, p_second) == pytest.approx(both_right_by_owen(rho, p_first, p_second), abs=1e-8)


def test_both_right_agrees_with_the_bivariate_normal() -> None:
    """A third integrator, scipy's multivariate normal, gives the same probability."""
    cuts = stats.norm.ppf([0.68, 0.81])
    theirs = stats.multivariate_normal([0, 0], [[1, 0.62], [0.62, 1]]).cdf(cuts)
    assert both_right(0.62, 0.68, 0.81) == pytest.approx(float(theirs), abs=1e-8)


def test_both_right_at_equal_halves() -> None:
    """Two fair coins agree on success with probability 1/4 + arcsin(rho) / (2 pi) (Sheppard 1899)."""
    assert both_right(0.7, 0.5, 0.5) == pytest.approx(0.25 + math.asin(0.7) / (2 * math.pi), abs=1e-12)


@pytest.mark.parametrize(("p_first", "p_second", "both"), [(0.0, 0.4, 0.0), (1.0, 0.4, 0.4), (1.0, 1.0, 1.0)])
def test_certain_models(p_first: float, p_second: float, both: float) -> None:
    """A model that is never or always right leaves nothing to dependence."""
    assert both_right(0.8, p_first, p_second) == pytest.approx(both, abs=1e-12)


@given(st.floats(0, 0.999), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_the_joint_probability_keeps_its_bounds(rho: float, p_first: float, p_second: float) -> None:
    """Both right lies between independence and the rarer of the two (Frechet), whichever model is named first."""
    both = both_right(rho, p_first, p_second)
    assert p_first * p_second - 1e-12 <= both <= min(p_first, p_second) + 1e-12
    assert both == pytest.approx(both_right(rho, p_second, p_first), abs=1e-14)


@given(st.floats(0.0, 0.99), st.floats(0.05, 0.95), st.floats(0.05, 0.95))
def test_solve_rho_inverts(rho: float, p_cheap: float, p_frontier: float) -> None:
    """The correlation found gives back the conditional probability that it was asked for."""
    target = right_when_wrong(rho, p_cheap, p_frontier)
    assert right_when_wrong(solve_rho(target, p_cheap, p_frontier), p_cheap, p_frontier) == pytest.approx(
        target, abs=1e-9
    )


def test_solve_rho_finds_the_correlation() -> None:
    """Where the conditional says much, the correlation itself comes back."""
    assert solve_rho(right_when_wrong(0.37, 0.7, 0.85), 0.7, 0.85) == pytest.approx(0.37, abs=1e-9)


def test_independent_models_have_no_correlation() -> None:
    """If the frontier is right as often when the cheap model is wrong, the correlation is 0."""
    assert solve_rho(0.9, 0.7, 0.9) == pytest.approx(0.0, abs=1e-8)


def test_right_when_wrong_falls_with_the_correlation() -> None:
    """The more alike two models fail, the less often the frontier saves a wrong answer."""
    saved = [right_when_wrong(rho, 0.7, 0.9) for rho in np.linspace(0, 0.999, 50)]
    assert np.all(np.diff(saved) < 0)


@pytest.mark.parametrize("target", [0.91, 0.6])
def test_what_no_correlation_gives_is_refused_with_the_range(target: float) -> None:
    """If the frontier is right with .9, and the cheap model with .7, P(right | wrong) lies between 2/3 and .9."""
    with pytest.raises(ValueError, match=r"between 0\.667 .*and 0\.900 \(independent\)"):
        solve_rho(target, 0.7, 0.9)


def test_the_largest_correlation_fails_together() -> None:
    """At the end of the range the frontier fails only where the cheap model does: (p_f - p_c) / (1 - p_c) are saved."""
    assert right_when_wrong(0.9999, 0.7, 0.9) == pytest.approx(2 / 3, abs=1e-3)
