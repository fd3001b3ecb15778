"""Laws: their quantiles invert their distribution functions, and their moments are those of the textbook."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter
from scipy import optimize, special, stats

from sim.chance import Purpose, Streams
from sim.chance.laws import CountLaw, DurationLaw, Law, TokenLaw

DURATION = TypeAdapter(DurationLaw)
TOKENS = TypeAdapter(TokenLaw)
COUNT = TypeAdapter(CountLaw)

MS = 1e6
DRAWS = 1_000_000


def duration(written: Any) -> Law:
    """Read a law of durations."""
    return DURATION.validate_python(written)


def tokens(written: Any) -> Law:
    """Read a law of token counts."""
    return TOKENS.validate_python(written)


def weibull_of(mean: float, scv: float) -> Any:
    """Solve for the Weibull law by another root finder than the code's."""

    def excess(shape: float) -> float:
        return math.exp(special.gammaln(1 + 2 / shape) - 2 * special.gammaln(1 + 1 / shape)) - 1 - scv

    shape = optimize.brentq(excess, 0.1, 200, xtol=1e-14, rtol=1e-14)
    return stats.weibull_min(shape, scale=mean / special.gamma(1 + 1 / shape))


def lognormal_of(mean: float, scv: float) -> Any:
    """Give scipy's lognormal law by mean and scv."""
    sigma = math.sqrt(math.log(1 + scv))
    return stats.lognorm(sigma, scale=mean / math.sqrt(1 + scv))


Z95 = stats.norm.ppf(0.95)

TWINS = {
    "exponential": (duration({"law": "exponential", "mean": "340ms"}), stats.expon(scale=340 * MS)),
    "lognormal by mean": (duration({"mean": "340ms", "scv": 2.5}), lognormal_of(340 * MS, 2.5)),
    "lognormal by p95": (
        duration({"p50": "340ms", "p95": "680ms"}),
        stats.lognorm(math.log(2) / Z95, scale=340 * MS),
    ),
    "lognormal by sigma": (duration({"p50": "340ms", "sigma": 0.8}), stats.lognorm(0.8, scale=340 * MS)),
    "shifted by p95": (
        duration({"p50": "343ms", "p95": "684ms", "shift": "219ms"}),
        stats.lognorm(math.log((684 - 219) / (343 - 219)) / Z95, loc=219 * MS, scale=124 * MS),
    ),
    "shifted by mean": (
        duration({"mean": "400ms", "scv": 0.25, "shift": "200ms"}),
        # The excess has mean 200 and the same standard deviation 0.5 * 400, hence scv 1.
        stats.lognorm(math.sqrt(math.log(2)), loc=200 * MS, scale=200 * MS / math.sqrt(2)),
    ),
    "gamma": (duration({"law": "gamma", "mean": "340ms", "scv": 2.5}), stats.gamma(1 / 2.5, scale=850 * MS)),
    "gamma narrow": (tokens({"law": "gamma", "mean": 250, "scv": 1e-4}), stats.gamma(1e4, scale=0.025)),
    "erlang": (duration({"law": "erlang", "mean": "300ms", "stages": 3}), stats.gamma(3, scale=100 * MS)),
    "weibull wide": (tokens({"law": "weibull", "mean": 250, "scv": 4}), weibull_of(250, 4)),
    "weibull narrow": (tokens({"law": "weibull", "mean": 250, "scv": 0.04}), weibull_of(250, 0.04)),
    "uniform": (duration({"law": "uniform", "low": "100ms", "high": "300ms"}), stats.uniform(100 * MS, 200 * MS)),
}
OTHERS = {
    "hyperexponential 1.01": duration({"law": "hyperexponential", "mean": "340ms", "scv": 1.01}),
    "hyperexponential 4": duration({"law": "hyperexponential", "mean": "340ms", "scv": 4}),
    "hyperexponential 1e4": tokens({"law": "hyperexponential", "mean": 250, "scv": 1e4}),
    "empirical": tokens({"quantiles": {"0": 2, "1": 29, "50": 641, "95": 2909, "99.5": 4_000, "100": 14_050}}),
    "empirical log": tokens(
        {"quantiles": {"0": 2, "1": 29, "50": 641, "95": 2909, "100": 14_050}, "interpolation": "log"}
    ),
}
CONTINUOUS = {name: law for name, (law, _) in TWINS.items()} | OTHERS
SPREAD_OUT = {name: law for name, law in CONTINUOUS.items() if name != "hyperexponential 1e4"}  # for 1e6 draws

twins = pytest.mark.parametrize("name", TWINS)
continuous = pytest.mark.parametrize("name", CONTINUOUS)


def grid() -> np.ndarray:
    """Give uniforms in ascending order, dense in the middle and reaching far into both tails."""
    tail = np.logspace(-12, -2, 200)
    return np.sort(np.concatenate([tail, np.linspace(0.01, 0.99, 20_001), 1 - tail]))


