"""Both engines against theory where not everybody is served or some go first; limits in another form of their rule.

Each value is observed in R = 40 replications, t = (mean - exact) / (s / sqrt(R)), as in `test_queueing`: |t| <= 4.6
(Student's t with 39 degrees of freedom: 4.4e-5 per value) and a half-width below the cap that the value states. The
reference engine plays less of each replication, and the caps are wider by the square root of that; what it plays of
most systems is held against the compiled engine instead, number for number.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from exact import systems_of_callers, systems_of_conditions, systems_of_lanes
from exact.simulation import REQUESTS
from naive_conditions import conditional
from numpy.typing import NDArray
from scipy import stats

from sim.engine import ENGINES, play
from sim.routing.conditions import LegOutcome
from sim.routing.itinerary import UNLIMITED, Itinerary

SYSTEMS = systems_of_conditions.SYSTEMS | systems_of_lanes.SYSTEMS | systems_of_callers.SYSTEMS
REPLICATIONS = 40
LARGEST_T = 4.6
HALF_WIDTH = float(stats.t.ppf(0.975, REPLICATIONS - 1))
PLAYED = {"reference": 1000, "compiled": REQUESTS}
"""Requests per replication."""
FEW = {"M/M/3+M", "M/M/3, priority", "hedged after 1 s"}
"""What the slow engine plays all replications of; of the others it plays some, which must be those of the fast one."""
SOME = 4


@cache
def observed(name: str, engine: str) -> NDArray[np.float64]:
    """Simulate a system once; one row per replication, one column per value."""
    return np.array([SYSTEMS[name].observe(number, engine, PLAYED[engine]) for number in range(REPLICATIONS)])


def standard_errors(name: str, engine: str) -> NDArray[np.float64]:
    """Give the standard error of the mean of each value of a system."""
    return observed(name, engine).std(axis=0, ddof=1) / math.sqrt(REPLICATIONS)


def t_values(name: str, engine: str) -> NDArray[np.float64]:
    """Give the distance of each value of a system from theory, in standard errors."""
    expected = [value.expected for value in SYSTEMS[name].values]
    return (observed(name, engine).mean(axis=0) - expected) / standard_errors(name, engine)


@pytest.mark.parametrize(
    ("name", "engine"),
    [(name, engine) for name in SYSTEMS for engine in ENGINES if engine == "compiled" or name in FEW],
)
def test_simulation_agrees_with_theory(name: str, engine: str) -> None:
    """If a system has exact values, simulation meets each of them within its noise, and the noise is small."""
    wider, off = math.sqrt(REQUESTS / PLAYED[engine]), []
    values = zip(SYSTEMS[name].values, t_values(name, engine), standard_errors(name, engine), strict=True)
    for value, t, error in values:
        width = HALF_WIDTH * error / value.scale / wider
        if not (abs(t) <= LARGEST_T and width <= value.widest):
            off.append(f"{value.name} {value.exact:.6g}: t {t:+.2f}, half-width {width:.2%} of {value.widest:.2%}")
    assert not off, "\n".join(off)


@pytest.mark.parametrize("name", sorted(set(SYSTEMS) - FEW))
def test_the_reference_engine_shows_what_the_compiled_one_does(name: str) -> None:
    """If both engines play a replication, all that is seen of it is the same number, and so agrees with theory."""
    for number in range(SOME):
        on_each = [SYSTEMS[name].observe(number, engine, PLAYED["reference"]) for engine in ENGINES]
        assert on_each[0] == on_each[1]


@pytest.mark.slow
def test_deviations_are_scattered_as_chance_would() -> None:
    """If there is no bias, the t of independent systems have mean 0 and the variance of Student's t, 39/37."""
    averages = np.array([t_values(name, "compiled").mean() for name in SYSTEMS])
    assert abs(averages.mean()) <= 4 / math.sqrt(len(SYSTEMS))
    squares = np.array([t_values(name, "compiled")[0] ** 2 for name in SYSTEMS]).sum() * 37 / 39
    low, high = stats.chi2.ppf([3e-5, 1 - 3e-5], len(SYSTEMS))  # bounds as in `test_queueing`
    assert low <= squares <= 1.1 * high


def leaky_bucket(arrival_ns: list[int], cells_ns: list[int], burst_ns: int) -> list[bool]:
    """Say who conforms, by the continuous-state leaky bucket (ITU-T I.371, annex A; ATM Forum 1996, section 4.4.2).

    The bucket holds `level` as of the last cell that conformed, drains by 1 per ns, and lets a cell in that finds it at
    the tolerance, burst - cell, or below.
    """
    level, last, conforming = 0, arrival_ns[0], []
    for now, cell in zip(arrival_ns, cells_ns, strict=True):
        drained = max(level - (now - last), 0)
        conforms = drained <= burst_ns - cell
        if conforms:
            level, last = drained + cell, now
        conforming.append(conforms)
    return conforming


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("of_tokens", [False, True])
@pytest.mark.parametrize(
    ("period_ns", "per_period", "burst_ns"), [(70, 1, 70), (70, 1, 280), (100, 3, 101), (70, 3, 40)]
)
def test_a_limit_is_the_leaky_bucket(
    engine: str, period_ns: int, per_period: int, burst_ns: int, of_tokens: bool
) -> None:
    """If a limit rejects, those pass who conform to the leaky bucket, cell by cell, arrivals being tied or not."""
    chance = np.random.default_rng([period_ns, burst_ns, of_tokens])
    requests = 2_000
    arrival = np.cumsum(chance.choice([0, 1, 7, 23, 70, 100], requests))
    tokens = chance.integers(0, 8, requests)
    legs = np.arange(requests)
    plan = Itinerary(
        arrival, np.array([UNLIMITED]), legs, np.zeros_like(legs), np.zeros_like(legs), np.zeros_like(legs)
    )
    limit = {
        "limit_of_tokens": [of_tokens],
        "limit_period_ns": [period_ns],
        "limit_per_period": [per_period],
        "limit_burst_ns": [burst_ns],
        "station_limit": [(0, 0)],
        "rejects": [True],
    }
    cells = [min(math.ceil(n * period_ns / per_period), burst_ns) for n in (tokens if of_tokens else [1] * requests)]
    log = play(conditional(plan, tokens=tokens, **limit), engine)
    assert log.outcome is not None
    passed = (log.outcome == LegOutcome.DONE).tolist()
    assert passed == leaky_bucket(arrival.tolist(), cells, burst_ns)
    assert {False, True} == set(passed)
