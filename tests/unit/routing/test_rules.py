"""Pre-route rules: the first that holds decides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from scenes import FLEET, WORKLOAD, setting

import sim
from sim.routing.patterns.pre_route import PreRoute
from sim.routing.plan import Cause
from sim.routing.rules import Rule, parse_comparison


def pre_route(*rules: tuple[dict[str, Any], str], **more: Any) -> dict[str, Any]:
    """Give a pre-route pattern; the rest goes to small."""
    return {
        "name": "p",
        "kind": "pre_route",
        "otherwise": "small",
        "rules": [{"when": when, "to": to} for when, to in rules],
        **more,
    }


def chosen(*rules: tuple[dict[str, Any], str], **sections: Any) -> tuple[list[str], Any]:
    """Give the model of each request by name, and the requests."""
    scene = setting(pre_route(*rules), **sections)
    plan = scene.plan()
    return [plan.models[number] for number in plan.answer_model], scene.requests


@pytest.mark.parametrize(
    ("text", "parsed"),
    [(">4000", (">", 4000.0)), (" >= .88 ", (">=", 0.88)), ("<-1e-3", ("<", -0.001)), ("<=+2.", ("<=", 2.0))],
)
def test_comparisons_are_read(text: str, parsed: tuple[str, float]) -> None:
    """An operator and a number, with or without spaces."""
    assert parse_comparison(text) == parsed


@pytest.mark.parametrize("text", ["4000", "=4000", ">", "> 4k", ">1.2.3", ">.", "code", "> nan", ">>1", ">inf"])
def test_what_is_no_comparison_is_refused_with_an_example(text: str) -> None:
    """Anything else says how to write one."""
    with pytest.raises(ValueError, match=r"is no comparison; write for example '>4000'"):
        parse_comparison(text)


@pytest.mark.parametrize("operator", [">", ">=", "<", "<="])
def test_a_comparison_means_what_it_says(operator: str) -> None:
    """Requests on, above and below the bound go where Python's own comparison sends them."""
    tokens = setting().requests.input_tokens
    bound = int(np.median(tokens))
    assert np.count_nonzero(tokens == bound)
    models, requests = chosen(({"prompt_tokens": f"{operator}{bound}"}, "large"))
    compare = {">": int.__gt__, ">=": int.__ge__, "<": int.__lt__, "<=": int.__le__}[operator]
    assert models == ["large" if compare(int(n), bound) else "small" for n in requests.input_tokens]


def test_the_first_rule_that_holds_wins() -> None:
    """A naive loop over requests and rules gives the same models."""
    rules = (
        ({"prompt_tokens": ">4000"}, "large"),
        ({"prompt_tokens": ["<3000", ">1000"], "segment": "all"}, "middle"),
        ({"prompt_tokens": "<2000"}, "large"),
        ({"prompt_tokens": ">3900"}, "middle"),
    )
    models, requests = chosen(*rules)
    expected = []
    for n in requests.input_tokens.tolist():
        if n > 4000:
            expected.append("large")
        elif 1000 < n < 3000:
            expected.append("middle")
        elif n < 2000:
            expected.append("large")
        else:
            expected.append("middle" if n > 3900 else "small")
    assert models == expected


def test_labels_mean_any_of_them() -> None:
    """Several labels hold if the request has one of them."""
    parts = {name: {"share": share} for name, share in (("free", 0.5), ("plus", 0.3), ("pro", 0.2))}
    models, requests = chosen(({"segment": ["plus", "pro"]}, "large"), workload={**WORKLOAD, "segments": parts})
    names = [requests.segments[code] for code in requests.segment]
    assert models == ["small" if name == "free" else "large" for name in names]


