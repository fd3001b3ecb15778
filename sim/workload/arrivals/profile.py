"""Arrivals that follow the hour of the day and the day of the week, and grow over the months."""

from __future__ import annotations

import difflib
import functools
import itertools
import math
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal, NamedTuple, Self

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, field_validator

from sim.chance import Streams
from sim.columns import Floats, Ints
from sim.units import RatePerS, parse_fraction
from sim.workload.arrivals.inversion import Step, inverted
from sim.workload.arrivals.process import DrawnArrivals, Expectation
from sim.workload.calendar import Calendar

_STEP: Final = timedelta(minutes=15)  # every time zone of today differs from UTC by a multiple of it
_PIECE: Final = 1024  # quarters of an hour that are integrated at once; no result depends on it
_MONTH_S: Final = 365.2425 / 12 * 86_400
LEAST_GROWTH: Final = -0.9
MOST_GROWTH: Final = 1.0
"""Bounds of a growth per month that a file may state."""
_EXTINCT_PER_S: Final = 1e-12  # falling traffic ends here: less than one more request in ten thousand years

Weight = Annotated[float, Field(ge=0, le=1e6)]


def _signed_fraction(value: Any) -> float:
    """Read a fraction or percentage that may be negative."""
    try:
        if isinstance(value, str) and value.startswith("-"):
            return -parse_fraction(value[1:])
        if isinstance(value, int | float) and value < 0:
            return -parse_fraction(-value)
        return parse_fraction(value)
    except ValueError as error:
        if "above 100%" not in str(error):
            raise
        what = f"{str(value)[:40]} is {'below -90%' if str(value).startswith('-') else 'above 100%'}"
        raise ValueError(f"{what}; a growth is from -90% to 100%, such as 5% or -2%") from None


def _not_too_steep(growth: float) -> float:
    if growth < LEAST_GROWTH:
        raise ValueError(f"traffic may fall by 90% a month at most, found {growth:.0%}; write for example -5%")
    return growth


Growth = Annotated[
    float,
    BeforeValidator(_signed_fraction),
    AfterValidator(_not_too_steep),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": LEAST_GROWTH, "maximum": 1},
                {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)? ?%$", "examples": ["5%", "-2%"]},
            ]
        }
    ),
]
"""Growth over a time as a fraction, negative for a fall; YAML says ``0.05`` or ``5%``."""


def zone_exists(name: str) -> str:
    """Give the name of a time zone back if there is one. ValueError with near names."""
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        near = _near_zones(name) or ["UTC", "Europe/Berlin", "America/New_York"]
        raise ValueError(f"unknown time zone {name!r}; write for example {' or '.join(near)}") from None
    return name


class ProfileArrivals(DrawnArrivals):
    """Poisson process whose rate follows the local clock: constant within an hour, through summer time and back."""

    kind: Literal["profile"]
    """Kind of arrival process."""
    rate_per_s: RatePerS
    """Arrivals per second as the mean of a week, at the start of the run."""
    hour_of_day: Annotated[list[Weight], Field(min_length=24, max_length=24)] | None = None
    """Relative rate of each local hour, from 00 to 23; level where left out."""
    weekday: Annotated[list[Weight], Field(min_length=7, max_length=7)] | None = None
    """Relative rate of each local day, from Monday to Sunday; level where left out."""
    time_zone: Annotated[str, AfterValidator(zone_exists)] = "UTC"
    """Time zone of the hours and days, such as Europe/Berlin."""
    growth_per_month: Growth = 0.0
    """Compound growth per month (a twelfth of a year)."""

    @field_validator("hour_of_day", "weekday")
    @classmethod
    def _some_weight(cls, weights: list[float] | None) -> list[float] | None:
        if weights is not None and sum(weights) == 0:
            raise ValueError("all weights are 0; at least one must be above 0")
        return weights

    def faster(self, factor: float) -> Self:
        """Give the process at `factor` times its rate."""
        return self.model_copy(update={"rate_per_s": factor * self.rate_per_s})

    def mean_rate_per_s(self, at_s: float | None = None) -> float:
        """Give the rate of an average week around `at_s` seconds after the start (None: at the start)."""
        return self.rate_per_s * _grown(self.growth_per_month, at_s or 0.0)

    def expectation(self, calendar: Calendar) -> Expectation:
        """Give the integral of the rate up to any time, worked out as far as it is asked for."""
        shape, end_ns = self._shape(), self._extinct_ns()
        pieces = [np.zeros((2, 1))]
        edge_ns, integral_s = pieces[0]

        def expected(until_ns: int) -> float:
            nonlocal edge_ns, integral_s
            at_ns = min(float(until_ns), end_ns)
            if edge_ns[-1] < at_ns:
                needed = 1 + math.ceil(at_ns / _nanoseconds(_STEP)) // _PIECE
                pieces.extend(_piece(shape, calendar.start, number) for number in range(len(pieces) - 1, needed))
                edge_ns, integral_s = np.cumsum(np.concatenate(pieces, axis=1), axis=1)
            return self.rate_per_s * float(np.interp(at_ns, edge_ns, integral_s))

        return expected

    def blocks(self, streams: Streams, source: str, calendar: Calendar, size: int) -> Iterator[Ints]:
        """Yield the times by inversion of the cumulated rate."""
        return inverted(streams, source, size, self._steps(calendar))

    def _steps(self, calendar: Calendar) -> Iterator[Step]:
        """Yield the rate of each quarter of an hour, until traffic that falls has come to its end."""
        for quarter in _quarters(self._shape(), calendar.start):
            if self.rate_per_s * quarter.grown < _EXTINCT_PER_S:
                return
            yield Step(quarter.width_ns, self.rate_per_s * quarter.hour * quarter.day * quarter.grown)

    def _shape(self) -> _Shape:
        hours, days = _relative(self.hour_of_day, 24), _relative(self.weekday, 7)
        return _Shape(hours, days, self.time_zone, self.growth_per_month)

    def _extinct_ns(self) -> float:
        """Give when traffic that falls comes to its end; infinite for other traffic."""
        if self.growth_per_month >= 0:
            return math.inf
        months = math.log(_EXTINCT_PER_S / self.rate_per_s) / math.log1p(self.growth_per_month)
        return max(months, 0.0) * _MONTH_S * 1e9


