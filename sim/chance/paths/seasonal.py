"""A wave over the year, the month or the week."""

from __future__ import annotations

import datetime as dt
import math
from typing import Annotated, Literal

from pydantic import Field

from sim.chance.paths.path import Luck, Moment, Path, Scale, from_scale, on_scale, parse_moment
from sim.units import PositiveDurationNs

_NS_PER_US = 1_000


class Seasonal(Path):
    """A cosine around what the experiment says: `amplitude` above it at the peak, as much below half a period later."""

    kind: Literal["seasonal"]
    """A wave."""
    amplitude: Annotated[float, Field(gt=0, le=100)]
    """Height of the wave, on the scale."""
    peak: Moment
    """A moment at which the number is largest."""
    period: PositiveDurationNs = Field("8766h", validate_default=True)
    """Length of the wave; a mean year where not given."""
    scale: Scale = "log"
    """What the wave is added to: the number, its logarithm (so that it is a factor), or its log-odds."""

    def moved(self, base: float, begin: dt.datetime, end: dt.datetime, luck: Luck | None) -> float:
        """Add the wave."""
        del begin, luck
        turns = (end - parse_moment(self.peak)) / dt.timedelta(microseconds=self.period // _NS_PER_US)
        return from_scale(on_scale(base, self.scale) + self.amplitude * math.cos(2 * math.pi * turns), self.scale)
