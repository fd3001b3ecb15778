"""Windows and speed of traces."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import InvalidInput
from sim.workload.traces import Labels, Trace, speed_up, window, without_failed

DAY_NS = 86_400 * 10**9


def trace_of(times: list[int], **more: object) -> Trace:
    """Give a trace with input tokens that number its rows."""
    return Trace(np.array(times, dtype=np.int64), np.arange(len(times)), None, **more)  # type: ignore[arg-type]


def test_a_window_is_half_open_and_starts_at_zero() -> None:
    """A window keeps its start, leaves out its end, takes every column along and counts from its first request."""
    codes = np.array([0, 1, 0, 1], dtype=np.int64)
    whole = trace_of(
        [0, 10, 20, 30],
        task=Labels(codes, ("a", "b")),
        failed=np.array([False, True, False, True]),
        origin="2024-05-10T00:00:00Z",
    )
    part = window(whole, 10, 30)
    assert part.arrival_ns.tolist() == [0, 10]
    assert part.input_tokens is not None
    assert part.input_tokens.tolist() == [1, 2]
    assert part.task is not None
    assert part.task.codes.tolist() == [1, 0]
    assert part.failed is not None
    assert part.failed.tolist() == [True, False]
    assert part.origin == "2024-05-10T00:00:00.00000001Z"
    assert part.notes == ("a window of 2 of 4 requests is used",)
    assert window(whole, 15).arrival_ns.tolist() == [0, 10]


def test_an_empty_window_is_refused() -> None:
    """If no request falls into the window, the message says how long the trace is."""
    with pytest.raises(InvalidInput, match="the trace is 1s long"):
        window(trace_of([0, 10**9]), 5, 10)


@given(
    times=st.lists(st.integers(0, 400 * DAY_NS), min_size=1, max_size=30).map(sorted),
    factor=st.floats(0.05, 1e6) | st.sampled_from([0.1, 1.0, 1.1, 2.0, 3.0, 1e-1]),
)
def test_speed_divides_exactly(times: list[int], factor: float) -> None:
    """Every time is the exact quotient by the decimal factor, rounded half to even; order is kept."""
    fast = speed_up(trace_of(times), factor)
    assert fast.arrival_ns.tolist() == [round(Fraction(time) / Fraction(repr(factor))) for time in times]
    assert fast.arrival_ns.dtype == np.int64
    assert np.all(np.diff(fast.arrival_ns) >= 0)


def test_halves_go_to_the_even_nanosecond() -> None:
    """At twice the speed odd times are ties, and ties go to even."""
    assert speed_up(trace_of([0, 1, 2, 3, 5, 7]), 2.0).arrival_ns.tolist() == [0, 0, 1, 2, 2, 4]


@pytest.mark.parametrize("factor", [0.0, -1.0, float("nan"), float("inf")])
def test_a_factor_must_be_a_positive_number(factor: float) -> None:
    """Zero, negative and infinite factors are refused."""
    with pytest.raises(ValueError, match="not a number above 0"):
        speed_up(trace_of([0, 1]), factor)


def test_a_trace_cannot_outlast_the_clock() -> None:
    """Slowing a trace beyond 292 years is refused rather than wrapped around."""
    with pytest.raises(ValueError, match="292 years"):
        speed_up(trace_of([0, 300 * DAY_NS]), 1e-3)


def test_failures_are_left_out_of_a_replay_and_counted() -> None:
    """If requests were not answered, the others keep their times, and a note says how many are not played."""
    kept = without_failed(trace_of([0, 10, 20], failed=np.array([False, True, False])))
    assert kept.arrival_ns.tolist() == [0, 20]
    assert kept.input_tokens is not None
    assert kept.input_tokens.tolist() == [0, 2]
    assert kept.notes == ("1 of 3 requests failed (0 output tokens): not played, their answers have no length",)
    whole = trace_of([0, 10])
    assert without_failed(whole) is whole


def test_a_trace_of_failures_is_refused() -> None:
    """If no request was answered, there is nothing to replay."""
    with pytest.raises(InvalidInput, match="every request of the trace failed"):
        without_failed(trace_of([0, 10], failed=np.array([True, True])))
