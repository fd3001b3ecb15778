"""Ensemble: for a sample of the requests ask two models at once and keep the better answer."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from sim.chance import Purpose
from sim.chance.laws import DurationLaw
from sim.columns import Bools, Ints, either
from sim.routing.patterns.pattern import Pattern
from sim.routing.plan import Cause, Planner
from sim.schema import Spec
from sim.units import Fraction, Usd, as_int64


class RewardModel(Spec):
    """The judge that picks one of two answers."""

    accuracy: Fraction
    """Chance that it picks the acceptable answer when exactly one of the two is."""
    time: DurationLaw | None = None
    """How long it takes, once both answers are there."""
    usd_per_call: Usd = 0.0
    """USD per comparison."""


class Ensemble(Pattern):
    """A sampled share gets both models; the others get the first model alone."""

    kind: Literal["ensemble"]
    """Both models for a sample, pick the better."""
    models: Annotated[list[str], Field(min_length=2, max_length=2)]
    """The model everyone gets, and the one the sample gets beside it."""
    sample: Fraction
    """Share of requests that both models answer."""
    reward_model: RewardModel
    """The judge."""
    shadow: bool = False
    """True: users get the first answer at once, and the second call and the judge run behind their back. False: users
    of the sample wait for both answers and the judge, and get the answer it picks."""

    @model_validator(mode="after")
    def _two_models(self) -> Self:
        if self.models[0] == self.models[1]:
            raise ValueError(f"the ensemble names {self.models[0]} twice")
        return self

    def own_models(self) -> tuple[str, ...]:
        """Give both models."""
        return tuple(self.models)

    def route(self, planner: Planner, rows: Ints) -> None:
        """Call both models at once for the sample, judge, and answer."""
        first, second = self.models
        # By kind, not by the pattern's name: a sample of 5 % is part of the 10 % that another ensemble takes.
        sampled = planner.requests.uniform(Purpose.SAMPLE, self.kind)[rows] < self.sample
        alone, both = (rows[np.flatnonzero(mine)] for mine in (~sampled, sampled))
        planner.call(rows, first)
        planner.call(both, second, cause=Cause.ANSWER, awaited=not self.shadow)
        planner.then(both)
        self._judge(planner, both)
        planner.answer(alone, first)
        if not self.shadow:
            planner.answer(both, second, held=True)  # what they get if the first model gives none
        planner.answer(both, first, held=not self.shadow)
        if not self.shadow:
            planner.answer(both[np.flatnonzero(self._prefers_second(planner)[both])], second, held=True)
        planner.relabel(both, f"{first}+{second}")

    def _judge(self, planner: Planner, rows: Ints) -> None:
        time_ns = np.zeros(len(planner.requests), dtype=np.int64)
        if self.reward_model.time is not None:
            time_ns = as_int64(self.reward_model.time.quantile(planner.requests.uniform(Purpose.REWARD_TIME)))
        usd = self.reward_model.usd_per_call
        planner.step(rows, f"judge:{self.name}", time_ns[rows], usd, cause=Cause.JUDGE, awaited=not self.shadow)

    def _prefers_second(self, planner: Planner) -> Bools:
        """Say which answer the judge picks: right with its accuracy where one is acceptable, else a coin."""
        first, second = (planner.answers.acceptable(model) for model in self.models)
        luck = planner.requests.uniform(Purpose.REWARD, *self.models)
        right = luck < self.reward_model.accuracy
        coin = luck < 0.5  # noqa: PLR2004 - a fair one
        return either(first == second, coin, either(right, second, first))
