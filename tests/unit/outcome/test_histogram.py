"""Histograms: quantiles within their stated error, whatever is counted and however it is put together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sim.outcome import fused
from sim.outcome.histogram import RELATIVE_ERROR, Histogram, buckets_of, edges_of, histogram_of, merged
from sim.outcome.intervals import quantile, quantile_intervals, quantile_ratio_interval

VALUES = st.lists(
    st.one_of(st.integers(0, 5_000), st.integers(0, 2**62), st.integers(0, 61).map(lambda power: 2**power)),
    min_size=1,
    max_size=60,
)


def ints(values: list[int]) -> np.typing.NDArray[np.int64]:
    """Give values as a column."""
    return np.array(values, dtype=np.int64)


@given(VALUES, st.integers(1, 999))
def test_a_quantile_is_within_the_stated_error(values: list[int], thousandths: int) -> None:
    """If a quantile is read off a histogram, it lies within 1/1024 of the exact one; below 2,048 it is exact."""
    q = thousandths / 1000
    exact, found = quantile(ints(values), q), quantile(histogram_of(ints(values)), q)
    assert abs(found - exact) <= exact * RELATIVE_ERROR * (1 + 1e-9)
    assert exact >= 2048 or found == exact


@given(VALUES)
def test_buckets_are_in_order_and_hold_what_is_in_them(values: list[int]) -> None:
    """If values are sorted, so are their buckets, and each lies between the edges of its own."""
    ordered = np.sort(ints(values))
    buckets = buckets_of(ordered)
    assert (np.diff(buckets) >= 0).all()
    low, high = edges_of(buckets)
    # from 2**53 on a value may round up into the next bucket, by one part in 2**53
    assert (low <= ordered + (ordered >> 53)).all()
    assert (ordered <= high).all()


@given(st.lists(VALUES, min_size=1, max_size=5))
def test_histograms_add_up(parts: list[list[int]]) -> None:
    """If parts are counted apart and put together in any order, the result is the histogram of them all."""
    whole = histogram_of(ints([value for part in parts for value in part]))
    for order in (parts, parts[::-1]):
        found = merged([histogram_of(ints(part)) for part in order])
        assert found.buckets.tolist() == whole.buckets.tolist()
        assert found.counts.tolist() == whole.counts.tolist()
        assert len(found) == sum(map(len, parts))


def test_an_interval_grows_by_the_error_of_the_histogram() -> None:
    """If histograms stand for observations, the interval holds the exact one, and is wider by their error."""
    rng = np.random.default_rng(3)
    samples = [(rng.exponential(1, 4_000) * 1e9).astype(np.int64) for _ in range(8)]
    counted = [histogram_of(sample) for sample in samples]
    (exact,), (found,) = (quantile_intervals(some, [0.95]) or [] for some in (samples, counted))
    assert found.value == pytest.approx(exact.value, rel=RELATIVE_ERROR)
    assert found.lower is not None
    assert found.upper is not None
    assert exact.lower is not None
    assert exact.upper is not None
    assert found.upper - found.lower >= 2 * RELATIVE_ERROR * found.value
    # each quantile that the spread is made of may be off by the error as well
    assert found.upper - found.lower == pytest.approx(exact.upper - exact.lower, rel=0.2)
    equal = [Histogram(counted[0].buckets, counted[0].counts)] * 3
    (flat,) = quantile_intervals(equal, [0.5]) or []
    assert flat.lower is not None
    assert flat.upper is not None
    assert flat.upper - flat.value >= flat.value * RELATIVE_ERROR * (1 - 1e-9)


def test_a_mixture_of_both_is_read_as_histograms() -> None:
    """If some replications are kept and some counted, the pooled quantile is that of all their histograms."""
    rng = np.random.default_rng(4)
    samples = [rng.integers(10**6, 10**9, 3_000) for _ in range(4)]
    mixed = [histogram_of(samples[0]), *samples[1:]]
    (found,) = quantile_intervals(mixed, [0.5]) or []
    assert found.value == quantile(histogram_of(np.concatenate(samples)), 0.5)


def test_a_ratio_grows_by_both_errors() -> None:
    """If both sides of a ratio are histograms, its interval grows by twice the error, to first order."""
    sample = histogram_of(np.random.default_rng(5).integers(10**6, 10**9, 5_000))
    found = quantile_ratio_interval([sample] * 3, [sample] * 3, 0.5)
    assert found is not None
    assert found.upper is not None
    assert found.value == 1
    assert found.upper - 1 == pytest.approx(2 * RELATIVE_ERROR, rel=2e-3)


def test_two_replications_are_covered_as_well() -> None:
    """If two replications lie within a bucket of each other, their interval still covers 95 times in 100 (400 runs)."""
    rng = np.random.default_rng(11)
    exact, hits, runs = 2.0**30, 0, 400
    for _ in range(runs):
        centres = exact * (1 + 0.0016 * rng.standard_normal(2))
        counted = [
            histogram_of((centre + rng.uniform(-0.2, 0.2, 3_001) * exact).astype(np.int64)) for centre in centres
        ]
        (found,) = quantile_intervals(counted, [0.5]) or []
        assert found.lower is not None
        assert found.upper is not None
        hits += found.lower <= exact <= found.upper
    assert hits / runs > 0.95 - 4.6 * (0.95 * 0.05 / runs) ** 0.5


@settings(deadline=None)  # the first example compiles, or loads what was compiled
@given(st.lists(st.integers(0, 63).flatmap(lambda bits: st.integers(2**bits // 2, 2**bits - 1)), min_size=1))
@example([0, 1, 2**53 - 1, 2**53 + 1, 2**62 - 1, 2**63 - 513, 2**63 - 1])
def test_a_compiled_loop_finds_the_same_buckets(values: list[int]) -> None:
    """If values of any size are counted by the compiled loop, they are in the buckets that NumPy finds."""
    buckets = buckets_of(ints(values))
    lowest, width = int(buckets.min()), int(np.ptp(buckets)) + 1
    table, cells = np.zeros((2, width), dtype=np.int64), np.arange(len(values)) % 2
    assert fused.tally(table, lowest, cells, ints(values)) == len(values)
    expected = np.zeros_like(table)
    np.add.at(expected, (cells, buckets - lowest), 1)
    assert np.array_equal(table, expected)


def test_a_compiled_loop_stops_before_what_it_has_no_bucket_for() -> None:
    """If a bucket is missing above or below, what came before it is counted, and nothing else."""
    lowest = int(buckets_of(ints([1025]))[0])  # from 1,024 to 2,047 each number has the next bucket
    for values in ([1025, 1026, 1029, 1026], [1025, 1026, 1024, 1026]):
        table = np.zeros((1, 4), dtype=np.int64)
        assert fused.tally(table, lowest, ints([0, 0, 0, 0]), ints(values)) == 2
        assert table.tolist() == [[1, 1, 0, 0]]
