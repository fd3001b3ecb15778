"""Floor 4: engines. An engine plays an itinerary through stations and returns the leg log; it knows nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sim.engine.log import LegLog
from sim.routing.itinerary import Itinerary

__all__ = ["ENGINES", "Engine", "LegLog"]

Engine = Callable[[Itinerary], LegLog]
"""A pure function: the same itinerary gives the same log, in every engine, on every column, to the nanosecond."""


def _reference(itinerary: Itinerary) -> LegLog:
    from sim.engine.reference import play  # noqa: PLC0415 - simpy is loaded only by those who simulate

    return play(itinerary)


ENGINES: Final[dict[str, Engine]] = {"reference": _reference}
"""The engines by the name the user gives; `reference` is the specification."""
