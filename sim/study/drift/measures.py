"""What the months ahead come to: each month of each play as estimates with intervals over replications."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from sim.columns import Floats
from sim.experiment.ahead import Ahead
from sim.outcome.estimates import Estimate
from sim.outcome.histogram import merged
from sim.outcome.intervals import Interval, quantile_intervals, ratio_interval, share_interval
from sim.study.drift.days import Day, together
from sim.study.drift.play import PlayRecord

USD_PER_FEMTO: Final = 1e-15
_P95: Final = 0.95
_NS: Final = 1e9
_POINTS: Final = 100.0


@dataclass(frozen=True, slots=True)
class Stretch:
    """A month of a play, or the whole of it: estimates by name, those without data left out."""

    label: str
    begin: str
    estimates: Mapping[str, Estimate]


UNITS: Final = {
    "requests": "requests",
    "cheap": "fraction",
    "escalated": "fraction",
    "accepted": "fraction",
    "loss": "points",
    "cost_per_1k": "usd/1k",
    "spend": "usd",
    "saving": "fraction",
    "latency_p95": "s",
}
"""What is measured of a stretch: requests, spend (of all requests, whether thinned or not), shares answered by the
cheapest model, escalated and acceptable, the points lost and the share saved against frontier-only, and times."""


def stretches(ahead: Ahead, records: Sequence[PlayRecord], against: Sequence[PlayRecord] | None) -> list[Stretch]:
    """Measure the whole of a play and then each of its months; `against` is frontier-only, as the same numbers move."""
    names = [f"{ahead.epochs[month.start].begin:%Y-%m-%d}" for month in ahead.months]
    whole = range(ahead.months[0].start, ahead.months[-1].stop)
    parts = [("all", names[0], whole, range(len(names)))]
    parts += [
        (f"month {n + 1}", name, month, range(n, n + 1))
        for n, (name, month) in enumerate(zip(names, ahead.months, strict=True))
    ]
    return [
        Stretch(label, begin, _measured(ahead, records, against, epochs, months))
        for label, begin, epochs, months in parts
    ]


def _measured(
    ahead: Ahead, records: Sequence[PlayRecord], against: Sequence[PlayRecord] | None, epochs: range, months: range
) -> dict[str, Estimate]:
    level, thin = ahead.experiment.spec.run.level, ahead.drift.thin
    days = [together(record.days[epochs.start : epochs.stop]) for record in records]
    count, one = _column(days, "count"), np.ones(len(days))
    cost = _column(days, "cost_femto") * USD_PER_FEMTO
    found = {
        "requests": ratio_interval(count * thin, one, level),
        "cheap": _share(days, "cheap", level),
        "escalated": _share(days, "escalated", level),
        "accepted": _share(days, "acceptable", level),
        "cost_per_1k": ratio_interval(cost * 1000, count, level),
        "spend": ratio_interval(cost * thin, one, level),
    }
    times = [[record.latency[month] for month in months] for record in records]
    p95 = quantile_intervals([merged(some) for some in times], (_P95,), level)
    found["latency_p95"] = _scaled(p95[0], 1 / _NS) if p95 else None
    if against is not None:
        other = [together(record.days[epochs.start : epochs.stop]) for record in against]
        lost = (_column(other, "acceptable") - _column(days, "acceptable")) * _POINTS
        theirs = _column(other, "cost_femto") * USD_PER_FEMTO
        found["loss"] = ratio_interval(lost, count, level)
        found["saving"] = ratio_interval(theirs - cost, theirs, level)
    return {name: estimate(some, UNITS[name]) for name, some in found.items() if some is not None}


def _column(days: Sequence[Day], name: str) -> Floats:
    return np.array([float(getattr(day, name)) for day in days])


def _share(days: Sequence[Day], name: str, level: float) -> Interval | None:
    events, count = _column(days, name), _column(days, "count")
    interval = ratio_interval(events, count, level)
    if interval is None:
        return None
    chance = 0 < events.sum() < count.sum()
    return share_interval(interval, float(events.sum()), float(count.sum()), chance=bool(chance))


def estimate(found: Interval, unit: str) -> Estimate:
    """Give an interval as an estimate with its unit."""
    return Estimate(found.value, found.lower, found.upper, unit, few_data=found.few_data)


def _scaled(found: Interval, factor: float) -> Interval:
    lower, upper = (None if end is None else end * factor for end in (found.lower, found.upper))
    return Interval(found.value * factor, lower, upper, few_data=found.few_data)
