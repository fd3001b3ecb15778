"""Mistakes that only the whole experiment shows: all at once, each at its place in the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import sim
from sim.experiment.crosscheck import warnings_of
from sim.routing.dependence import solve_rho

BAD = """\
version: 1
name: bad
workload:
  arrivals: {kind: poisson, rate_per_s: 5}
  segments: {paid: {share: 30%}, free: {share: 70%}}
  tasks:
    chat: {input_tokens: 100}
    math: {input_tokens: 100, output_tokens: 50}
  mix: {chat: 50%, math: 50%}
fleet:
  small: {tier: cheap, price: {input_mtok: 0.2}, service: 1s}
  large: {tier: frontier, price: {input_mtok: 2.5}, service: 2s}
quality:
  acceptance:
    chat: {small: 0.8, large: 0.95, lrage: 0.9}
    math: {small: 0.7, large: 0.9}
    maths: {small: 0.7, large: 0.9}
  right_when_cheap_wrong: {chat: 0.99, math: 0.75, poetry: 0.5}
  confidence: {smal: {auroc: 0.8}, small: {auroc: {chat: 0.8, mth: 0.7}}}
patterns:
  - {name: a, kind: cascade, ladder: [small, huge], escalate_when: {confidence_below: 0.7}}
  - {name: b, kind: pre_route, rules: [{when: {segment: piad}, to: large}], otherwise: small}
  - {name: c, kind: pre_route, rules: [{when: {length: ">5"}, to: large}], otherwise: small}
  - {name: d, kind: cascade, ladder: [small, large], escalate_when: {confidence_below: {chta: 0.7}}}
