"""Exact values of queueing theory in closed form; times in seconds, rates per second.

The twin of each is in `second_methods`, reached another way (chain, quadrature, matrix exponential, recursion).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import mpmath
import numpy as np
from scipy import optimize, special

Tail = Callable[[float], float]
"""P(X > t) as a function of t >= 0."""


def quantile(tail: Tail, probability: float) -> float:
    """Give the time that is exceeded with probability 1 - `probability`."""
    above = 1.0
    while tail(above) > 1 - probability:
        above *= 2
    return float(optimize.brentq(lambda t: tail(t) - (1 - probability), 0, above, xtol=1e-14, rtol=1e-14))


def density(tail: Tail, time_s: float) -> float:
    """Give minus the slope of a tail, by a central difference."""
    step = 1e-4 * time_s
    return (tail(time_s - step) - tail(time_s + step)) / (2 * step)


@dataclass(frozen=True)
class Exponentials:
    """A law whose tail is a sum of weight * exp(-rate * t); weights may be negative, the rest is an atom at 0."""

    terms: tuple[tuple[float, float], ...]

    def tail(self, time_s: float) -> float:
        """Give P(X > t)."""
        return math.fsum(weight * math.exp(-rate * time_s) for weight, rate in self.terms)

    @property
    def mean(self) -> float:
        """E[X] in seconds."""
        return math.fsum(weight / rate for weight, rate in self.terms)

    @property
    def second_moment(self) -> float:
        """E[X**2] in square seconds."""
        return math.fsum(2 * weight / rate**2 for weight, rate in self.terms)

    def mixed(self, share: float, other: Exponentials) -> Exponentials:
        """Give the law that is `other` with probability `share` and this one otherwise."""
        mine = tuple(((1 - share) * weight, rate) for weight, rate in self.terms)
        return Exponentials(mine + tuple((share * weight, rate) for weight, rate in other.terms))

    def plus(self, other: Exponentials) -> Exponentials:
        """Give the law of the sum of independent values; rates of the two must differ."""
        terms: list[tuple[float, float]] = []
        for one, two in ((self, other), (other, self)):
            at_zero = 1 - math.fsum(weight for weight, _ in two.terms)
            terms += [(at_zero * weight, rate) for weight, rate in one.terms]
        for weight, rate in self.terms:
            for factor, pace in other.terms:
                product = weight * factor / (pace - rate)
                terms += [(product * pace, rate), (-product * rate, pace)]
        return Exponentials(tuple(terms))


def exponential(rate: float) -> Exponentials:
    """Give the exponential law."""
    return Exponentials(((1.0, rate),))


def slowest(rates: tuple[float, ...]) -> Exponentials:
    """Give the law of the maximum of independent exponentials, by inclusion and exclusion."""
    chosen = (group for size in range(1, len(rates) + 1) for group in combinations(rates, size))
    return Exponentials(tuple(((-1.0) ** (len(group) + 1), sum(group)) for group in chosen))


def erlang_c(servers: int, offered: float) -> float:
    """Give the probability to wait in M/M/c (Erlang 1917), by the recursion of the loss formula."""
    blocking = 1.0
    for server in range(1, servers + 1):
        blocking = offered * blocking / (server + offered * blocking)
    return blocking / (1 - offered / servers * (1 - blocking))


def mmc_wait(arrival_rate: float, service_rate: float, servers: int) -> Exponentials:
    """Give the law of the wait in M/M/c: C * exp(-(c mu - lambda) t)."""
    free_rate = servers * service_rate - arrival_rate
    return Exponentials(((erlang_c(servers, arrival_rate / service_rate), free_rate),))


def mmc_sojourn(arrival_rate: float, service_rate: float, servers: int) -> Exponentials:
    """Give the law of the sojourn in M/M/c; in M/M/1 it is exponential of rate mu - lambda."""
    if servers == 1:
        return exponential(service_rate - arrival_rate)
    return mmc_wait(arrival_rate, service_rate, servers).plus(exponential(service_rate))


def mm1_wait_standard_deviation(load: float, service_rate: float) -> float:
    """Give the square root of n * variance of the mean of n successive waits, for large n (Daley 1968)."""
    variance = load * (2 + 5 * load - 4 * load**2 + load**3) / (1 - load) ** 4
    return math.sqrt(variance) / service_rate


def mg1_wait_moments(arrival_rate: float, moments: tuple[float, float, float]) -> tuple[float, float]:
    """Give E[W] and E[W**2] of M/G/1 from E[S], E[S**2], E[S**3] (Pollaczek 1930, Khinchine 1932, Takacs 1962)."""
    free = 1 - arrival_rate * moments[0]
    mean = arrival_rate * moments[1] / (2 * free)
    return mean, 2 * mean**2 + arrival_rate * moments[2] / (3 * free)


def mg1_wait(arrival_rate: float, numerator: np.poly1d, denominator: np.poly1d) -> Exponentials:
    """Give the wait in M/G/1 whose service has the transform numerator / denominator, by partial fractions.

    W*(s) = (1 - rho) s / (s - lambda + lambda S*(s)); all poles must be real.
    """
    mean = (denominator.deriv()(0) - numerator.deriv()(0)) / denominator(0)
    whole = np.poly1d([1.0, -arrival_rate]) * denominator + arrival_rate * numerator
    poles = np.roots(whole.coeffs[:-1])  # the root at 0 cancels
    residues = (1 - arrival_rate * mean) * poles * denominator(poles) / whole.deriv()(poles)
    if np.iscomplexobj(poles):
        raise ValueError("the wait has complex poles")
    return Exponentials(tuple(zip((-residues / poles).tolist(), (-poles).tolist(), strict=True)))


def md1_wait_tail(arrival_rate: float, service_s: float, time_s: float) -> float:
    """Give P(W > t) of M/D/1 by Erlang's alternating sum, with enough digits to survive the cancellation."""
    with mpmath.workdps(60):
        rate, service, time = (mpmath.mpf(value) for value in (arrival_rate, service_s, time_s))
        terms = []
        for number in range(int(time_s / service_s) + 1):
            power = rate * (time - number * service)
            terms.append((-power) ** number / mpmath.factorial(number) * mpmath.exp(power))
        return float(1 - (1 - rate * service) * mpmath.fsum(terms))


