"""Windows of time that a threshold may be about: a time of day, ``09:00..17:00``, or a part of the run, ``10m..1h``.

No run counts by window. Where a threshold asks for one, the requests of its pattern are played again, which gives the
same ones, and those that arrived in the window are measured.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.columns import Bools, Ints
from sim.experiment.selectors import BadSelector, Chosen, Selector, choose
from sim.outcome.estimates import Estimate
from sim.outcome.intervals import Interval, quantile_intervals, ratio_interval, share_interval
from sim.units import parse_duration_ns

Columns = Mapping[str, NDArray[Any]]
"""The request log of one replication: a column each, rows in order of arrival."""

_NS: Final = 1e9
_DAY_NS: Final = 86_400 * 1_000_000_000
_QUARTER_NS: Final = 900 * 1_000_000_000
"""Clocks change at quarters of an hour, everywhere."""

_OF_DAY: Final = re.compile(r"([01]?[0-9]|2[0-4]):([0-5][0-9])")
_FLAGS: Final = {
    "quality.acceptance": "acceptable",
    "escalation.rate": "escalated",
    "failure.rate": "failed",
    "refusal.rate": "refused",
}
_COST: Final = "cost.per_1k"
_NANO_PER_1K: Final = 1e3 / 1e9
_DURATIONS: Final = ("latency", "ttft", "wait")
_ANY_QUANTILE: Final = "p(12.5)"
"""Of whatever has quantiles any can be asked for; it says of which column and of whom."""

_SEE: Final = "write for example window:09:00..17:00, or window:10m..1h since the beginning of the run"


@dataclass(frozen=True, slots=True)
class Window:
    """From `begin_ns` up to `end_ns`: of the run, or, `of_day`, of each day (around midnight if it ends first)."""

    text: str
    begin_ns: int
    end_ns: int
    of_day: bool

    def holds(self, arrival_ns: Ints, start: dt.datetime) -> Bools:
        """Say which requests arrive in the window; `start` is the moment, with a time zone, at which the run begins."""
        if not self.of_day:
            return (arrival_ns >= self.begin_ns) & (arrival_ns < self.end_ns)
        at = _time_of_day(arrival_ns, start)
        if self.begin_ns < self.end_ns:
            return (at >= self.begin_ns) & (at < self.end_ns)
        return (at >= self.begin_ns) | (at < self.end_ns)


def parse_window(text: str) -> Window:
    """Read a window. Raises BadSelector."""
    first, dots, last = (part.strip() for part in text.partition(".."))
    clocks = [_OF_DAY.fullmatch(part) for part in (first, last)]
    if dots and clocks[0] and clocks[1]:
        ends = [(int(clock[1]) * 3600 + int(clock[2]) * 60) * 1_000_000_000 for clock in clocks if clock]
        if max(ends) > _DAY_NS or ends[0] == ends[1]:
            raise BadSelector(f"{text!r} is no time of day", _SEE)
        return Window(text, ends[0], ends[1], of_day=True)
    try:
        begin, end = (parse_duration_ns(part) for part in (first, last))
    except ValueError as error:
        raise BadSelector(f"{text!r} is no window", _SEE) from error
    if not dots or begin >= end:
        raise BadSelector(f"{text!r} is no window: it ends before it begins", _SEE)
    return Window(text, begin, end, of_day=False)


def windowed(chosen: Chosen, selector: Selector, aggregation: str) -> Chosen:
    """Give a metric as that of a window, if the selector names one. Raises BadSelector where nothing can measure it."""
    text = selector.where.get("window")
    if text is None:
        return chosen
    parse_window(text)
    plain = Selector(selector.text, selector.metric, {key: of for key, of in selector.where.items() if key != "window"})
    base = chosen.metric
    for dimension in ("segment", "task", "route"):
        base = base.partition(f".{dimension}.")[0] if dimension in plain.where else base
    kinds = [kind for kind in plain.where if kind != "pattern"]
    group, name = (kinds[0], plain.where[kinds[0]]) if kinds else ("", "")
    if base in _FLAGS or base == _COST:
        column, quantile = base, None
    else:
        found = choose(plain, _ANY_QUANTILE) if chosen.unit == "s" else None
        if found is None or found.column not in _DURATIONS:
            known = ", ".join((*_DURATIONS, *_FLAGS, _COST))
            raise BadSelector(f"{chosen.metric} is not measured by window", f"windows are for {known}")
        column, group, name, quantile = found.column, found.group, found.name, _quantile(aggregation)
    metric = f"{chosen.metric}{{{text}}}"
    return dataclasses.replace(
        chosen, metric=metric, column=column, group=group, name=name, quantile=quantile, window=text
    )


def _quantile(aggregation: str) -> float | None:
    """Give the quantile of an aggregation, None for a mean."""
    if aggregation in {"mean", "avg"}:
        return None
    return 0.5 if aggregation == "med" else float(f"{float(aggregation[2:-1]) / 100:.12g}")


def measured_in(logs: Sequence[Columns], chosen: Chosen, start: dt.datetime, level: float) -> Estimate | None:
    """Measure a metric over the requests of a window, from one request log per replication; None without any.

    A single replication has no sections here, and so no interval.
    """
    window = parse_window(chosen.window)
    rows = [window.holds(log["arrival_ns"], start) & _in_group(log, chosen) for log in logs]
    found = _interval(logs, rows, chosen, level)
    if found is None:
        return None
    scale = _NS if chosen.unit == "s" else 1.0
    lower, upper = (None if bound is None else bound / scale for bound in (found.lower, found.upper))
    return Estimate(found.value / scale, lower, upper, chosen.unit, "", found.few_data)


def _interval(logs: Sequence[Columns], rows: Sequence[Bools], chosen: Chosen, level: float) -> Interval | None:
    counts = np.array([float(mine.sum()) for mine in rows])
    if chosen.column in _FLAGS:
        events = np.array([float(log[_FLAGS[chosen.column]][mine].sum()) for log, mine in zip(logs, rows, strict=True)])
        found = ratio_interval(events, counts, level)
        return None if found is None else share_interval(found, float(events.sum()), float(counts.sum()), chance=True)
    if chosen.column == _COST:
        spent = [float(log["cost_nano_usd"][mine].sum()) * _NANO_PER_1K for log, mine in zip(logs, rows, strict=True)]
        return ratio_interval(np.array(spent), counts, level)
    answered = [mine & ~log["failed"] for log, mine in zip(logs, rows, strict=True)]
    samples = [log[f"{chosen.column}_ns"][mine] for log, mine in zip(logs, answered, strict=True)]
    if chosen.quantile is None:
        sums = np.array([float(sample.sum()) for sample in samples])
        return ratio_interval(sums, np.array([float(len(sample)) for sample in samples]), level)
    found_all = quantile_intervals(samples, (chosen.quantile,), level)
    return None if found_all is None else found_all[0]


def _in_group(log: Columns, chosen: Chosen) -> Bools:
    if chosen.group in {"escalated", "not_escalated"}:
        escalated: Bools = log["escalated"]
        return escalated if chosen.group == "escalated" else ~escalated
    if not chosen.group:
        return np.ones(len(log["arrival_ns"]), dtype=np.bool_)
    same: Bools = np.asarray(log[chosen.group] == chosen.name, dtype=np.bool_)
    return same


def _time_of_day(arrival_ns: Ints, start: dt.datetime) -> Ints:
    """Give the local time of day of arrivals in ns, whatever the clocks have done since the run began."""
    begin = start.astimezone(dt.UTC)
    midnight = begin.replace(hour=0, minute=0, second=0, microsecond=0)
    since_ns = round((begin - midnight) / dt.timedelta(microseconds=1)) * 1000 + arrival_ns
    quarters, place = np.unique(since_ns // _QUARTER_NS, return_inverse=True)
    offsets = np.array(
        [_offset_ns(midnight + dt.timedelta(minutes=15 * int(quarter)), start) for quarter in quarters], dtype=np.int64
    )
    at: Ints = (since_ns + offsets[place]) % _DAY_NS
    return at


def _offset_ns(moment: dt.datetime, start: dt.datetime) -> int:
    offset = moment.astimezone(start.tzinfo).utcoffset() or dt.timedelta()
    return round(offset / dt.timedelta(microseconds=1)) * 1000
