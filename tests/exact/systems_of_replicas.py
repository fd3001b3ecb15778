"""Systems of replicas that have exact answers: how each is simulated, and the values theory gives.

Times are in seconds, rates per second. A replication may be cut short, for the slower engine.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from exact import formulas_of_replicas as exact
from exact.simulation import SECOND, Columns, exponential_law
from exact.systems import Value, quantile
from exact.systems_of_conditions import SHARE_CUT, ConditionedSystem, Game, Ints
from naive_conditions import conditional
from naive_replicas import with_replicas

from sim.engine import play as play_on
from sim.routing.itinerary import Itinerary
from sim.routing.replicas import FULL_SPEED, LOT_BITS, Balance

MANY = 400
"""Slots that never run out."""
LOGNORMAL = {"law": "lognormal", "mean": "1s", "scv": 2.0}


def shared(slots: int) -> list[int]:
    """Give the speeds of calls that share one processor."""
    return [round(FULL_SPEED / number) for number in range(1, slots + 1)]


def slowed(slots: int, slowdown: float) -> list[int]:
    """Give the speeds of calls each of which makes all others slower by so much."""
    return [round(FULL_SPEED / (1 + slowdown * (number - 1))) for number in range(1, slots + 1)]


def batched(game: Game, rate_per_s: float, service_ns: Ints, slots: int, **columns: Any) -> Columns:
    """Play one station; give per request its sojourn, wait, time to first token and time from there, in seconds."""
    arrival, legs = game.arrivals(rate_per_s), np.arange(game.requests)
    service = np.maximum(service_ns, 1)
    plan = conditional(Itinerary(arrival, np.array([0]), legs, np.zeros_like(legs), np.zeros_like(legs), service))
    log = play_on(with_replicas(plan, [slots], **columns), game.engine)
    kept = slice(round(SHARE_CUT * game.requests), None)
    assert log.first_ns is not None
    sojourn, wait = ((column - arrival)[kept] / SECOND for column in (log.ended_ns, log.started_ns))
    return {
        "sojourn": sojourn,
        "squared": sojourn**2,
        "weighted": sojourn * service[kept] / SECOND,
        "wait": wait,
        "waited": (wait > 0).astype(np.float64),
        "ttft": (log.first_ns - arrival)[kept] / SECOND,
        "decode": (log.ended_ns - log.first_ns)[kept] / SECOND,
    }


def lots(game: Game) -> Ints:
    """Give a lot for each request."""
    return np.floor(game.draws.lots()[: game.requests] * 2**LOT_BITS).astype(np.int64)


def _processor_sharing(name: str, law: object, second_moment: float, widest: tuple[float, float]) -> ConditionedSystem:
    def replicate(game: Game) -> Columns:
        return batched(game, 0.6, game.service("only", law), MANY, decode_speed=shared(MANY))

    values = [
        Value("mean sojourn", "sojourn", exact.ps_mean(0.6, 1.0), widest[0]),
        Value("sojourn x service", "weighted", exact.ps_conditional(0.6, 1.0, second_moment), widest[1]),
    ]
    if law == exponential_law("1s"):
        tail = exact.ps_tail(0.6)
        values.append(Value("mean squared sojourn", "squared", exact.ps_second_moment(0.6), 0.027))
        values += [
            quantile("P50 sojourn", "sojourn", tail, 0.5, 0.012),
            quantile("P95 sojourn", "sojourn", tail, 0.95, 0.016),
        ]
    return ConditionedSystem(name, tuple(values), replicate)


def _limited_sharing() -> ConditionedSystem:
    """M/M/1 whose server is shared by three at most: in number an M/M/1, and who finds three waits."""
    load, slots = 0.7, 3

    def replicate(game: Game) -> Columns:
        service = game.service("only", exponential_law("1s"))
        return batched(game, load, service, slots, decode_speed=shared(slots))

    values = (
        Value("mean sojourn", "sojourn", 1 / (1 - load), 0.02),
        Value("probability to wait", "waited", load**slots, 0.018),
        Value("mean wait", "wait", load**slots / (1 - load), 0.047),
    )
    return ConditionedSystem("M/M/1-LPS, 3 slots", values, replicate)


def _batch(rate_per_s: float, slots: int, slowdown: float) -> ConditionedSystem:
    """Give exponential services in up to `slots` slots, each call slowing the others."""
    speeds = slowed(slots, slowdown)
    theory = exact.state_dependent(rate_per_s, lambda number: number * speeds[number - 1] / FULL_SPEED, slots)

    def replicate(game: Game) -> Columns:
        return batched(game, rate_per_s, game.service("only", exponential_law("1s")), slots, decode_speed=speeds)

    values = (
        Value("mean sojourn", "sojourn", theory.sojourn, 0.012),
        Value("probability to wait", "waited", theory.waits, 0.024),
        Value("mean wait", "wait", theory.mean_wait, 0.055),
    )
    return ConditionedSystem(f"batch of {slots}", values, replicate)


def _insensitive_batch() -> ConditionedSystem:
    """Lognormal services in slots that never run out: only the mean of the law counts."""
    speeds = slowed(MANY, 0.1)
    theory = exact.state_dependent(4.0, lambda number: number * speeds[number - 1] / FULL_SPEED, MANY)

    def replicate(game: Game) -> Columns:
        return batched(game, 4.0, game.service("only", LOGNORMAL), MANY, decode_speed=speeds)

    return ConditionedSystem("batch, lognormal", (Value("mean sojourn", "sojourn", theory.sojourn, 0.007),), replicate)


def _phases() -> ConditionedSystem:
    """Exponential prefill that shares a processor, then decoding that does not slow: two queues of a product form.

    Where nothing slows decoding beside a prefill, each phase is as if alone (Baskett, Chandy, Muntz & Palacios 1975).
    """

    def replicate(game: Game) -> Columns:
        prefill = game.service("prefill", exponential_law("100ms"))
        service = prefill + game.service("decode", LOGNORMAL)
        return batched(game, 5.0, service, MANY, prefill_ns=prefill, prefill_speed=shared(MANY))

    values = (
        Value("mean time to first token", "ttft", exact.ps_mean(5.0, 0.1), 0.0085),
        Value("mean decoding", "decode", 1.0, 0.005),
    )
    return ConditionedSystem("prefill and decoding", values, replicate)


def _interference() -> ConditionedSystem:
    """Exponential phases in up to 6 slots, where prompts share and slow those who decode beside them."""
    slots, rate, prefill_s, beside = 6, 1.5, 0.2, 0.4
    speeds = slowed(slots, 0.15)

    def decode(number: int, is_beside: bool) -> float:
        return number * speeds[number - 1] / FULL_SPEED * (beside if is_beside else 1)

    ttft, sojourn = exact.two_phases(rate, lambda _: 1 / prefill_s, decode, slots, 150)

    def replicate(game: Game) -> Columns:
        prefill = game.service("prefill", exponential_law("200ms"))
        return batched(
            game,
            rate,
            prefill + game.service("decode", exponential_law("1s")),
            slots,
            prefill_ns=prefill,
            prefill_speed=shared(slots),
            decode_speed=speeds,
            beside_speed=[round(beside * speed) for speed in speeds],
        )

    values = (
        Value("mean time to first token", "ttft", ttft, 0.03),
        Value("mean sojourn", "sojourn", sojourn, 0.02),
    )
    return ConditionedSystem("decoding beside prefill", values, replicate)


def _split(balance: Balance, replicas: int, choices: int, widest: tuple[float, float]) -> ConditionedSystem:
    """Give replicas of one slot, exponential services, load 0.7 of each."""
    rate = 0.7 * replicas
    if balance == Balance.ROUND_ROBIN:
        waits, wait = exact.erlang_arrivals(0.7, 1.0, replicas)
        sojourn = wait + 1
    elif balance == Balance.RANDOM:
        waits, sojourn = 0.7, 1 / (1 - 0.7)
    else:
        waits, sojourn = exact.joining(rate, replicas, choices, 50 if replicas == 2 else 16)

    def replicate(game: Game) -> Columns:
        service = game.service("only", exponential_law("1s"))
        lot = [0] * game.requests if balance in {Balance.ROUND_ROBIN, Balance.LEAST_LOADED} else lots(game)
        return batched(game, rate, service, 1, number=[replicas], balance=[balance], lot=lot)

    values = (
        Value("probability to wait", "waited", waits, widest[0]),
        Value("mean sojourn", "sojourn", sojourn, widest[1]),
    )
    return ConditionedSystem(f"{balance.name.lower()} of {replicas}", values, replicate)


SYSTEMS = {
    system.name: system
    for system in (
        _processor_sharing("M/D/1-PS", {"law": "constant", "value": "1s"}, 1.0, (0.008, 0.008)),
        _processor_sharing("M/M/1-PS", exponential_law("1s"), 2.0, (0.01, 0.0125)),
        _processor_sharing("M/LN/1-PS", LOGNORMAL, 3.0, (0.0125, 0.037)),
        _limited_sharing(),
        _batch(3.0, 8, 0.15),
        _insensitive_batch(),
        _phases(),
        _interference(),
        _split(Balance.RANDOM, 3, 1, (0.004, 0.0137)),
        _split(Balance.ROUND_ROBIN, 3, 1, (0.0082, 0.0168)),
        _split(Balance.LEAST_LOADED, 2, 2, (0.0077, 0.015)),
        _split(Balance.POWER_OF_TWO, 3, 2, (0.0085, 0.011)),
    )
}
