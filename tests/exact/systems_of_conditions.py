"""Systems with conditions that have exact answers: how each is simulated, and the values theory gives.

Times are in seconds, rates per second. A replication may be cut short, for the slower engine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from exact import formulas_of_conditions as exact
from exact.formulas_of_conditions import Impatient
from exact.simulation import SECOND, Columns, Draws, exponential_law
from exact.systems import Value
from naive_conditions import conditional, laned, with_callers
from numpy.typing import NDArray

from sim.engine import LegLog
from sim.engine import play as play_on
from sim.routing.conditions import LegOutcome
from sim.routing.itinerary import UNLIMITED, Itinerary

SHARE_CUT = 0.05
"""Share of the requests that are left out, as they met a system not yet full."""
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Game:
    """One replication: the random columns, the engine, and how many requests it plays."""

    draws: Draws
    engine: str
    requests: int

    def arrivals(self, rate_per_s: float) -> Ints:
        """Give Poisson arrivals in ns."""
        return self.draws.arrivals("poisson", rate_per_s)[: self.requests]

    def service(self, name: str, law: object) -> Ints:
        """Give one service time per request in ns."""
        return self.draws.service(name, law)[: self.requests]

    def play(
        self,
        arrival_ns: Ints,
        servers: int,
        service_ns: Ints,
        lanes: dict[str, Any] | None = None,
        callers: dict[str, Any] | None = None,
        **conditions: Any,
    ) -> tuple[LegLog, slice]:
        """Play one station; `service_ns` and columns of legs have one row per request, and one column per try.

        `lanes` are columns of its lanes, of which there are as many as ranks or strides; `callers` are columns of
        those, with `hedge_ns` if the second column does not follow the first one but hedges it.

        Gives the log, its columns in that shape, and the requests that count.
        """
        requests, tries = service_ns.shape
        legs = np.arange(requests * tries)
        plan = Itinerary(
            arrival_ns,
            np.array([servers], dtype=np.int64),
            legs // tries,
            np.zeros_like(legs),
            np.zeros_like(legs),
            service_ns.ravel(),
        )
        columns: dict[str, Any] = {
            name: np.ravel(value) for name, value in conditions.items() if np.shape(value) == service_ns.shape
        }
        if lanes is not None:
            number = len(lanes.get("lane_rank", lanes.get("lane_stride", [])))
            columns["lanes"] = laned(plan, [0] * number, **lanes)
        before = np.where(legs % tries == 0, -1, legs - 1)
        hedges = callers is not None and "hedge_ns" in callers
        plan = conditional(plan, **conditions | columns, after=np.full_like(before, -1) if hedges else before)
        if callers is not None:
            own = {"hedge_ns": np.full(len(legs), callers["hedge_ns"]), "hedges": before} if hedges else {}
            plan = with_callers(plan, **callers | own)
        log = play_on(plan, self.engine)
        assert log.outcome is not None
        shaped = (c.reshape(requests, tries) for c in (log.joined_ns, log.started_ns, log.ended_ns, log.outcome))
        return LegLog(*shaped), slice(round(SHARE_CUT * requests), None)


@dataclass(frozen=True)
class ConditionedSystem:
    """A system by its name, its exact values and how one replication is observed."""

    name: str
    values: tuple[Value, ...]
    replicate: Callable[[Game], Columns]

    def observe(self, replication: int, engine: str, requests: int) -> list[float]:
        """Give each value as seen in one replication."""
        columns = self.replicate(Game(Draws(self.name, replication), engine, requests))
        return [value.observe(columns) for value in self.values]


def impatience(log: LegLog, kept: slice, lost: LegOutcome) -> dict[str, NDArray[np.float64]]:
    """Observe who is lost, who waits, and for how long, in seconds."""
    assert log.outcome is not None
    wait = (log.started_ns - log.joined_ns)[kept, 0] / SECOND
    return {
        "lost": (log.outcome[kept, 0] == lost).astype(np.float64),
        "wait": wait,
        "waited": (wait > 0).astype(np.float64),
    }


def queue(
    name: str,
    theory: Impatient,
    widest: tuple[float, float, float],
    *,
    rate_per_s: float,
    servers: int,
    lost: LegOutcome,
    **conditions: Any,
) -> ConditionedSystem:
    """Make a system of one station with exponential services of 1 s, whose conditions may be laws of times."""

    def replicate(game: Game) -> Columns:
        columns = {
            column: game.service(column, value)[:, None] if isinstance(value, dict) else [value] * game.requests
            for column, value in conditions.items()
        }
        service = game.service("only", exponential_law("1s"))[:, None]
        log, kept = game.play(game.arrivals(rate_per_s), servers, service, **columns)
        seen = impatience(log, kept, lost)
        if lost == LegOutcome.REJECTED:  # the formulas are about those who are let in
            let_in = seen["lost"] == 0
            seen |= {"wait": seen["wait"][let_in], "waited": seen["waited"][let_in]}
        return seen

    values = [Value("share lost", "lost", theory.lost, widest[0])]
    if theory.waits:
        values.append(Value("probability to wait", "waited", theory.waits, widest[1]))
        values.append(Value("mean wait", "wait", theory.mean_wait, widest[2]))
    return ConditionedSystem(name, tuple(values), replicate)


def _erlang_b() -> ConditionedSystem:
    theory = Impatient(exact.erlang_b(3, 2.1), 0, 0)
    return queue("M/M/3/3", theory, (0.007, 0, 0), rate_per_s=2.1, servers=3, lost=LegOutcome.REJECTED, queue_most=0)


def _erlang_b_insensitive() -> ConditionedSystem:
    """M/G/3/3: what is lost depends on the mean of the service alone (Sevastyanov 1957)."""

    def replicate(game: Game) -> Columns:
        service = game.service("only", {"law": "lognormal", "mean": "1s", "scv": 2.0})[:, None]
        log, kept = game.play(game.arrivals(2.1), 3, service, queue_most=[0] * game.requests)
        return impatience(log, kept, LegOutcome.REJECTED)

    return ConditionedSystem("M/LN/3/3", (Value("share lost", "lost", exact.erlang_b(3, 2.1), 0.009),), replicate)


def _bounded_queue() -> ConditionedSystem:
    theory = exact.mmck(2.4, 1, 2, 6)
    widest = (0.012, 0.004, 0.01)
    return queue("M/M/2/6", theory, widest, rate_per_s=2.4, servers=2, lost=LegOutcome.REJECTED, queue_most=4)


def _erlang_a() -> ConditionedSystem:
    theory = exact.erlang_a(3.5, 1, 3, 0.4)
    law = exponential_law("2500ms")
    return queue(
        "M/M/3+M", theory, (0.01, 0.005, 0.011), rate_per_s=3.5, servers=3, lost=LegOutcome.ABANDONED, patience_ns=law
    )


def _constant_patience(rate_per_s: float, servers: int, patience_ns: int) -> ConditionedSystem:
    theory = exact.constant_patience(rate_per_s, 1, servers, patience_ns / SECOND)
    return queue(
        f"M/M/{servers}+D",
        theory,
        (0.011, 0.005, 0.008),
        rate_per_s=rate_per_s,
        servers=servers,
        lost=LegOutcome.ABANDONED,
        patience_ns=patience_ns,
    )


def limited(name: str, rate_per_s: float, burst: int, *, rejects: bool, values: tuple[Value, ...]) -> ConditionedSystem:
    """Make a token bucket of one leg per second, with room for so many, before servers without number."""

    def replicate(game: Game) -> Columns:
        log, kept = game.play(
            game.arrivals(rate_per_s),
            UNLIMITED,
            np.full((game.requests, 1), 10**9),
            limit_period_ns=[10**9],
            limit_burst_ns=[burst * 10**9],
            station_limit=[(0, 0)],
            rejects=[rejects],
        )
        return impatience(log, kept, LegOutcome.REJECTED)

    return ConditionedSystem(name, values, replicate)


def _policed(rate_per_s: float, burst: int) -> ConditionedSystem:
    """Make a bucket that rejects: who finds fewer than `burst` in M/D/1 passes, and nobody else adds to that."""
    lost = Value("share lost", "lost", exact.md1_loss(rate_per_s, burst), 0.012)
    return limited(f"policed, {burst} cells", rate_per_s, burst, rejects=True, values=(lost,))


def _shaped() -> ConditionedSystem:
    delayed, delay = exact.shaped_delay(0.7, 1.0, 3)
    values = (Value("share delayed", "waited", delayed, 0.017), Value("mean delay", "wait", delay, 0.042))
    return limited("shaped, 3 cells", 0.7, 3, rejects=False, values=values)


def _retries() -> ConditionedSystem:
    """Up to four tries of 1 s on average, half a second apart; each fails with probability 0.3."""
    theory = exact.bernoulli_tries(0.3, 4)

    def replicate(game: Game) -> Columns:
        names = [f"try {number}" for number in range(4)]
        service = np.stack([game.service(name, exponential_law("1s")) for name in names], axis=1)
        # A geometric number of failures from one uniform: the first k tries fail if it is below 0.3**k.
        fails = game.draws.chance()[: game.requests, None] < 0.3 ** np.arange(1, 5)
        log, kept = game.play(
            game.arrivals(2.0), UNLIMITED, service, fails=fails, delay_ns=np.full(service.shape, 5 * 10**8)
        )
        assert log.outcome is not None
        tried = log.outcome[kept] != LegOutcome.NOT_TRIED
        total = (log.ended_ns[kept].max(axis=1) - log.joined_ns[kept, 0]) / SECOND
        answered = np.any(log.outcome[kept] == LegOutcome.DONE, axis=1)
        return {"tries": tried.sum(axis=1).astype(np.float64), "answered": answered.astype(np.float64), "total": total}

    values = (
        Value("mean tries", "tries", theory.mean, 0.0016),
        Value("share answered", "answered", theory.answered, 0.0004),
        Value("mean time", "total", theory.total_s(1.0, 0.5), 0.0034),
    )
    return ConditionedSystem("up to four tries", values, replicate)


def _budgeted(firsts: int) -> ConditionedSystem:
    """Make tries that take no time, of which one in two fails; at most one retry is granted per `firsts` of them."""

    def replicate(game: Game) -> Columns:
        service = np.zeros((game.requests, 2), dtype=np.int64)
        fails = np.stack([game.draws.chance()[: game.requests] < 0.5, np.zeros(game.requests, dtype=bool)], axis=1)
        budget = {"budget": [1000 // firsts], "budget_most": [1000]}
        log, kept = game.play(game.arrivals(1.0), UNLIMITED, service, fails=fails, **budget)
        assert log.outcome is not None
        return {"granted": (log.outcome[kept, 1] == LegOutcome.DONE).astype(np.float64)}

    values = (Value("retries per first try", "granted", exact.granted_share(0.5, firsts), 0.0025),)
    return ConditionedSystem(f"a retry per {firsts} first tries", values, replicate)


def _timed_out() -> ConditionedSystem:
    """Exponential services of 1 s whose clients hang up after 800 ms: exp(-0.8) of them, after 1 - exp(-0.8) s."""

    def replicate(game: Game) -> Columns:
        service = game.service("only", exponential_law("1s"))[:, None]
        timeout = np.full(service.shape, 8 * 10**8)
        log, kept = game.play(game.arrivals(2.0), UNLIMITED, service, timeout_ns=timeout, cancels=[True])
        lost = impatience(log, kept, LegOutcome.TIMED_OUT)["lost"]
        return {"lost": lost, "sojourn": (log.ended_ns - log.joined_ns)[kept, 0] / SECOND}

    lost = float(np.exp(-0.8))
    values = (Value("share timed out", "lost", lost, 0.004), Value("mean sojourn", "sojourn", 1 - lost, 0.002))
    return ConditionedSystem("M/M/inf with a timeout", values, replicate)


SYSTEMS = {
    system.name: system
    for system in (
        _erlang_b(),
        _erlang_b_insensitive(),
        _bounded_queue(),
        _erlang_a(),
        _constant_patience(0.8, 1, 1_500_000_000),
        _constant_patience(3.5, 3, 500_000_000),
        _policed(0.9, 3),
        _policed(1.6, 8),
        _shaped(),
        _retries(),
        _budgeted(2),
        _budgeted(10),
        _timed_out(),
    )
}
