"""Intervals against hand calculation, Student's textbook interval, and their promised coverage."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from sim.outcome.histogram import Histogram, histogram_of
from sim.outcome.intervals import (
    Interval,
    Sample,
    lag_one_correlation,
    quantile,
    quantile_intervals,
    quantile_ratio_interval,
    ratio_interval,
    share_interval,
    student_t,
    too_short,
)

NUMBERS = st.floats(min_value=-1e6, max_value=1e6, allow_nan=False).map(lambda number: round(number, 3))
WEIGHTS = st.floats(min_value=0.5, max_value=1e3).map(lambda number: round(number, 3))
PAIRS = st.lists(st.tuples(NUMBERS, WEIGHTS), min_size=2, max_size=12)


def quantile_interval(samples: Sequence[Sample], q: float, *, sectioned: bool = False) -> Interval | None:
    """Give the interval of one quantile."""
    found = quantile_intervals(samples, [q], sectioned=sectioned)
    return None if found is None else found[0]


def known(found: Interval | None) -> tuple[float, float, float]:
    """Value and bounds of an interval that must have both bounds."""
    assert found is not None
    assert found.lower is not None
    assert found.upper is not None
    return found.value, found.lower, found.upper


def columns(pairs: list[tuple[float, float]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Numerators and denominators as arrays."""
    return np.array([y for y, _ in pairs]), np.array([x for _, x in pairs])


def covered(hits: int, runs: int, level: float) -> bool:
    """Say whether `hits` of `runs` is within four standard errors of `level`."""
    return abs(hits / runs - level) <= 4 * math.sqrt(level * (1 - level) / runs)


def test_equal_denominators_give_student() -> None:
    """With equal denominators the interval is Student's interval of the mean, as scipy computes it."""
    sums = np.random.default_rng(1).normal(50, 9, 20)
    value, lower, upper = known(ratio_interval(sums, np.full(20, 10.0), level=0.9))
    means = sums / 10
    expected = stats.t.interval(0.9, 19, loc=means.mean(), scale=stats.sem(means))
    assert value == pytest.approx(means.mean(), rel=1e-13)
    assert (lower, upper) == pytest.approx(expected, rel=1e-12)


def test_ratio_by_hand() -> None:
    """Pairs (1, 2), (3, 4), (5, 4): ratio 0.9, deviations -0.8, -0.6 and 1.4 over a mean denominator of 10/3."""
    value, lower, upper = known(ratio_interval(np.array([1.0, 3.0, 5.0]), np.array([2.0, 4.0, 4.0])))
    half = math.sqrt(2) * 0.95 / math.sqrt(1 - 0.95**2) * math.sqrt((0.64 + 0.36 + 1.96) / (10 / 3) ** 2 / 6)
    assert value == pytest.approx(0.9)
    assert (lower, upper) == pytest.approx((0.9 - half, 0.9 + half), rel=1e-12)


def test_nothing_below_the_line_is_no_ratio() -> None:
    """If the denominators sum to zero there is no ratio."""
    assert ratio_interval(np.zeros(3), np.zeros(3)) is None
    assert ratio_interval(np.zeros(0), np.zeros(0)) is None


def test_one_pair_has_no_bounds() -> None:
    """If there is one pair, the value stands without bounds and says so."""
    assert ratio_interval(np.array([3.0]), np.array([4.0])) == Interval(0.75, None, None, few_data=True)


def test_denominator_near_zero_is_not_trusted() -> None:
    """If the denominators cannot be told from zero, the interval is marked."""
    found = ratio_interval(np.array([1.0, 0.0, 0.0, 0.0]), np.array([2.0, 0.0, 0.0, 0.0]))
    assert found is not None
    assert found.few_data
    sure = ratio_interval(np.array([1.0, 1.2, 0.9, 1.1]), np.array([2.0, 2.1, 1.9, 2.0]))
    assert sure is not None
    assert not sure.few_data


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_not_finite_is_refused(bad: float) -> None:
    """A sum that is not finite is an error, never an interval."""
    with pytest.raises(ValueError, match="finite"):
        ratio_interval(np.array([1.0, bad]), np.ones(2))
    with pytest.raises(ValueError, match="finite"):
        ratio_interval(np.ones(2), np.array([1.0, bad]))


def test_lengths_must_agree() -> None:
    """Pairs of different length are refused."""
    with pytest.raises(ValueError, match="one pair per replication"):
        ratio_interval(np.ones(2), np.ones(3))
    with pytest.raises(ValueError, match="2 replications against 1"):
        quantile_ratio_interval([np.ones(2), np.ones(2)], [np.ones(2)], 0.5)


