"""Compound growth."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field

from sim.chance.paths.path import Luck, Path, months


class Growth(Path):
    """Grows by a share of itself each month, compounded: 0.05 is 5 % a month."""

    kind: Literal["growth"]
    """Compound growth."""
    per_month: Annotated[float, Field(gt=-1, le=10)]
    """Growth a month, negative for a fall."""

    def moved(self, base: float, begin: dt.datetime, end: dt.datetime, luck: Luck | None) -> float:
        """Multiply by (1 + growth) to the power of the months."""
        del luck
        return base * float((1 + self.per_month) ** months(end - begin))
