"""Straight, compound and log-odds movement at a constant pace."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from sim.chance.paths.path import Luck, Path, Rate, Scale, from_scale, months, on_scale


class Ramp(Path):
    """Moves by `per_month`, evenly: plain (added), log (compound: log 0.05 is +5.1 % a month) or logit (log-odds)."""

    kind: Literal["ramp"]
    """At a constant pace."""
    per_month: Rate
    """Pace a month, on the scale."""
    scale: Scale = "plain"
    """What the pace is added to: the number, its logarithm, or its log-odds."""

    def moved(self, base: float, begin: dt.datetime, end: dt.datetime, luck: Luck | None) -> float:
        """Add the pace times the months."""
        del luck
        return from_scale(on_scale(base, self.scale) + self.per_month * months(end - begin), self.scale)
