"""Split: requests go to models at random in fixed shares, as weighted load balancers and canary releases do.

The random router of the routing literature is a split; every learned router is held against it.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from sim.chance import Purpose
from sim.columns import Ints
from sim.routing.patterns.pattern import Pattern
from sim.routing.plan import Planner
from sim.units import Fraction

_SUM_TOLERANCE = 1e-9


class Split(Pattern):
    """Each request goes to one model, drawn with these shares."""

    kind: Literal["split"]
    """Random shares, blind to the request."""
    shares: Annotated[dict[str, Fraction], Field(min_length=1)]
    """Share of requests by model; they add up to 1."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if abs(sum(self.shares.values()) - 1) > _SUM_TOLERANCE:
            raise ValueError(f"the shares add up to {sum(self.shares.values()):.6g}, not to 1")
        return self

    def own_models(self) -> tuple[str, ...]:
        """Give the models that get a share."""
        return tuple(self.shares)

    def route(self, planner: Planner, rows: Ints) -> None:
        """Call the model that each request drew."""
        # In the order of the alphabet: the content hash does not know the order of the file. And by kind, not by the
        # pattern's name: splits that are compared send the same requests the same way where their shares agree.
        models = sorted(self.shares)
        edges = np.cumsum([self.shares[model] for model in models])[:-1]
        drawn = np.searchsorted(edges, planner.requests.uniform(Purpose.SAMPLE, self.kind)[rows], side="right")
        for number, model in enumerate(models):
            mine = rows[drawn == number]
            planner.call(mine, model)
            planner.answer(mine, model)
