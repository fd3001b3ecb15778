"""Spillover: one model for everything, another one for what would wait too long."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sim.columns import Ints
from sim.routing.patterns.pattern import Pattern
from sim.routing.plan import Planner


class Spillover(Pattern):
    """Requests go down a list of models: to the first at which no more than `queue` calls wait, else to the last."""

    kind: Literal["spillover"]
    """The next model where the queue of one is too long."""
    models: Annotated[list[str], Field(min_length=2, max_length=10)]
    """Models in the order in which they are asked."""
    queue: Annotated[int, Field(ge=0, le=10**9)]
    """Calls that may wait at a model before requests go on to the next; a call that is rejected goes on as well."""

    @model_validator(mode="after")
    def _no_model_twice(self) -> Self:
        twice = [model for model in dict.fromkeys(self.models) if self.models.count(model) > 1]
        if twice:
            raise ValueError(f"the spillover names {twice[0]} twice")
        return self

    def own_models(self) -> tuple[str, ...]:
        """Give the models in order."""
        return tuple(self.models)

    def may_refuse(self) -> bool:
        """Say yes: that is what it is about."""
        return True

    def route(self, planner: Planner, rows: Ints) -> None:
        """Call the first model, and those after it in its place where it refuses."""
        planner.call(rows, self.models[0], queue_most=self.queue, instead=self.models[1:])
        planner.answer(rows, self.models[0])