def test_correlated_sections_are_not_trusted() -> None:
    """If the sections of one replication drift, their interval is marked; if they alternate, it is not."""
    rising, alternating = np.arange(10.0) + 20, 20 + np.resize([1.0, -1.0], 10)
    assert ratio_interval(rising, np.ones(10), sectioned=True) == replaced(rising, few_data=True)
    assert ratio_interval(rising, np.ones(10)) == replaced(rising, few_data=False)
    assert ratio_interval(alternating, np.ones(10), sectioned=True) == replaced(alternating, few_data=False)


def replaced(values: NDArray[np.float64], *, few_data: bool) -> Interval:
    """Student's interval of `values` with the mark asked for."""
    half = student_t(len(values) - 1, 0.95) * math.sqrt(math.fsum((values - values.mean()) ** 2) / (9 * 10))
    return Interval(float(values.mean()), float(values.mean()) - half, float(values.mean()) + half, few_data=few_data)


@given(PAIRS)
def test_interval_contains_its_value(pairs: list[tuple[float, float]]) -> None:
    """The value lies between its bounds."""
    value, lower, upper = known(ratio_interval(*columns(pairs)))
    assert lower <= value <= upper


@given(PAIRS, st.randoms(use_true_random=False))
def test_order_of_replications_does_not_count(pairs: list[tuple[float, float]], random: object) -> None:
    """Shuffled replications give the same interval to the last bit."""
    shuffled = list(pairs)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert ratio_interval(*columns(pairs)) == ratio_interval(*columns(shuffled))


@given(PAIRS, st.sampled_from([0.125, 0.5, 2.0, 1024.0]))
def test_scaling_the_data_scales_the_interval(pairs: list[tuple[float, float]], factor: float) -> None:
    """Numerators times a power of two give exactly that multiple of each number."""
    y, x = columns(pairs)
    assert known(ratio_interval(factor * y, x)) == tuple(factor * number for number in known(ratio_interval(y, x)))


@given(NUMBERS, WEIGHTS, st.integers(min_value=2, max_value=12))
def test_equal_replications_have_no_width(number: float, weight: float, count: int) -> None:
    """If all replications agree, the bounds are the value, without rounding dust."""
    value, lower, upper = known(ratio_interval(np.full(count, number), np.full(count, weight)))
    assert lower == value == upper == number / weight


@pytest.mark.parametrize(
    ("values", "expected"),
    [([1.0, 2.0, 3.0], 0.0), ([1.0, -1.0, 1.0, -1.0], -0.75), ([5.0, 5.0], 0.0), ([1.0, 2.0, 3.0, 4.0], 0.25)],
)
def test_lag_one_correlation_by_hand(values: list[float], expected: float) -> None:
    """Neighbouring products over the sum of squares, about the mean of all."""
    assert lag_one_correlation(values) == pytest.approx(expected)


@pytest.mark.parametrize(("q", "expected"), [(0.07, 7), (0.5, 50), (0.95, 95), (0.951, 96), (0.99, 99), (0.001, 1)])
def test_quantile_is_an_observation(q: float, expected: int) -> None:
    """Of 1..100 the quantile is the smallest with a share q at or below, q read as a decimal."""
    assert quantile(np.random.default_rng(3).permutation(np.arange(1, 101)), q) == expected


@given(st.lists(st.integers(0, 50), min_size=1, max_size=60), st.integers(1, 999))
def test_quantile_inverts_the_distribution_function(sample: list[int], thousandths: int) -> None:
    """At least q of the sample is at or below the quantile, and less than q strictly below it."""
    found = quantile(np.array(sample, dtype=np.int64), thousandths / 1000)
    assert sum(value <= found for value in sample) * 1000 >= thousandths * len(sample)
    assert sum(value < found for value in sample) * 1000 < thousandths * len(sample)


@pytest.mark.parametrize("q", [0.0, 1.0, -0.1, math.nan])
def test_quantile_outside_the_open_interval_is_refused(q: float) -> None:
    """Only quantiles strictly between 0 and 1 exist."""
    with pytest.raises(ValueError, match="strictly between"):
        quantile(np.ones(3), q)


def test_quantile_of_nothing_or_nan_is_refused() -> None:
    """An empty sample and one with a NaN have no quantile."""
    with pytest.raises(ValueError, match="no observation"):
        quantile(np.zeros(0), 0.5)
    with pytest.raises(ValueError, match="NaN"):
        quantile(np.array([1.0, math.nan, 2.0]), 0.5)