@continuous
def test_cdf_of_quantile_is_the_uniform(name: str) -> None:
    """The distribution function undoes the quantile function to 1e-12, in both tails as well."""
    u = grid()
    assert np.max(np.abs(CONTINUOUS[name].cdf(CONTINUOUS[name].quantile(u)) - u)) <= 1e-12


@continuous
def test_quantiles_never_fall(name: str) -> None:
    """A larger uniform never gives a smaller value."""
    values = CONTINUOUS[name].quantile(grid())
    assert np.all(np.diff(values) >= 0)
    assert values[0] >= 0


@twins
def test_quantiles_are_those_of_scipy(name: str) -> None:
    """Quantiles agree with scipy.stats to 1e-9 of their value, parameters solved for by other means."""
    law, twin = TWINS[name]
    u = np.linspace(0.001, 0.999, 999)
    np.testing.assert_allclose(law.quantile(u), twin.ppf(u), rtol=1e-9)


@twins
def test_distribution_functions_are_those_of_scipy(name: str) -> None:
    """Distribution functions agree with scipy.stats, below the least value too."""
    law, twin = TWINS[name]
    x = np.concatenate([[-1.0, 0.0], np.linspace(0, 4, 201) * twin.mean()])
    np.testing.assert_allclose(law.cdf(x), twin.cdf(x), rtol=0, atol=1e-9)


@twins
def test_moments_are_those_of_scipy(name: str) -> None:
    """Mean and scv agree with scipy.stats to 1e-9."""
    law, twin = TWINS[name]
    assert law.mean_value() == pytest.approx(twin.mean(), rel=1e-9)
    assert law.scv_value() == pytest.approx(twin.var() / twin.mean() ** 2, rel=1e-9)


@pytest.mark.parametrize("name", SPREAD_OUT)
def test_a_million_draws_have_the_mean_and_scv(name: str) -> None:
    """Mean and scv of 10**6 draws lie within 4 standard errors, those of the scv by the delta method."""
    law = SPREAD_OUT[name]
    x = law.quantile(Streams(7, 0).uniform(Purpose.SERVICE, (name,), 0, DRAWS)) / law.mean_value()
    off = x - x.mean()
    variance = np.mean(off**2)
    scv = variance / x.mean() ** 2
    influence = (off**2 - variance) / x.mean() ** 2 - 2 * variance * off / x.mean() ** 3
    assert abs(x.mean() - 1) <= 4 * np.sqrt(variance / DRAWS)
    assert abs(scv - law.scv_value()) <= 4 * influence.std() / np.sqrt(DRAWS)


@pytest.mark.parametrize("scv", [1 + 1e-6, 1.5, 30.0, 1e4])
def test_hyperexponential_mixes_two_phases_of_balanced_means(scv: float) -> None:
    """The law is the mixture whose phases carry half the mean each, with the asked mean and scv."""
    law = tokens({"law": "hyperexponential", "mean": 250, "scv": scv})
    p = (1 + math.sqrt((scv - 1) / (scv + 1))) / 2
    means = [250 / (2 * p), 250 / (2 * (1 - p))]
    assert p * means[0] == pytest.approx((1 - p) * means[1], rel=1e-9)
    second = 2 * (p * means[0] ** 2 + (1 - p) * means[1] ** 2)
    assert second / 250**2 - 1 == pytest.approx(scv, rel=1e-9)
    x = np.logspace(-3, 5, 100)
    mixture = p * stats.expon.cdf(x, scale=means[0]) + (1 - p) * stats.expon.cdf(x, scale=means[1])
    np.testing.assert_allclose(law.cdf(x), mixture, atol=1e-10)


