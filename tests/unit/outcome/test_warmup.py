"""MSER-5 against a naive twin and series whose transient is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sim.outcome.warmup import BATCH, LEAST_KEPT, Series, Truncation, cold_start, mser

Numbers = NDArray[np.float64] | list[int]
SERIES = st.lists(st.integers(-20, 20), min_size=50, max_size=200)


def mser_5(series: Numbers) -> Truncation:
    """Cut a series by the means of five."""
    whole = np.array(series[: len(series) // BATCH * BATCH], dtype=np.float64)
    return mser(whole.reshape(-1, BATCH).mean(axis=1))


def series_of(latencies: NDArray[np.int64], chunk: int = 1_000_000) -> Series:
    """Take latencies in, some at a time; the k-th request arrives k seconds after the start."""
    series = Series()
    for start in range(0, len(latencies), chunk):
        part = latencies[start : start + chunk]
        series.add(part, np.arange(start, start + len(part)) * 10**9)
    return series


def naive(series: list[int]) -> int:
    """Try every cut and compute its variance from scratch."""
    batches = len(series) // BATCH
    means = [sum(series[i * BATCH : (i + 1) * BATCH]) / BATCH for i in range(batches)]
    errors = []
    for cut in range(batches - LEAST_KEPT + 1):
        left = means[cut:]
        mean = math.fsum(left) / len(left)
        errors.append(math.fsum((value - mean) ** 2 for value in left) / len(left) ** 2)
    least = min(errors)
    return BATCH * next(cut for cut, error in enumerate(errors) if error <= least * (1 + 1e-9) + 1e-12)


@given(SERIES)
def test_agrees_with_the_naive_twin(series: list[int]) -> None:
    """The vectorised search finds the cut that trying each one finds, or one equally good."""
    found = BATCH * mser_5(series).batches
    trimmed = [series[i] for i in range(len(series))]
    assert found == naive(trimmed) or error_of(trimmed, found) == pytest.approx(error_of(trimmed, naive(trimmed)))


def error_of(series: list[int], observations: int) -> float:
    """Squared standard error of the mean of what a cut leaves."""
    means = np.array(series[: len(series) // BATCH * BATCH], dtype=np.float64).reshape(-1, BATCH).mean(axis=1)
    left = means[observations // BATCH :]
    return float(left.var() / len(left))


def test_a_transient_is_cut_about_where_it_ends() -> None:
    """A start at 10 standard deviations that lasts 400 observations is cut at 400."""
    series = np.random.default_rng(2).normal(size=4000)
    series[:400] += 10
    assert mser_5(series) == Truncation(batches=80, settled=True)


def test_a_series_in_steady_state_is_hardly_cut() -> None:
    """Independent noise loses at most a tenth to the cut."""
    found = mser_5(np.random.default_rng(4).normal(5, 1, 5000))
    assert found.settled
    assert found.batches <= 100


@pytest.mark.parametrize("level", [0.1, 3.0, 1e12])
def test_a_constant_series_is_not_cut(level: float) -> None:
    """A series that never moves needs no cut, whatever its rounding."""
    assert mser_5(np.full(500, level)) == Truncation(batches=0, settled=True)


def test_a_growing_series_never_settles() -> None:
    """A backlog that grows to the end asks for more than half to be cut: no steady state."""
    assert not mser_5(np.arange(1000.0) ** 2).settled


def test_too_short_a_series_has_not_settled() -> None:
    """Fewer than ten batches of five are no evidence."""
    assert mser_5(np.zeros(49)) == Truncation(batches=0, settled=False)


def test_shift_does_not_move_the_cut() -> None:
    """The cut depends on the shape, not on the level."""
    series = np.random.default_rng(7).integers(0, 100, 1000).astype(np.float64)
    series[:100] += 64
    assert mser_5(series) == mser_5(series + 2.0**30)


def test_not_finite_is_refused() -> None:
    """A NaN in the series is an error."""
    with pytest.raises(ValueError, match="finite"):
        mser_5(np.array([math.nan] * 100))


def test_a_start_that_single_runs_hide_shows_in_their_mean() -> None:
    """If every replication is slow to fill under heavy noise, the mean over them shows where it has filled."""
    rng = np.random.default_rng(3)
    transient = 2.0 * np.exp(-np.arange(2_000) / 100)
    columns = [((5 - transient + rng.exponential(1, 2_000)) * 1e9).astype(np.int64) for _ in range(40)]
    count, first_ns = cold_start([series_of(column) for column in columns])
    assert 100 <= count <= 500
    assert first_ns == count * 10**9
    steady = [((5 + rng.exponential(1, 2_000)) * 1e9).astype(np.int64) for _ in range(40)]
    assert cold_start([series_of(column) for column in steady]) == (0, 0)


@pytest.mark.parametrize("count", [0, 4, 5, 40_959, 40_960, 40_965, 300_001])
def test_a_series_of_any_length_is_a_few_sums(count: int) -> None:
    """If more and more come, fewer than 8,192 sums are kept, of equally many neighbours each, and none is lost."""
    latencies = np.random.default_rng(5).integers(0, 10**12, count)
    series = series_of(latencies)
    sums = latencies[: count // series.batch * series.batch].reshape(-1, series.batch).sum(axis=1)
    assert len(series.sums) < 8_192
    assert series.sums.tolist() == pytest.approx(sums.tolist(), rel=1e-12)
    assert (series.starts_ns // 10**9).tolist() == list(range(0, count - series.batch + 1, series.batch))


@pytest.mark.parametrize("chunk", [1, 7, 40_000])
def test_a_series_does_not_depend_on_how_it_is_taken_in(chunk: int) -> None:
    """If latencies come in chunks of any size, the sums are the same to the last bit, beyond 2^53 too."""
    latencies = np.random.default_rng(6).integers(0, 10**17, 50_000)
    whole, parts = series_of(latencies), series_of(latencies, chunk)
    assert (whole.batch, parts.batch) == (10, 10)
    assert whole.sums.tobytes() == parts.sums.tobytes()
    assert whole.starts_ns.tobytes() == parts.starts_ns.tobytes()


def test_replications_of_different_length_are_compared_in_the_coarser_sums() -> None:
    """If one replication is long and another short, both are read in the sums of the long one."""
    rng = np.random.default_rng(8)
    long, short = (rng.integers(10**9, 2 * 10**9, count) for count in (50_000, 20_000))
    long[:2_005] *= 50
    short[:2_005] *= 50
    assert (series_of(long).batch, series_of(short).batch) == (10, 5)
    # sums of ten: the one that begins at 2,000 is half cold
    assert cold_start([series_of(short), series_of(long)]) == (2_010, 2_010 * 10**9)
    assert cold_start([series_of(short), series_of(short)]) == (2_005, 2_005 * 10**9)