class _Shape(NamedTuple):
    """All of a profile but its rate: relative rates of hours and days, where the clock stands, growth per month."""

    hours: tuple[float, ...]
    days: tuple[float, ...]
    time_zone: str
    growth: float


class _Quarter(NamedTuple):
    """A quarter of an hour, or what the start of the run leaves of it: the factors of its rate."""

    width_ns: int
    hour: float
    day: float
    grown: float


def _quarters(shape: _Shape, start: datetime, skipped: int = 0) -> Iterator[_Quarter]:
    """Yield one quarter of an hour of UTC after the other without end; growth is taken in the middle of each."""
    zone = zoneinfo.ZoneInfo(shape.time_zone)
    first = now = start.astimezone(UTC)
    into_quarter = timedelta(minutes=now.minute % 15, seconds=now.second, microseconds=now.microsecond)
    width = _STEP - into_quarter
    if skipped:
        now, width = now + width + (skipped - 1) * _STEP, _STEP
    while True:
        local = now.astimezone(zone)
        grown = _grown(shape.growth, (now - first + width / 2).total_seconds())
        yield _Quarter(_nanoseconds(width), shape.hours[local.hour], shape.days[local.weekday()], grown)
        now, width = now + width, _STEP


@functools.lru_cache(maxsize=1024)
def _piece(shape: _Shape, start: datetime, number: int) -> Floats:
    """Give the widths in ns of the quarters of an hour of one piece of time, and the integral of the rate over each.

    The rate is 1 per second in the mean, so that replications and segments of one shape share it. float64[2, quarters].
    """
    steps = itertools.islice(_quarters(shape, start, number * _PIECE), _PIECE)
    return np.array([(step.width_ns, step.width_ns / 1e9 * step.hour * step.day * step.grown) for step in steps]).T


def _grown(per_month: float, at_s: float) -> float:
    factor: float = (1.0 + per_month) ** (at_s / _MONTH_S)
    return factor


def _relative(weights: list[float] | None, length: int) -> tuple[float, ...]:
    """Give the weights over their mean; all 1 where there are none."""
    if weights is None:
        return (1.0,) * length
    mean = sum(weights) / length
    return tuple(weight / mean for weight in weights)


def _nanoseconds(width: timedelta) -> int:
    return width // timedelta(microseconds=1) * 1_000


def _near_zones(name: str) -> list[str]:
    """Give the time zones that are spelled like `name`, by the whole name or by its city."""
    zones = {zone.lower(): zone for zone in sorted(zoneinfo.available_timezones())}
    cities = {zone.rpartition("/")[2]: zone for zone in zones}
    key = name.strip().lower().replace(" ", "_")
    whole = difflib.get_close_matches(key, zones, n=2, cutoff=0.75)
    city = difflib.get_close_matches(key.rpartition("/")[2], cities, n=1, cutoff=0.75)
    return list(dict.fromkeys(zones[zone] for zone in (*whole, *(cities[near] for near in city))))
