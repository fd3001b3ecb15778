"""Known numbers at known moments."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Annotated, Literal

from pydantic import Field, field_validator

from sim.chance.paths.path import Luck, Moment, Path, parse_moment
from sim.schema import Spec


class StepTo(Spec):
    """A number from a moment on."""

    at: Moment
    """When."""
    value: float
    """The number from then on."""


class Steps(Path):
    """Goes from number to number, at the moments given; before the first it is what the experiment says."""

    kind: Literal["steps"]
    """Known numbers at known moments."""
    values: Annotated[list[StepTo], Field(min_length=1, max_length=10_000)]
    """Moments, in order, and the number from each on."""

    @field_validator("values")
    @classmethod
    def _in_order(cls, values: list[StepTo]) -> list[StepTo]:
        moments = [parse_moment(step.at) for step in values]
        for number, (one, other) in enumerate(itertools.pairwise(moments), 1):
            if other <= one:
                raise ValueError(f"{values[number].at} does not come after {values[number - 1].at}")
        return values

    def moved(self, base: float, begin: dt.datetime, end: dt.datetime, luck: Luck | None) -> float:
        """Give the number of the last step up to now."""
        del begin, luck
        passed = [step.value for step in self.values if parse_moment(step.at) <= end]
        return passed[-1] if passed else base
