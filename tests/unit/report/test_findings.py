"""What all formats say of findings."""

from __future__ import annotations

from pathlib import Path

import pytest
from findings import checked, finding

from sim.report.findings import breaks, outputs_of, overall, promise, remarks_of, worst_first
from sim.study.verdict import DEFAULT_FAIL_ON, CheckResult, FailOn, Kind, Verdict

PASSED = finding(Kind.THRESHOLD, Verdict.PASS)
OPEN = finding(Kind.THRESHOLD, Verdict.INCONCLUSIVE)
WORSE = finding(Kind.REGRESSION, Verdict.WORSE)
BROKEN = finding(Kind.OBJECTIVE, Verdict.FAIL)


@pytest.mark.parametrize(
    ("found", "word"),
    [
        ((PASSED,), "pass"),
        ((PASSED, OPEN), "inconclusive"),
        ((OPEN, WORSE), "regression"),
        ((OPEN, WORSE, BROKEN), "fail"),
        ((), "pass"),
    ],
)
def test_findings_add_up_to_the_worst(found: tuple, word: str) -> None:  # type: ignore[type-arg]
    """A broken promise weighs more than a regression, and that more than an open verdict."""
    assert overall(checked(*found)) == word


@pytest.mark.parametrize("fail_on", [frozenset(), DEFAULT_FAIL_ON, frozenset(FailOn), frozenset({FailOn.INCONCLUSIVE})])
def test_the_exit_code_is_0_if_nothing_breaks_the_check(check: CheckResult, fail_on: frozenset[FailOn]) -> None:
    """What formats mark as breaking the check is what the exit code tells of."""
    for one in check.findings:
        assert breaks(one, fail_on) == (checked(one).exit_code(fail_on) != 0)


def test_remarks_are_on_what_is_not_good(check: CheckResult) -> None:
    """Broken promises are errors where they break the check, else warnings like what is open; the rest has none."""
    assert [(one.level, one.rule, one.title) for one in remarks_of(check)] == [
        ("error", "threshold", "fail: cascade latency.p95: p(95)<2s"),
        ("error", "threshold", "unstable: pre-route latency.p95: p(95)<2s"),
        ("error", "regression", "worse: cascade cost.per_1k: 2%"),
        ("warning", "threshold", "fail: cascade latency.p50: p(50)<800ms"),
        ("warning", "threshold", "inconclusive: cascade quality.loss: value<0.7"),
    ]


def test_the_worst_come_first(check: CheckResult) -> None:
    """What breaks the check stands before what does not, whatever the order of the file."""
    assert [one.verdict.value for one in worst_first(check.findings)] == [
        *("fail", "unstable", "worse", "fail", "inconclusive", "better", "same", "pass", "pass")
    ]


def test_a_metric_is_not_named_twice() -> None:
    """The promise of a regression names its metric already."""
    assert (promise(WORSE), promise(PASSED)) == ("latency.p95: 5%", "latency.p95: p(95)<2.3s")


def test_a_step_hands_on_verdict_count_and_report(check: CheckResult) -> None:
    """The outputs of a CI step are the verdict, the number of findings that break the check, and the Markdown file."""
    assert outputs_of(check, DEFAULT_FAIL_ON, [Path("a.xml"), Path("b.md")]) == {
        "verdict": "fail",
        "failed": "3",
        "report": "b.md",
    }