def test_quantile_interval_by_hand() -> None:
    """Samples 1-4 and 3-6 have medians 2 and 4 about a pooled 3: half-width t(1) times sqrt(2 / 2)."""
    found = quantile_interval([np.array([1, 2, 3, 4]), np.array([3, 4, 5, 6])], 0.5)
    half = 12.706204736174707
    assert known(found) == pytest.approx((3.0, 3 - half, 3 + half), rel=1e-9)
    assert found is not None
    assert found.few_data


def test_spread_is_about_the_pooled_quantile() -> None:
    """Samples 1-4 and six nines have medians 2 and 9 about a pooled 9: half-width t(1) times sqrt(49 / 2)."""
    half = 12.706204736174707 * math.sqrt(49 / 2)
    found = known(quantile_interval([np.array([1, 2, 3, 4]), np.full(6, 9)], 0.5))
    assert found == pytest.approx((9.0, 9 - half, 9 + half), rel=1e-9)


@pytest.mark.parametrize(
    ("size", "q", "few"), [(999, 0.9, True), (1000, 0.9, False), (1999, 0.05, True), (200, 0.5, False)]
)
def test_too_few_beyond_the_quantile_is_marked(size: int, q: float, *, few: bool) -> None:
    """With fewer than 100 observations on the far side of the quantile the interval is marked."""
    rng = np.random.default_rng(5)
    found = quantile_interval([rng.random(5000), rng.random(size)], q)
    assert found is not None
    assert found.few_data is few


def test_empty_replications_are_left_out_and_marked() -> None:
    """A replication without observations does not change the numbers but marks them."""
    rng = np.random.default_rng(6)
    full = [rng.random(3000) for _ in range(4)]
    without, with_empty = quantile_interval(full, 0.9), quantile_interval([*full, np.zeros(0)], 0.9)
    assert known(without) == known(with_empty)
    assert without is not None
    assert with_empty is not None
    assert (without.few_data, with_empty.few_data) == (False, True)


def test_no_observation_is_no_quantile() -> None:
    """If no replication has an observation there is no interval; if one has, there are no bounds."""
    assert quantile_interval([], 0.5) is None
    assert quantile_interval([np.zeros(0)], 0.5) is None
    assert quantile_interval([np.zeros(0), np.zeros(0)], 0.5) is None
    assert quantile_interval([np.zeros(0), np.full(900, 2.0)], 0.5) == Interval(2.0, None, None, few_data=True)


def test_sections_stand_in_for_replications() -> None:
    """Ten sections of one replication give the interval that ten replications give."""
    sections = np.array_split(np.random.default_rng(8).exponential(size=20_000), 10)
    one, ten = quantile_interval(sections, 0.9, sectioned=True), quantile_interval(sections, 0.9)
    assert one == ten
    assert one is not None
    assert not one.few_data


def test_a_drifting_replication_is_not_trusted() -> None:
    """One sample whose sections rise is marked, although each has observations enough."""
    found = quantile_interval(np.array_split(np.arange(50_000), 10), 0.5, sectioned=True)
    assert found is not None
    assert found.few_data


def test_quantile_ratio_of_a_multiple_is_exact() -> None:
    """Three times the same samples have three times the quantile, without width."""
    samples = [np.random.default_rng(seed).integers(1, 1000, 5000) for seed in range(5)]
    found = quantile_ratio_interval([3 * sample for sample in samples], samples, 0.95)
    assert found == Interval(3.0, 3.0, 3.0)


def test_quantile_ratio_by_hand() -> None:
    """Medians 2 and 4 over 1 and 1, pooled 3 over 1: deviations -1 and 1."""
    found = quantile_ratio_interval([np.array([1, 2, 3, 4]), np.array([3, 4, 5, 6])], [np.ones(2), np.ones(2)], 0.5)
    assert known(found) == pytest.approx((3.0, 3 - 12.706204736174707, 3 + 12.706204736174707), rel=1e-9)


def test_quantile_ratio_against_nothing_is_none() -> None:
    """Against an empty or a zero baseline there is no ratio."""
    assert quantile_ratio_interval([np.ones(5)], [np.zeros(0)], 0.5) is None
    assert quantile_ratio_interval([np.ones(5)], [np.zeros(5)], 0.5) is None


@pytest.mark.parametrize("draw", ["normal", "exponential"])
def test_mean_covers_as_promised(draw: str) -> None:
    """Intervals of a mean at 95 % contain the truth 95 times in 100 (2,000 runs of 20 replications)."""
    rng = np.random.default_rng(11)
    sums = (rng.normal(1, 1, (2000, 20, 200)) if draw == "normal" else rng.exponential(1, (2000, 20, 200))).sum(axis=2)
    bounds = [known(ratio_interval(row, np.full(20, 200.0)))[1:] for row in sums]
    assert covered(sum(lower <= 1 <= upper for lower, upper in bounds), 2000, 0.95)


