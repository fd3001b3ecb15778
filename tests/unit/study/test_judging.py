"""From an interval and a limit to a verdict."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sim.outcome.estimates import Estimate
from sim.outcome.intervals import ratio_interval
from sim.study.judging import judge, keeps, replications_to_decide
from sim.study.verdict import Verdict


def estimate(low: float | None, high: float | None, *, few_data: bool = False) -> Estimate:
    """Give an estimate in the middle of its interval."""
    value = 1.0 if low is None or high is None else (low + high) / 2
    return Estimate(value, low, high, "s", few_data=few_data)


@pytest.mark.parametrize(
    ("operator", "low", "high", "expected"),
    [
        ("<", 1.0, 2.9, Verdict.PASS),
        ("<", 1.0, 3.0, Verdict.INCONCLUSIVE),
        ("<", 3.0, 4.0, Verdict.FAIL),
        ("<=", 1.0, 3.0, Verdict.PASS),
        ("<=", 3.0, 4.0, Verdict.INCONCLUSIVE),
        ("<=", 3.1, 4.0, Verdict.FAIL),
        (">", 3.1, 4.0, Verdict.PASS),
        (">", 3.0, 4.0, Verdict.INCONCLUSIVE),
        (">", 1.0, 3.0, Verdict.FAIL),
        (">=", 3.0, 4.0, Verdict.PASS),
        (">=", 2.0, 3.0, Verdict.INCONCLUSIVE),
        (">=", 1.0, 2.9, Verdict.FAIL),
    ],
)
def test_the_whole_interval_must_be_on_one_side(operator: str, low: float, high: float, expected: Verdict) -> None:
    """If the interval touches both sides of the limit of 3, nothing is decided."""
    assert judge(estimate(low, high), operator, 3.0) is expected


@pytest.mark.parametrize("low", [None, math.nan, -math.inf])
def test_without_an_interval_nothing_passes_or_fails(low: float | None) -> None:
    """If a bound is missing or no number, the verdict is open, whatever the limit."""
    for operator in ("<", ">"):
        assert judge(estimate(low, 2.0), operator, 3.0) is Verdict.INCONCLUSIVE
        assert judge(estimate(1.0, None if low is None else math.nan), operator, 3.0) is Verdict.INCONCLUSIVE


def test_too_few_data_decide_nothing() -> None:
    """If an interval is not to be trusted, it decides nothing, however far the limit is."""
    assert judge(estimate(1.0, 1.1, few_data=True), "<", 100.0) is Verdict.INCONCLUSIVE


def test_nan_keeps_no_promise() -> None:
    """If a value is NaN, no operator holds."""
    assert not any(keeps(math.nan, operator, 1.0) for operator in ("<", "<=", ">", ">="))


def test_an_operator_that_does_not_exist_is_an_error() -> None:
    """If an operator slips past the grammar, no verdict is made up."""
    with pytest.raises(ValueError, match="no operator"):
        keeps(1.0, "==", 1.0)


def test_the_replications_said_to_decide_do_decide() -> None:
    """If the value and the spread stay as they are, so many more replications put the limit outside the interval."""
    rng = np.random.default_rng(4)
    values = rng.normal(10.0, 1.0, 10)
    values += 10.0 - values.mean()
    values = 10.0 + (values - 10.0) / values.std(ddof=1)
    found = ratio_interval(values, np.ones(10))
    assert found is not None
    before = Estimate(found.value, found.lower, found.upper, "s")
    more = replications_to_decide(before, 10.3, 10, 0.95)
    assert more is not None
    assert 33 <= more <= 38  # 1.96 / sqrt(R) < 0.3 from R = 43 on; with Student's t a little later
    repeated = np.concatenate([values, 10.0 + rng.choice([-1.0, 1.0], more)])
    wider = ratio_interval(10.0 + (repeated - repeated.mean()) / repeated.std(ddof=1), np.ones(10 + more))
    assert wider is not None
    assert judge(Estimate(10.0, wider.lower, wider.upper, "s"), "<", 10.3) is Verdict.PASS


@pytest.mark.parametrize(
    "found",
    [estimate(None, None), Estimate(3.0, 2.0, 4.0, "s"), Estimate(2.0, 2.0, 2.0, "s"), Estimate(1.0, 0.5, 1.5, "s")],
    ids=["no interval", "value at the limit", "no width", "decided"],
)
def test_no_number_is_made_up_where_more_would_not_help(found: Estimate) -> None:
    """If more replications would not decide, or have nothing to decide, none are asked for."""
    assert replications_to_decide(found, 3.0, 20, 0.95) is None