baseline: frontier
run: {replications: 3}
"""

EXPECTED = [
    (7, "workload.tasks.chat", "output_tokens is missing", "write output_tokens"),
    (15, "quality.acceptance.chat.lrage", "there is no model 'lrage'", "did you mean 'large'?"),
    (17, "quality.acceptance.maths", "there is no task class 'maths'", "did you mean 'math'?"),
    (18, "quality.right_when_cheap_wrong.chat", "= 0.99 cannot go with acceptances 0.8 and 0.95", ""),
    (18, "quality.right_when_cheap_wrong.poetry", "there is no task class 'poetry'", "there are: chat, math"),
    (19, "quality.confidence.smal", "there is no model 'smal'", "did you mean 'small'?"),
    (19, "quality.confidence.small.auroc.mth", "there is no task class 'mth'", "did you mean 'math'?"),
    (21, "patterns.a", "calls the model 'huge'", "models of the fleet: small, large"),
    (22, "patterns.b.rules.0.when.segment", "there is no segment 'piad'", "did you mean 'paid'?"),
    (23, "patterns.c", "no signal of this name", ""),
    (24, "patterns.d", "names the task class 'chta'", ""),
    (25, "baseline", "there is no pattern 'frontier'", "did you mean 'frontier-only'?"),
    (26, "run", "does not say when it ends", "write run: {duration: 1h}"),
]


def good(**changes: Any) -> dict[str, Any]:
    """Give an experiment without a mistake, with some of its sections replaced."""
    return {
        "version": 1,
        "name": "good",
        "workload": {
            "arrivals": {"kind": "poisson", "rate_per_s": 5.0},
            "tasks": {"chat": {"input_tokens": 100, "output_tokens": 50}},
        },
        "fleet": {
            "small": {"tier": "cheap", "price": {"input_mtok": 0.2}, "service": "1s"},
            "large": {"tier": "frontier", "price": {"input_mtok": 2.5}, "service": "2s"},
        },
        "quality": {"acceptance": {"chat": {"small": 0.8, "large": 0.9}}},
        "run": {"duration": "10s"},
        **changes,
    }


def issues_of(data: dict[str, Any], folder: Path | str = ".") -> list[sim.Issue]:
    """Give the issues of a mapping; none if it is accepted."""
    try:
        sim.from_mapping(data, folder)
    except sim.InvalidInput as error:
        return list(error.issues)
    return []


def trace_of(file: str, **more: Any) -> dict[str, Any]:
    """Name a trace of the Azure format."""
    return {"kind": "trace", "source": {"format": "azure_llm", "file": file}, **more}


def refusal(target: float, cheap: float, frontier: float) -> list[str]:
    """Give what the run itself would say against a dependence; nothing if it finds one or needs none."""
    try:
        if cheap < 1:
            solve_rho(target, cheap, frontier)
    except ValueError as error:
        return [str(error)]
    return []


def test_all_mistakes_of_a_file_come_at_once(tmp_path: Path) -> None:
    """If a file has thirteen mistakes of as many kinds, all are told, in the order of the file, at line and column."""
    path = tmp_path / "bad.yaml"
    path.write_text(BAD, encoding="utf-8")
    with pytest.raises(sim.InvalidInput) as caught:
        sim.load(path)
    found = caught.value.issues
    assert [(issue.line, issue.path) for issue in found] == [(line, place) for line, place, _, _ in EXPECTED]
    for issue, (_, _, message, hint) in zip(found, EXPECTED, strict=True):
        assert message in issue.message
        assert issue.hint.startswith(hint)
        assert issue.file == str(path)
        assert issue.col >= 1
        assert str(issue).startswith(f"{path}:{issue.line}:{issue.col}: error: {issue.path}: ")


def test_columns_point_at_the_value(tmp_path: Path) -> None:
    """If an issue has a column, the text there is what it is about."""
    path = tmp_path / "bad.yaml"
    path.write_text(BAD, encoding="utf-8")
    with pytest.raises(sim.InvalidInput) as caught:
        sim.load(path)
    at = {issue.path: BAD.splitlines()[issue.line - 1][issue.col - 1 :] for issue in caught.value.issues}
    assert at["quality.right_when_cheap_wrong.chat"].startswith("0.99")
    assert at["baseline"].startswith("frontier")
    assert at["patterns.a"].startswith("{name: a")
    assert at["patterns.b.rules.0.when.segment"].startswith("piad")


def test_mistakes_of_shape_come_at_once_too(tmp_path: Path) -> None:
    """If a file has eight mistakes of form, all are told at once with their lines."""
    path = tmp_path / "shape.yaml"
    path.write_text(
        "version: 2\nname: bad name\nseed: -1\nworkload: {arrivals: {kind: poison, rate_per_s: 5}}\n"
        "fleet: {m: {price: {input_mtok: -1}, service: 5}}\n"
        "patterns: [{name: x, kind: cascade, ladder: [m]}]\nrun: {replicatons: 3, level: 2}\nbase: m\n",
        encoding="utf-8",
    )
    with pytest.raises(sim.InvalidInput) as caught:
        sim.load(path)
    found = {issue.path: issue.line for issue in caught.value.issues}
    assert found == {
        "version": 1,
        "name": 2,
        "seed": 3,
        "workload.arrivals.kind": 4,
        "fleet.m.price.input_mtok": 5,
        "fleet.m.service": 5,
        "patterns.x.ladder": 6,
        "patterns.x.escalate_when": 6,
        "run.replicatons": 7,
        "run.level": 7,
        "base": 8,
    }


def test_nothing_is_said_of_a_good_experiment() -> None:
    """If everything fits, there is no issue and no warning."""
    assert issues_of(good()) == []
    assert warnings_of(sim.from_mapping(good())) == []


def test_every_missing_acceptance_is_told_with_an_example() -> None:
    """If acceptance probabilities are missing, each gap is one issue whose hint says what to write."""
    found = issues_of(good(quality={"acceptance": {}}))
    assert [issue.message for issue in found] == [
        "no acceptance probability of 'small' for task class 'chat'",
        "no acceptance probability of 'large' for task class 'chat'",
    ]
    assert found[0].hint == "write quality.acceptance.chat: {small: 0.9}"


@pytest.mark.parametrize(("cheap", "frontier"), [(0.8, 0.9), (0.9, 0.8), (0.5, 0.999), (0.0, 0.5), (1.0, 0.5)])
@pytest.mark.parametrize("target", [0.0, 0.3, 0.5, 0.7, 0.79, 0.8, 0.85, 0.9, 0.95, 1.0])
def test_dependence_is_refused_exactly_where_it_cannot_be_solved(cheap: float, frontier: float, target: float) -> None:
    """If the run would find no dependence, validation says so beforehand, and only then."""
    quality = {"acceptance": {"chat": {"small": cheap, "large": frontier}}, "right_when_cheap_wrong": target}
    found = [issue.message.removeprefix("task class 'chat': ") for issue in issues_of(good(quality=quality))]
    assert found == refusal(target, cheap, frontier)


def test_a_trace_that_is_not_there_says_where_to_get_it(tmp_path: Path) -> None:
    """If a trace file is missing, the issue says where one looked and the hint where the public file is."""
    workload = {"arrivals": trace_of("no.csv"), "tasks": {"chat": {}}}
    (issue,) = issues_of(good(workload=workload), tmp_path)
    assert issue.path == "workload.arrivals.source.file"
    assert str(tmp_path / "no.csv") in issue.message
    assert issue.hint.startswith("the public file is ")
    assert "Azure" in issue.hint


def test_a_file_of_the_users_own_has_no_public_source(tmp_path: Path) -> None:
    """If the format is the user's own, no hint pretends that there is a public file."""
    source = {"format": "columns", "file": "no.csv", "time_unit": "s", "columns": {"arrival": "t"}}
    tasks = {"chat": {"input_tokens": 1, "output_tokens": 1}}
    workload = {"arrivals": {"kind": "trace", "source": source}, "tasks": tasks}
    (issue,) = issues_of(good(workload=workload), tmp_path)
    assert issue.hint == ""


@pytest.mark.parametrize(
    ("arrivals", "ends"), [({"a": True}, True), ({"a": True, "b": False}, False), ({"a": False}, False)]
)
def test_a_run_without_an_end_is_refused(tmp_path: Path, arrivals: dict[str, bool], *, ends: bool) -> None:
    """If neither duration nor number is given, every source must be a trace: one endless source is enough to refuse."""
    (tmp_path / "log.csv").write_text("t\n", encoding="utf-8")
    kinds = {True: trace_of("log.csv"), False: {"kind": "poisson", "rate_per_s": 1.0}}
    segments = {name: {"arrivals": kinds[recorded]} for name, recorded in arrivals.items()}
    tasks = {"chat": {"input_tokens": 1, "output_tokens": 1}}
    found = issues_of(good(workload={"segments": segments, "tasks": tasks}, run={}), tmp_path)
    assert [issue.path for issue in found] == ([] if ends else ["run"])


