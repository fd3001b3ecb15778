"""Pre-route: classify first, then one call."""

from __future__ import annotations

from typing import Literal

from sim.columns import Ints
from sim.routing.patterns.pattern import Pattern
from sim.routing.plan import Planner


class PreRoute(Pattern):
    """Rules on signals choose the model; a request costs one call and the signals."""

    kind: Literal["pre_route"]
    """Classify first, one call."""
    otherwise: str
    """Model for requests that meet no rule."""

    def own_models(self) -> tuple[str, ...]:
        """Give the model for the rest."""
        return (self.otherwise,)

    def route(self, planner: Planner, rows: Ints) -> None:
        """Send the rest to `otherwise`."""
        planner.call(rows, self.otherwise)
        planner.answer(rows, self.otherwise)
