"""Both engines against theory where calls share replicas: processor sharing, batches, and how calls are split.

Each value is observed in R = 40 replications, t = (mean - exact) / (s / sqrt(R)), as in `test_conditions`: |t| <= 4.6
and a half-width below the cap that the value states, wider for the reference engine, which plays less.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from exact.simulation import REQUESTS
from exact.systems_of_replicas import SYSTEMS
from numpy.typing import NDArray
from scipy import stats

from sim.engine import ENGINES

REPLICATIONS = 40
LARGEST_T = 4.6
HALF_WIDTH = float(stats.t.ppf(0.975, REPLICATIONS - 1))
PLAYED = {"reference": 200, "compiled": REQUESTS // 2}
"""Requests per replication."""
FEW = {"M/M/1-PS", "batch of 8", "least_loaded of 2"}
"""What the slow engine is tried on: it gives what the fast one does, and other tests demand that to the nanosecond."""


@cache
def observed(name: str, engine: str) -> NDArray[np.float64]:
    """Simulate a system once; one row per replication, one column per value."""
    return np.array([SYSTEMS[name].observe(number, engine, PLAYED[engine]) for number in range(REPLICATIONS)])


@pytest.mark.parametrize(
    ("name", "engine"),
    [(name, engine) for name in SYSTEMS for engine in ENGINES if engine == "compiled" or name in FEW],
)
def test_simulation_agrees_with_theory(name: str, engine: str) -> None:
    """If a system has exact values, simulation meets each of them within its noise, and the noise is small."""
    seen, off = observed(name, engine), []
    errors = seen.std(axis=0, ddof=1) / math.sqrt(REPLICATIONS)
    for value, mean, error in zip(SYSTEMS[name].values, seen.mean(axis=0), errors, strict=True):
        t = (mean - value.expected) / error
        width = HALF_WIDTH * error / value.scale / math.sqrt(REQUESTS / PLAYED[engine])
        if not (abs(t) <= LARGEST_T and width <= value.widest):
            off.append(f"{value.name} {value.exact:.6g}: t {t:+.2f}, half-width {width:.2%} of {value.widest:.2%}")
    assert not off, "\n".join(off)
