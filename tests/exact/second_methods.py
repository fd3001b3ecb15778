"""The values of `formulas` reached another way: Markov chains, quadrature, matrix exponentials, geometric sums."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import mpmath
import numpy as np
from numpy.typing import NDArray
from scipy import integrate, linalg, optimize, sparse, special, stats
from scipy.sparse import linalg as sparse_linalg

Floats = NDArray[np.float64]


def integral(function: Callable[[Floats], Floats], stop: float) -> float:
    """Integrate a smooth vectorised function from 0 to `stop`, by Gauss and Legendre with 60 nodes."""
    nodes, weights = np.polynomial.legendre.leggauss(60)
    return float(stop / 2 * np.sum(weights * function(stop / 2 * (nodes + 1))))


@dataclass(frozen=True)
class BirthDeath:
    """M/M/c as a chain of the number in the system, which is also what an arrival finds; cut at `states`."""

    arrival_rate: float
    service_rate: float
    servers: int
    states: int = 300

    def law(self) -> Floats:
        """Give the stationary law of the number in the system."""
        numbers = np.arange(1, self.states)
        ratio = self.arrival_rate / (self.service_rate * np.minimum(numbers, self.servers))
        weights = np.concatenate(([1.0], np.cumprod(ratio)))
        return weights / weights.sum()

    def mean_wait(self) -> float:
        """Give the mean wait, from the mean queue by Little's law."""
        return float(np.sum(np.maximum(np.arange(self.states) - self.servers, 0) * self.law()) / self.arrival_rate)

    def mean_sojourn(self) -> float:
        """Give the mean sojourn, from the mean number by Little's law."""
        return float(np.sum(np.arange(self.states) * self.law()) / self.arrival_rate)

    def wait_tail(self, time_s: Floats | float) -> Floats:
        """Give P(W > t): who finds k waiting starts at departure k + 1, and while busy departures are Poisson."""
        busy = self.law()[self.servers :]
        departures = self.servers * self.service_rate * np.asarray(time_s)[..., None]
        return np.sum(busy * stats.poisson.cdf(np.arange(len(busy)), departures), axis=-1)

    def sojourn_tail(self, time_s: float) -> float:
        """Give P(W + S > t), integrating over the service."""
        rate = self.service_rate
        return math.exp(-rate * time_s) + integral(
            lambda service: rate * np.exp(-rate * service) * self.wait_tail(time_s - service), time_s
        )

    def tandem_tail(self, after: BirthDeath, time_s: float) -> float:
        """Give P(T1 + T2 > t) of this sojourn and an independent one `after` it, by convolution.

        The density of T1 is mu * P(W1 <= t < T1): an exponential service, once begun, ends at rate mu.
        """

        def crossing(first_s: Floats) -> Floats:
            slope = np.array([self.sojourn_tail(t) for t in first_s]) - self.wait_tail(first_s)
            return self.service_rate * slope * np.array([after.sojourn_tail(time_s - t) for t in first_s])

        return self.sojourn_tail(time_s) + integral(crossing, time_s)


@dataclass(frozen=True)
class Phases:
    """A phase-type law: time until a chain with these starting probabilities and rates of change is absorbed."""

    start: Floats
    rates: Floats

    def tail(self, time_s: float) -> float:
        """Give P(X > t) by a matrix exponential."""
        return float(np.sum(self.start @ linalg.expm(self.rates * time_s)))

    def mean(self) -> float:
        """Give the mean time to absorption."""
        return float(-np.sum(linalg.solve(self.rates.T, self.start)))

    def then(self, after: Phases, share: float = 1.0) -> Phases:
        """Give the law of this time followed, with probability `share`, by another."""
        leaving = -self.rates.sum(axis=1)
        corner = share * np.outer(leaving, after.start)
        rates = np.block([[self.rates, corner], [np.zeros(corner.T.shape), after.rates]])
        return Phases(np.concatenate((self.start, np.zeros(len(after.start)))), rates)

    def wait_in_queue(self, arrival_rate: float) -> Phases:
        """Give the wait in M/G/1 with this service: a geometric sum of residual services, again of phase type."""
        mean = self.mean()
        residual = -linalg.solve(self.rates.T, self.start) / mean
        load = arrival_rate * mean
        return Phases(load * residual, self.rates + load * np.outer(-self.rates.sum(axis=1), residual))


def parallel(rates: tuple[float, ...]) -> Phases:
    """Give the maximum of exponentials as a chain over the sets of those not yet done, as bits."""
    everyone = 2 ** len(rates) - 1
    matrix = np.zeros((everyone, everyone))  # row s - 1 is the set s
    for still in range(1, everyone + 1):
        for leg, rate in enumerate(rates):
            if still >> leg & 1:
                matrix[still - 1, still - 1] -= rate
                if still ^ (1 << leg):
                    matrix[still - 1, (still ^ (1 << leg)) - 1] += rate
    return Phases(np.eye(everyone)[everyone - 1], matrix)


