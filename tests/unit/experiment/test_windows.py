"""Thresholds about a part of the time."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

import sim
from sim.errors import InvalidInput
from sim.experiment.selectors import BadSelector
from sim.experiment.windows import parse_window
from sim.study.check import check
from sim.study.verdict import CheckResult, Verdict

HOUR = 3_600 * 10**9

BUSY: dict[str, Any] = {
    "version": 1,
    "name": "busy",
    "workload": {
        "arrivals": {"kind": "poisson", "rate_per_s": 1},
        "segments": {"free": {"share": "80%"}, "paid": {"share": "20%"}},
        "tasks": {"chat": {"input_tokens": 100, "output_tokens": 50}},
    },
    "fleet": {
        "small": {
            "tier": "cheap",
            "price": {"per_call_usd": 0.001},
            "service": "1s",
            "faults": {"brownouts": [{"start": "20m", "length": "10m", "slowdown": 3}]},
        },
        "large": {"tier": "frontier", "price": {"per_call_usd": 0.01}, "service": "2s"},
    },
    "quality": {"acceptance": {"chat": {"small": 0.8, "large": 0.9}}},
    "patterns": [{"name": "mine", "kind": "single", "model": "small"}],
    "run": {"start": "2026-01-05T08:40", "duration": "40m", "replications": 4},
}
"""A second a call, three in a brown-out from nine to ten past nine in the morning."""


def checked(thresholds: dict[str, Any], **changes: Any) -> CheckResult:
    """Check it."""
    return check(sim.from_mapping({**BUSY, "thresholds": thresholds, **changes}), engine="reference")


@pytest.mark.parametrize(
    ("window", "verdict"),
    [
        ("20m..30m", Verdict.FAIL),
        ("0s..20m", Verdict.PASS),
        ("30m..40m", Verdict.PASS),
        ("09:00..09:10", Verdict.FAIL),
        ("08:40..09:00", Verdict.PASS),
        ("9:10..09:00", Verdict.PASS),
    ],
)
def test_a_threshold_may_be_of_a_part_of_the_run_or_of_the_day(window: str, verdict: Verdict) -> None:
    """If calls are slow from the twentieth minute to the thirtieth, a window within it fails and all others pass."""
    (found,) = checked({f"latency{{window:{window}}}": "p(50)<2s"}).findings
    assert found.verdict is verdict
    assert found.metric == f"latency.p50{{{window}}}"


def test_a_window_of_everything_is_everything() -> None:
    """If the window is the whole run, every metric is that of the run, interval and all; together with groups too."""
    keys = {
        "latency": ["p(95)<1h", "mean<1h"],
        "latency{segment:paid}": ["p(99)<1h"],
        "quality.acceptance{segment:free}": ["value>1%"],
        "failure": ["rate<99%"],
        "cost.per_1k": ["value<1usd", "value<1.1usd"],
    }
    wide = {
        (key.replace("}", ",window:0s..40m}") if "{" in key else f"{key}{{window:0s..40m}}"): of
        for key, of in keys.items()
    }
    found = checked({**keys, **wide}).findings
    half = len(found) // 2
    for whole, part in zip(found[:half], found[half:], strict=True):
        assert part.metric == f"{whole.metric}{{0s..40m}}"
        assert part.estimate is not None
        assert whole.estimate is not None
        assert part.estimate.value == pytest.approx(whole.estimate.value, rel=1e-9)
        assert part.estimate.upper == pytest.approx(whole.estimate.upper, rel=1e-9)


def test_clocks_that_change_are_followed() -> None:
    """If summer time begins during the run, the hour that is missing is in no window, and the next one comes sooner."""
    start = dt.datetime(2026, 3, 29, 0, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    arrivals = np.arange(0, 6 * HOUR, HOUR // 2, dtype=np.int64)  # half past midnight, one o'clock, half past one, ...
    missing = parse_window("02:00..03:00").holds(arrivals, start)
    assert not missing.any()
    early = parse_window("03:00..04:00").holds(arrivals, start)
    assert np.flatnonzero(early).tolist() == [3, 4]
    night = parse_window("23:00..01:00").holds(arrivals, start)
    assert np.flatnonzero(night).tolist() == [0]


@pytest.mark.parametrize("text", ["9..10", "09:00", "09:00..09:00", "25:00..26:00", "1h..30m", "x..y", "24:01..25:00"])
def test_what_is_no_window_is_refused(text: str) -> None:
    """If a window has no end, ends before it begins, or is no time, it is an error with an example."""
    with pytest.raises(BadSelector) as caught:
        parse_window(text)
    assert "09:00..17:00" in caught.value.hint


@pytest.mark.parametrize(
    ("key", "condition", "message"),
    [
        ("latency{window:50m..60m}", "p(50)<2s", "begins after the end of the run"),
        ("cost.saving{window:0s..10m}", "value>1%", "is not measured by window"),
        ("latency{segment:nobody,window:0s..10m}", "p(50)<2s", "there is no segment 'nobody'"),
        ("latency{window:soon}", "p(50)<2s", "'soon' is no window"),
        ("latency{window:20:00..21:00}", "p(50)<2s", "has no data in this run"),
    ],
)
def test_what_a_window_cannot_measure_is_an_error(key: str, condition: str, message: str) -> None:
    """If a window is outside the run, or of what is not known by request, the check is refused."""
    with pytest.raises(InvalidInput, match=message):
        checked({key: condition})


def test_windows_are_for_thresholds_alone() -> None:
    """If a tolerance names a window, that is an error."""
    with pytest.raises(InvalidInput, match="windows are for thresholds alone"):
        checked({}, regression={"baseline": "b.json", "tolerance": {"latency.p95{window:0s..10m}": 0.1}})
