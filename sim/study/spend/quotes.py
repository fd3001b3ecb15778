"""Prices over the months of a forecast: what holds when, and how much of each day it holds for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np

from sim.columns import Floats, Ints
from sim.fleet import Model
from sim.fleet.instants import show_instant
from sim.fleet.rate_card import STANDARD, RateBook, Tariff
from sim.workload.traffic import Month

_FEMTO_PER_USD = 1e15

Row = tuple[int, int, int, int]
"""Femto-dollars per unit of each meter: a call, an uncached, a cached and an output token."""

Stretch = tuple[dt.datetime, dt.datetime, Row]
"""A price of a model from an instant until another."""


@dataclass(frozen=True, slots=True)
class PriceChange:
    """A dated change of a model's prices: USD per million tokens, `answering` from then on."""

    at: str
    model: str
    answering: str
    before: tuple[float, float]
    after: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Quotes:
    """Spans of months in which no price changes; the parts of one span need not lie together.

    `month[span]` is the number of its month, rising; `share[span]` how much of each day of that month belongs to it,
    float64[days]; `usd[span, model, meter]` what a unit costs.
    """

    month: Ints
    share: tuple[Floats, ...]
    usd: Floats
    changes: tuple[PriceChange, ...] = ()

    @property
    def first(self) -> Ints:
        """The first span of each month, int64[months]."""
        return np.flatnonzero(np.diff(self.month, prepend=-1))


def level_quotes(fleet: Sequence[Model], months: Sequence[Month]) -> Quotes:
    """Give the prices of the fleet, which hold all the time."""
    usd = np.array([_of_fleet(model) for model in fleet], dtype=np.float64) / _FEMTO_PER_USD
    return Quotes(
        month=np.arange(len(months)),
        share=tuple(np.ones(len(month.days)) for month in months),
        usd=np.repeat(usd[np.newaxis], len(months), axis=0),
    )


def dated_quotes(fleet: dict[str, Model], book: RateBook, months: Sequence[Month], time_zone: str) -> Quotes:
    """Give the prices of the fleet, those by name at every instant of the months as the book has them.

    ValueError where the book does not say: after a retirement without successor, or past the end of its prices.
    """
    zone = ZoneInfo(time_zone)
    begins = [[_midnight(day, zone) for day in _days_and_next(month)] for month in months]
    start, end = begins[0][0], begins[-1][-1]
    by_model = [list(_stretches(model, book, start, end)) for model in fleet.values()]
    spans = [span for number, days in enumerate(begins) for span in _spans(number, days, by_model)]
    changes = [change for name, model in fleet.items() for change in _changes(name, model, book, (start, end))]
    return Quotes(
        month=np.array([month for month, _, _ in spans]),
        share=tuple(share for _, share, _ in spans),
        usd=np.array([rows for _, _, rows in spans], dtype=np.float64) / _FEMTO_PER_USD,
        changes=tuple(sorted(changes, key=lambda change: (change.at, change.model))),
    )


def _of_fleet(model: Model) -> Row:
    one = model.price.rates()
    return one.call_femto, one.uncached_femto, one.cached_femto, one.output_femto


def _of_tariff(tariff: Tariff) -> Row:
    one = tariff.rates()
    return one.call_femto, one.uncached_femto, one.cached_femto, one.output_femto


def _days_and_next(month: Month) -> Iterator[dt.date]:
    yield from month.days
    yield month.days[-1] + dt.timedelta(days=1)


def _midnight(day: dt.date, zone: ZoneInfo) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), zone).astimezone(dt.UTC)


def _stretches(model: Model, book: RateBook, start: dt.datetime, end: dt.datetime) -> Iterator[Stretch]:
    name, service = model.price.model, model.price.service or STANDARD
    if name is None:
        yield start, end, _of_fleet(model)
        return
    for period in book.periods(name, start, end, service=service):
        yield period.start, period.end, _of_tariff(period.tariff)


def _spans(
    number: int, days: Sequence[dt.datetime], by_model: Sequence[Sequence[Stretch]]
) -> Iterator[tuple[int, Floats, tuple[Row, ...]]]:
    """Cut a month at every change of a price, and put together what pays the same."""
    start, end = days[0], days[-1]
    cuts = {start, end, *(one[0] for stretches in by_model for one in stretches if start < one[0] < end)}
    found: dict[tuple[Row, ...], Floats] = {}
    lengths = np.diff([day.timestamp() for day in days])
    for begin, until in pairwise(sorted(cuts)):
        rows = tuple(next(one[2] for one in stretches if one[0] <= begin < one[1]) for stretches in by_model)
        inside = [min(until, after) - max(begin, day) for day, after in pairwise(days)]
        seconds = np.array([max(one.total_seconds(), 0.0) for one in inside])
        found[rows] = found.get(rows, np.zeros(len(lengths))) + seconds / lengths
    yield from ((number, share, rows) for rows, share in found.items())


def _changes(name: str, model: Model, book: RateBook, within: tuple[dt.datetime, dt.datetime]) -> Iterator[PriceChange]:
    """Yield the dated changes of a price; hours of the day are none."""
    asked, service = model.price.model, model.price.service or STANDARD
    if asked is None:
        return
    step = dt.timedelta(microseconds=1)
    for at in book.dated_changes(asked, *within):
        before, after = (book.tariff_at(asked, one, service=service) for one in (at - step, at))
        if _of_tariff(before) != _of_tariff(after) or book.answering(asked, at) != book.answering(asked, at - step):
            prices = ((one.input_mtok, one.output_mtok) for one in (before, after))
            yield PriceChange(show_instant(at), name, book.answering(asked, at), *prices)
