"""The base of every path: how a number moves over calendar time."""

from __future__ import annotations

import datetime as dt
import math
from abc import ABC, abstractmethod
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator, Field

from sim.chance.streams import Streams
from sim.schema import Spec

MONTH: Final = dt.timedelta(days=365.2425 / 12)
"""A twelfth of a mean year of the Gregorian calendar."""

Scale: TypeAlias = Literal["plain", "log", "logit"]
"""The scale on which a number moves: as it is, by factors, or by log-odds (a share that never leaves 0 to 1)."""


def _moment(text: str) -> str:
    try:
        parse_moment(text)
    except ValueError:
        raise ValueError(f"{text!r} is no date or time; write for example 2026-03-01 or 2026-03-01T08:00") from None
    return text


Moment = Annotated[str, AfterValidator(_moment)]
"""A date, or a date and time; UTC where it has no offset."""


def parse_moment(text: str) -> dt.datetime:
    """Read a moment, with a time zone. ValueError if it is none."""
    found = dt.datetime.fromisoformat(text)
    return found if found.tzinfo is not None else found.replace(tzinfo=dt.UTC)


class Luck:
    """The chance of paths: one standard normal per step of time, a function of (seed, replication, name, step)."""

    def __init__(self, streams: Streams, name: str) -> None:
        self.streams = streams
        self.name = name


class Path(Spec, ABC):
    """How a number moves from what the experiment says. Subclasses say their `kind`."""

    since: Moment | None = None
    """When it begins to move; the start of the run where not given. Before, the number is what the experiment says."""
    until: Moment | None = None
    """When it stops moving, and stays where it is."""
    least: float | None = None
    """It goes no further down than this."""
    most: float | None = None
    """It goes no further up than this."""

    def value(self, base: float, now: dt.datetime, start: dt.datetime, luck: Luck | None = None) -> float:
        """Give the number at a moment; `base` is what the experiment says, `start` the start of the run.

        `luck` is needed by paths of chance only. ValueError for a base that the path cannot move, such as a share of 0
        by log-odds.
        """
        begin = start if self.since is None else max(parse_moment(self.since), start)
        end = now if self.until is None else min(parse_moment(self.until), now)
        found = base if end < begin else self.moved(base, begin, end, luck)
        found = found if self.least is None else max(found, self.least)
        return found if self.most is None else min(found, self.most)

    @abstractmethod
    def moved(self, base: float, begin: dt.datetime, end: dt.datetime, luck: Luck | None) -> float:
        """Give the number after it has moved from `begin` to `end`."""

    def by_chance(self) -> bool:
        """Say whether each replication has a path of its own."""
        return False


def on_scale(value: float, scale: Scale) -> float:
    """Give the place of a number on a scale. ValueError if it has none."""
    if scale == "plain":
        return value
    if value <= 0 or (scale == "logit" and value >= 1):
        where = "between 0 and 1, both excluded" if scale == "logit" else "above 0"
        raise ValueError(
            f"moves by {'log-odds' if scale == 'logit' else 'factors'}, so it must lie {where}, not {value:g}"
        )
    return math.log(value) if scale == "log" else math.log(value / (1 - value))


def from_scale(place: float, scale: Scale) -> float:
    """Give the number at a place of a scale."""
    if scale == "plain":
        return place
    return math.exp(place) if scale == "log" else 1 / (1 + math.exp(-place))


def months(span: dt.timedelta) -> float:
    """Give a span in months."""
    return span / MONTH


Rate = Annotated[float, Field(ge=-100, le=100)]
