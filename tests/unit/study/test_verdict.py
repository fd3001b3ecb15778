"""From verdicts to an exit code."""

from __future__ import annotations

import dataclasses

import pytest
from findings import checked, finding

from sim.study.verdict import FailOn, Kind, Verdict

FAIL, OPEN, WARN = FailOn.FAIL, FailOn.INCONCLUSIVE, FailOn.WARN


@pytest.mark.parametrize(
    ("kind", "verdict", "code"),
    [
        (Kind.THRESHOLD, Verdict.PASS, 0),
        (Kind.THRESHOLD, Verdict.FAIL, 99),
        (Kind.THRESHOLD, Verdict.UNSTABLE, 99),
        (Kind.THRESHOLD, Verdict.INCONCLUSIVE, 0),
        (Kind.OBJECTIVE, Verdict.FAIL, 99),
        (Kind.REGRESSION, Verdict.WORSE, 98),
        (Kind.REGRESSION, Verdict.UNSTABLE, 98),
        (Kind.REGRESSION, Verdict.SAME, 0),
        (Kind.REGRESSION, Verdict.BETTER, 0),
    ],
)
def test_the_exit_code_of_one_verdict(kind: Kind, verdict: Verdict, code: int) -> None:
    """By default broken promises and unstable patterns fail, open verdicts do not; whoever never fails gets 0."""
    check = checked(finding(kind, verdict))
    assert check.exit_code() == code
    assert check.exit_code(frozenset()) == 0


def test_a_broken_limit_wins_over_a_regression_and_both_over_what_is_open() -> None:
    """If several things are wrong, 99 is told before 98 and 98 before 97."""
    limit, worse = finding(Kind.THRESHOLD, Verdict.FAIL), finding(Kind.REGRESSION, Verdict.WORSE)
    undecided = finding(Kind.THRESHOLD, Verdict.INCONCLUSIVE)
    assert checked(undecided, worse, limit).exit_code({FAIL, OPEN}) == 99
    assert checked(undecided, worse).exit_code({FAIL, OPEN}) == 98
    assert checked(undecided).exit_code({FAIL, OPEN}) == 97
    assert checked(undecided, worse).exit_code({OPEN}) == 97


def test_warnings_count_only_where_they_are_asked_for() -> None:
    """If a breach is of the level warn, the exit code is 0 unless --fail-on warn says otherwise."""
    check = checked(dataclasses.replace(finding(Kind.THRESHOLD, Verdict.FAIL), level="warn"))
    assert check.exit_code() == 0
    assert check.passed
    assert check.exit_code({FAIL, WARN}) == 99
