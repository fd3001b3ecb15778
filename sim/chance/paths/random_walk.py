"""Movement by chance, another one in each replication."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from sim.chance.normal import normal_quantile
from sim.chance.paths.path import MONTH, Luck, Path, Rate, Scale, from_scale, months, on_scale
from sim.chance.streams import Purpose

_DAY = dt.timedelta(days=1)


class RandomWalk(Path):
    """A Brownian motion seen once a day: normal steps whose variance adds up, around a steady drift."""

    kind: Literal["random_walk"]
    """By chance."""
    sd_per_month: Annotated[float, Field(gt=0, le=100)]
    """Standard deviation after a month, on the scale; it grows with the root of time."""
    per_month: Rate = 0.0
    """Drift a month, on the scale."""
    scale: Scale = "log"
    """What is walked on: the number, its logarithm, or its log-odds."""

    def by_chance(self) -> bool:
        """Say that each replication has its own."""
        return True

    def moved(self, base: float, begin: dt.datetime, end: dt.datetime, luck: Luck | None) -> float:
        """Add the steps of the days so far."""
        if luck is None:
            raise ValueError("a random walk needs a replication")
        days = (end - begin) // _DAY
        steps = normal_quantile(luck.streams.uniform(Purpose.DRIFT, (luck.name,), 0, days))
        walked = self.sd_per_month * (_DAY / MONTH) ** 0.5 * float(np.sum(steps))
        return from_scale(on_scale(base, self.scale) + self.per_month * months(end - begin) + walked, self.scale)
