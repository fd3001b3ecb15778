"""How hand traces of conditions are written: requests of stages of calls, and logs of rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from naive import itinerary_of
from naive_conditions import conditional, with_callers
from naive_replicas import with_replicas

from sim.engine import ENGINES, LegLog
from sim.routing.callers import LEG_COLUMNS as CALLER_COLUMNS
from sim.routing.callers import SHARED_COLUMNS as SHARED_CALLER_COLUMNS
from sim.routing.conditions import LEG_COLUMNS, LegOutcome
from sim.routing.itinerary import Itinerary
from sim.routing.replicas import Usage

DONE, FAILED, TIMED_OUT = LegOutcome.DONE, LegOutcome.FAILED, LegOutcome.TIMED_OUT
ABANDONED, REJECTED, DENIED = LegOutcome.ABANDONED, LegOutcome.REJECTED, LegOutcome.DENIED
SKIPPED, CANCELLED, WITHDRAWN = LegOutcome.SKIPPED, LegOutcome.CANCELLED, LegOutcome.WITHDRAWN
NOT_TRIED = (-1, -1, -1, LegOutcome.NOT_TRIED)

Leg = tuple[int, int, dict[str, Any]]
Row = tuple[int, int, int, int]
Trace = Callable[..., list[Row]]
"""Plays requests and gives the log as rows."""


def call(station: int, service_ns: int, **columns: Any) -> Leg:
    """Write a leg; `after` counts the legs of its stage."""
    return station, service_ns, columns


def laid_out(servers: list[int], *requests: tuple[int, list[list[Leg]]], **shared: Any) -> Itinerary:
    """Build the columns from requests: per request its arrival time and its stages of legs.

    Columns of callers are written like those of conditions; without any, there are no callers.
    """
    plain = [
        (time, [[(station, service) for station, service, _ in stage] for stage in stages]) for time, stages in requests
    ]
    plan = itinerary_of(servers, plain)
    standard = conditional(plan).conditions
    columns = {name: getattr(standard, name).copy() for name in LEG_COLUMNS}
    called: dict[str, dict[int, Any]] = {name: {} for name in CALLER_COLUMNS}
    row = 0
    for _, stages in requests:
        for stage in stages:
            for place, (_, _, values) in enumerate(stage):
                for name, value in values.items():
                    column = called[name] if name in called else columns[name]
                    column[row + place] = row + value if name in {"after", "hedges"} else value
            row += len(stage)
    given = {name: shared.pop(name) for name in SHARED_CALLER_COLUMNS if name in shared}
    given |= {name: values for name, values in called.items() if values}
    plan = conditional(plan, **columns, **shared)
    return with_callers(plan, **given) if given else plan


def rows(log: LegLog) -> list[Row]:
    """Give a log as one (joined, started, ended, outcome) per leg."""
    assert log.outcome is not None
    assert log.outcome.dtype == np.int8
    columns = (log.joined_ns, log.started_ns, log.ended_ns, log.outcome)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def played(
    engine: str, requests: list[tuple[int, list[Any]]], slots: int, shared: dict[str, Any] | None = None, **columns: Any
) -> tuple[LegLog, Usage]:
    """Play requests at one station with replicas; give the log, and what replicas did."""
    plan = laid_out([0], *requests, **(shared or {}))
    player = ENGINES[engine]()
    (log,) = player.advance(with_replicas(plan, [slots], **columns), None)
    return log, player.usage()[0]


def singles(*times: tuple[int, int], **columns: Any) -> list[tuple[int, list[Any]]]:
    """Write requests of one call each: (arrival, service)."""
    return [(arrival, [[call(0, service, **columns)]]) for arrival, service in times]
