"""One model for everything: the baselines every routing pattern is held against."""

from __future__ import annotations

from typing import Literal

from sim.columns import Ints
from sim.routing.patterns.pattern import Pattern
from sim.routing.plan import Planner


class Single(Pattern):
    """All requests go to one model."""

    kind: Literal["single"]
    """One model for everything."""
    model: str
    """The model."""

    def own_models(self) -> tuple[str, ...]:
        """Give the one model."""
        return (self.model,)

    def route(self, planner: Planner, rows: Ints) -> None:
        """Call the model and answer."""
        planner.call(rows, self.model)
        planner.answer(rows, self.model)
