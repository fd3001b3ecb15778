"""Relative changes between two runs with the same luck."""

from __future__ import annotations

import numpy as np
import pytest

from sim.outcome.change import Basis, absolute_change, quantile_basis, ratio_basis, relative_change
from sim.outcome.histogram import histogram_of
from sim.outcome.intervals import ratio_interval


def of(values: np.ndarray, counts: np.ndarray | None = None) -> Basis:  # type: ignore[type-arg]
    """Give the basis of a mean."""
    found = ratio_basis(values, np.full(len(values), 100.0) if counts is None else counts)
    assert found is not None
    return found


def test_what_has_not_changed_has_changed_by_exactly_nothing() -> None:
    """If both sides are equal, the change is 0 without width, however few the data and whatever they are kept in."""
    rng = np.random.default_rng(1)
    values = rng.exponential(size=5)
    assert relative_change(of(values), of(values.copy()), 0.95) == relative_change(of(values), of(values), 0.5)
    samples = [histogram_of(rng.integers(1, 10**9, 50)) for _ in range(3)]
    basis, again = quantile_basis(samples, 0.95), quantile_basis(samples, 0.95)
    assert basis is not None
    assert again is not None
    change = relative_change(basis, again, 0.95)
    assert change is not None
    assert (change.value, change.lower, change.upper, change.few_data) == (0.0, 0.0, 0.0, False)


def test_a_common_factor_is_found_without_width() -> None:
    """If every replication is dearer by the same share, what they share cancels and no width is left."""
    values = np.random.default_rng(2).exponential(size=8)
    change = relative_change(of(values * 1.25), of(values), 0.95)
    assert change is not None
    assert change.value == pytest.approx(0.25)
    assert change.lower == pytest.approx(0.25)
    assert change.upper == pytest.approx(0.25)


def test_against_a_constant_the_interval_is_that_of_the_ratio() -> None:
    """If the baseline has no spread, the interval of the change is that of the value, divided by it, less one."""
    values = np.random.default_rng(3).exponential(size=8)
    change, alone = relative_change(of(values), of(np.full(8, 2.0)), 0.9), ratio_interval(values, np.full(8, 2.0), 0.9)
    assert change is not None
    assert alone is not None
    assert change.value == pytest.approx(alone.value - 1)
    assert change.lower == pytest.approx((alone.lower or 0) - 1)


def test_paired_changes_cover_the_true_one() -> None:
    """If two means share most of their luck, 90 % intervals hold the true change in about 90 % of 4,000 tries."""
    rng = np.random.default_rng(4)
    tries, replications, hits = 4_000, 20, 0
    for _ in range(tries):
        shared = rng.normal(100, 5, replications)
        now, before = 1.1 * shared + rng.normal(0, 1, replications), shared + rng.normal(0, 1, replications)
        change = relative_change(of(now), of(before), 0.9)
        assert change is not None
        hits += (change.lower or 0) <= 0.1 <= (change.upper or 0)
    assert abs(hits / tries - 0.9) < 4.6 * (0.9 * 0.1 / tries) ** 0.5


def test_quantiles_of_replications_are_paired() -> None:
    """If every latency is longer by a tenth, so is the quantile, and the interval has no width to speak of."""
    rng = np.random.default_rng(5)
    samples = [rng.exponential(1e9, 3_000).astype(np.int64) for _ in range(6)]
    before = quantile_basis(samples, 0.95)
    now = quantile_basis([(sample * 11) // 10 for sample in samples], 0.95)
    assert before is not None
    assert now is not None
    change = relative_change(now, before, 0.95)
    assert change is not None
    assert not change.few_data
    assert change.value == pytest.approx(0.1, abs=1e-8)
    assert (change.upper or 0) - (change.lower or 0) < 1e-7


def test_a_replication_without_observations_is_left_out_and_told() -> None:
    """If one side of a pair has no observation, the pair has no say, and the change is not to be trusted."""
    some = np.arange(1, 3_001, dtype=np.int64)
    none = np.empty(0, dtype=np.int64)
    now, before = quantile_basis([some, some, none], 0.5), quantile_basis([some, some * 2, some], 0.5)
    assert now is not None
    assert before is not None
    change = relative_change(now, before, 0.95)
    assert change is not None
    assert change.few_data


def test_of_nothing_no_share_can_be_taken() -> None:
    """If the baseline is zero and the run is not, there is no relative change; without data there is no basis."""
    assert relative_change(of(np.ones(3)), of(np.zeros(3)), 0.95) is None
    assert relative_change(of(np.zeros(3)), of(np.zeros(3)), 0.95) is not None
    assert ratio_basis(np.ones(3), np.zeros(3)) is None
    assert quantile_basis([np.empty(0, dtype=np.int64)], 0.5) is None


def test_other_numbers_of_replications_are_an_error() -> None:
    """If two runs have different numbers of replications, they cannot be paired."""
    with pytest.raises(ValueError, match="3 replications against 2"):
        relative_change(of(np.ones(3)), of(np.ones(2)), 0.95)


def test_paired_differences_cover_the_true_one() -> None:
    """If two means share most of their luck, 90 % intervals of the difference hold the true one in about 90 %."""
    rng = np.random.default_rng(5)
    tries, replications, hits = 4_000, 20, 0
    for _ in range(tries):
        shared = rng.normal(100, 5, replications)
        now, before = shared + rng.normal(3, 1, replications), shared + rng.normal(0, 1, replications)
        change = absolute_change(of(now, np.ones(replications)), of(before, np.ones(replications)), 0.9)
        assert change.lower is not None
        assert change.upper is not None
        hits += change.lower <= 3 <= change.upper
    assert abs(hits / tries - 0.9) <= 4 * (0.9 * 0.1 / tries) ** 0.5


def test_a_difference_from_nothing_can_be_told() -> None:
    """If it was zero, no share can be taken, but the difference is there; if nothing has changed it is exactly 0."""
    values = np.random.default_rng(6).exponential(size=8)
    assert relative_change(of(values), of(np.zeros(8)), 0.95) is None
    change = absolute_change(of(values), of(np.zeros(8)), 0.95)
    assert change.value == pytest.approx(values.mean() / 100)
    same = absolute_change(of(values), of(values.copy()), 0.95)
    assert (same.value, same.lower, same.upper) == (0.0, 0.0, 0.0)