def test_ratio_with_random_counts_covers_as_promised() -> None:
    """A mean over a Poisson number of requests per replication is covered as promised too (2,000 runs)."""
    rng = np.random.default_rng(12)
    counts = rng.poisson(300, (2000, 20)).astype(np.float64)
    sums = rng.gamma(counts, 2.0)
    bounds = [known(ratio_interval(y, x, 0.9))[1:] for y, x in zip(sums, counts, strict=True)]
    assert covered(sum(lower <= 2 <= upper for lower, upper in bounds), 2000, 0.9)


@pytest.mark.parametrize("q", [0.5, 0.95])
def test_quantile_covers_as_promised(q: float) -> None:
    """Intervals of a quantile contain the truth 95 times in 100 (600 runs of 20 replications of 2,000)."""
    rng = np.random.default_rng(13)
    truth = -math.log(1 - q)
    hits = 0
    for _ in range(600):
        _, lower, upper = known(quantile_interval(list(rng.exponential(size=(20, 2000))), q))
        hits += lower <= truth <= upper
    assert covered(hits, 600, 0.95)


def test_a_level_outside_the_open_interval_is_refused() -> None:
    """Full certainty has no interval."""
    with pytest.raises(ValueError, match="confidence level"):
        ratio_interval(np.array([1.0, 2.0]), np.ones(2), level=1.0)


@pytest.mark.parametrize(
    ("events", "few"), [(0, True), (9, True), (10, False), (990, False), (991, True), (1000, True)]
)
def test_a_share_of_few_events_is_not_trusted(events: float, *, few: bool) -> None:
    """If fewer than ten requests, or all but fewer than ten, are of the kind, the interval is marked."""
    interval = Interval(events / 1000, 0.0, 1.0)
    assert share_interval(interval, events, 1000, chance=True).few_data is few
    assert not share_interval(interval, events, 1000, chance=False).few_data


def test_a_share_stays_between_none_and_all() -> None:
    """If the spread leads beyond 0 or 1, the bounds end there."""
    found = share_interval(Interval(0.5, -0.1, 1.2), 50, 100, chance=True)
    assert (found.lower, found.upper) == (0.0, 1.0)


def moving_together(chance: np.random.Generator, replications: int, length: int, memory: int) -> list[Sample]:
    """Draw replications whose observations come in runs of `memory` equal ones."""
    return [np.repeat(chance.integers(10**9, 10**10, length // memory), memory) for _ in range(replications)]


@pytest.mark.parametrize(("memory", "few"), [(1, False), (50, False), (1_000, True), (10_000, True)])
@pytest.mark.parametrize("counted", [False, True])
def test_replications_worth_few_observations_are_marked(memory: int, *, few: bool, counted: bool) -> None:
    """If 10,000 observations of a replication are worth 10 independent ones it is too short; if 200, it is not.

    The same from histograms, which stand for observations in long runs.
    """
    samples = moving_together(np.random.default_rng(6), 20, 10_000, memory)
    if counted:
        samples = [histogram_of(sample.astype(np.int64)) for sample in samples if not isinstance(sample, Histogram)]
    assert too_short(samples) is few
    found = quantile_intervals(samples, [0.5])
    assert found is not None
    assert found[0].few_data is few
    ratio = quantile_ratio_interval(samples, samples, 0.5)
    assert ratio is not None
    assert ratio.few_data is few


def test_a_queue_that_has_not_forgotten_its_beginning_is_marked() -> None:
    """M/M/1 at a load of .9, started empty: 300 requests of each replication are too few, and 60,000 are not."""
    chance = np.random.default_rng(8)
    for length, short in ((300, True), (60_000, False)):
        steps = chance.exponential(1.0, (20, length)) - chance.exponential(1 / 0.9, (20, length))
        walk = np.pad(steps.cumsum(axis=1), ((0, 0), (1, 0)))
        wait = (walk - np.minimum.accumulate(walk, axis=1))[:, :-1]  # Lindley's recursion
        assert too_short(list(wait)) is short


@pytest.mark.parametrize("value", [0, 7, 340_000_000, 10**15 + 1])
def test_equal_observations_are_enough(value: int) -> None:
    """Where nothing varies nothing is hidden: one number again and again is never too short."""
    assert not too_short([np.full(size, value) for size in (3, 1_000, 70_001)])


def test_shortness_needs_replications_to_compare() -> None:
    """Of one replication with observations nothing can be said; the empty ones do not count."""
    assert not too_short([np.arange(5), np.empty(0)])