def dm1_wait(arrival_rate: float, service_rate: float) -> Exponentials:
    """Give the wait in D/M/1: sigma * exp(-mu (1 - sigma) t) with sigma = exp(-mu (1 - sigma) / lambda)."""

    def gap(sigma: float) -> float:
        return sigma - math.exp(-service_rate * (1 - sigma) / arrival_rate)

    sigma = float(optimize.brentq(gap, 0, 1 - 1e-6, xtol=1e-15, rtol=1e-15))
    return Exponentials(((sigma, service_rate * (1 - sigma)),))


def fork_join_mean(arrival_rate: float, service_rate: float) -> float:
    """Give the mean response of two equal M/M/1 that are fed together and joined (Flatto & Hahn 1984)."""
    return (12 - arrival_rate / service_rate) / 8 / (service_rate - arrival_rate)


def retried_mean_sojourn(arrival_rate: float, service_rate: float, again: float) -> float:
    """Give the mean sojourn in M/M/1 where each service is followed by another with probability `again`."""
    return 1 / (service_rate * (1 - again) - arrival_rate)


def poisson_tail(mean: float, number: int) -> float:
    """Give P(N > number) of a Poisson law: the number in M/G/infinity."""
    return 1 - math.exp(-mean) * math.fsum(mean**k / math.factorial(k) for k in range(number + 1))


@dataclass(frozen=True)
class Lognormal:
    """Lognormal law with a given mean and squared coefficient of variation."""

    mean: float
    scv: float

    @property
    def spread(self) -> float:
        """Standard deviation of the logarithm."""
        return math.sqrt(math.log1p(self.scv))

    def moment(self, power: int) -> float:
        """Give E[X**power]."""
        return self.mean**power * math.exp(power * (power - 1) / 2 * self.spread**2)

    def quantile(self, probability: float) -> float:
        """Give the quantile."""
        return self.mean * math.exp(self.spread * float(special.ndtri(probability)) - self.spread**2 / 2)

    def tail(self, time_s: float) -> float:
        """Give P(X > t)."""
        if time_s <= 0:
            return 1.0
        return 0.5 * math.erfc((math.log(time_s / self.mean) + self.spread**2 / 2) / (self.spread * math.sqrt(2)))


def balanced_phases(mean: float, scv: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """Give (probability, rate) of the two phases of a hyperexponential law with balanced means (p1 / r1 = p2 / r2)."""
    first = (1 + math.sqrt((scv - 1) / (scv + 1))) / 2
    return (first, 2 * first / mean), (1 - first, 2 * (1 - first) / mean)


def hyperexponential_transform(mean: float, scv: float) -> tuple[np.poly1d, np.poly1d]:
    """Give numerator and denominator of the transform of a hyperexponential law with balanced means."""
    (one, fast), (two, slow) = balanced_phases(mean, scv)
    first, second = np.poly1d([1.0, fast]), np.poly1d([1.0, slow])
    return one * fast * second + two * slow * first, first * second
