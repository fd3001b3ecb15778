"""Queueing systems with exact answers: how each is simulated, what is observed, and the value theory gives.

Times are in seconds, rates per second.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from exact import formulas
from exact.formulas import Exponentials, Tail, exponential
from exact.simulation import CUT, REQUESTS, SECOND, SPARE, Call, Columns, Draws, exponential_law, play, simulate

from sim.routing.itinerary import UNLIMITED


@dataclass(frozen=True)
class Value:
    """One exact value: the mean of a column, or, if its tail is given, a quantile of it.

    A quantile is tested through the share of observations beyond it, which unlike a sample quantile has no bias.
    `widest` is the largest half-width of the 95 % interval that is accepted, relative to the value.
    """

    name: str
    column: str
    exact: float
    widest: float
    tail: Tail | None = None

    def observe(self, columns: Columns) -> float:
        """Give the mean, or the share beyond the exact quantile, of one replication."""
        column = columns[self.column]
        return float(np.mean(column > self.exact if self.tail else column))

    @property
    def expected(self) -> float:
        """What `observe` gives on average."""
        return self.tail(self.exact) if self.tail else self.exact

    @property
    def scale(self) -> float:
        """What makes a half-width of `observe` relative to the value: a share moves by the density at the quantile."""
        return self.exact * formulas.density(self.tail, self.exact) if self.tail else self.exact


def quantile(name: str, column: str, tail: Tail, probability: float, widest: float) -> Value:
    """State a quantile of a law given by its tail."""
    return Value(name, column, formulas.quantile(tail, probability), widest, tail)


@dataclass(frozen=True)
class System:
    """A system by its name in Kendall's notation, its exact values and how one replication is observed."""

    name: str
    values: tuple[Value, ...]
    replicate: Callable[[Draws], Columns]

    def observe(self, replication: int) -> list[float]:
        """Give each value as seen in one replication."""
        columns = self.replicate(Draws(self.name, replication))
        return [value.observe(columns) for value in self.values]


def single(rate_per_s: float, servers: int, law: object, kind: str = "poisson") -> Callable[[Draws], Columns]:
    """Simulate one station."""

    def replicate(draws: Draws) -> Columns:
        return simulate(draws.arrivals(kind, rate_per_s), [servers], [Call(0, 0, draws.service("only", law))])

    return replicate


def _mm1() -> System:
    sojourn, wait = formulas.mmc_sojourn(0.6, 1, 1), formulas.mmc_wait(0.6, 1, 1)
    values = (
        Value("mean sojourn", "sojourn", sojourn.mean, 0.016),
        quantile("sojourn p50", "sojourn", sojourn.tail, 0.5, 0.013),
        quantile("sojourn p95", "sojourn", sojourn.tail, 0.95, 0.02),
        Value("mean wait", "wait", wait.mean, 0.025),
        quantile("wait p80", "wait", wait.tail, 0.8, 0.022),
        quantile("wait p95", "wait", wait.tail, 0.95, 0.025),
    )
    return System("M/M/1", values, single(0.6, 1, exponential_law("1s")))


def _mmc(servers: int, rate_per_s: float, widest: tuple[float, float, float, float]) -> System:
    sojourn, wait = formulas.mmc_sojourn(rate_per_s, 1, servers), formulas.mmc_wait(rate_per_s, 1, servers)
    values = (
        Value("probability to wait", "waited", wait.tail(0), widest[0]),
        Value("mean wait", "wait", wait.mean, widest[1]),
        quantile("wait p95", "wait", wait.tail, 0.95, widest[2]),
        quantile("sojourn p95", "sojourn", sojourn.tail, 0.95, widest[3]),
    )
    return System(f"M/M/{servers}", values, single(rate_per_s, servers, exponential_law("1s")))


def _md1() -> System:
    mean, second = formulas.mg1_wait_moments(0.6, (1, 1, 1))

    def tail(time_s: float) -> float:
        return formulas.md1_wait_tail(0.6, 1, time_s)

    values = (
        Value("mean wait", "wait", mean, 0.02),
        Value("second moment of the wait", "squared", second, 0.035),
        quantile("wait p95", "wait", tail, 0.95, 0.02),
    )
    return System("M/D/1", values, squared(single(0.6, 1, "1s")))


