"""What goes wrong at a provider: errors, outages, slow periods."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, model_validator

from sim.chance.laws import DurationLaw
from sim.schema import Spec
from sim.units import DurationNs, Fraction, PositiveDurationNs


class Outage(Spec):
    """A time in which every call fails at once."""

    start: DurationNs
    """When it begins, from the start of the run."""
    length: PositiveDurationNs
    """How long it lasts."""


class BrownOut(Outage):
    """A time in which calls take longer."""

    slowdown: Annotated[float, Field(gt=1, le=1000)]
    """Service times are multiplied by this, of calls that begin to be served in that time."""


class Faults(Spec):
    """Errors and bad times of one model, or of all models of a provider."""

    error_rate: Fraction = 0.0
    """Share of calls that end in an error after they were served."""
    error_time: DurationLaw | None = None
    """How long a call takes that ends in an error; as long as any other where not given."""
    outages: list[Outage] = Field(default_factory=list)
    """Times in which every call fails at once."""
    brownouts: list[BrownOut] = Field(default_factory=list)
    """Times in which calls take longer."""

    @model_validator(mode="after")
    def _one_at_a_time(self) -> Self:
        windows = sorted((one.start, one.start + one.length) for one in (*self.outages, *self.brownouts))
        if any(after[0] < before[1] for before, after in pairwise(windows)):
            raise ValueError("outages and brownouts overlap; give each time one of them")
        return self
