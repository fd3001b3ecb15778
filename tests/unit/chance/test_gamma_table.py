"""Tabled gamma quantiles: the same as solved for, to twelve digits, wherever a uniform of ours can lie."""

from __future__ import annotations

import time
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy import special

from sim.chance import Purpose, Streams
from sim.chance.gamma_table import LARGEST_SHAPE, SMALLEST_SHAPE, _coefficients, gamma_quantiles, solved_quantiles
from sim.chance.laws.law import LARGEST_SCV

SHAPES = [1e-4, 1 / 400, 0.01, 0.05, 0.2, 0.5, 1 / 1.09**2, 1.0, 1.3, 2.0, 3.0, 10.0, 55.5, 1e3, 1e4, 1e5]
UNTABLED = [9e-5, 1.1e5, 1e6, 1e8]
GRID = 2.0**-52

shapes = pytest.mark.parametrize("shape", SHAPES)


def uniforms() -> Any:
    """Give ascending uniforms: drawn ones, and both tails down to the least and up to the greatest of all."""
    rng = np.random.default_rng(1)
    tail = np.unique(np.concatenate([np.arange(200), (2 ** (52 * rng.random(5_000))).astype(np.int64)]))
    ends = (tail + 0.5) * GRID
    return np.unique(np.concatenate([ends, Streams(3, 0).uniform(Purpose.ARRIVAL, (), 0, 50_000), 1 - ends]))


@shapes
def test_tabled_quantiles_are_those_of_scipy(shape: float) -> None:
    """Quantiles agree with scipy's to 1e-12 of their value, and to 1e-14 of their logarithm where next to nothing."""
    u = uniforms()
    tabled, solved = gamma_quantiles(u, shape), special.gammaincinv(shape, u)
    seen = solved > 1e-40
    np.testing.assert_allclose(tabled[seen], solved[seen], rtol=1e-12, atol=0)
    deep = (solved > 1e-300) & ~seen
    np.testing.assert_allclose(np.log(tabled[deep]), np.log(solved[deep]), rtol=1e-14, atol=0)
    np.testing.assert_array_equal(tabled[solved == 0], 0.0)
    assert np.all(tabled[solved <= 1e-300] <= 1.1e-300)


@shapes
def test_the_incomplete_gamma_function_undoes_the_table(shape: float) -> None:
    """P(a, Q(u)) is u and its complement 1 - u: relative to either tail, to what 1e-12 of Q makes of it."""
    u = uniforms()
    x = gamma_quantiles(u, shape)
    u, x = u[x > 1e-40], x[x > 1e-40]
    # du / u = (x g(x) / u) dx / x
    change = np.exp(shape * np.log(x) - x - special.gammaln(shape))
    assert np.all(np.abs(special.gammainc(shape, x) - u) <= 1e-12 * change + 4e-14 * u)
    assert np.all(np.abs(special.gammaincc(shape, x) - (1 - u)) <= 1e-12 * change + 4e-14 * (1 - u))


@pytest.mark.parametrize(("shape", "u"), [(1 / 1.09**2, 1e-9), (0.05, 0.3), (2.5, 0.999), (1e3, 1e-12), (1e5, 3e-6)])
def test_tabled_quantiles_are_exact_to_twelve_digits(shape: float, u: float) -> None:
    """The power series of the incomplete gamma function in 40 digits comes back to u within 1e-12 of Q."""
    with mpmath.workdps(40):
        x, a = mpmath.mpf(float(gamma_quantiles(np.array([u]), shape)[0])), mpmath.mpf(shape)
        term = total = 1 / a
        step = 1
        while term > total * mpmath.mpf(10) ** -38:
            term *= x / (a + step)
            total += term
            step += 1
        change = mpmath.exp(a * mpmath.log(x) - x - mpmath.loggamma(a))
        assert abs(change * total - mpmath.mpf(u)) <= 1e-12 * change


@shapes
def test_tabled_quantiles_never_fall(shape: float) -> None:
    """A larger uniform never gives a smaller value, not even among the direct neighbours of 2**52."""
    assert np.all(np.diff(gamma_quantiles(uniforms(), shape)) >= 0)
    for start in (0.0, 0.01, 0.5, 0.9, 1 - 2.0**-40):
        neighbours = gamma_quantiles(start + (np.arange(4_000) + 0.5) * GRID, shape)
        assert np.all(np.diff(neighbours) >= 0)


@shapes
def test_pieces_of_the_table_meet(shape: float) -> None:
    """Where one polynomial ends the next one begins, to rounding."""
    coefficients = _coefficients(shape)
    assert np.all(np.isfinite(coefficients))
    starts, ends = coefficients[-1], coefficients.sum(axis=0)
    np.testing.assert_allclose(ends[:-1], starts[1:], rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("shape", UNTABLED)
def test_shapes_beyond_the_table_are_solved_for(shape: float) -> None:
    """For shapes that are not tabled the values are scipy's own."""
    assert not SMALLEST_SHAPE <= shape <= LARGEST_SHAPE
    u = np.linspace(0.001, 0.999, 99)
    assert gamma_quantiles(u, shape).tolist() == special.gammaincinv(shape, u).tolist()


def test_the_most_spread_law_is_tabled() -> None:
    """The largest scv that YAML may ask for is the smallest shape of the table."""
    assert 1 / LARGEST_SCV == SMALLEST_SHAPE


def test_uniforms_beyond_the_table_are_solved_for() -> None:
    """Nearer to 0 or 1 than draws come, and at NaN, the values are scipy's; those beside them stay what they are."""
    u = np.array([0.0, 1e-300, 0.25, 1.0, np.nan])
    values = gamma_quantiles(u, 2.0)
    np.testing.assert_array_equal(values[[0, 1, 3, 4]], solved_quantiles(u[[0, 1, 3, 4]], 2.0))
    assert values[2] == gamma_quantiles(np.array([0.25]), 2.0)[0]


def test_no_uniforms_are_no_quantiles() -> None:
    """An empty array gives an empty array."""
    assert gamma_quantiles(np.empty(0), 2.0).shape == (0,)


def test_a_quantile_depends_on_its_own_uniform_only() -> None:
    """Drawn one at a time the values are the same in every bit."""
    u = Streams(3, 0).uniform(Purpose.ARRIVAL, (), 0, 50)
    assert [float(gamma_quantiles(u[k : k + 1], 0.8)[0]) for k in range(50)] == gamma_quantiles(u, 0.8).tolist()


def test_a_table_is_soon_made() -> None:
    """A table takes less than 30 ms of processor time, so that short runs do not pay for it."""
    _coefficients.cache_clear()
    started = time.process_time()
    _coefficients(1 / 1.09**2)
    assert time.process_time() - started < 0.03
