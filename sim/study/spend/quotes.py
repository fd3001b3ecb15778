"""Prices over the months of a forecast: what holds when, and how much of each day it holds for."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np

from sim.columns import Floats, Ints
from sim.experiment.forecast_prices_spec import Adoption, day_of
from sim.fleet import Model
from sim.fleet.instants import show_instant
from sim.fleet.prices import RateCard, price_starts
from sim.fleet.rate_card import STANDARD, RateBook
from sim.fleet.token_rates import Tiered, rates_by_band, token_rates
from sim.workload.traffic import Month

_FEMTO_PER_USD = 1e15
_FEMTO_PER_MTOK = 1e9
"""Femto-dollars per token of a price of a dollar per million."""
_TICK = dt.timedelta(microseconds=1)

Row = tuple[int, ...]
"""Femto-dollars per unit of each line: all meters of prompts up to the first length, then of longer ones, and so on."""

Era = tuple[dt.datetime, dt.datetime, RateCard]
"""The card of a model from an instant until another."""

Stretch = tuple[dt.datetime, dt.datetime, Tiered]
"""The prices of a model from an instant until another."""


@dataclass(frozen=True, slots=True)
class Prices:
    """What a bill depends on: USD per million tokens (input, output, cache reads, cache writes) and per call."""

    input_mtok: float
    output_mtok: float
    cache_read_mtok: float
    cache_write_mtok: float
    per_call_usd: float


@dataclass(frozen=True, slots=True)
class PriceChange:
    """A dated change of a model's prices, with what answers from then on.

    Of prompts above `above_tokens` input tokens, up to the next length at which prices change; 0: of short ones.
    """

    at: str
    model: str
    answering: str
    before: Prices
    after: Prices
    above_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Quotes:
    """Spans of months in which no price changes; the parts of one span need not lie together.

    `month[span]` is the number of its month, rising; `share[span]` how much of each day of that month belongs to it,
    float64[days]; `usd[span, model, line]` what a unit costs, with all meters of prompts of up to `starts[0]` input
    tokens, then of longer ones, and so on.
    """

    month: Ints
    share: tuple[Floats, ...]
    usd: Floats
    changes: tuple[PriceChange, ...] = ()
    starts: tuple[int, ...] = ()

    @property
    def first(self) -> Ints:
        """The first span of each month, int64[months]."""
        return np.flatnonzero(np.diff(self.month, prepend=-1))


def level_quotes(fleet: Sequence[Model], months: Sequence[Month]) -> Quotes:
    """Give the prices of the fleet, which hold all the time."""
    starts = price_starts(model.price for model in fleet)
    usd = np.array([_row(model.price, starts) for model in fleet], dtype=np.float64) / _FEMTO_PER_USD
    return Quotes(
        month=np.arange(len(months)),
        share=tuple(np.ones(len(month.days)) for month in months),
        usd=np.repeat(usd[np.newaxis], len(months), axis=0),
        starts=starts,
    )


def dated_quotes(
    fleet: Mapping[str, Model],
    book: RateBook | None,
    months: Sequence[Month],
    time_zone: str,
    adopted: Sequence[Adoption] = (),
) -> Quotes:
    """Give the prices of the fleet and of what takes its place, those by name at every instant as the book has them.

    ValueError where the book does not say: after a retirement without successor, or past the end of its prices.
    """
    zone = ZoneInfo(time_zone)
    begins = [[_midnight(day, zone) for day in _days_and_next(month)] for month in months]
    start, end = begins[0][0], begins[-1][-1]
    eras = {name: _eras(name, model, adopted, (start, end, zone)) for name, model in fleet.items()}
    by_model = [[stretch for era in eras[name] for stretch in _stretches(era, book)] for name in fleet]
    starts = price_starts(prices for stretches in by_model for _, _, prices in stretches)
    rows = [[(begin, until, _row(prices, starts)) for begin, until, prices in one] for one in by_model]
    spans = [span for number, days in enumerate(begins) for span in _spans(number, days, rows)]
    changes = [change for name in fleet for change in _changes(name, eras[name], book)]
    return Quotes(
        month=np.array([month for month, _, _ in spans]),
        share=tuple(share for _, share, _ in spans),
        usd=np.array([rows for _, _, rows in spans], dtype=np.float64) / _FEMTO_PER_USD,
        changes=tuple(sorted(changes, key=lambda change: (change.at, change.model))),
        starts=starts,
    )


def _eras(
    name: str, model: Model, adopted: Sequence[Adoption], within: tuple[dt.datetime, dt.datetime, ZoneInfo]
) -> list[Era]:
    """Give the cards of a model one after the other: its own, then those of the models that take its place."""
    start, end, zone = within
    taken_up = [(_midnight(day_of(one), zone), one.price) for one in adopted if one.model == name]
    taken_up.sort(key=lambda pair: pair[0])
    cards = [(start, model.price), *taken_up]
    ends = [begin for begin, _ in cards[1:]] + [end]
    return [(begin, until, card) for (begin, card), until in zip(cards, ends, strict=True) if begin < until]


def _row(prices: Tiered, starts: Sequence[int]) -> Row:
    return tuple(femto for band in rates_by_band(prices, starts) for femto in band.by_meter)


def _days_and_next(month: Month) -> Iterator[dt.date]:
    yield from month.days
    yield month.days[-1] + dt.timedelta(days=1)


def _midnight(day: dt.date, zone: ZoneInfo) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), zone).astimezone(dt.UTC)


def _stretches(era: Era, book: RateBook | None) -> Iterator[Stretch]:
    start, end, card = era
    if card.model is None or book is None:
        yield start, end, card
        return
    for period in book.periods(card.model, start, end, service=card.service or STANDARD):
        yield period.start, period.end, period.tariff


def _spans(
    number: int, days: Sequence[dt.datetime], by_model: Sequence[Sequence[tuple[dt.datetime, dt.datetime, Row]]]
) -> Iterator[tuple[int, Floats, tuple[Row, ...]]]:
    """Cut a month at every change of a price, and put together what pays the same."""
    start, end = days[0], days[-1]
    cuts = {start, end, *(one[0] for stretches in by_model for one in stretches if start < one[0] < end)}
    found: dict[tuple[Row, ...], Floats] = {}
    lengths = np.diff([day.timestamp() for day in days])
    starts = [[one[0] for one in stretches] for stretches in by_model]
    for begin, until in pairwise(sorted(cuts)):
        rows = tuple(stretches[bisect_right(at, begin) - 1][2] for at, stretches in zip(starts, by_model, strict=True))
        inside = [min(until, after) - max(begin, day) for day, after in pairwise(days)]
        seconds = np.array([max(one.total_seconds(), 0.0) for one in inside])
        found[rows] = found.get(rows, np.zeros(len(lengths))) + seconds / lengths
    yield from ((number, share, rows) for rows, share in found.items())


def _changes(name: str, eras: Sequence[Era], book: RateBook | None) -> Iterator[PriceChange]:
    """Yield the dated changes of a price; hours of the day are none."""
    for era, following in pairwise([*eras, None]):
        if era is not None:
            yield from _within(name, era, book)
        if era is not None and following is not None:
            at = following[0]
            yield from _changed(at, name, _price(era, book, at - _TICK), _price(following, book, at), always=True)


def _within(name: str, era: Era, book: RateBook | None) -> Iterator[PriceChange]:
    start, end, card = era
    for at in book.dated_changes(card.model, start, end) if book is not None and card.model is not None else ():
        was, now = _price(era, book, at - _TICK), _price(era, book, at)
        yield from _changed(at, name, was, now, always=was[0] != now[0])


def _changed(
    at: dt.datetime, name: str, was: tuple[str, Tiered], now: tuple[str, Tiered], *, always: bool
) -> Iterator[PriceChange]:
    """Yield what changes for prompts of each length; `always` what holds for short ones, changed or not."""
    for start in (0, *price_starts((was[1], now[1]))):
        before, after = _prices(was[1], start), _prices(now[1], start)
        if before != after or (always and not start):
            yield PriceChange(show_instant(at), name, now[0], before, after, start)


def _price(era: Era, book: RateBook | None, at: dt.datetime) -> tuple[str, Tiered]:
    """Give what answers at an instant, and its prices."""
    card = era[2]
    if book is None or card.model is None:
        return "", card
    return book.answering(card.model, at), book.tariff_at(card.model, at, service=card.service or STANDARD)


def _prices(prices: Tiered, above: int) -> Prices:
    rates = token_rates(prices, above + 1 if above else 0)
    per_mtok = (femto / _FEMTO_PER_MTOK for femto in rates.by_meter[1:])
    uncached, cached, written, output = per_mtok
    return Prices(uncached, output, cached, written, prices.per_call_usd)