def test_a_bootstrap_has_no_end(tmp_path: Path) -> None:
    """If a trace goes on by bootstrap, the run must say when it ends."""
    (tmp_path / "log.csv").write_text("t\n", encoding="utf-8")
    workload = {"arrivals": trace_of("log.csv", bootstrap="1m"), "tasks": {"chat": {}}}
    assert [issue.path for issue in issues_of(good(workload=workload, run={}), tmp_path)] == ["run"]
    assert issues_of(good(workload=workload), tmp_path) == []


def test_tokens_may_be_left_to_traces_only_if_all_sources_are_traces(tmp_path: Path) -> None:
    """If one segment draws its arrivals, its prompts have no length unless a law gives it."""
    (tmp_path / "log.csv").write_text("t\n", encoding="utf-8")
    segments = {
        "a": {"arrivals": trace_of("log.csv")},
        "b": {"arrivals": {"kind": "poisson", "rate_per_s": 1.0}},
    }
    found = issues_of(good(workload={"segments": segments, "tasks": {"chat": {}}}), tmp_path)
    assert [issue.message for issue in found] == ["input_tokens is missing", "output_tokens is missing"]


def test_an_outcome_table_needs_a_column_per_model(tmp_path: Path) -> None:
    """If an outcome table stands in for the quality model, it has a column for each model and stands alone."""
    (tmp_path / "table.csv").write_text("t\n", encoding="utf-8")
    outcomes = {"file": "table.csv", "models": {"small": "s", "medium": "m"}}
    found = issues_of(good(outcomes=outcomes), tmp_path)
    assert [(issue.path, issue.message) for issue in found] == [
        ("outcomes.models", "the outcome table has no column for 'large'"),
        ("outcomes.models.medium", "there is no model 'medium'"),
        ("quality.acceptance", "stands beside an outcome table, which says it already"),
    ]


def test_a_cascade_uphill_in_price_is_warned_of() -> None:
    """If the first model of a ladder is the dearer one, that is allowed but told."""
    pattern = {"name": "odd", "kind": "cascade", "ladder": ["large", "small"], "escalate_when": {"lowest": 0.2}}
    (warning,) = warnings_of(sim.from_mapping(good(patterns=[pattern])))
    assert warning == "odd: large is dearer than small, which it spares"


@pytest.mark.parametrize(("bound", "verdict"), [(0.0, "nothing"), (1.0, "everything"), (1.5, "everything")])
def test_a_threshold_outside_probabilities_is_warned_of(bound: float, verdict: str) -> None:
    """If a confidence threshold lies outside (0, 1), the warning says what it does."""
    pattern = {
        "name": "odd",
        "kind": "cascade",
        "ladder": ["small", "large"],
        "escalate_when": {"confidence_below": bound},
    }
    (warning,) = warnings_of(sim.from_mapping(good(patterns=[pattern])))
    assert f"escalates {verdict}" in warning


def test_a_share_of_a_blind_score_is_warned_of() -> None:
    """If the lowest share is to escalate by a score with AUROC 0.5, the warning says that all answers tie."""
    pattern = {"name": "odd", "kind": "cascade", "ladder": ["small", "large"], "escalate_when": {"lowest": "20%"}}
    blind = {**pattern, "verify": {"auroc": 0.5}}
    assert warnings_of(sim.from_mapping(good(patterns=[pattern]))) == []
    (warning,) = warnings_of(sim.from_mapping(good(patterns=[blind])))
    assert warning == "odd: AUROC 0.5 says nothing of small's answers: all tie, so lowest escalates them all"


def test_a_signal_that_no_rule_uses_is_warned_of() -> None:
    """If a signal is declared for all patterns or for one, and no rule asks for it, the warning names it."""
    pattern = {
        "name": "p",
        "kind": "pre_route",
        "rules": [{"when": {"label": "chat"}, "to": "large"}],
        "otherwise": "small",
        "signals": {"mine": {"kind": "similarity", "auroc": 0.7}},
    }
    signals = {"label": {"kind": "task_class", "accuracy": 0.9}, "sure": {"kind": "confidence"}}
    assert warnings_of(sim.from_mapping(good(patterns=[pattern], signals=signals))) == [
        "the signal 'sure' is used by no rule",
        "p: the signal 'mine' is used by no rule",
    ]


def test_a_segment_rule_without_segments_is_refused() -> None:
    """If a rule names a segment and the workload has none, no request could ever meet it."""
    rule = {"when": {"segment": "paid"}, "to": "large"}
    pattern = {"name": "p", "kind": "pre_route", "rules": [rule], "otherwise": "small"}
    (issue,) = issues_of(good(patterns=[pattern]))
    assert issue.message == "there is no segment 'paid'"
