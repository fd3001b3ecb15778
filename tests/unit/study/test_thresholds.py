"""Thresholds held against runs whose numbers are known."""

from __future__ import annotations

from typing import Any

import pytest

import sim
from sim.study.check import check
from sim.study.verdict import CheckResult, Verdict

STEADY = {
    "version": 1,
    "name": "steady",
    "workload": {
        "arrivals": {"kind": "constant", "rate_per_s": 1},
        "tasks": {"chat": {"input_tokens": 100, "output_tokens": 50}},
    },
    "fleet": {
        "small": {"tier": "cheap", "price": {"input_mtok": 1, "output_mtok": 2}, "service": "1s"},
        "large": {"tier": "frontier", "price": {"input_mtok": 10, "output_mtok": 20}, "service": "2s"},
    },
    "quality": {"acceptance": {"chat": {"small": 0.8, "large": 0.9}}},
    "patterns": [{"name": "mine", "kind": "single", "model": "small", "rules": []}],
    "run": {"requests": 2_500, "replications": 4},
}
"""Every call takes a second of the small model, or two of the large one; 0.2 and 2 dollars per thousand requests."""


def verdicts(thresholds: dict[str, Any], **changes: Any) -> CheckResult:
    """Check the steady experiment, changed, against some thresholds."""
    return check(sim.from_mapping({**STEADY, "thresholds": thresholds, **changes}), engine="reference")


def test_what_is_known_exactly_is_decided_exactly() -> None:
    """If a number has no spread, the limit itself decides between < and <=."""
    found = verdicts({"latency": ["p(95)<=1s", "p(95)<1s", "p(99.9)>=1s"], "cost.per_1k": "value<=0.2usd"}).findings
    assert [one.verdict for one in found] == [Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS]
    assert found[1].message == ("latency.p95 of mine is 1.00 s in 4 replications, at or above the limit of 1.00 s.")


def test_a_percentile_beyond_the_data_is_open_and_says_what_would_help() -> None:
    """If a percentile has fewer than 100 observations beyond it, more replications are not the remedy."""
    (found,) = verdicts({"latency": "p(99.9)<4s"}).findings
    assert found.more_replications is None
    assert "a longer run would help" in found.message


def test_an_open_verdict_says_how_many_replications_would_decide() -> None:
    """If the interval holds the limit, the sentence and the finding name a number of replications."""
    (found,) = verdicts({"quality.acceptance": "value>79.5%"}).findings
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.more_replications is not None
    assert f"about {found.more_replications:,} more replications would" in found.message


def test_an_unstable_pattern_passes_nothing() -> None:
    """If more work is offered than can be done, no threshold of the pattern passes or is measured, cost neither."""
    fleet = {**STEADY["fleet"], "small": {**STEADY["fleet"]["small"], "service": "3s", "capacity": {"concurrency": 1}}}  # type: ignore[dict-item]
    result = verdicts({"latency": "p(95)<1w", "cost.per_1k": "value<9usd", "goodput": "value>0"}, fleet=fleet)
    assert [(one.verdict, one.estimate) for one in result.findings] == [(Verdict.UNSTABLE, None)] * 3
    assert result.exit_code() == 99
    assert "unstable" in result.findings[0].message


def test_a_threshold_that_no_data_answer_is_an_error_after_the_run() -> None:
    """If nothing was escalated because nothing can be, a threshold on it is refused: it must not pass in silence."""
    with pytest.raises(sim.InvalidInput, match="has no data in this run") as caught:
        verdicts({"latency": "p(95)<4s", "latency.escalated": "p(95)<4s"})
    assert len(caught.value.issues) == 1


def test_one_pattern_without_the_metric_does_not_hide_the_others() -> None:
    """If only some patterns have a metric, those are judged."""
    patterns = [*STEADY["patterns"], {"name": "frontier", "kind": "single", "model": "large"}]  # type: ignore[misc]
    found = verdicts({"quality.loss": "value<50%"}, patterns=patterns).findings
    assert [one.pattern for one in found] == ["mine"]


def test_nothing_to_check_is_an_error() -> None:
    """If an experiment promises nothing, or everything is off, the check does not pass."""
    with pytest.raises(sim.InvalidInput, match="nothing to check"):
        verdicts({"latency": {"threshold": "p(95)<4s", "level": "off"}})


def test_the_patterns_that_are_looked_at_are_named() -> None:
    """If a threshold names no pattern, a note says which patterns it leaves out."""
    assert verdicts({"latency": "p(95)<4s"}).notes == (
        "promises that name no pattern are those of the patterns written in the file, not of frontier-only",
    )
    assert verdicts({"latency{pattern:mine}": "p(95)<4s"}).notes == ()


def test_replications_are_added_until_the_verdict_is_no_longer_open() -> None:
    """If four replications cannot tell 80 % from 79 %, more are played until they can, and a note says how many."""
    steady = {**STEADY, "thresholds": {"quality.acceptance": "value>79%"}}
    first = check(sim.from_mapping(steady), engine="reference")
    assert first.findings[0].verdict is Verdict.INCONCLUSIVE
    found = check(sim.from_mapping(steady), engine="reference", until_decided=True)
    assert found.findings[0].verdict is Verdict.PASS
    assert 4 < found.run.replications < 40
    assert found.notes[-1].startswith(f"--until-decided: {found.run.replications} replications, of at most 40;")
    assert found.run.hash == sim.from_mapping(steady).with_(replications=found.run.replications).hash


def test_the_budget_leaves_a_verdict_open() -> None:
    """If the budget ends before the verdict is clear, it stays open."""
    steady = {**STEADY, "thresholds": {"quality.acceptance": "value>79.9%"}}
    found = check(sim.from_mapping(steady), engine="reference", until_decided=True, budget=6)
    assert found.findings[0].verdict is Verdict.INCONCLUSIVE
    assert found.run.replications == 6
