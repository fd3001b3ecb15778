"""Paths: numbers that move over calendar time, from what the experiment says."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from sim.chance import Streams
from sim.chance.paths import MONTH, PATHS, AnyPath, Luck, Path

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
READ = TypeAdapter(AnyPath)

EXAMPLES = {
    "ramp": {"per_month": 0.2, "scale": "logit"},
    "growth": {"per_month": 0.05},
    "jump": {"at": "2026-03-01", "times": 0.5},
    "steps": {"values": [{"at": "2026-02-01", "value": 0.2}, {"at": "2026-04-01", "value": 0.3}]},
    "seasonal": {"amplitude": 0.1, "peak": "2026-12-24"},
    "random_walk": {"sd_per_month": 0.1},
}


def path(kind: str, **settings: object) -> Path:
    """Read a path as YAML would give it."""
    return READ.validate_python({"kind": kind, **(settings or EXAMPLES[kind])})


def at(months: float) -> dt.datetime:
    """Give the moment so many months after the start."""
    return START + months * MONTH


def luck(replication: int = 0) -> Luck:
    """Give the chance of a replication."""
    return Luck(Streams(7, replication), "workload.rate_factor")


def test_every_kind_has_an_example() -> None:
    """A new file under paths/ comes under the tests below."""
    assert set(EXAMPLES) == set(PATHS)


@pytest.mark.parametrize("kind", sorted(set(PATHS) - {"seasonal"}))
def test_a_path_begins_where_the_experiment_is(kind: str) -> None:
    """At the start of the run, and before `since`, a number is what the experiment says."""
    assert path(kind).value(0.1, START, START, luck()) == pytest.approx(0.1, abs=1e-15)
    if kind not in {"jump", "steps"}:
        later = path(kind, **EXAMPLES[kind], since="2026-03-01")
        assert later.value(0.1, at(1), START, luck()) == 0.1


@pytest.mark.parametrize("kind", sorted(PATHS))
def test_a_path_stops_and_stays_within_bounds(kind: str) -> None:
    """After `until` it stays where it is; `least` and `most` hold at all times."""
    stopped = path(kind, **EXAMPLES[kind], until="2026-04-15")
    end = dt.datetime(2026, 4, 15, tzinfo=dt.UTC)
    assert stopped.value(0.1, at(9), START, luck()) == stopped.value(0.1, end, START, luck())
    bounded = path(kind, **EXAMPLES[kind], least=0.09, most=0.11)
    assert all(0.09 <= bounded.value(0.1, at(month), START, luck()) <= 0.11 for month in range(12))


def test_numbers_of_ramps_are_those_of_their_scales() -> None:
    """Plain adds, log multiplies, logit moves the odds: 8 % by 0.196 a month are 22 % after six months."""
    assert path("ramp", per_month=-0.01).value(0.85, at(6), START) == pytest.approx(0.79)
    assert path("ramp", per_month=math.log(1.05), scale="log").value(2.0, at(12), START) == pytest.approx(2 * 1.05**12)
    assert path("ramp", per_month=0.196, scale="logit").value(0.08, at(6), START) == pytest.approx(0.22, abs=1e-3)
    assert path("growth", per_month=0.05).value(2.0, at(12), START) == pytest.approx(2 * 1.05**12)


def test_jumps_and_steps_come_at_their_moments() -> None:
    """The instant itself belongs to what comes after; moments without an offset are UTC."""
    halved = path("jump", at="2026-03-01T08:00+01:00", times=0.5)
    assert halved.value(1.0, dt.datetime(2026, 3, 1, 6, 59, 59, tzinfo=dt.UTC), START) == 1.0
    assert halved.value(1.0, dt.datetime(2026, 3, 1, 7, tzinfo=dt.UTC), START) == 0.5
    assert path("jump", at="2026-03-01", to=3.0).value(1.0, at(6), START) == 3.0
    assert path("jump", at="2026-03-01", by=0.25).value(1.0, at(6), START) == 1.25
    steps = path("steps")
    assert [steps.value(0.1, at(month), START) for month in (0.9, 1.1, 2.9, 3.1)] == [0.1, 0.2, 0.2, 0.3]


def test_a_season_is_a_wave_around_the_number() -> None:
    """Largest at the peak, smallest half a period later, and a factor by default."""
    wave = path("seasonal", amplitude=0.1, peak="2026-07-02")
    peak = dt.datetime(2026, 7, 2, tzinfo=dt.UTC)
    half = dt.timedelta(hours=8766 / 2)
    assert wave.value(5.0, peak, START) == pytest.approx(5 * math.exp(0.1))
    assert wave.value(5.0, peak + half, START) == pytest.approx(5 * math.exp(-0.1))
    assert wave.value(5.0, peak + half / 2, START) == pytest.approx(5.0)


def test_a_walk_is_another_in_each_replication_and_the_same_each_time() -> None:
    """Its spread after six months is that of six months, its mean the drift; days so far are the same later."""
    walk = path("random_walk", sd_per_month=0.1, per_month=0.02, scale="plain")
    ends = np.array([walk.value(1.0, at(6), START, luck(replication)) for replication in range(2_000)])
    days = math.floor(6 * MONTH / dt.timedelta(days=1))
    spread = 0.1 * math.sqrt(days / (MONTH / dt.timedelta(days=1)))
    assert abs(ends.mean() - 1.12) < 4.6 * spread / math.sqrt(len(ends))
    assert abs(ends.std() - spread) < 4.6 * spread / math.sqrt(2 * len(ends))
    assert walk.value(1.0, at(3), START, luck(5)) == walk.value(1.0, at(3), START, luck(5))
    with pytest.raises(ValueError, match="needs a replication"):
        walk.value(1.0, at(3), START)


@given(base=st.floats(0.001, 0.999), month=st.floats(0, 120), pace=st.floats(-2, 2))
def test_log_odds_never_leave_the_shares(base: float, month: float, pace: float) -> None:
    """Whatever the pace, a share stays one."""
    assert 0 <= path("ramp", per_month=pace, scale="logit").value(base, at(month), START) <= 1


def test_what_cannot_move_is_refused() -> None:
    """A share of 0 has no odds, a jump one destination, and steps an order."""
    with pytest.raises(ValueError, match="between 0 and 1, both excluded, not 0"):
        path("ramp", per_month=0.1, scale="logit").value(0.0, at(1), START)
    with pytest.raises(ValueError, match="above 0, not -1"):
        path("seasonal").value(-1.0, at(1), START)
    for wrong, message in (
        ({"kind": "jump", "at": "2026-03-01"}, "one of to, by and times"),
        ({"kind": "jump", "at": "soon", "to": 1.0}, "no date or time"),
        ({"kind": "jump", "at": "2026-03-01", "to": 1.0, "since": "2026-02-01"}, "moment of its own"),
        ({"kind": "steps", "values": [{"at": "2026-03-01", "value": 1.0}] * 2}, "does not come after"),
    ):
        with pytest.raises(ValidationError, match=message):
            READ.validate_python(wrong)