def test_each_signal_is_paid_once_per_request() -> None:
    """A signal that two rules use makes one leg for every request, before the call, with its price."""
    signals = {
        "hard": {"kind": "similarity", "auroc": 0.7, "time": "20ms", "usd_per_call": 0.000002},
        "task": {"kind": "task_class", "accuracy": 0.9, "time": {"p50": "10ms", "p95": "30ms"}},
        "unused": {"kind": "similarity", "auroc": 0.9, "time": "9s"},
    }
    rules = (({"hard": ">0.9", "task": "code"}, "large"), ({"hard": ">0.8"}, "middle"), ({"task": "code"}, "large"))
    plan = setting(pre_route(*rules), requests=500, signals=signals).plan()
    assert [(step.name, step.nano_usd) for step in plan.steps] == [("signal:hard", 2_000), ("signal:task", 0)]
    for number in range(2):
        paid = plan.itinerary.leg_request[plan.leg_step == number]
        assert np.array_equal(paid, np.arange(500))
    assert set(plan.leg_cause[plan.leg_step >= 0].tolist()) == {Cause.CLASSIFIER}
    assert plan.itinerary.leg_stage.tolist() == [0, 0, 1] * 500
    assert set(plan.itinerary.leg_service_ns[plan.leg_step == 0].tolist()) == {20_000_000}


def test_free_signals_leave_no_leg() -> None:
    """Prompt length and segment cost nothing and take no time."""
    plan = setting(pre_route(({"prompt_tokens": ">1000", "segment": "all"}, "large"))).plan()
    assert plan.steps == ()
    assert not plan.itinerary.leg_stage.any()


def refused(pattern: dict[str, Any], **sections: Any) -> str:
    """Give the message with which an experiment of this pattern is refused."""
    with pytest.raises(sim.InvalidInput) as caught:
        setting(pattern, requests=1, **sections)
    return str(caught.value)


TASK = {"task": {"kind": "task_class", "accuracy": 0.9}}


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ({"lenght": ">1"}, "rules[0].when.lenght: no signal of this name; there are prompt_tokens, segment, task"),
        ({"prompt_tokens": "math"}, "rules[0].when.prompt_tokens: 'math' is no comparison"),
        ({"task": ">4"}, "rules[0].when.task: has labels, not numbers"),
        ({"task": ["code", "coed"]}, "rules[0].when.task: there is no label 'coed'; there are chat, code"),
    ],
)
def test_a_rule_that_cannot_hold_is_refused(when: dict[str, Any], message: str) -> None:
    """Rules name signals that exist and compare them in their own kind, with labels that exist."""
    assert message in refused(pre_route((when, "large")), signals=TASK)


def test_confidence_is_no_signal_of_a_rule() -> None:
    """What is known only after a first call cannot choose the first call."""
    message = refused(pre_route(({"sure": ">0.5"}, "large")), signals={"sure": {"kind": "confidence"}})
    assert "known only after a first call" in message


def test_rules_name_models_of_the_fleet() -> None:
    """A rule that sends requests to nowhere is refused."""
    assert "'huge'" in refused(pre_route(({"prompt_tokens": ">1"}, "huge")))


@pytest.mark.parametrize("condition", [True, 4000, None, {"a": 1}, []])
def test_a_condition_is_text(condition: object) -> None:
    """A number without operator, a boolean or nothing is no condition."""
    with pytest.raises(ValidationError):
        Rule.model_validate({"when": {"prompt_tokens": condition}, "to": "small"})


def test_signals_of_a_pattern_come_before_those_of_the_experiment() -> None:
    """If both declare a name, the pattern's own is used."""
    pattern = pre_route(({"task": "code"}, "large"), signals={"task": {"kind": "task_class", "accuracy": 1.0}})
    scene = setting(pattern, signals={"task": {"kind": "task_class", "accuracy": 0.0}})
    code = scene.requests.task == scene.requests.tasks.index("code")
    assert np.array_equal(scene.plan().answer_model == list(FLEET).index("large"), code)


def test_models_stand_in_the_order_of_the_rules() -> None:
    """The models a pattern may call are named once each, rules first."""
    rules = [Rule(when={"prompt_tokens": [">1"]}, to=model) for model in ("large", "small", "large")]
    assert PreRoute(kind="pre_route", name="p", otherwise="small", rules=rules).all_models() == ("large", "small")
