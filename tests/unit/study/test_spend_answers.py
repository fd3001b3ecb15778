"""What is said of drawn futures."""

from __future__ import annotations

import numpy as np
import pytest

from sim.study.spend.answers import crossed, paid_back, ranged, share_of_variance

MONTHS = ("2027-01", "2027-02", "2027-03")


def test_an_interval_runs_between_order_statistics() -> None:
    """Of 99 futures the 10th and the 90th bound 80 %: one more lies below the 10th with probability 10 / 100."""
    found = ranged(np.arange(1.0, 100.0), 0.8)
    assert (found.mean, found.median) == (50, 50)
    assert found.intervals[0.8] == pytest.approx((10, 90))
    assert found.intervals[0.95] == pytest.approx((2.5, 97.5))


def test_a_budget_is_first_crossed_in_one_month_or_never() -> None:
    """Being on the line is not above it; a future counts for the first month in which it is above."""
    spend = np.array([[9.0, 11.0, 12.0], [10.0, 10.0, 10.0], [11.0, 9.0, 11.0], [9.0, 9.0, 20.0]])
    found = crossed(("line", 10.0), "cascade", spend, MONTHS)
    assert list(found.over.values()) == [0.25, 0.25, 0.75]
    assert list(found.first.values()) == [0.25, 0.25, 0.25]
    assert found.never == 0.25
    assert (found.median, found.expected) == ("2027-03", "2027-03")
    heavy = crossed(("line", 10.0), "cascade", np.array([[1.0], [2.0], [90.0]]), MONTHS[:1])
    assert (heavy.median, heavy.expected) == (None, "2027-01")


def test_a_project_is_paid_for_when_its_savings_reach_what_it_cost() -> None:
    """Upkeep is taken off every month; a project that was paid for once stays so."""
    saved = np.array([[6.0, 6.0, 6.0], [3.0, 3.0, 3.0], [11.0, -5.0, 1.0], [1.0, 1.0, 1.0]])
    found = paid_back(("routing", 9.0, 1.0), ("cascade", "frontier-only"), saved, MONTHS, 0.8)
    assert list(found.by.values()) == [0.25, 0.5, 0.5]
    assert (found.median, found.between) == ("2027-02", ("2027-01", None))
    assert [net.mean for net in found.nets.values()] == pytest.approx([-19 / 4, -18 / 4, -11 / 4])
    assert found.net == found.nets["2027-03"]


def test_the_error_of_a_share_of_the_variance_is_how_far_samples_scatter() -> None:
    """If 400 samples of 200 draws each are taken, their shares scatter as far as each one says, around the true one."""
    draws = np.random.default_rng(5).standard_normal((2, 400, 200))
    both = [
        share_of_variance(2 * one, 2 * one + other, float((2 * one + other).var(ddof=1)))
        for one, other in zip(*draws, strict=True)
    ]
    shares, errors = np.array(both).T
    assert (
        abs(shares.mean() - 0.8) <= 4.6 * shares.std() / 400**0.5 + 0.8 / 200
    )  # of a ratio: biased by order 1 / draws
    assert abs(shares.std(ddof=1) / errors.mean() - 1) <= 4.6 / (2 * 400) ** 0.5
