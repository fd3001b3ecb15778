"""How a change is told, of estimates that have nothing to do with each other."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sim.outcome.estimates import Estimate
from sim.outcome.intervals import Interval
from sim.study.diff.answer import Direction, direction_of, independent_change


@pytest.mark.parametrize(
    ("low", "high", "better", "expected"),
    [
        (-0.2, -0.1, "lower", Direction.BETTER),
        (-0.2, -0.1, "higher", Direction.WORSE),
        (0.1, 0.2, "lower", Direction.WORSE),
        (0.1, 0.2, "higher", Direction.BETTER),
        (0.1, 0.2, "", Direction.MOVED),
        (-0.1, 0.2, "lower", Direction.UNCLEAR),
    ],
)
def test_the_whole_interval_says_the_direction(low: float, high: float, better: str, expected: Direction) -> None:
    """If the interval holds zero nothing is clear; else the side says, and what is better for the metric."""
    assert direction_of(Interval((low + high) / 2, low, high), better) is expected  # type: ignore[arg-type]


def test_doubts_are_told() -> None:
    """If there is no change, or it is not to be trusted, that is said and not a direction."""
    assert direction_of(None, "lower") is Direction.UNCLEAR
    assert direction_of(Interval(0.3, 0.2, 0.4, few_data=True), "lower") is Direction.TOO_FEW
    assert direction_of(Interval(0.3, None, None), "lower") is Direction.TOO_FEW
    assert direction_of(Interval(0.0, 0.0, 0.0), "lower") is Direction.SAME


def test_half_widths_of_independent_estimates_add_as_squares() -> None:
    """If two estimates are independent, the half-width of their difference is the root of the sum of squares."""
    after, before = Estimate(10.0, 7.0, 13.0, "s"), Estimate(6.0, 2.0, 10.0, "s")
    found = independent_change(after, before, relative=False)
    assert found == Interval(4.0, -1.0, 9.0)
    share = independent_change(after, before, relative=True)
    assert share is not None
    assert share.value == pytest.approx(2 / 3)
    assert share.upper == pytest.approx(2 / 3 + math.hypot(3.0, 10 / 6 * 4.0) / 6)


def test_independent_changes_cover_the_true_one() -> None:
    """If two normal means are independent, 95 % intervals of their share hold the true one in about 95 %."""
    rng = np.random.default_rng(7)
    tries, hits = 4_000, 0
    for _ in range(tries):
        after, before = rng.normal(110, 1), rng.normal(100, 1)
        sides = [Estimate(value, value - 1.96, value + 1.96, "s") for value in (after, before)]
        found = independent_change(*sides, relative=True)
        assert found is not None
        assert found.lower is not None
        assert found.upper is not None
        hits += found.lower <= 0.1 <= found.upper
    assert abs(hits / tries - 0.95) <= 4 * (0.95 * 0.05 / tries) ** 0.5


def test_what_cannot_be_told_is_none_or_doubtful() -> None:
    """If it was zero there is no share; without an interval on either side there is no trust; equal ones are equal."""
    some, nothing = Estimate(1.0, 0.5, 1.5, "s"), Estimate(0.0, 0.0, 0.0, "s")
    assert independent_change(some, nothing, relative=True) is None
    alone = independent_change(some, Estimate(2.0, None, None, "s"), relative=True)
    assert alone == Interval(-0.5, None, None, few_data=True)
    assert independent_change(some, some, relative=True) == Interval(0.0, 0.0, 0.0)
