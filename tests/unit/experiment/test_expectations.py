"""Thresholds held against the experiment they stand in, before anything is played."""

from __future__ import annotations

from pathlib import Path

import pytest

import sim
from sim.experiment.expectations import expectations

HEAD = """\
version: 1
name: held
workload:
  arrivals: {kind: poisson, rate_per_s: 5}
  segments: {paid: {share: 30%}, free: {share: 70%}}
  tasks: {chat: {input_tokens: 100, output_tokens: 50}}
fleet:
  small: {tier: cheap, price: {input_mtok: 0.2}, service: 1s}
  large: {tier: frontier, price: {input_mtok: 2.5}, service: 2s}
quality: {acceptance: {chat: {small: 0.8, large: 0.95}}, confidence: {small: {auroc: 0.8}}}
patterns:
  - {name: one, kind: single, model: small, rules: [{when: {segment: paid}, to: large}]}
  - {name: two, kind: cascade, ladder: [small, large], escalate_when: {confidence_below: 0.7}}
run: {duration: 1m, replications: 3}
"""


def loaded(folder: Path, thresholds: str) -> sim.Experiment:
    """Load the experiment with some thresholds, which begin in line 15."""
    path = folder / "held.yaml"
    path.write_text(HEAD + thresholds, encoding="utf-8")
    return sim.load(path)


def test_a_threshold_without_a_pattern_is_of_the_patterns_written_in_the_file(tmp_path: Path) -> None:
    """If no pattern is selected, the baselines that run beside the user's patterns are left out; named, they count."""
    found = expectations(
        loaded(tmp_path, "thresholds: {latency: 'p(95)<4s', 'latency{pattern:frontier-only}': 'p(95)<4s'}")
    )
    assert [expectation.patterns for expectation in found] == [("one", "two"), ("frontier-only",)]


def test_every_form_of_a_threshold_is_read_with_its_place(tmp_path: Path) -> None:
    """If a threshold is text, a mapping or a list of both, each is found at its line and column; off is left out."""
    found = expectations(
        loaded(
            tmp_path,
            "thresholds:\n"
            "  latency: p(95)<4s\n"
            "  ttft: {threshold: mean<1s, level: warn}\n"
            "  wait: [med<1s, {threshold: 'p(90)<2s', level: off}, {threshold: 'p(80)<2s'}]\n",
        )
    )
    assert [(one.text, one.level, one.place, one.mark.line, one.mark.col) for one in found] == [
        ("p(95)<4s", "error", "thresholds.latency", 16, 12),
        ("mean<1s", "warn", "thresholds.ttft", 17, 21),
        ("med<1s", "error", "thresholds.wait.0", 18, 10),
        ("p(80)<2s", "error", "thresholds.wait.2", 18, 67),
    ]


def test_of_a_single_task_class_the_metric_is_that_of_everything(tmp_path: Path) -> None:
    """If there is one task class only, no run reports it apart, and its selector means all requests."""
    found = expectations(loaded(tmp_path, "thresholds: {'latency{task:chat}': ['p(95)<4s', 'p(90)<4s', 'mean<1s']}"))
    assert [one.chosen.metric for one in found] == ["latency.p95", "latency.p90", "latency.mean"]
    assert found[1].chosen.group == ""


def test_thresholds_are_no_part_of_the_content_hash(tmp_path: Path) -> None:
    """If only a threshold changes, the experiment needs no new simulation."""
    with_one, without = loaded(tmp_path, "thresholds: {latency: 'p(95)<4s'}"), loaded(tmp_path, "")
    assert with_one.hash == without.hash
    assert with_one.resolved["thresholds"] == {"latency": "p(95)<4s"}


BAD = """\
thresholds:
  latancy: p(95)<4s
  latency{pattern:tow}: p(95)<4s
  latency{segment:fre}: [p(95)<4s]
  latency{task:chta}: p(95)<4s
  utilisation{model:smal}: value<80%
  cost.per_1k{pattern:frontier-only,model:small}: value<1usd
  latency: [p(95)<4, rate<4s, 'p(95) under 4s', {threshold: p(95)<4%}, {threshold: p(95)<4s, level: loud}]
  wait: []
"""


def test_everything_that_can_match_nothing_is_refused_at_its_place(tmp_path: Path) -> None:
    """If thresholds are wrong, all are told at once with line and column, and with what was probably meant."""
    with pytest.raises(sim.InvalidInput) as caught:
        loaded(tmp_path, BAD.replace(", level: loud", ""))
    found = [(issue.line, issue.col, issue.message, issue.hint) for issue in caught.value.issues]
    assert [(line, col) for line, col, *_ in found] == [
        (16, 12),
        (17, 3),
        (18, 26),
        (19, 23),
        (20, 28),
        (21, 51),
        (22, 13),
        (22, 22),
        (22, 31),
        (22, 61),
        (23, 9),
    ]
    words = "\n".join(f"{message} | {hint}" for *_, message, hint in found)
    for part in (
        "there is no metric 'latancy' | did you mean 'latency'?",
        "there is no pattern 'tow' | did you mean 'two'?",
        "there is no segment 'fre' | did you mean 'free'?",
        "there is no task class 'chta' | did you mean 'chat'?",
        "there is no model 'smal' | did you mean 'small'?",
        "there is no model 'small' that these patterns call | models: large",
        "4 has no unit",
        "'latency' has no aggregation 'rate'",
        "'p(95) under 4s' is no condition",
        "4% is not a duration",
        "has no condition",
    ):
        assert part in words


def test_an_unknown_level_is_refused(tmp_path: Path) -> None:
    """If a level is none of error, warn and off, the three are named."""
    with pytest.raises(sim.InvalidInput) as caught:
        loaded(tmp_path, "thresholds: {latency: [{threshold: p(95)<4s, level: loud}]}")
    assert "error, warn, off" in str(caught.value)


@pytest.mark.parametrize(
    ("selector", "unknown"),
    [
        ("route:nowhere", "nowhere"),
        ("pattern:two,route:small>lagre", "lagre"),
        ("route:fallback:other", "other"),
        ("pattern:cheap-only,route:large", "large"),
    ],
)
def test_a_route_over_a_model_that_is_never_called_is_refused(tmp_path: Path, selector: str, unknown: str) -> None:
    """If no pattern that is meant calls a model of the route, no request can ever take it."""
    with pytest.raises(sim.InvalidInput, match=f"no request can take the route .* do not call '{unknown}'"):
        loaded(tmp_path, f"thresholds: {{'latency{{{selector}}}': 'p(95)<4s'}}")


def test_routes_over_models_that_are_called_are_left_to_the_run(tmp_path: Path) -> None:
    """If every model of a route is called, and where requests may stay unanswered, only the run can tell."""
    routes = ("small", "small>large", "small+large", "fallback:large", "hedge:small", "unanswered")
    keys = ", ".join(f"'latency{{pattern:two,route:{route}}}': 'p(95)<4s'" for route in routes)
    assert len(expectations(loaded(tmp_path, f"thresholds: {{{keys}}}"))) == len(routes)
