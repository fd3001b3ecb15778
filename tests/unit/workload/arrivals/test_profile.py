"""Profile arrivals: counts hour by hour follow the local clock, the week, summer time and growth."""

from __future__ import annotations

import math
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from pydantic import ValidationError

from sim.chance import Purpose, Streams
from sim.workload.arrivals.process import END
from sim.workload.arrivals.profile import ProfileArrivals
from sim.workload.calendar import Calendar

HOURS = [
    0.66,
    0.6,
    0.5,
    0.45,
    0.4,
    0.5,
    0.7,
    0.9,
    1.2,
    1.4,
    1.5,
    1.4,
    1.3,
    1.4,
    1.5,
    1.4,
    1.3,
    1.2,
    1.1,
    1.2,
    1.46,
    1.3,
    1,
    0.8,
]
DAYS = [1.2, 1.3, 1.25, 1.2, 1.0, 0.4, 0.3]
BERLIN = ZoneInfo("Europe/Berlin")
HOUR_NS = 3_600_000_000_000


def profile(**written: Any) -> ProfileArrivals:
    """Read a profile."""
    return ProfileArrivals.model_validate({"kind": "profile", **written})


def times_until(process: ProfileArrivals, start: datetime, span: timedelta) -> np.ndarray:
    """Give all arrivals of the first `span`."""
    end_ns = int(span / timedelta(microseconds=1)) * 1_000
    blocks = []
    for block in process.times(Streams(7, 0), "all", Calendar(start)):
        blocks.append(block)
        if block[-1] >= end_ns:
            break
    times = np.concatenate(blocks)
    return times[times < end_ns]


def assert_counts(found: np.ndarray, expected: np.ndarray) -> None:
    """Assert that counts of Poisson cells lie within 4 standard errors each, and their chi-square too."""
    busy = expected > 0
    assert np.all(found[~busy] == 0)
    z = (found[busy] - expected[busy]) / np.sqrt(expected[busy])
    assert np.max(np.abs(z)) <= 4
    assert abs((z**2).sum() - len(z)) <= 4 * np.sqrt(2 * len(z))