def squared(replicate: Callable[[Draws], Columns]) -> Callable[[Draws], Columns]:
    """Observe the square of the wait too."""

    def with_square(draws: Draws) -> Columns:
        columns = replicate(draws)
        return {**columns, "squared": columns["wait"] ** 2}

    return with_square


def _lognormal_queue() -> System:
    service = formulas.Lognormal(1, 1)
    mean, second = formulas.mg1_wait_moments(0.6, (1, service.moment(2), service.moment(3)))
    values = (
        Value("mean wait", "wait", mean, 0.03),
        Value("second moment of the wait", "squared", second, 0.08),
    )
    return System("M/LN/1", values, squared(single(0.6, 1, {"law": "lognormal", "mean": "1s", "scv": 1.0})))


def _erlang_queue() -> System:
    wait = formulas.mg1_wait(0.6, np.poly1d([4.0]), np.poly1d([1.0, 2.0]) ** 2)
    values = (Value("mean wait", "wait", wait.mean, 0.02), quantile("wait p95", "wait", wait.tail, 0.95, 0.022))
    return System("M/E2/1", values, single(0.6, 1, {"law": "erlang", "mean": "1s", "stages": 2}))


def _hyperexponential_queue() -> System:
    wait = formulas.mg1_wait(0.5, *formulas.hyperexponential_transform(1, 2))
    values = (Value("mean wait", "wait", wait.mean, 0.026), quantile("wait p95", "wait", wait.tail, 0.95, 0.028))
    return System("M/H2/1", values, single(0.5, 1, {"law": "hyperexponential", "mean": "1s", "scv": 2.0}))


def _metronome_queue() -> System:
    wait = formulas.dm1_wait(0.7, 1)
    values = (
        Value("probability to wait", "waited", wait.tail(0), 0.008),
        Value("mean wait", "wait", wait.mean, 0.025),
        quantile("wait p90", "wait", wait.tail, 0.9, 0.022),
    )
    return System("D/M/1", values, single(0.7, 1, exponential_law("1s"), "constant"))


def _unlimited() -> System:
    law = formulas.Lognormal(1, 2)
    window_s = (200.0, 3700.0)  # 20,000 arrivals at 5/s last 4,000 s, give or take 28

    def replicate(draws: Draws) -> Columns:
        arrival_ns = draws.arrivals("poisson", 5.0)
        assert arrival_ns[-1] > window_s[1] * SECOND
        calls = [Call(0, 0, draws.service("only", {"law": "lognormal", "mean": "1s", "scv": 2.0}))]
        _, log = play(arrival_ns, [UNLIMITED], calls)
        instants = np.concatenate((log.joined_ns, log.ended_ns)) / SECOND
        order = np.argsort(instants, kind="stable")
        present = np.cumsum(np.where(order < len(log.joined_ns), 1, -1))[:-1]
        lasting = np.diff(np.clip(instants[order], *window_s)) / (window_s[1] - window_s[0])
        kept = (log.ended_ns - log.joined_ns)[CUT:] / SECOND
        return {"sojourn": kept, "number": np.sum(present * lasting), "crowded": np.sum(lasting[present > 7])}

    values = (
        Value("mean number", "number", 5.0, 0.008),
        Value("share of time with more than 7", "crowded", formulas.poisson_tail(5, 7), 0.035),
        quantile("sojourn p50", "sojourn", law.tail, 0.5, 0.005),
        quantile("sojourn p95", "sojourn", law.tail, 0.95, 0.008),
    )
    return System("M/LN/inf", values, replicate)


def _cascade() -> System:
    """M/M/3, from which 30 % escalate to M/M/2: its arrivals are Poisson (Burke 1956), both sojourns independent."""
    cheap = formulas.mmc_sojourn(2.1, 1, 3)
    escalated = cheap.plus(formulas.mmc_sojourn(0.63, 0.45, 2))
    overall = cheap.mixed(0.3, escalated)

    def replicate(draws: Draws) -> Columns:
        goes_on = draws.chance() < 0.3
        frontier = Call(1, 1, draws.service("frontier", exponential_law("2222222222ns")), goes_on)
        calls = [Call(0, 0, draws.service("cheap", exponential_law("1s"))), frontier]
        columns = simulate(draws.arrivals("poisson", 2.1), [3, 2], calls)
        return {**columns, "escalated": columns["sojourn"][goes_on[CUT : REQUESTS - SPARE]]}

    values = (
        Value("mean sojourn", "sojourn", overall.mean, 0.02),
        quantile("sojourn p50", "sojourn", overall.tail, 0.5, 0.015),
        quantile("sojourn p95", "sojourn", overall.tail, 0.95, 0.03),
        quantile("sojourn p99", "sojourn", overall.tail, 0.99, 0.045),
        quantile("sojourn p50 of the escalated", "escalated", escalated.tail, 0.5, 0.02),
    )
    return System("M/M/3, 30 % to M/M/2", values, replicate)


