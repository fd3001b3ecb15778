"""The calendar: a start of the run that is a moment, not just a reading of a clock."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sim.workload.calendar import Calendar


def test_a_run_starts_on_a_monday() -> None:
    """Without a start of its own a run begins on a Monday at midnight UTC."""
    assert Calendar().start == datetime(2026, 1, 5, tzinfo=UTC)
    assert Calendar().start.weekday() == 0


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (datetime(2026, 1, 5), "has no time zone"),  # noqa: DTZ001 - the mistake under test
        (datetime(1969, 12, 31, tzinfo=UTC), "between 1970 and 2200"),
        (datetime(9000, 1, 1, tzinfo=UTC), "between 1970 and 2200"),
    ],
)
def test_impossible_starts_are_refused(start: datetime, message: str) -> None:
    """A start without a time zone, or outside the centuries the clock can reach, is refused."""
    with pytest.raises(ValueError, match=message):
        Calendar(start)
