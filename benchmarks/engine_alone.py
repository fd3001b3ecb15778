"""Engines alone: one system, the same number of CPU nanoseconds per request from each of those who can play it.

"drawn before" means that the times were drawn and rounded beforehand and only playing is timed; "draws" that drawing
them is part of what is timed, as it has to be for those who draw as they go. The process keeps freed memory, as it does
in every run of ours: for all contestants, since it is one process.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from limit import limit
from peers import Peer, idiomatic_simpy, optional_peers
from systems import SYSTEMS, Numbers, drawn, even_parts
from timing import Turns, cpu, in_turn, ratios, short, spread, table

from sim.engine import ENGINES, LegLog, play
from sim.experiment.replication import _keep_freed_memory

WHOLE, PARTS, DRAWING = "compiled, whole", "compiled, parts of 65,536", "compiled, drawing"
LIMIT, REFERENCE, SIMPY = "C loop", "reference (SimPy)", "idiomatic SimPy"
INCLUDES = {
    WHOLE: "drawn before",
    PARTS: "drawn before",
    DRAWING: "draws (NumPy)",
    LIMIT: "drawn before, nothing checked",
    REFERENCE: "drawn before",
    SIMPY: "draws",
    "ciw": "draws",
    "cimba": "draws",
}


@dataclass(frozen=True, slots=True)
class Sizes:
    """Requests of one run, of those who are fast and of those who are not; rounds to take the median of."""

    fast: int
    slow: int
    rounds: int


def contest(system: Numbers, sizes: Sizes, peers: Mapping[str, Peer | None]) -> Turns:
    """Let all play one system in turn; CPU nanoseconds per request, a value per round."""
    itinerary, short_one = drawn(system, sizes.fast), drawn(system, sizes.slow)
    parts = even_parts(itinerary)

    def in_parts() -> None:
        engine = ENGINES["compiled"]()
        for part, until_ns in parts:
            engine.advance(part, until_ns)

    def timed(work: Callable[[], object], requests: int) -> Callable[[], float]:
        return lambda: cpu(work) / requests

    contestants: dict[str, Callable[[], float]] = {
        WHOLE: timed(partial(play, itinerary, "compiled"), sizes.fast),
        PARTS: timed(in_parts, sizes.fast),
        DRAWING: timed(lambda: play(drawn(system, sizes.fast), "compiled"), sizes.fast),
        REFERENCE: timed(partial(play, short_one, "reference"), sizes.slow),
        SIMPY: partial(idiomatic_simpy, system, sizes.slow),
    }
    in_c = limit()
    if in_c is not None:
        must_equal(in_c(itinerary), play(itinerary, "compiled"))
        contestants[LIMIT] = timed(partial(in_c, itinerary), sizes.fast)
    for name, peer in peers.items():
        if peer is not None:
            contestants[name] = partial(peer, system, sizes.fast if name == "cimba" else sizes.slow)
    return {name: [1e9 * value for value in values] for name, values in in_turn(contestants, sizes.rounds).items()}


def must_equal(one: LegLog, other: LegLog) -> None:
    """Raise where two logs differ in a nanosecond."""
    for column in LegLog.__slots__:
        if not np.array_equal(getattr(one, column), getattr(other, column)):
            raise AssertionError(f"the logs differ in {column}")


def rows_of(turns: Turns) -> list[list[str]]:
    """Write a row per contestant: what it includes, its time, and that time by those of the compiled engine."""
    rows = []
    for name, includes in INCLUDES.items():
        values = turns.get(name)
        if values is None:
            rows.append([name, includes, "no compiler" if name == LIMIT else "not installed", "", ""])
            continue
        against = [spread(ratios(values, turns[base]), "x") for base in (WHOLE, DRAWING)]
        rows.append([name, includes, short(statistics.median(values)), *against])
    return rows


def report(sizes: Sizes) -> str:
    """Measure the three systems; a table for each."""
    _keep_freed_memory()
    head = ("who", "includes", "ns a request", "by ours, drawn before", "by ours, drawing")
    peers = optional_peers()
    tables = {system.name: table(head, rows_of(contest(system, sizes, peers))) for system in SYSTEMS}
    return "\n\n".join(f"### {name}\n\n{written}" for name, written in tables.items())
