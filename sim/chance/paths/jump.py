"""A change from one moment to the next."""

from __future__ import annotations

import datetime as dt
from typing import Literal, Self

from pydantic import model_validator

from sim.chance.paths.path import Luck, Moment, Path


class Jump(Path):
    """Is another number from a moment on: `to` it, `by` so much more, or `times` as much."""

    kind: Literal["jump"]
    """From one moment to the next."""
    at: Moment
    """When."""
    to: float | None = None
    """The new number."""
    by: float | None = None
    """What is added."""
    times: float | None = None
    """What it is multiplied by."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if sum(one is not None for one in (self.to, self.by, self.times)) != 1:
            raise ValueError("give one of to, by and times")
        if self.since is not None:
            raise ValueError("a jump has a moment of its own; leave `since` away")
        return self

    def value(self, base: float, now: dt.datetime, start: dt.datetime, luck: Luck | None = None) -> float:
        """Begin at the moment itself."""
        timed = self.model_copy(update={"since": self.at})
        return Path.value(timed, base, now, start, luck)

    def moved(self, base: float, begin: dt.datetime, end: dt.datetime, luck: Luck | None) -> float:
        """Give the number after the jump."""
        del begin, end, luck
        if self.to is not None:
            return self.to
        return base + self.by if self.by is not None else base * (1.0 if self.times is None else self.times)
