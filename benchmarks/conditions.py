"""Both engines where calls have limits, timeouts and retries, or share replicas: CPU nanoseconds per request.

`python benchmarks/conditions.py` plays, whole and in parts, a gateway that tries a limited model twice and then falls
back to another one, with a brown-out in the middle; and replicas that serve calls in batches. The compiled engine must
keep its distance from the reference engine, and a run in parts must cost no more than one that is whole.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from conditions_equality import parts_of, play_parts, same
from processes import python
from systems import NS, PART
from timing import cpu, in_turn, machine, ratios, short, spread, table

from sim.engine import ENGINES, play
from sim.experiment.replication import _keep_freed_memory
from sim.fleet.batching import Batching
from sim.routing.conditions import NO_LIMIT, NONE, Conditions, unconditional
from sim.routing.itinerary import Itinerary
from sim.routing.replicas import FULL_SPEED, Balance, Replicas

WHOLE, PARTS, REFERENCE = "compiled, whole", f"compiled, parts of {PART:,}", "reference (SimPy)"
TRIES = 3


def gateway(requests: int, seed: int = 1) -> Itinerary:
    """Draw 10 requests a second: two tries at 20 servers with limits and timeouts, a fallback to 8 others."""
    chance = np.random.Generator(np.random.Philox(seed))
    legs = requests * TRIES
    arrival = np.cumsum(_exponential(chance, 0.1, requests))
    half = int(arrival[requests // 2])
    one = np.ones(legs, dtype=np.int64)
    row = np.arange(legs, dtype=np.int64)
    conditions = Conditions(
        after=np.where(row % TRIES == 0, NONE, row - 1),
        delay_ns=_exponential(chance, 0.5, legs),
        heeds=np.ones(legs, dtype=np.bool_),
        patience_ns=one * NO_LIMIT,
        timeout_ns=one * (4 * NS),
        queue_most=one * 50,
        fails=chance.random(legs) < 0.03,
        tokens=chance.integers(100, 3000, legs),
        ends=np.zeros(legs, dtype=np.bool_),
        stops=np.zeros(legs, dtype=np.bool_),
        cancels=np.array([True, False]),
        rejects=np.array([True, False]),
        budget=np.array([200, NO_LIMIT]),
        budget_most=np.array([10_000, 0]),
        limit_of_tokens=np.array([False, True]),
        limit_period_ns=np.array([60 * NS, 60 * NS]),
        limit_per_period=np.array([620, 960_000]),
        limit_burst_ns=np.array([2 * NS, 20 * NS]),
        station_limit=np.array([[0, 0], [0, 1], [1, 1]]),
        outage_station=np.array([0]),
        outage_start_ns=np.array([half]),
        outage_end_ns=np.array([half + 60 * NS]),
        outage_slowdown=np.array([2000]),
    )
    return Itinerary(
        arrival_ns=arrival,
        servers=np.array([20, 8]),
        leg_request=row // TRIES,
        leg_stage=np.zeros(legs, dtype=np.int64),
        leg_station=np.where(row % TRIES == TRIES - 1, 1, 0),
        leg_service_ns=_exponential(chance, 1.6, legs),
        conditions=conditions,
    )


def self_hosted(requests: int, seed: int = 2) -> Itinerary:
    """Draw 24 requests a second of 3.3 s for four replicas of 32 slots, as measured for Llama 2 70B on eight H100."""
    chance, row = np.random.Generator(np.random.Philox(seed)), np.arange(requests, dtype=np.int64)
    prefill = np.maximum((chance.lognormal(-2.4, 0.5, requests) * NS).astype(np.int64), 1)
    service = prefill + _exponential(chance, 3.2, requests)
    batching = Batching(slots=32, replicas=4, preset="llama2-70b-h100x8")
    one = np.ones(1, dtype=np.int64)
    plan = Itinerary(
        np.cumsum(_exponential(chance, 1 / 24, requests)),
        one,
        row,
        row * 0,
        row * 0,
        service,
        unconditional(requests, 1),
    )
    zero = np.empty(0, dtype=np.int64)
    speeds = (batching.prefill_speeds(), batching.decode_speeds(), batching.beside() * batching.decode_speeds())
    return replace(
        plan,
        replicas=Replicas(
            prefill,
            row * 0,
            slots=one * batching.slots,
            number=one * batching.replicas,
            balance=one * int(Balance.LEAST_LOADED),
            most=one * batching.replicas,
            startup_ns=one * 0,
            every_ns=one * 0,
            load_ns=one,
            least=one,
            cooldown_ns=one * 0,
            plan_station=zero,
            plan_at_ns=zero,
            plan_replicas=zero,
            prefill_speed=np.rint(speeds[0] * FULL_SPEED).astype(np.int64),
            decode_speed=np.rint(speeds[1] * FULL_SPEED).astype(np.int64),
            beside_speed=np.rint(speeds[2] * FULL_SPEED).astype(np.int64),
            window_ns=np.array([0, int(plan.arrival_ns[-1])]),
        ),
    )


def _exponential(chance: np.random.Generator, mean_s: float, size: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Draw exponential times in whole nanoseconds, at least one."""
    return np.maximum(chance.exponential(mean_s * NS, size).astype(np.int64), 1)


