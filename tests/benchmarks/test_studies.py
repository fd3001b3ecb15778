"""The studies of intervals still run: what they count and when they complain."""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def intervals(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Give the study of intervals."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("interval_study")


def test_the_exact_values_are_those_of_the_systems(intervals: ModuleType) -> None:
    """M/M/1 at .8 has a mean sojourn of 5 s and exponential quantiles; the cascade saves and loses what was written."""
    exact = intervals.CASES["mm1-80"]().exact
    assert exact == pytest.approx(
        {"latency.mean": 5.0, "latency.p50": 5 * math.log(2), "latency.p95": 5 * math.log(20)}
    )
    cascade = intervals.CASES["cascade"]().exact
    assert cascade["cost.saving"] == pytest.approx(0.6)
    assert cascade["quality.loss"] == pytest.approx(7.0)


def test_a_run_far_too_short_is_marked(intervals: ModuleType) -> None:
    """Every seed of the short case marks mean, median and P95, and the study has nothing to complain of."""
    counted = intervals.study("mm1-80-short", 6, 1)
    assert {metric: one.few for metric, one in counted.items()} == dict.fromkeys(counted, 6)
    assert intervals.trouble(intervals.CASES["mm1-80-short"](), counted, quick=True) == []


def test_a_study_complains_of_what_does_not_hold(intervals: ModuleType) -> None:
    """If 92 % of the intervals hold the value, or a tenth of short runs goes unmarked, it is said; 93 % is accepted."""
    case = intervals.Case("made up", {"x": 1.0}, lambda _: {})
    for hits, complaints in ((92, 1), (93, 0), (97, 0), (98, 1)):
        counted = intervals.Counted(1.0)
        for number in range(100):
            counted.add(intervals.Seen(0.5 if number < hits else 1.1, 1.5, few_data=False))
        assert len(intervals.trouble(case, {"x": counted}, quick=False)) == complaints
    short = intervals.Case("made up", {"x": 1.0}, lambda _: {}, short=True)
    assert len(intervals.trouble(short, {"x": counted}, quick=False)) == 1
    assert intervals.rows_of(case, {"x": counted})[0][2:5] == ["1", "0.980 ± 0.014", "49.4%"]


def test_the_intervals_of_a_series_hold_its_mean(intervals: ModuleType) -> None:
    """One run of the series whose neighbours correlate has an interval for each of its values."""
    seen = intervals.one_run("ar1", 1)
    assert set(seen) == set(intervals.CASES["ar1"]().exact)
    assert all(one.lower < one.upper and not one.few_data for one in seen.values())
