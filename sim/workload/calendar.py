"""When a run starts: what ties the simulated clock to hours of the day and days of the week."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

_FIRST_YEAR: Final = 1970
_LAST_YEAR: Final = 2200  # the clock runs 146 years on from the start, and time zones are known to year 9999


@dataclass(frozen=True, slots=True)
class Calendar:
    """Start of the run as a moment with a time zone; the default is a Monday at midnight UTC."""

    start: datetime = datetime(2026, 1, 5, tzinfo=UTC)

    def __post_init__(self) -> None:
        if self.start.utcoffset() is None:
            raise ValueError(f"{self.start} has no time zone; write for example 2026-01-05T00:00:00+00:00")
        if not _FIRST_YEAR <= self.start.year <= _LAST_YEAR:
            raise ValueError(f"a run starts between {_FIRST_YEAR} and {_LAST_YEAR}, not in {self.start.year}")
