"""JUnit XML of verdicts and of mistakes."""

from __future__ import annotations

from drawn_remarks import FEW, checks
from hypothesis import given
from junit_files import outcomes, read

from sim.errors import Issue
from sim.report.junit import junit, junit_of_issues
from sim.study.verdict import CheckResult, FailOn


def test_every_verdict_is_a_test_case(check: CheckResult) -> None:
    """Broken is a failure, unstable an error, open is skipped, and everything else passes, warnings too."""
    assert outcomes(read(junit(check))) == {
        "support-chat.cascade escalation.rate: rate<30%": "passed",
        "support-chat.cascade latency.p95: p(95)<2s": "failure",
        "support-chat.cascade latency.p50: p(50)<800ms": "passed",
        "support-chat.cascade quality.loss: value<0.7": "skipped",
        "support-chat.cascade latency.p99: 95% < 4s over 28d": "passed",
        "support-chat.cascade cost.per_1k: 2%": "failure",
        "support-chat.pre-route latency.p95: p(95)<2s": "error",
        "support-chat.cheap-only latency.p95: 5%": "passed",
        "support-chat.cheap-only cost.per_1k: 2%": "passed",
    }


def test_what_breaks_the_check_is_a_failure(check: CheckResult) -> None:
    """If open verdicts and warnings break the check, the file is as red as the exit code."""
    found = outcomes(read(junit(check, frozenset(FailOn))))
    assert found["support-chat.cascade quality.loss: value<0.7"] == "failure"
    assert found["support-chat.cascade latency.p50: p(50)<800ms"] == "failure"
    assert "failure" not in outcomes(read(junit(check, frozenset()))).values()


def test_a_failure_says_what_and_where(check: CheckResult) -> None:
    """The message is the sentence, and the text has the place in the YAML too."""
    case = next(case for case in read(junit(check)).iter("testcase") if case.find("failure") is not None)
    failure = case.find("failure")
    assert failure is not None
    assert failure.get("type") == "threshold"
    sentence = "latency.p95 of cascade is 2.44 s [2.37 s, 2.51 s], at or above the limit of 2 s."
    assert failure.get("message") == sentence
    assert failure.text == f"{sentence}\nexperiments/support-chat.yaml:42:14: thresholds.latency.p95.0"


def test_counts_are_those_of_the_cases(check: CheckResult) -> None:
    """Suites and the whole count what they hold."""
    root = read(junit(check))
    assert [root.get(name) for name in ("tests", "failures", "errors")] == ["9", "2", "1"]
    counts = [[suite.get(name) for name in ("tests", "failures", "errors", "skipped")] for suite in root]
    assert counts == [["6", "2", "0", "1"], ["1", "0", "1", "0"], ["2", "0", "0", "0"]]


@FEW
@given(checks())
def test_any_text_gives_valid_xml(check: CheckResult) -> None:
    """Whatever names, paths and messages hold, the file is valid, has a case per finding, and is the same each time."""
    written = junit(check)
    assert len(list(read(written).iter("testcase"))) == len(check.findings)
    assert junit(check) == written


def test_files_are_cases_of_a_validation() -> None:
    """A file without mistakes passes; one with some is a single failure that lists them."""
    issues = [
        Issue("unknown key", "b.yaml", 3, 1, "sead", "did you mean 'seed'?"),
        Issue("is no number", "c.yaml", 9, 2),
    ]
    root = read(junit_of_issues({"a.yaml": (), "b.yaml": issues}))
    assert outcomes(root) == {"experiment files a.yaml": "passed", "experiment files b.yaml": "failure"}
    failure = root.find(".//failure")
    assert failure is not None
    assert failure.text == (
        "b.yaml:3:1: error: sead: unknown key (hint: did you mean 'seed'?)\nc.yaml:9:2: error: is no number"
    )
