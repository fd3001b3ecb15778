"""Instants of price lists: a date, which means midnight in UTC, or a date and time with its distance from UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_DATE = r"\d{4}-\d{2}-\d{2}"
_INSTANT = re.compile(rf"{_DATE}(T\d{{2}}:\d{{2}}(:\d{{2}})?(Z|[+-]\d{{2}}:\d{{2}}))?")
_TIME = re.compile(r"\d{2}:\d{2}")


def parse_instant(value: object) -> datetime:
    """Give the instant in UTC; ValueError says how to write it."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise ValueError(f"{str(value)[:40]} is no date; write one such as 2026-03-01 or 2026-03-01T09:00Z")
    try:
        found = datetime.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"{value} is no date of the calendar: {error}") from error
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


def show_instant(instant: datetime) -> str:
    """Give the shortest text that `parse_instant` reads back."""
    utc = instant.astimezone(UTC)
    return utc.date().isoformat() if utc.time() == time() else utc.isoformat().replace("+00:00", "Z")


def parse_clock(value: object) -> time:
    """Give a time of day in UTC from text such as 16:30."""
    if isinstance(value, time):
        return value
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise ValueError(f"{str(value)[:40]} is no time of day; write one in UTC such as 16:30")
    try:
        return time.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"{value} is no time of day: {error}") from error


def _show_clock(value: time) -> str:
    return value.isoformat("minutes")


Instant = Annotated[
    datetime,
    BeforeValidator(parse_instant),
    PlainSerializer(show_instant),
    WithJsonSchema({"type": "string", "pattern": f"^{_INSTANT.pattern}$"}),
]
"""Date (midnight in UTC), or date and time with a distance from UTC."""

Clock = Annotated[
    time,
    BeforeValidator(parse_clock),
    PlainSerializer(_show_clock),
    WithJsonSchema({"type": "string", "pattern": f"^{_TIME.pattern}$"}),
]
"""Time of day in UTC."""
