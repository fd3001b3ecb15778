"""Systems whose callers act of their own accord and that have exact answers: hedged calls, and a breaker."""

from __future__ import annotations

import numpy as np
from exact import formulas_of_conditions as exact
from exact.simulation import SECOND, Columns, exponential_law
from exact.systems import Value, quantile
from exact.systems_of_conditions import ConditionedSystem, Game

from sim.routing.conditions import LegOutcome
from sim.routing.itinerary import UNLIMITED


def _hedged(after_s: float) -> ConditionedSystem:
    """Exponential calls of 1 s, each with a second one after a time, and the one that is not first cancelled."""
    theory = exact.Hedged(1.0, after_s)

    def replicate(game: Game) -> Columns:
        service = np.stack([game.service(name, exponential_law("1s")) for name in ("first", "second")], axis=1)
        log, kept = game.play(
            game.arrivals(2.0),
            UNLIMITED,
            service,
            callers={"hedge_ns": round(after_s * SECOND)},
            cancels=[True],
        )
        assert log.outcome is not None
        outcome, begun = log.outcome[kept], log.joined_ns[kept] >= 0
        ended = np.where(outcome == LegOutcome.DONE, log.ended_ns[kept], 0).max(axis=1)
        work = np.where(begun, log.ended_ns[kept] - log.started_ns[kept], 0).sum(axis=1)
        return {
            "latency": (ended - log.joined_ns[kept, 0]) / SECOND,
            "hedged": begun[:, 1].astype(np.float64),
            "won": (outcome[:, 1] == LegOutcome.DONE).astype(np.float64),
            "work": work / SECOND,
        }

    values = (
        Value("mean latency", "latency", theory.mean, 0.0025),
        quantile("P95 latency", "latency", theory.tail, 0.95, 0.01),
        Value("share hedged", "hedged", theory.hedged, 0.004),
        Value("share won by hedges", "won", theory.won, 0.0065),
        Value("mean work", "work", theory.work, 0.0032),
    )
    return ConditionedSystem(f"hedged after {after_s:g} s", values, replicate)


def _breaker(allowed: int) -> ConditionedSystem:
    """Make calls that take no time, of which one in five fails; so many are let pass before it opens for 4 s."""

    def replicate(game: Game) -> Columns:
        service = np.zeros((game.requests, 1), dtype=np.int64)
        fails = game.draws.chance()[: game.requests, None] < 0.2
        ever = {"allowed_fails": [allowed], "within_ns": [2**61], "cooldown_ns": [round(4 * SECOND)]}
        log, kept = game.play(game.arrivals(2.0), UNLIMITED, service, callers=ever, fails=fails)
        assert log.outcome is not None
        return {"skipped": (log.outcome[kept, 0] == LegOutcome.SKIPPED).astype(np.float64)}

    values = (Value("share skipped", "skipped", exact.open_share(2.0, 0.2, allowed, 4.0), 0.007),)
    return ConditionedSystem(f"breaker that allows {allowed}", values, replicate)


SYSTEMS = {system.name: system for system in (_hedged(1.0), _breaker(0), _breaker(3))}