def report(system: Callable[[int], Itinerary], fast: int, slow: int, rounds: int) -> str:
    """Measure all three in turn; a table."""
    run, short_run = system(fast), system(slow)
    parts = parts_of(run, list(range(PART, fast, PART)))

    def timed(work: Callable[[], object], requests: int) -> Callable[[], float]:
        return lambda: 1e9 * cpu(work) / requests

    def only_play() -> None:
        engine = ENGINES["compiled"]()
        for part, until_ns in parts:
            engine.advance(part, until_ns)

    turns = in_turn(
        {
            WHOLE: timed(partial(play, run, "compiled"), fast),
            PARTS: timed(only_play, fast),
            REFERENCE: timed(partial(play, short_run, "reference"), slow),
        },
        rounds,
    )
    rows = [
        [name, short(statistics.median(values)), spread(ratios(values, turns[WHOLE]), "x")]
        for name, values in turns.items()
    ]
    return table(("who", "ns a request", "by ours, whole"), rows)


_COMPILE = """
import sys, time
import conditions
from sim.engine import play
run = getattr(conditions, sys.argv[1])(10)
begin = time.process_time()
play(run, "compiled")
print(time.process_time() - begin)
"""
SYSTEMS: dict[str, tuple[str, Callable[[int], Itinerary]]] = {
    "gateway": ("limits, timeouts, retries, a fallback", gateway),
    "self_hosted": ("replicas that serve in batches", self_hosted),
}


def compiling(rounds: int) -> str:
    """Measure the first use of the loop with conditions: with nothing in numba's cache, and with the loop in it."""
    rows = []
    for name, (what, _) in SYSTEMS.items():
        cold, warm = [], []
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as cache:
                cold.append(float(python("-c", _COMPILE, name, NUMBA_CACHE_DIR=cache)))
                warm.append(float(python("-c", _COMPILE, name, NUMBA_CACHE_DIR=cache)))
        rows.append([what, spread(cold), spread(warm)])
    return table(("first use of the compiled engine, numba's cache", "empty, CPU s", "filled, CPU s"), rows)


def section(fast: int, slow: int, rounds: int) -> str:
    """Measure each system, and the first use; as Markdown."""
    _keep_freed_memory()
    parts = []
    for what, system in SYSTEMS.values():
        parts += [f"### {what}", report(system, fast, slow if system is gateway else slow // 4, rounds)]
    return "\n\n".join([*parts, "### compiling", compiling(min(rounds, 3))])


def main() -> int:
    """Measure and compare; 1 if the logs differ."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--fast", type=int, default=500_000, help="requests for the compiled engine")
    parser.add_argument("--slow", type=int, default=10_000, help="requests for the reference engine")
    parser.add_argument("--rounds", type=int, default=7)
    wanted = parser.parse_args()
    print(machine())
    equal = True
    for system, slow in ((gateway, wanted.slow), (self_hosted, wanted.slow // 4)):
        run = system(slow)
        expected = play(run, "reference")
        equal &= same(play(run, "compiled"), expected)
        equal &= same(play_parts("compiled", parts_of(run, list(range(777, slow, 777)))), expected)
        tries = np.bincount(expected.outcome, minlength=7) if expected.outcome is not None else []
        print(f"legs not tried, done, failed, timed out, abandoned, rejected, denied: {list(map(int, tries))}")
    print(section(wanted.fast, wanted.slow, wanted.rounds))
    print("the logs are equal" if equal else "THE LOGS DIFFER")
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
