"""Each exact value is reached by two methods that share nothing but the question."""

from __future__ import annotations

import math

import numpy as np
import pytest
from exact import formulas, second_methods
from exact.formulas import Exponentials, exponential
from exact.second_methods import BirthDeath, Phases
from scipy import stats

SAME = 1e-9
"""Largest relative difference of two methods."""

QUEUES = pytest.mark.parametrize(
    ("arrival_rate", "service_rate", "servers"), [(0.6, 1.0, 1), (2.1, 1.0, 3), (7.5, 1.0, 10), (0.63, 0.45, 2)]
)


def same(value: float) -> object:
    """Compare to nine digits."""
    return pytest.approx(value, rel=SAME)


@QUEUES
def test_mmc_means(arrival_rate: float, service_rate: float, servers: int) -> None:
    """If Erlang's formula gives the means of M/M/c, so does the birth-death chain with Little's law."""
    chain = BirthDeath(arrival_rate, service_rate, servers)
    wait = formulas.mmc_wait(arrival_rate, service_rate, servers)
    assert wait.tail(0) == same(float(chain.law()[servers:].sum()))
    assert wait.mean == same(chain.mean_wait())
    assert formulas.mmc_sojourn(arrival_rate, service_rate, servers).mean == same(chain.mean_sojourn())


@QUEUES
@pytest.mark.parametrize("probability", [0.5, 0.8, 0.9, 0.95, 0.99])
def test_mmc_quantiles(arrival_rate: float, service_rate: float, servers: int, probability: float) -> None:
    """If a quantile of M/M/c comes from the exponential form, the chain gives its tail."""
    chain = BirthDeath(arrival_rate, service_rate, servers)
    sojourn = formulas.quantile(formulas.mmc_sojourn(arrival_rate, service_rate, servers).tail, probability)
    assert chain.sojourn_tail(sojourn) == same(1 - probability)
    wait = formulas.mmc_wait(arrival_rate, service_rate, servers)
    late = formulas.quantile(wait.tail, max(probability, 1 - wait.tail(0) / 2))
    assert float(chain.wait_tail(late)) == same(wait.tail(late))


def test_mm1_quantiles_in_elementary_form() -> None:
    """If there is one server, quantiles are logarithms: -ln(1-q)/(mu-lambda) and ln(rho/(1-q))/(mu-lambda)."""
    assert formulas.quantile(formulas.mmc_sojourn(0.6, 1, 1).tail, 0.95) == same(-math.log(0.05) / 0.4)
    assert formulas.quantile(formulas.mmc_wait(0.6, 1, 1).tail, 0.95) == same(math.log(0.6 / 0.05) / 0.4)


def test_mg1_moments_with_constant_service() -> None:
    """If service is constant, Pollaczek and Khinchine agree with the chain at departures."""
    arrivals = stats.poisson.pmf(np.arange(300), 0.6)
    assert formulas.mg1_wait_moments(0.6, (1, 1, 1)) == same_pair(second_methods.wait_moments(0.6, arrivals, 1, 1))


def test_mg1_moments_with_erlang_service() -> None:
    """If service is Erlang-2, three ways agree: the formula, the chain and the partial fractions."""
    arrivals = stats.nbinom.pmf(np.arange(400), 2, 2 / 2.6)
    moments = formulas.mg1_wait_moments(0.6, (1, 1.5, 3))
    wait = formulas.mg1_wait(0.6, np.poly1d([4.0]), np.poly1d([1.0, 2.0]) ** 2)
    assert moments == same_pair(second_methods.wait_moments(0.6, arrivals, 1, 1.5))
    assert moments == same_pair((wait.mean, wait.second_moment))


def test_mg1_moments_with_hyperexponential_service() -> None:
    """If service is hyperexponential, the formula agrees with the chain at departures."""
    phases = formulas.balanced_phases(1, 2)
    arrivals = sum(share * stats.geom.pmf(np.arange(1, 600), rate / (rate + 0.5)) for share, rate in phases)
    service = Exponentials(phases)
    third = math.fsum(6 * share / rate**3 for share, rate in phases)
    assert (service.mean, service.second_moment) == same_pair((1, 3))
    chain = second_methods.wait_moments(0.5, np.asarray(arrivals), 1, 3)
    assert formulas.mg1_wait_moments(0.5, (1, 3, third)) == same_pair(chain)


def test_mg1_moments_with_lognormal_service() -> None:
    """If service is lognormal, the formula agrees with the chain at departures."""
    service = formulas.Lognormal(1, 1)
    arrivals = second_methods.lognormal_arrivals(0.6, -(service.spread**2) / 2, service.spread, 1500)
    chain = second_methods.wait_moments(0.6, arrivals, 1, 2)
    assert formulas.mg1_wait_moments(0.6, (1, service.moment(2), service.moment(3))) == same_pair(chain)


@pytest.mark.parametrize("probability", [0.7, 0.9, 0.95])
def test_mg1_quantiles_with_phases(probability: float) -> None:
    """If service has phases, partial fractions of the transform agree with the matrix exponential."""
    erlang = formulas.mg1_wait(0.6, np.poly1d([4.0]), np.poly1d([1.0, 2.0]) ** 2)
    twin = Phases(np.array([1.0, 0.0]), np.array([[-2.0, 2.0], [0.0, -2.0]])).wait_in_queue(0.6)
    time_s = formulas.quantile(erlang.tail, probability)
    assert twin.tail(time_s) == same(1 - probability)
    (one, fast), (two, slow) = formulas.balanced_phases(1, 2)
    hyper = formulas.mg1_wait(0.5, *formulas.hyperexponential_transform(1, 2))
    twin = Phases(np.array([one, two]), -np.diag([fast, slow])).wait_in_queue(0.5)
    time_s = formulas.quantile(hyper.tail, probability)
    assert twin.tail(time_s) == same(1 - probability)


