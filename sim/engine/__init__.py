"""Floor 4: engines. An engine plays itineraries through stations and returns the leg log; it knows nothing else.

A run is handed over in parts, one itinerary after the other, so that memory does not grow with its length: what is
under way at the end of a part stays under way. The log does not depend on how a run is cut.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from sim.engine.log import LegLog
from sim.routing.itinerary import Itinerary
from sim.routing.replicas import Usage

__all__ = ["ENGINES", "Engine", "LegLog", "play"]


class Engine(Protocol):
    """A system that starts empty: the same itineraries give the same logs, in every engine, to the nanosecond."""

    def advance(self, itinerary: Itinerary, until_ns: int | None) -> list[LegLog]:
        """Take in the next requests of the run, and play on as far as those who come later can change nothing.

        `until_ns` is a time before which nobody who comes later will arrive; None says that nobody will. Returns the
        logs of the itineraries that are complete by now and were not returned yet, in the order they were taken in.

        Raises ValueError if an itinerary breaks its contract, arrivals go back in time, the servers are not those of
        the itineraries before, or a time does not fit 64 bits.
        """
        ...

    def usage(self) -> list[Usage]:
        """Give what the replicas of each station did within the window, after all has been played."""
        ...


def _reference() -> Engine:
    from sim.engine.reference import Reference  # noqa: PLC0415 - simpy is loaded only by those who simulate with it

    return Reference()


def _compiled() -> Engine:
    from sim.engine.compiled import Compiled  # noqa: PLC0415 - numba is loaded only by those who simulate with it

    return Compiled()


ENGINES: Final[dict[str, Callable[[], Engine]]] = {"reference": _reference, "compiled": _compiled}
"""The engines by the name the user gives; `reference` is the specification."""


def play(itinerary: Itinerary, engine: str = "reference") -> LegLog:
    """Play one itinerary from an empty system until the last leg has ended; the log has one row per leg."""
    (log,) = ENGINES[engine]().advance(itinerary, None)
    return log