@pytest.mark.parametrize("scv", [1 + 1e-6, 1.5, 30.0, 1e4])
def test_hyperexponential_quantiles_are_exact_to_twelve_digits(scv: float) -> None:
    """Newton's quantile agrees with bisection in 40-digit arithmetic to 1e-12 of its value."""
    law = tokens({"law": "hyperexponential", "mean": 1, "scv": scv})
    with localcontext(prec=40):
        exact_scv = Decimal(scv)
        p = (1 + ((exact_scv - 1) / (exact_scv + 1)).sqrt()) / 2
        for u in (1e-9, 0.1, 0.5, 0.9, 0.999, 1 - 1e-9):
            low, high = Decimal(0), Decimal(10) ** 6
            for _ in range(140):
                x = (low + high) / 2
                survival = p * (-2 * p * x).exp() + (1 - p) * (-2 * (1 - p) * x).exp()
                low, high = (x, high) if survival > 1 - Decimal(u) else (low, x)
            assert abs(Decimal(float(law.quantile(np.array([u]))[0])) / low - 1) <= 1e-12


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"p50": "340ms", "p95": "680ms"}, {"p50": "340ms", "sigma": math.log(2) / Z95}),
        ({"p50": "1s", "sigma": math.sqrt(2 * math.log(2))}, {"mean": "2s", "scv": 3.0}),
        # shift 100 + excess of mean 200 and scv 3: the total has mean 300, variance 3 * 200**2
        (
            {"p50": "200ms", "sigma": math.sqrt(2 * math.log(2)), "shift": "100ms"},
            {"mean": "300ms", "scv": 4 / 3, "shift": "100ms"},
        ),
        ({"law": "erlang", "mean": "2s", "stages": 4}, {"law": "gamma", "mean": "2s", "scv": 0.25}),
        ({"law": "weibull", "mean": "2s", "scv": 1.0}, {"law": "exponential", "mean": "2s"}),
        ({"law": "gamma", "mean": "2s", "scv": 1.0}, {"law": "exponential", "mean": "2s"}),
        ({"law": "deterministic", "mean": "2s"}, "2s"),
        ({"quantiles": {"0": "1s", "100": "3s"}}, {"law": "uniform", "low": "1s", "high": "3s"}),
    ],
)
def test_two_ways_to_write_a_law_agree(one: Any, other: Any) -> None:
    """The same law written in two ways has the same quantiles and moments."""
    first, second = duration(one), duration(other)
    u = np.linspace(0.001, 0.999, 999)
    np.testing.assert_allclose(first.quantile(u), second.quantile(u), rtol=1e-10)
    assert first.mean_value() == pytest.approx(second.mean_value(), rel=1e-10)
    assert first.scv_value() == pytest.approx(second.scv_value(), rel=1e-10)


@pytest.mark.parametrize(
    "form",
    [
        {"law": "exponential"},
        {"law": "gamma", "scv": 2.5},
        {"law": "erlang", "stages": 3},
        {"law": "hyperexponential", "scv": 4.0},
        {"law": "weibull", "scv": 2.5},
        {"law": "lognormal", "scv": 2.5},
    ],
)
def test_quantiles_grow_in_proportion_to_the_mean(form: dict[str, Any]) -> None:
    """Three times the mean at the same scv is three times every quantile."""
    u = np.linspace(0.001, 0.999, 999)
    once, thrice = tokens({**form, "mean": 100}), tokens({**form, "mean": 300})
    np.testing.assert_allclose(thrice.quantile(u), 3 * once.quantile(u), rtol=1e-12)


def test_lognormal_hits_the_percentiles_that_were_written() -> None:
    """Median and 95th percentile of the total are the two durations in the YAML, shift or not."""
    law = duration({"p50": "343ms", "p95": "684ms", "shift": "219ms"})
    np.testing.assert_allclose(law.quantile(np.array([0.5, 0.95])), [343 * MS, 684 * MS], rtol=1e-12)


def test_a_constant_has_no_chance() -> None:
    """A constant gives its value for every uniform; its distribution function steps there; its scv is 0."""
    law = duration("8ms")
    assert law.quantile(np.array([0.1, 0.9])).tolist() == [8e6, 8e6]
    assert law.cdf(np.array([8e6 - 1, 8e6])).tolist() == [0.0, 1.0]
    assert (law.mean_value(), law.scv_value()) == (8e6, 0.0)


def test_geometric_of_mean_one_is_always_one() -> None:
    """With a mean of 1 no second request ever follows."""
    law = COUNT.validate_python({"law": "geometric", "mean": 1.0})
    assert law.quantile(np.array([1e-9, 0.5, 1 - 1e-16])).tolist() == [1.0, 1.0, 1.0]
    assert law.cdf(np.array([0.5, 1.0, 2.0])).tolist() == [0.0, 1.0, 1.0]
    assert (law.mean_value(), law.scv_value()) == (1.0, 0.0)


@pytest.mark.parametrize("mean", [1.5, 4.0, 100.0])
def test_geometric_is_scipys(mean: float) -> None:
    """The geometric law gives scipy's quantiles, probabilities and moments."""
    law, twin = COUNT.validate_python({"law": "geometric", "mean": mean}), stats.geom(1 / mean)
    u = Streams(7, 0).uniform(Purpose.BATCH, (), 0, 1_000)
    assert law.quantile(u).tolist() == twin.ppf(u).tolist()
    x = np.arange(-1, 50) / 2
    np.testing.assert_allclose(law.cdf(x), twin.cdf(x), atol=1e-14)
    assert law.mean_value() == pytest.approx(twin.mean(), rel=1e-12)
    assert law.scv_value() == pytest.approx(twin.var() / twin.mean() ** 2, rel=1e-12, abs=1e-15)


@continuous
def test_laws_keep_the_shape_of_what_they_are_given(name: str) -> None:
    """A two-dimensional array of uniforms gives a two-dimensional float64 array of values."""
    values = CONTINUOUS[name].quantile(np.full((2, 3), 0.5))
    assert values.shape == (2, 3)
    assert values.dtype == np.float64
