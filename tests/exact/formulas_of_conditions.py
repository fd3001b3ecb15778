"""Exact values where not everybody is served: loss, impatience, limits, retries; times in seconds, rates per second.

The twin of each is in `second_methods_of_conditions`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import mpmath
from exact import formulas
from scipy import integrate, special


def erlang_b(servers: int, offered: float) -> float:
    """Give the probability to be lost in M/M/c/c (Erlang 1917); it holds for any law of service."""
    blocking = 1.0
    for server in range(1, servers + 1):
        blocking = offered * blocking / (server + offered * blocking)
    return blocking


@dataclass(frozen=True)
class Impatient:
    """A queue that some leave unserved: the probability of that, to wait at all, and the mean wait of those let in."""

    lost: float
    waits: float
    mean_wait: float


def mmck(arrival_rate: float, service_rate: float, servers: int, most: int) -> Impatient:
    """Give M/M/c/K with room for `most` in all; the chain in geometric sums (Kleinrock 1975, section 3.7).

    `waits` and `mean_wait` are those of who is let in.
    """
    offered, room = arrival_rate / service_rate, most - servers
    load = offered / servers
    busy = offered**servers / math.factorial(servers)
    all_states = sum(offered**k / math.factorial(k) for k in range(servers)) + busy * geometric(load, room + 1)
    lost = busy * load**room / all_states
    waiting = sum(k * busy * load**k for k in range(room + 1)) / all_states
    waits = busy * geometric(load, room) / all_states
    return Impatient(lost, waits / (1 - lost), waiting / arrival_rate / (1 - lost))


def geometric(ratio: float, terms: int) -> float:
    """Give 1 + r + ... of so many terms."""
    return (1 - ratio**terms) / (1 - ratio)


def erlang_a(arrival_rate: float, service_rate: float, servers: int, leaving_rate: float) -> Impatient:
    """Give M/M/c whose waiters leave at `leaving_rate` each (Palm 1943), as written by Mandelbaum & Zeltyn (2007).

    `mean_wait` is that of everybody, those included who leave.
    """
    load = arrival_rate / (servers * service_rate)
    helper = float(special.hyp1f1(1, servers * service_rate / leaving_rate + 1, arrival_rate / leaving_rate))
    blocking = erlang_b(servers, arrival_rate / service_rate)
    waits = helper * blocking / (1 + (helper - 1) * blocking)
    lost = waits * (1 / (load * helper) + 1 - 1 / load)
    return Impatient(lost, waits, lost / leaving_rate)


def constant_patience(arrival_rate: float, service_rate: float, servers: int, patience_s: float) -> Impatient:
    """Give M/M/c whose waiters all leave after the same time (Barrer 1957; Baccelli & Hebuterne 1981).

    The wait that an arrival would have has the density lambda p exp(-(c mu - lambda) x) up to the patience, p being the
    probability of c - 1 in service, and falls at the rate c mu from there on. `mean_wait` is that of everybody.
    """
    offered, free_rate = arrival_rate / service_rate, servers * service_rate - arrival_rate
    states = [offered**k / math.factorial(k) for k in range(servers)]
    scale = arrival_rate * states[-1]
    fallen = math.exp(-free_rate * patience_s)
    in_time, late = scale * (1 - fallen) / free_rate, scale * fallen / (servers * service_rate)
    everything = sum(states) + in_time + late
    waited = scale * (1 - fallen * (1 + free_rate * patience_s)) / free_rate**2
    return Impatient(late / everything, (in_time + late) / everything, (waited + patience_s * late) / everything)


def md1_loss(load: float, most: int) -> float:
    """Give the probability to be lost in M/D/1 with room for `most` in all (Brun & Garcia 2000)."""
    with mpmath.workdps(60):
        rho, number = mpmath.mpf(load), most - 1
        term = mpmath.fsum(
            (-1) ** k * (number - k) ** k * mpmath.exp((number - k) * rho) * rho**k / mpmath.factorial(k)
            for k in range(number + 1)
        )
        return float(1 - term / (1 + rho * term))


def shaped_delay(arrival_rate: float, cell_s: float, burst: int) -> tuple[float, float]:
    """Give P(D > 0) and E[D] of the delay by a token bucket that Poisson arrivals wait for.

    The bucket fills as the work in M/D/1 with a service of one cell does, and lets pass what waits less than burst - 1
    of them: D = max(0, W - (burst - 1) cells).
    """
    spared = (burst - 1) * cell_s

    def tail(time_s: float) -> float:
        return formulas.md1_wait_tail(arrival_rate, cell_s, time_s)

    mean, _ = formulas.mg1_wait_moments(arrival_rate, (cell_s, cell_s**2, cell_s**3))
    below = sum(integrate.quad(tail, k * cell_s, (k + 1) * cell_s, epsabs=1e-13)[0] for k in range(burst - 1))
    return tail(spared), mean - below


@dataclass(frozen=True)
class Tries:
    """Tries that fail with a probability, up to so many: their mean number, and the probability of an answer."""

    mean: float
    answered: float

    def total_s(self, service_s: float, delay_s: float) -> float:
        """Give the mean time from the first try to the end of the last, without queues."""
        return self.mean * service_s + (self.mean - 1) * delay_s


def bernoulli_tries(failing: float, most: int) -> Tries:
    """Give a geometric number of tries, cut at `most`."""
    return Tries((1 - failing**most) / (1 - failing), 1 - failing**most)


def granted_share(failing: float, firsts: int) -> float:
    """Give retries per first try where `firsts` first tries earn one, no more than one is kept, and each may ask once.

    From one grant to the next it takes firsts - 1 tries that cannot be retried, then a geometric number until one
    fails (renewal reward).
    """
    return 1 / (firsts - 1 + 1 / failing)


@dataclass(frozen=True)
class Hedged:
    """Exponential calls of a rate, each with a second one of that law after a time; the first to end cancels the other.

    From then on the earlier of two exponentials is waited for, which ends at twice the rate (a lack of memory).
    """

    rate: float
    after_s: float

    @property
    def hedged(self) -> float:
        """Probability that the second call is sent."""
        return math.exp(-self.rate * self.after_s)

    @property
    def won(self) -> float:
        """Probability that the second call is first."""
        return self.hedged / 2

    @property
    def mean(self) -> float:
        """Mean time to the first answer."""
        return (1 - self.hedged / 2) / self.rate

    @property
    def work(self) -> float:
        """Mean time that both calls are served together: that of one call, as two that run end twice as soon."""
        return 1 / self.rate

    def tail(self, time_s: float) -> float:
        """Give the probability that the first answer takes longer."""
        return math.exp(-self.rate * (time_s + max(time_s - self.after_s, 0.0)))


def open_share(arrival_rate: float, failing: float, allowed: int, cooldown_s: float) -> float:
    """Give the share of Poisson arrivals that find a breaker open which forgets no failure while it is closed.

    It is closed until the next failure after those allowed, and then open for the cooldown (renewal reward, PASTA).
    """
    closed_s = (allowed + 1) / (arrival_rate * failing)
    return cooldown_s / (cooldown_s + closed_s)