@pytest.mark.parametrize(
    ("day", "hours_of_the_day"),
    [(datetime(2026, 3, 27), 71), (datetime(2026, 10, 23), 73)],  # noqa: DTZ001 - local
)
def test_hours_follow_the_local_clock_through_a_change(day: datetime, hours_of_the_day: int) -> None:
    """Around a change of summer time each elapsed hour has the count of its local hour, drawn and expected."""
    start = day.replace(tzinfo=BERLIN)
    end = (day + timedelta(days=3)).replace(tzinfo=BERLIN)
    span = end.astimezone(UTC) - start.astimezone(UTC)
    assert span == timedelta(hours=hours_of_the_day)
    process = profile(rate_per_s=2, hour_of_day=HOURS, weekday=DAYS, time_zone="Europe/Berlin")
    found = np.bincount(times_until(process, start, span) // HOUR_NS, minlength=hours_of_the_day)
    locals_ = [(start.astimezone(UTC) + timedelta(hours=k)).astimezone(BERLIN) for k in range(hours_of_the_day)]
    weights = [HOURS[t.hour] / np.mean(HOURS) * DAYS[t.weekday()] / np.mean(DAYS) for t in locals_]
    assert_counts(found, 7_200 * np.array(weights))
    expected = process.expectation(Calendar(start))
    by_hour = np.diff([expected(hour * HOUR_NS) for hour in range(hours_of_the_day + 1)])
    assert by_hour == pytest.approx(7_200 * np.array(weights), rel=1e-9)


def test_the_hour_that_does_not_exist_has_no_arrivals() -> None:
    """When the clock jumps from 2 to 3, traffic of the hour from 2 to 3 does not come; in autumn it comes twice."""
    process = profile(rate_per_s=1, hour_of_day=[0, 0, 24, *[0] * 21], time_zone="Europe/Berlin")
    counts = {}
    for month, day in ((3, 29), (3, 30), (10, 25)):
        start = datetime(2026, month, day, tzinfo=BERLIN)
        counts[month, day] = len(times_until(process, start, timedelta(hours=12)))
    assert counts[3, 29] == 0
    expected = 24 * 3_600
    assert abs(counts[3, 30] - expected) <= 4 * math.sqrt(expected)
    assert abs(counts[10, 25] - 2 * expected) <= 4 * math.sqrt(2 * expected)


def test_a_week_has_the_mean_rate_and_its_weekdays() -> None:
    """Weights are relative: the week as a whole has the stated rate, the days their shares of it."""
    process = profile(rate_per_s=1.5, hour_of_day=HOURS, weekday=DAYS)
    times = times_until(process, datetime(2026, 1, 5, tzinfo=UTC), timedelta(days=7))
    expected = 1.5 * 604_800
    assert abs(len(times) - expected) <= 4 * math.sqrt(expected)
    assert_counts(np.bincount(times // (24 * HOUR_NS)), expected * np.array(DAYS) / np.sum(DAYS))


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe"])
def test_odd_offsets_and_odd_starts(zone: str) -> None:
    """With offsets of half and quarter hours and a start in mid-minute, arrivals keep to the one busy local hour."""
    process = profile(rate_per_s=0.05, hour_of_day=[1 if h == 9 else 0 for h in range(24)], time_zone=zone)
    start = datetime(2026, 3, 30, 10, 7, 30, 123_456, tzinfo=UTC)
    times = times_until(process, start, timedelta(days=14))
    moments = [start + timedelta(microseconds=int(time) / 1_000) for time in times]
    hours = Counter(moment.astimezone(ZoneInfo(zone)).hour for moment in moments)
    assert set(hours) == {9}
    assert abs(hours[9] - 14 * 0.05 * 86_400) <= 4 * math.sqrt(14 * 0.05 * 86_400)


def test_inversion_is_exact() -> None:
    """The k-th arrival is where the hand-summed rate reaches the k-th exponential level, to the nanosecond."""
    process = profile(rate_per_s=0.01, hour_of_day=list(range(24)))
    times = times_until(process, datetime(2026, 1, 5, 3, tzinfo=UTC), timedelta(days=5))[:3_000]
    u = Streams(7, 0).uniform(Purpose.ARRIVAL, ("all",), 0, len(times))
    levels = np.cumsum(np.rint(-np.log1p(-u) * 1e9)) / 1e9
    hour, reached, expected = 3, 0.0, []
    for level in levels:
        while reached + 0.01 * (hour % 24) / 11.5 * 3_600 <= level:
            reached += 0.01 * (hour % 24) / 11.5 * 3_600
            hour += 1
        expected.append((hour - 3) * 3.6e12 + (level - reached) / (0.01 * (hour % 24) / 11.5) * 1e9)
    # A level is kept to a billionth of an arrival: at the lowest rate, 0.00087 per second, 1,150 ns.
    assert np.max(np.abs(times - np.array(expected))) <= 5 * 1_150


def test_growth_compounds() -> None:
    """A year at 8 % growth a month brings the integral of the growing rate; the mean rate says the same."""
    process = profile(rate_per_s=0.01, growth_per_month="8%")
    times = times_until(process, datetime(2026, 1, 1, tzinfo=UTC), timedelta(days=365))
    month = 365.2425 / 12
    edges = np.arange(0, 366, 73)
    integral = 0.01 * 86_400 * month * 1.08 ** (edges / month) / math.log(1.08)
    assert_counts(np.histogram(times / 86_400e9, bins=edges)[0], np.diff(integral))
    expected = process.expectation(Calendar(datetime(2026, 1, 1, tzinfo=UTC)))
    assert [expected(int(edge) * 24 * HOUR_NS) for edge in edges] == pytest.approx(integral - integral[0], rel=1e-6)
    assert process.mean_rate_per_s(month * 86_400) == pytest.approx(0.0108, rel=1e-12)
    assert process.mean_rate_per_s() == 0.01


def test_falling_traffic_ends() -> None:
    """Traffic that falls by half every month brings the finite number of the integral, and then the stream ends."""
    process = profile(rate_per_s=0.01, growth_per_month=-0.5)
    count = sum(len(block) for block in process.times(Streams(7, 0), "all", Calendar()))
    expected = 0.01 * 86_400 * 365.2425 / 12 / math.log(2)
    assert abs(count - expected) <= 4 * math.sqrt(expected)
    assert process.expectation(Calendar())(END) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    "start", [datetime(2026, 3, 27, 22, 7, 30, 500, tzinfo=UTC), datetime(2026, 3, 29, tzinfo=UTC)]
)
def test_any_time_has_the_integral_up_to_it(start: datetime) -> None:
    """Asked for in any order, also from mid-quarter on, the expected number is the sum of the steps up to the time."""
    process = profile(rate_per_s=2, hour_of_day=HOURS, weekday=DAYS, time_zone="Europe/Berlin", growth_per_month=0.3)
    expected = process.expectation(Calendar(start))
    for end_ns in (7 * HOUR_NS // 3, 400 * HOUR_NS + 1, 5, 90 * HOUR_NS, 2_000 * HOUR_NS):
        left_ns, total = end_ns, 0.0
        for step in process._steps(Calendar(start)):
            total += min(step.width_ns, left_ns) * step.rate_per_s / 1e9
            left_ns -= step.width_ns
            if left_ns <= 0:
                break
        assert expected(end_ns) == pytest.approx(total, rel=1e-9)


@pytest.mark.parametrize(("written", "read"), [("5%", 0.05), (0.05, 0.05), ("-2%", -0.02), (-0.02, -0.02), (0, 0.0)])
def test_growth_is_a_signed_fraction(written: Any, read: float) -> None:
    """Growth is written as a number or a percentage, negative for a fall."""
    assert profile(rate_per_s=1, growth_per_month=written).growth_per_month == read


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"time_zone": "Europe/Berln"}, "unknown time zone 'Europe/Berln'; write for example Europe/Berlin"),
        ({"time_zone": "Berlin"}, "write for example Europe/Berlin"),
        ({"time_zone": "new york"}, "write for example America/New_York"),
        ({"time_zone": "../../etc/passwd"}, "unknown time zone"),
        ({"time_zone": ""}, "unknown time zone"),
        ({"time_zone": "Europe"}, "unknown time zone"),
        ({"hour_of_day": [0] * 24}, "all weights are 0"),
        ({"hour_of_day": [1] * 23}, "at least 24 items"),
        ({"weekday": [1] * 8}, "at most 7 items"),
        ({"weekday": [1, 1, 1, 1, 1, 1, -1]}, "greater than or equal to 0"),
        ({"growth_per_month": 5}, "5% if a percentage is meant"),
        ({"growth_per_month": -0.95}, "fall by 90% a month at most"),
    ],
)
def test_mistakes_are_explained(written: dict[str, Any], message: str) -> None:
    """Unknown time zones get near names; weights and growth that make no sense are refused."""
    with pytest.raises(ValidationError, match=message):
        profile(rate_per_s=1, **written)
