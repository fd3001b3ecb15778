"""Traffic over calendar months."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from pydantic import ValidationError

from sim.workload.traffic import Traffic, day_weights, drawn_rate, elapsed_months, months_from

DAY_S = 86_400


@pytest.mark.parametrize(
    ("first", "zone", "hours"),
    [
        ("2028-02-01", "UTC", 29 * 24),
        ("2027-02-01", "UTC", 28 * 24),
        ("2027-03-01", "Europe/Berlin", 31 * 24 - 1),
        ("2027-10-01", "Europe/Berlin", 31 * 24 + 1),
    ],
)
def test_a_month_is_as_long_as_it_is(first: str, zone: str, hours: int) -> None:
    """Leap days count, and so do the hours by which clocks are put forward or back."""
    (month,) = months_from(dt.date.fromisoformat(first), 1, zone)
    assert month.length_s == hours * 3600


def test_a_day_is_worth_its_weekday_its_season_its_holiday_and_what_was_launched() -> None:
    """Weekdays are relative to their mean, all else multiplies it from its day on."""
    traffic = Traffic.model_validate(
        {
            "weekday": [2, 1, 1, 1, 1, 1, 0],
            "season": [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1.5],
            "holidays": {"2027-12-25": 0.4},
            "launches": [{"on": "2027-12-27", "times": 3, "segments": ["new"]}],
        }
    )
    (month,) = months_from(dt.date(2027, 12, 1), 1, "UTC")
    weights = {name: day_weights(traffic, month, name) / DAY_S for name in ("old", "new")}
    assert weights["old"][24] == pytest.approx(1.5 * 0.4)  # Saturday the 25th
    assert weights["old"][25] == 0  # Sunday
    assert weights["old"][26] == pytest.approx(2 * 1.5)  # Monday
    assert weights["new"][26] == pytest.approx(2 * 1.5 * 3)
    assert np.array_equal(weights["new"][:26], weights["old"][:26])


def test_growth_compounds_by_twelfths_of_a_year() -> None:
    """The middle of the first day is half a day from the start, whatever the month."""
    (month,) = months_from(dt.date(2027, 1, 1), 1, "UTC")
    elapsed = elapsed_months(month, dt.date(2027, 1, 1)) * 365.2425 / 12
    assert elapsed == pytest.approx(np.arange(31) + 0.5)


def test_a_rate_that_is_not_known_lies_in_its_range_in_eighty_percent() -> None:
    """The given ends are the 10th and the 90th percentile, and the median is half way."""
    rate = Traffic.model_validate({"growth_per_month": {"p10": "2%", "p90": "6%"}}).growth_per_month
    assert drawn_rate(rate, np.array([0.1, 0.5, 0.9])) == pytest.approx([0.02, 0.04, 0.06])


@pytest.mark.parametrize(
    "bad",
    [
        {"growth_per_month": {"p10": "6%", "p90": "2%"}},
        {"holidays": {"2027-02-30": 0.5}},
        {"weekday": [0] * 7},
        {"time_zone": "Europe/Berlim"},
        {"launches": [{"on": "2027-01-01", "times": 0}]},
    ],
)
def test_traffic_that_cannot_be_is_refused(bad: dict[str, object]) -> None:
    """Ranges in order, days that exist, some traffic, a known time zone."""
    with pytest.raises(ValidationError):
        Traffic.model_validate(bad)
