"""Traffic over months: calendar months with their real lengths, weekdays, holidays, seasons, growth and launches."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final, Self
from zoneinfo import ZoneInfo

import numpy as np
from pydantic import AfterValidator, Discriminator, Field, Tag, field_validator, model_validator

from sim.chance.normal import normal_quantile
from sim.columns import Floats
from sim.schema import Spec
from sim.units import Fraction
from sim.workload.arrivals.profile import Growth, Weight, zone_exists

MONTH_DAYS: Final = 365.2425 / 12
"""Days of a twelfth of a year: the month that rates per month are stated for."""

_Z90: Final = 1.2815515655446004  # the 90th percentile of the standard normal law
_DAY_S: Final = 86_400.0


class GrowthRange(Spec):
    """A rate that is not known: between these with a probability of 80 %, by a normal law."""

    p10: Growth
    """The rate is below this with a probability of 10 %."""
    p90: Growth
    """The rate is above this with a probability of 10 %."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.p10 > self.p90:
            raise ValueError(f"p10 {self.p10:g} is above p90 {self.p90:g}")
        return self


def number_or_range(value: Any) -> str:
    """Tell whether something that may be uncertain is written as a range, so that only its mistakes are told."""
    return "range" if isinstance(value, dict | Spec) else "number"


UncertainGrowth = Annotated[
    Annotated[Growth, Tag("number")] | Annotated[GrowthRange, Tag("range")], Discriminator(number_or_range)
]
"""A rate per month: a number, or {p10: 2%, p90: 6%} where it is not known."""


def drawn_rate(rate: UncertainGrowth, uniforms: Floats) -> Floats:
    """Give the rate for each uniform, float64; at a uniform of one half it is the median. Never below -90 %."""
    if not isinstance(rate, GrowthRange):
        return np.full(len(uniforms), float(rate))
    middle, sd = (rate.p10 + rate.p90) / 2, (rate.p90 - rate.p10) / (2 * _Z90)
    return np.maximum(middle + sd * normal_quantile(uniforms), -0.9)


def _date(text: str) -> str:
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:  # 20261225 is one to Python, and would be looked up in vain
        raise ValueError(f"{text!r} is no date; write for example 2026-12-25")
    return text


Date = Annotated[str, AfterValidator(_date)]


class Launch(Spec):
    """A step in traffic from one day on."""

    on: Date
    """First day, such as 2026-09-01."""
    times: Annotated[float, Field(gt=0, le=1e3)]
    """What the volume is multiplied by from that day on."""
    segments: list[str] = Field(default_factory=list)
    """Segments that it concerns; all where left out."""


class SegmentTraffic(Spec):
    """What is particular about one segment's traffic."""

    growth_per_month: UncertainGrowth | None = None
    """Compound growth per month (a twelfth of a year); the growth of the whole where left out."""
    users: Annotated[float, Field(gt=0, le=1e10)] | None = None
    """Users at the start of the forecast, who grow with the traffic: for costs per user."""


class Traffic(Spec):
    """How traffic develops from the rates of the workload, which hold for a usual week at the start."""

    time_zone: Annotated[str, AfterValidator(zone_exists)] = "UTC"
    """Time zone of the days and months, such as Europe/Berlin."""
    growth_per_month: UncertainGrowth = 0.0
    """Compound growth per month (a twelfth of a year), of segments that have none of their own."""
    weekday: Annotated[list[Weight], Field(min_length=7, max_length=7)] | None = None
    """Relative traffic of each day from Monday to Sunday; level where left out."""
    holidays: dict[Date, Annotated[float, Field(ge=0, le=100)]] = Field(default_factory=dict)
    """Traffic of single days relative to a usual day of that weekday, by date: {2026-12-25: 0.4}."""
    season: Annotated[list[Weight], Field(min_length=12, max_length=12)] | None = None
    """Traffic of each month from January to December relative to the trend; level where left out."""
    launches: list[Launch] = Field(default_factory=list)
    """Steps in traffic."""
    day_to_day: Fraction = 0.0
    """Standard deviation of a day's traffic around what is expected of it, as a share of it; days are independent."""
    segments: dict[str, SegmentTraffic] = Field(default_factory=dict)
    """What is particular about single segments, by name."""

    @field_validator("weekday", "season")
    @classmethod
    def _some_weight(cls, weights: list[float] | None) -> list[float] | None:
        if weights is not None and sum(weights) == 0:
            raise ValueError("all weights are 0; at least one must be above 0")
        return weights

    def growth_of(self, segment: str) -> UncertainGrowth:
        """Give the growth of a segment."""
        own = self.segments.get(segment)
        return self.growth_per_month if own is None or own.growth_per_month is None else own.growth_per_month


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month: its name such as ``2026-02``, its days, and of each day the real length in seconds."""

    name: str
    days: tuple[dt.date, ...]
    lengths_s: Floats

    @property
    def length_s(self) -> float:
        """Real length in seconds: clocks that are put forward or back count."""
        return float(self.lengths_s.sum())


def months_from(start: dt.date, count: int, time_zone: str) -> tuple[Month, ...]:
    """Give so many calendar months, the first of which begins at `start` (the first of a month)."""
    zone, found, first = ZoneInfo(time_zone), [], start
    for _ in range(count):
        after = (first.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
        days = tuple(first + dt.timedelta(days=number) for number in range((after - first).days))
        lengths = np.array([_length_s(day, zone) for day in days])
        found.append(Month(f"{first:%Y-%m}", days, lengths))
        first = after
    return tuple(found)


def _length_s(day: dt.date, zone: ZoneInfo) -> float:
    """Give the length of a local day: 23 or 25 hours where the clock is changed."""
    begin, end = (
        dt.datetime.combine(one, dt.time(), zone).astimezone(dt.UTC) for one in (day, day + dt.timedelta(days=1))
    )
    return (end - begin).total_seconds()


def day_weights(traffic: Traffic, month: Month, segment: str) -> Floats:
    """Give what each day of a month is worth in seconds at the rate of the workload, before growth; float64[days]."""
    launches = [launch for launch in traffic.launches if not launch.segments or segment in launch.segments]
    weights = list(_relative(traffic, launches, month))
    relative: Floats = np.array(weights) * month.lengths_s
    return relative


def _relative(traffic: Traffic, launches: list[Launch], month: Month) -> Iterator[float]:
    weekday = traffic.weekday or [1.0] * 7
    season = traffic.season or [1.0] * 12
    for day in month.days:
        weight = weekday[day.weekday()] * 7 / sum(weekday) * season[day.month - 1]
        weight *= traffic.holidays.get(day.isoformat(), 1.0)
        for launch in launches:
            weight *= launch.times if day >= dt.date.fromisoformat(launch.on) else 1.0
        yield weight


def elapsed_months(month: Month, start: dt.date) -> Floats:
    """Give the twelfths of a year from the start to the middle of each day, float64[days]."""
    return np.array([((day - start).days + 0.5) / MONTH_DAYS for day in month.days])