def _fork_join() -> System:
    def replicate(draws: Draws) -> Columns:
        calls = [Call(0, leg, draws.service(f"leg {leg}", exponential_law("1s"))) for leg in (0, 1)]
        return simulate(draws.arrivals("poisson", 0.5), [1, 1], calls)

    mean = Value("mean sojourn", "sojourn", formulas.fork_join_mean(0.5, 1), 0.008)
    return System("fork-join of two M/M/1", (mean,), replicate)


def _laws(law: Exponentials, widest: float) -> tuple[Value, ...]:
    return (
        Value("mean sojourn", "sojourn", law.mean, widest),
        quantile("sojourn p50", "sojourn", law.tail, 0.5, widest),
        quantile("sojourn p95", "sojourn", law.tail, 0.95, widest),
    )


def _fork_join_without_queues() -> System:
    def replicate(draws: Draws) -> Columns:
        means = ("1s", "1250ms", "2500ms")
        calls = [Call(0, leg, draws.service(mean, exponential_law(mean))) for leg, mean in enumerate(means)]
        return simulate(draws.arrivals("poisson", 2.0), [UNLIMITED] * 3, calls)

    return System("slowest of three, no queue", _laws(formulas.slowest((1.0, 0.8, 0.4)), 0.0045), replicate)


def _verified_ensemble() -> System:
    """Two legs in parallel, a verification of 60 ms, then in 40 % of cases another call; clustered arrivals."""
    verify_s = 0.06
    first = formulas.slowest((1.0, 0.8))
    law = first.mixed(0.4, first.plus(exponential(0.5)))

    def tail(time_s: float) -> float:
        return law.tail(max(time_s - verify_s, 0.0))

    def replicate(draws: Draws) -> Columns:
        members = [
            Call(0, leg, draws.service(mean, exponential_law(mean))) for leg, mean in enumerate(("1s", "1250ms"))
        ]
        verify = Call(1, 2, draws.service("verify", "60ms"))
        again = Call(2, 3, draws.service("again", exponential_law("2s")), draws.chance() < 0.4)
        arrivals = draws.arrivals("renewal", 3.0, cv=2.0)
        return simulate(arrivals, [UNLIMITED] * 4, [*members, verify, again])

    values = (
        Value("mean sojourn", "sojourn", law.mean + verify_s, 0.003),
        quantile("sojourn p50", "sojourn", tail, 0.5, 0.004),
        quantile("sojourn p95", "sojourn", tail, 0.95, 0.005),
    )
    return System("ensemble, verification, escalation, no queue", values, replicate)


def _retries() -> System:
    """M/M/1 whose requests come back at once with probability 0.3, each time with a fresh service."""

    def replicate(draws: Draws) -> Columns:
        uniform = draws.chance()
        tries = range(math.ceil(math.log(uniform.min()) / math.log(0.3)))
        calls = [Call(k, 0, draws.service(f"try {k}", exponential_law("1s")), uniform < 0.3**k) for k in tries]
        return simulate(draws.arrivals("poisson", 0.4), [1], calls)

    mean = Value("mean sojourn", "sojourn", formulas.retried_mean_sojourn(0.4, 1, 0.3), 0.018)
    return System("M/M/1 with retries", (mean,), replicate)


SYSTEMS = {
    system.name: system
    for system in (
        _mm1(),
        _mmc(3, 2.1, (0.012, 0.033, 0.03, 0.016)),
        _mmc(10, 7.5, (0.03, 0.06, 0.055, 0.01)),
        _md1(),
        _lognormal_queue(),
        _erlang_queue(),
        _hyperexponential_queue(),
        _metronome_queue(),
        _unlimited(),
        _cascade(),
        _fork_join(),
        _fork_join_without_queues(),
        _verified_ensemble(),
        _retries(),
    )
}
