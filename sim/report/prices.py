"""A book of prices as YAML, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import yaml

from sim.fleet.instants import show_instant
from sim.fleet.prices import RateCard
from sim.fleet.rate_card import STANDARD, DatedPrices, RateBook, ServicedTariff, Tariff

SCHEMA = 1
"""Version of the layout of the JSON."""

_COLUMNS = (
    "model",
    "since",
    "until",
    "when",
    "service",
    "prompt",
    "input",
    "cache read",
    "cache write",
    "output",
    "call",
)
_WORDS = 6
"""Leading columns that hold words; the others hold numbers."""


def book_yaml(book: RateBook) -> str:
    """Give the book as YAML that reads back equal."""
    content = book.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    for model in content["models"].values():
        model["periods"] = [_dates_first(period) for period in model["periods"]]
    content = {"currency": book.currency, **content}
    source = book.source
    head = "" if source is None else f"# Prices of {source.package} {source.version}, taken over on "
    head += "" if source is None else f"{show_instant(source.frozen)} by `tiercast prices freeze`.\n"
    return head + yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def card_yaml(card: RateCard, book: RateBook, model: str, at: datetime, service: str) -> str:
    """Give the line that a model of a fleet has for its price, with a comment that says what it is."""
    prices = card.model_dump(exclude_unset=True)
    written = _inline(prices)
    source = "" if book.source is None else f", {book.source.package} {book.source.version}"
    what = model if service == STANDARD else f"{model} {service}"
    return f"price: {written}  # {what} at {show_instant(at)}{source}"


def _inline(value: Any) -> str:
    """Write prices as YAML on one line; no number is written with an exponent."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_inline(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return f"{Decimal(repr(value)):f}"


def _dates_first(period: dict[str, Any]) -> dict[str, Any]:
    return {name: period[name] for name in ("since", "until") if name in period} | period


def book_json(book: RateBook, at: datetime | None = None) -> dict[str, Any]:
    """Give the rows of the table as plain data; numbers are exact as text in `femto`, per token and per call."""
    rows = [
        {
            **dict(zip(_COLUMNS[:_WORDS], words, strict=True)),
            "femto": dict(zip(_METERS, numbers, strict=True)) if numbers else None,
        }
        for words, numbers in _rows(book, at)
    ]
    source = None if book.source is None else book.source.model_dump(mode="json")
    return {"schema": SCHEMA, "currency": book.currency, "source": source, "prices": rows}


def render_book(book: RateBook, at: datetime | None = None) -> str:
    """Give the book as a table: prices per million tokens, and per call."""
    rows = [_COLUMNS, *((*words, *_amounts(numbers)) for words, numbers in _rows(book, at))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    used = [column for column in range(len(_COLUMNS)) if any(row[column] not in {"", "-"} for row in rows[1:])]
    lines = [
        "  ".join(
            row[column].ljust(widths[column]) if column < _WORDS else row[column].rjust(widths[column])
            for column in used
        ).rstrip()
        for row in rows
    ]
    when = "" if at is None else f" at {show_instant(at)}"
    source = "" if book.source is None else f"; from {book.source.package} {book.source.version}"
    head = f"{book.currency} per million tokens{when}{source}"
    return "\n".join((head, "", *lines, *_endings(book)))


_METERS = ("input", "cache_read", "cache_write", "output", "call")


def _rows(book: RateBook, at: datetime | None) -> Iterator[tuple[tuple[str, ...], tuple[int, ...]]]:
    """Yield words and femto-prices of every price; with `at` only of those that hold then, by the name called.

    There are no numbers where nothing holds, and the words say why.
    """
    for name, dated in book.models.items():
        if at is not None:
            yield from _rows_at(book, name, at)
            continue
        for since, until, when, tariff in _tariffs(dated):
            yield from _rows_of((name, since, until, when), tariff)


def _rows_at(book: RateBook, name: str, at: datetime) -> Iterator[tuple[tuple[str, ...], tuple[int, ...]]]:
    try:
        answering = book.answering(name, at)
        tariff = book.serviced_at(answering, at)
    except ValueError as error:
        yield (name, "", "", f"({error})", "", ""), ()
        return
    shown = name if answering == name else f"{name} (now {answering})"
    yield from _rows_of((shown, "", "", ""), tariff)


def _tariffs(dated: DatedPrices) -> Iterator[tuple[str, str, str, ServicedTariff]]:
    ends = [one.since for one in dated.periods[1:]] + [None]
    for period, following in zip(dated.periods, ends, strict=True):
        end = period.until or following
        since, until = ("" if one is None else show_instant(one) for one in (period.since, end))
        yield since, until, "", period
        for hours in period.hours:
            yield since, until, f"{hours.after:%H:%M}-{hours.before:%H:%M}", hours


def _rows_of(start: tuple[str, ...], tariff: ServicedTariff) -> Iterator[tuple[tuple[str, ...], tuple[int, ...]]]:
    services: dict[str, Tariff] = {STANDARD: tariff, **tariff.services}
    for service, one in services.items():
        for tokens in (0, *(tier.input_tokens for tier in one.above)):
            rates = one.rates(tokens + 1)
            words = (*start, service, f"> {tokens:,}" if tokens else "")
            yield (
                words,
                (
                    rates.uncached_femto,
                    rates.cached_femto,
                    rates.cache_write_femto,
                    rates.output_femto,
                    rates.call_femto,
                ),
            )


def _amounts(numbers: tuple[int, ...]) -> tuple[str, ...]:
    """Write prices per million tokens, and the one of a call; dashes where there are none."""
    if not numbers:
        return ("-",) * len(_METERS)
    return (*(_amount(femto, 9) for femto in numbers[:-1]), _amount(numbers[-1], 15))


def _amount(value: int, places: int) -> str:
    """Write an integer with so many decimal places, without the zeros at its end; a dash for nothing."""
    whole, part = divmod(value, 10**places)
    decimals = f"{part:0{places}d}".rstrip("0")
    return "-" if not value else f"{whole:,}.{decimals:0<2}"


def _endings(book: RateBook) -> Iterator[str]:
    for name, dated in book.models.items():
        if dated.retires is not None:
            follows = "nothing follows" if dated.successor is None else f"calls go to {dated.successor}"
            yield f"\n{name} retires at {show_instant(dated.retires)}: {follows}"
