"""Systems with lanes that have exact answers: how each is simulated, and the values theory gives.

Times are in seconds, rates per second. The class of a request is drawn: each class arrives by a Poisson process.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from exact import formulas_of_conditions, formulas_of_lanes
from exact.simulation import SECOND, Columns, exponential_law
from exact.systems import Value
from exact.systems_of_conditions import ConditionedSystem, Game, Ints
from numpy.typing import NDArray

from sim.routing.conditions import LegOutcome
from sim.routing.itinerary import UNLIMITED


def classes_of(game: Game, rates: Sequence[float]) -> Ints:
    """Draw the class of each request."""
    edges = np.cumsum(rates)[:-1] / sum(rates)
    return np.searchsorted(edges, game.draws.chance()[: game.requests], side="right")


def waits(game: Game, rates: Sequence[float], servers: int, service_ns: Ints, **more: Any) -> tuple[Ints, Columns]:
    """Play one lane per class; give the class of those that count, and waits in seconds by class ("0", "1", ...)."""
    lane = more["lanes"]["lane"]
    log, kept = game.play(game.arrivals(sum(rates)), servers, service_ns[:, None], **more)
    wait, lane = (log.started_ns - log.joined_ns)[kept, 0] / SECOND, lane[kept]
    found: dict[str, NDArray[np.float64]] = {str(number): wait[lane == number] for number in range(len(rates))}
    return lane, {**found, "waited": (wait > 0).astype(np.float64), "wait": wait}


def by_class(exact: Sequence[float], widest: Sequence[float]) -> list[Value]:
    """Make a value of the mean wait of each class."""
    return [
        Value(f"mean wait of class {number}", str(number), value, width)
        for number, (value, width) in enumerate(zip(exact, widest, strict=True))
    ]


def _priority_mmc() -> ConditionedSystem:
    rates, servers = (0.6, 0.9, 0.6), 3
    theory = formulas_of_lanes.mmc_priority_waits(rates, 1.0, servers)
    all_busy = formulas_of_conditions.formulas.erlang_c(servers, sum(rates))

    def replicate(game: Game) -> Columns:
        lanes = {"lane": classes_of(game, rates), "lane_rank": [0, 1, 2]}
        return waits(game, rates, servers, game.service("only", exponential_law("1s")), lanes=lanes)[1]

    values = (*by_class(theory, (0.019, 0.026, 0.039)), Value("probability to wait", "waited", all_busy, 0.01))
    return ConditionedSystem("M/M/3, priority", values, replicate)


RATES, MEANS = (0.25, 0.5), (1.2, 0.6)
"""Of two classes: the first has exponential services, those of the second vary more."""
SCV = 1.5
SECOND_MOMENTS = (2 * MEANS[0] ** 2, (1 + SCV) * MEANS[1] ** 2)


def _services(game: Game, lane: Ints) -> Ints:
    laws = (exponential_law("1200ms"), {"law": "lognormal", "mean": "600ms", "scv": SCV})
    return np.stack([game.service(str(number), law) for number, law in enumerate(laws)])[lane, np.arange(len(lane))]


def _priority_mg1() -> ConditionedSystem:
    theory = formulas_of_lanes.mg1_priority_waits(RATES, MEANS, SECOND_MOMENTS)

    def replicate(game: Game) -> Columns:
        lane = classes_of(game, RATES)
        return waits(game, RATES, 1, _services(game, lane), lanes={"lane": lane, "lane_rank": [3, 7]})[1]

    return ConditionedSystem("M/G/1, priority", tuple(by_class(theory, (0.02, 0.03))), replicate)


def _fair_mg1() -> ConditionedSystem:
    """Look at the work that waits, which no order changes: rate times a class's mean service times wait."""
    theory = formulas_of_lanes.work_that_waits(RATES, MEANS, SECOND_MOMENTS)

    def replicate(game: Game) -> Columns:
        lane = classes_of(game, RATES)
        lanes = {"lane": lane, "lane_stride": [1, 3], "fair": [True]}
        kept, found = waits(game, RATES, 1, _services(game, lane), lanes=lanes)
        return {"work": sum(RATES) * np.array(MEANS)[kept] * found["wait"]}

    return ConditionedSystem("M/G/1, fair", (Value("work that waits", "work", theory, 0.025),), replicate)


def _priority_at_a_limit() -> ConditionedSystem:
    """Make a bucket that lets one leg pass a second, after a line by priority: M/D/1 without preemption."""
    rates = (0.25, 0.4)
    theory = formulas_of_lanes.mg1_priority_waits(rates, (1.0, 1.0), (1.0, 1.0))

    def replicate(game: Game) -> Columns:
        limit = {"limit_period_ns": [10**9], "limit_burst_ns": [10**9], "station_limit": [(0, 0)]}
        lanes = {"lane": classes_of(game, rates), "lane_rank": [0, 1]}
        return waits(game, rates, UNLIMITED, np.full(game.requests, 7 * 10**8), lanes=lanes, **limit)[1]

    return ConditionedSystem("shaped, priority", tuple(by_class(theory, (0.01, 0.02))), replicate)


def _policed_apart() -> ConditionedSystem:
    """Each lane has a bucket of its own that rejects, of one leg a second: each loses what M/D/1/b alone would."""
    rates, bursts = (0.9, 1.6), (3, 8)

    def replicate(game: Game) -> Columns:
        lane = classes_of(game, rates)
        limits = {"limit_period_ns": [10**9] * 2, "limit_per_period": [1] * 2}
        limits["limit_burst_ns"] = [burst * 10**9 for burst in bursts]
        lanes = {"lane": lane, "lane_rank": [0, 0], "lane_limit": [(0, 0), (1, 1)]}
        service = np.full((game.requests, 1), 10**9)
        log, kept = game.play(game.arrivals(sum(rates)), UNLIMITED, service, lanes=lanes, rejects=[True], **limits)
        assert log.outcome is not None
        lost = (log.outcome[kept, 0] == LegOutcome.REJECTED).astype(np.float64)
        return {str(number): lost[lane[kept] == number] for number in range(2)}

    values = (
        Value(f"share lost of {burst} cells", str(number), formulas_of_conditions.md1_loss(rate, burst), 0.02)
        for number, (rate, burst) in enumerate(zip(rates, bursts, strict=True))
    )
    return ConditionedSystem("policed apart", tuple(values), replicate)


SYSTEMS = {
    system.name: system
    for system in (
        _priority_mmc(),
        _priority_mg1(),
        _fair_mg1(),
        _priority_at_a_limit(),
        _policed_apart(),
    )
}
