"""Prints how far each simulated value with a condition is from theory, on both engines, as a table in Markdown.

Run with `PYTHONPATH=tests python -m exact.deviations`; the table of docs/verification.md is what it printed.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping

import numpy as np
from exact import systems_of_callers, systems_of_conditions, systems_of_lanes, systems_of_replicas
from exact.simulation import REQUESTS
from exact.systems_of_conditions import ConditionedSystem

SYSTEMS: Mapping[str, ConditionedSystem] = (
    systems_of_conditions.SYSTEMS | systems_of_lanes.SYSTEMS | systems_of_callers.SYSTEMS | systems_of_replicas.SYSTEMS
)
REPLICATIONS = 40


def played(engine: str, name: str) -> int:
    """Give how many requests of a replication the tests play."""
    if name in systems_of_replicas.SYSTEMS:
        return {"reference": 200, "compiled": REQUESTS // 2}[engine]
    return {"reference": 1000, "compiled": REQUESTS}[engine]


def deviations(name: str, engine: str) -> list[float]:
    """Give t of each value of a system: its distance from theory in standard errors."""
    system = SYSTEMS[name]
    seen = np.array([system.observe(number, engine, played(engine, name)) for number in range(REPLICATIONS)])
    errors = seen.std(axis=0, ddof=1) / math.sqrt(REPLICATIONS)
    found: list[float] = ((seen.mean(axis=0) - [value.expected for value in system.values]) / errors).tolist()
    return found


def table() -> Iterator[str]:
    """Yield the lines of the table."""
    yield "| system | value | theory | t, compiled | t, reference |"
    yield "| --- | --- | ---: | ---: | ---: |"
    for name, system in SYSTEMS.items():
        of = zip(system.values, deviations(name, "compiled"), deviations(name, "reference"), strict=True)
        for value, compiled, reference in of:
            yield f"| {name} | {value.name} | {value.exact:.5g} | {compiled:+.2f} | {reference:+.2f} |"


if __name__ == "__main__":
    for line in table():
        sys.stdout.write(f"{line}\n")
