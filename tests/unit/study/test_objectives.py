"""Objectives held against runs whose numbers are known: verdicts, error budgets, burn rates."""

from __future__ import annotations

from typing import Any

import pytest

import sim
from sim.errors import InvalidInput
from sim.study.check import check
from sim.study.verdict import CheckResult, Finding, Kind, Verdict

STEADY: dict[str, Any] = {
    "version": 1,
    "name": "steady",
    "workload": {
        "arrivals": {"kind": "constant", "rate_per_s": 1},
        "segments": {"free": {"share": "80%"}, "paid": {"share": "20%"}},
        "tasks": {"chat": {"input_tokens": 100, "output_tokens": 50}},
    },
    "fleet": {
        "small": {"tier": "cheap", "price": {"input_mtok": 1, "output_mtok": 2}, "service": "1s"},
        "large": {"tier": "frontier", "price": {"input_mtok": 10, "output_mtok": 20}, "service": "2s"},
    },
    "quality": {"acceptance": {"chat": {"small": 0.8, "large": 0.9}}},
    "signals": {"who": {"kind": "segment"}},
    "patterns": [
        {
            "name": "split",
            "kind": "pre_route",
            "rules": [{"when": {"who": "paid"}, "to": "large"}],
            "otherwise": "small",
        }
    ],
    "run": {"requests": 1_000, "replications": 5},
}
"""A second for everybody on the small model, two seconds for the fifth that pays and is sent to the large one."""


def checked(*objectives: dict[str, Any], **changes: Any) -> CheckResult:
    """Check the steady experiment against some objectives."""
    return check(sim.from_mapping({**STEADY, "objectives": list(objectives), **changes}), engine="reference")


def one(**objective: Any) -> Finding:
    """Give the verdict on one objective."""
    (found,) = checked({"name": "o", "metric": "latency", **objective}).findings
    return found


def test_a_kept_objective_says_what_it_uses_of_its_budget() -> None:
    """If a fifth of the requests take two seconds and two fifths may, half of the error budget is used."""
    found = one(under="1500ms", target="60%")
    assert (found.kind, found.verdict) == (Kind.OBJECTIVE, Verdict.PASS)
    assert found.budget is not None
    assert found.budget.bad.value == pytest.approx(0.2, abs=0.02)
    assert found.budget.burn_rate.value == pytest.approx(found.budget.bad.value / 0.4)
    assert found.wanted == "60 % latency under 1.50 s over 28 d"
    assert "of the error budget of 28 d" in found.message


def test_a_missed_objective_says_when_the_budget_is_gone_and_who_is_told() -> None:
    """If twenty times as many requests are bad as may be, the budget of 28 days lasts 34 hours, and pages somebody."""
    found = one(under="1500ms", target="99%")
    assert found.verdict is Verdict.FAIL
    assert "the error budget of 28 d is gone after 1 d" in found.message
    assert "a burn rate of 14.4 over 1 h would send a page" in found.message


def test_the_limit_itself_is_not_below_it() -> None:
    """If every request takes exactly as long as it may, none is under it; with a nanosecond more to go, all are."""
    assert one(metric="latency{segment:free}", under="1s", target="50%").verdict is Verdict.FAIL
    assert one(metric="latency{segment:free}", under="1000000001ns", target="50%").verdict is Verdict.PASS


def test_selectors_say_of_whom() -> None:
    """If an objective is of the segment that is sent to the large model, nobody there is under 1.5 seconds."""
    paid = one(metric="latency{pattern:split,segment:paid}", under="1500ms", target="99%")
    assert paid.budget is not None
    assert paid.budget.bad.value == 1.0
    assert one(metric="ttft{segment:free}", under="1500ms", target="99%").verdict is Verdict.PASS


def test_answered_and_acceptable_are_objectives_too() -> None:
    """If all are answered and 82 % acceptably, the one is kept and the other missed at 90 %."""
    found = checked(
        {"name": "up", "metric": "answered", "target": "99%"},
        {"name": "good", "metric": "acceptable", "target": "90%", "level": "warn"},
    )
    assert [finding.verdict for finding in found.findings] == [Verdict.PASS, Verdict.FAIL]
    assert found.passed


def test_an_objective_that_is_off_is_not_looked_at() -> None:
    """If the only objective is off, there is nothing to check."""
    with pytest.raises(InvalidInput, match="nothing to check"):
        one(under="1s", target="99%", level="off")


def test_an_open_objective_says_what_would_decide() -> None:
    """If the share of bad requests is about what may be, more replications decide."""
    found = one(under="1500ms", target="80.3%")
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.more_replications is not None
    assert f"about {found.more_replications:,} more replication" in found.message


def test_an_unstable_pattern_keeps_no_objective() -> None:
    """If more work is offered than can be done, the objective is neither kept nor measured."""
    fleet = {**STEADY["fleet"], "small": {**STEADY["fleet"]["small"], "service": "3s", "capacity": {"concurrency": 1}}}
    found = checked({"name": "o", "metric": "latency", "under": "1h", "target": "1%"}, fleet=fleet).findings
    assert [(finding.verdict, finding.budget) for finding in found] == [(Verdict.UNSTABLE, None)]


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        ({"metric": "latency"}, "say `under` which one"),
        ({"metric": "answered", "under": "1s"}, "is no duration: leave out `under`"),
        ({"metric": "cost.per_1k", "under": "1s"}, "has no aggregation"),
        ({"metric": "latncy", "under": "1s"}, "there is no metric 'latncy'"),
        ({"metric": "latency{segment:nobody}", "under": "1s"}, "there is no segment 'nobody'"),
        ({"metric": "latency{pattern:nobody}", "under": "1s"}, "there is no pattern 'nobody'"),
        ({"metric": "acceptable{model:small}"}, "not measured by model"),
    ],
)
def test_what_can_match_nothing_is_an_error_before_the_run(objective: dict[str, Any], message: str) -> None:
    """If an objective names what there is not, or leaves out its limit, the experiment is refused."""
    with pytest.raises(InvalidInput, match=message):
        checked({"name": "o", "target": "99%", **objective})


def test_names_are_given_once() -> None:
    """If two objectives have one name, the second is refused."""
    twice = {"name": "o", "metric": "answered", "target": "99%"}
    with pytest.raises(InvalidInput, match="two objectives 'o'"):
        checked(twice, twice)
