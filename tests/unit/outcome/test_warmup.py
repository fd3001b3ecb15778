"""MSER-5 against a naive twin and series whose transient is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.outcome.warmup import BATCH, LEAST_KEPT, Truncation, cold_start, mser_5

SERIES = st.lists(st.integers(-20, 20), min_size=50, max_size=200)


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
    found = mser_5(np.array(series, dtype=np.float64)).observations
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
    assert mser_5(series) == Truncation(observations=400, settled=True)


def test_a_series_in_steady_state_is_hardly_cut() -> None:
    """Independent noise loses at most a tenth to the cut."""
    found = mser_5(np.random.default_rng(4).normal(5, 1, 5000))
    assert found.settled
    assert found.observations <= 500


@pytest.mark.parametrize("level", [0.1, 3.0, 1e12])
def test_a_constant_series_is_not_cut(level: float) -> None:
    """A series that never moves needs no cut, whatever its rounding."""
    assert mser_5(np.full(500, level)) == Truncation(observations=0, settled=True)


def test_a_growing_series_never_settles() -> None:
    """A backlog that grows to the end asks for more than half to be cut: no steady state."""
    assert not mser_5(np.arange(1000.0) ** 2).settled


def test_too_short_a_series_has_not_settled() -> None:
    """Fewer than ten batches of five are no evidence."""
    assert mser_5(np.zeros(49)) == Truncation(observations=0, settled=False)


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
    assert 100 <= cold_start(columns) <= 500
    steady = [((5 + rng.exponential(1, 2_000)) * 1e9).astype(np.int64) for _ in range(40)]
    assert cold_start(steady) == 0
    assert cold_start([]) == 0
