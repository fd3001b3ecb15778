"""What is said of drawn futures."""

from __future__ import annotations

import numpy as np
import pytest

from sim.study.spend.answers import crossed, paid_back, ranged

MONTHS = ("2027-01", "2027-02", "2027-03")


def test_an_interval_runs_between_order_statistics() -> None:
    """Of 99 futures the 10th and the 90th bound 80 %: one more lies below the 10th with probability 10 / 100."""
    found = ranged(np.arange(1.0, 100.0), 0.8)
    assert found.mean == 50
    assert found.intervals[0.8] == pytest.approx((10, 90))
    assert found.intervals[0.95] == pytest.approx((2.5, 97.5))


def test_a_budget_is_first_crossed_in_one_month_or_never() -> None:
    """Being on the line is not above it; a future counts for the first month in which it is above."""
    spend = np.array([[9.0, 11.0, 12.0], [10.0, 10.0, 10.0], [11.0, 9.0, 11.0], [9.0, 9.0, 20.0]])
    found = crossed(("line", 10.0), "cascade", spend, MONTHS)
    assert list(found.over.values()) == [0.25, 0.25, 0.75]
    assert list(found.first.values()) == [0.25, 0.25, 0.25]
    assert found.never == 0.25
    assert found.expected == "2027-03"


def test_a_project_is_paid_for_when_its_savings_reach_what_it_cost() -> None:
    """Upkeep is taken off every month; a project that was paid for once stays so."""
    saved = np.array([[6.0, 6.0, 6.0], [3.0, 3.0, 3.0], [11.0, -5.0, 1.0], [1.0, 1.0, 1.0]])
    found = paid_back(("routing", 9.0, 1.0), ("cascade", "frontier-only"), saved, MONTHS, 0.8)
    assert list(found.by.values()) == [0.25, 0.5, 0.5]
    assert found.median == "2027-02"
    assert found.net.mean == pytest.approx((6 - 3 - 5 - 9) / 4)