def wait_moments(arrival_rate: float, arrivals_in_service: Floats, mean: float, second: float) -> tuple[float, float]:
    """Give E[W], E[W**2] of M/G/1 from the chain of those left behind by departures.

    `arrivals_in_service` is the law of the Poisson arrivals during one service. The stationary law follows from equal
    crossings of each level up and down, without a subtraction; whom a FIFO departure leaves behind are the Poisson
    arrivals of its sojourn T = W + S, hence E[N] = lambda E[T] and E[N (N - 1)] = lambda**2 E[T**2].
    """
    size = len(arrivals_in_service)
    more_than = np.cumsum(arrivals_in_service[::-1])[::-1] - arrivals_in_service
    law = np.zeros(size)
    law[0] = 1 - arrival_rate * mean
    for level in range(size - 1):
        up = law[0] * more_than[level] + law[1 : level + 1] @ more_than[level:0:-1]
        law[level + 1] = up / arrivals_in_service[0]
    numbers = np.arange(size)
    sojourn = float(numbers @ law) / arrival_rate
    sojourn_second = float((numbers * (numbers - 1)) @ law) / arrival_rate**2
    wait = sojourn - mean
    return wait, sojourn_second - 2 * wait * mean - second


def lognormal_arrivals(arrival_rate: float, log_mean: float, spread: float, size: int) -> Floats:
    """Give the law of the Poisson arrivals during a lognormal time, by the trapezoidal rule in the normal variable."""
    step = 1 / 256
    normal = np.arange(-12, 12, step)
    mean = arrival_rate * np.exp(log_mean + spread * normal)
    weight = step * np.exp(-(normal**2) / 2) / math.sqrt(2 * math.pi)
    return np.array([np.sum(weight * stats.poisson.pmf(number, mean)) for number in range(size)])


def md1_wait_tail(arrival_rate: float, service_s: float, time_s: float) -> float:
    """Give P(W > t) of M/D/1 as a geometric number of uniform residual services (Irwin-Hall sums)."""
    with mpmath.workdps(120):
        load, time = mpmath.mpf(arrival_rate) * service_s, mpmath.mpf(time_s) / service_s
        whole = int(time)
        below = mpmath.mpf(1)  # no residual at all
        for number in range(1, 160):  # at most load**160 is left out
            terms = range(min(whole, number) + 1)
            summed = mpmath.fsum((-1) ** k * mpmath.binomial(number, k) * (time - k) ** number for k in terms)
            below += load**number * (summed / mpmath.factorial(number) if number > time else 1)
        return float(1 - (1 - load) * below)


def dm1_found(arrival_rate: float, service_rate: float, states: int = 200) -> Floats:
    """Give what an arrival finds in D/M/1: the stationary law of the chain embedded at arrivals, by linear algebra."""
    found = np.arange(states)
    gone = found[:, None] + 1 - found[None, :]
    moves = stats.poisson.pmf(gone, service_rate / arrival_rate)
    moves[:, 0] += 1 - moves.sum(axis=1)
    balance = moves.T - np.eye(states)
    balance[0] = 1
    return linalg.solve(balance, np.eye(states)[0])


def dm1_wait_tail(arrival_rate: float, service_rate: float, time_s: float) -> float:
    """Give P(W > t) of D/M/1: those found ahead take as many exponential services."""
    ahead = dm1_found(arrival_rate, service_rate)[1:]
    return float(ahead @ stats.poisson.cdf(np.arange(len(ahead)), service_rate * time_s))


def fork_join_mean(arrival_rate: float, service_rate: float, states: int = 48) -> float:
    """Give the mean response of two equal M/M/1 fed together: under FIFO the longer queue counts the open requests."""
    one, two = (numbers.ravel() for numbers in np.meshgrid(np.arange(states), np.arange(states), indexing="ij"))
    here = one * states + two
    moves = [
        (here, here + states + 1, arrival_rate * ((one < states - 1) & (two < states - 1))),
        (here, here - states, service_rate * (one > 0)),
        (here, here - 1, service_rate * (two > 0)),
    ]
    origin, target, rate = (np.concatenate(column) for column in zip(*moves, strict=True))
    real = rate > 0
    origin, target, rate = origin[real], target[real], rate[real]
    inflow = sparse.coo_matrix((rate, (target, origin)), shape=(states**2, states**2))
    balance = sparse.lil_matrix(inflow - sparse.diags(np.bincount(origin, rate, states**2)))
    balance[0] = 1.0
    law = sparse_linalg.spsolve(balance.tocsc(), np.eye(1, states**2)[0])
    return float(np.maximum(one, two) @ law) / arrival_rate


def mean_of(tail: Callable[[float], float]) -> float:
    """Give the mean of a positive value, the integral of its tail."""
    return float(integrate.quad(tail, 0, math.inf, epsabs=1e-12, epsrel=1e-12, limit=500)[0])


def lognormal_moment(mean: float, scv: float, power: int) -> float:
    """Give E[X**power] of a lognormal law by the trapezoidal rule in the normal variable."""
    variance = math.log1p(scv)
    normal = np.arange(-40, 40, 1 / 64)
    value = mean * np.exp(math.sqrt(variance) * normal - variance / 2)
    return float(np.sum(value**power * np.exp(-(normal**2) / 2)) / 64 / math.sqrt(2 * math.pi))


def lognormal_quantile(mean: float, scv: float, probability: float) -> float:
    """Give a lognormal quantile by searching its distribution function."""
    variance = math.log1p(scv)

    def excess(log_value: float) -> float:
        return float(special.ndtr((log_value - math.log(mean) + variance / 2) / math.sqrt(variance))) - probability

    return math.exp(optimize.brentq(excess, -30, 30, xtol=1e-14, rtol=1e-14))