@pytest.mark.parametrize("time_s", [0.0, 0.3, 1.0, 1.7, 2.5, 6.3])
def test_md1_tail(time_s: float) -> None:
    """If service is constant, Erlang's alternating sum agrees with geometric sums of uniform residuals."""
    assert formulas.md1_wait_tail(0.6, 1, time_s) == same(second_methods.md1_wait_tail(0.6, 1, time_s))


@pytest.mark.parametrize("time_s", [0.0, 0.5, 2.0, 5.0])
def test_dm1_wait(time_s: float) -> None:
    """If arrivals are a metronome, the root sigma agrees with the chain embedded at arrivals."""
    wait = formulas.dm1_wait(0.7, 1)
    found = second_methods.dm1_found(0.7, 1)
    assert wait.mean == same(float(np.arange(len(found)) @ found))
    assert wait.tail(time_s) == same(second_methods.dm1_wait_tail(0.7, 1, time_s))


@pytest.mark.parametrize("probability", [0.5, 0.95, 0.99])
def test_cascade(probability: float) -> None:
    """If a share escalates from M/M/3 to M/M/2, the exponential form agrees with chains and convolution."""
    first, second = BirthDeath(2.1, 1, 3), BirthDeath(0.63, 0.45, 2)
    cheap, escalated = cascade()
    assert escalated.mean == same(first.mean_sojourn() + second.mean_sojourn())
    median = formulas.quantile(escalated.tail, 0.5)
    assert first.tandem_tail(second, median) == same(0.5)
    time_s = formulas.quantile(cheap.mixed(0.3, escalated).tail, probability)
    overall = 0.7 * first.sojourn_tail(time_s) + 0.3 * first.tandem_tail(second, time_s)
    assert overall == same(1 - probability)


def test_fork_join_with_queues() -> None:
    """If two equal M/M/1 are fed together, Flatto and Hahn agree with the chain of the two queues."""
    assert formulas.fork_join_mean(0.5, 1) == same(second_methods.fork_join_mean(0.5, 1))


@pytest.mark.parametrize("probability", [0.5, 0.95])
def test_slowest_of_three(probability: float) -> None:
    """If three legs run in parallel, inclusion-exclusion agrees with the chain of those not yet done."""
    rates = (1.0, 0.7, 0.4)
    law, twin = formulas.slowest(rates), second_methods.parallel(rates)
    time_s = formulas.quantile(law.tail, probability)
    assert law.mean == same(twin.mean())
    assert twin.tail(time_s) == same(1 - probability)
    assert math.prod(-math.expm1(-rate * time_s) for rate in rates) == same(probability)


@pytest.mark.parametrize("probability", [0.5, 0.95])
def test_stages_without_queues(probability: float) -> None:
    """If an ensemble is followed at times by another call, convolution in closed form agrees with phases."""
    first = formulas.slowest((1.0, 0.7))
    law = first.mixed(0.4, first.plus(exponential(0.45)))
    after = Phases(np.ones(1), np.array([[-0.45]]))
    twin = second_methods.parallel((1.0, 0.7)).then(after, 0.4)
    assert law.mean == same(twin.mean())
    assert twin.tail(formulas.quantile(law.tail, probability)) == same(1 - probability)


def test_retries() -> None:
    """If a service is repeated with probability q, the number in the system is that of a server slower by 1 - q."""
    assert formulas.retried_mean_sojourn(0.4, 1, 0.3) == same(BirthDeath(0.4, 0.7, 1).mean_sojourn())


def test_number_without_queue() -> None:
    """If nobody queues, the number present is Poisson, as in the chain with a server for everybody."""
    law = BirthDeath(5, 1, 300).law()
    assert float(np.arange(300) @ law) == same(5)
    for number in (0, 4, 7):
        assert formulas.poisson_tail(5, number) == same(float(law[number + 1 :].sum()))


def test_lognormal() -> None:
    """If moments and quantiles of a lognormal have formulas, quadrature and search agree."""
    law = formulas.Lognormal(1, 2)
    for power in (1, 2, 3):
        assert law.moment(power) == same(second_methods.lognormal_moment(1, 2, power))
    assert second_methods.mean_of(law.tail) == same(1)
    for probability in (0.5, 0.95):
        time_s = law.quantile(probability)
        assert time_s == same(second_methods.lognormal_quantile(1, 2, probability))
        assert law.tail(time_s) == same(1 - probability)


def test_density_is_the_slope() -> None:
    """If a law is exponential, its density is the rate times its tail (central difference: to 1e-6)."""
    assert formulas.density(exponential(2).tail, 0.7) == pytest.approx(2 * math.exp(-1.4), rel=1e-6)


def same_pair(values: tuple[float, float]) -> object:
    """Compare two moments to nine digits."""
    return pytest.approx(values, rel=SAME)


def cascade() -> tuple[Exponentials, Exponentials]:
    """Give the sojourn of those who stay at M/M/3 and of those who go on to M/M/2."""
    cheap = formulas.mmc_sojourn(2.1, 1, 3)
    return cheap, cheap.plus(formulas.mmc_sojourn(0.63, 0.45, 2))
