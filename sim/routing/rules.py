"""Pre-route rules: the first rule whose conditions all hold names the model."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, Field

from sim.chance import Purpose
from sim.columns import Bools, Floats, Ints
from sim.routing.plan import Cause, Planner
from sim.routing.signals import Labels, Numbers, Signal
from sim.routing.signals.prompt_length import PromptLength
from sim.routing.signals.segment import SegmentOfRequest
from sim.schema import Spec
from sim.units import as_int64

_COMPARISON = re.compile(r"(>=|<=|>|<)\s*([-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[-+]?[0-9]+)?)")
_COMPARE: dict[str, Callable[[Floats, float], Bools]] = {
    ">": np.greater,
    ">=": np.greater_equal,
    "<": np.less,
    "<=": np.less_equal,
}
BUILT_IN: Mapping[str, Signal] = {
    "prompt_tokens": PromptLength(kind="prompt_length"),
    "segment": SegmentOfRequest(kind="segment"),
}
"""Signals that every rule can use without declaring them: exact and free."""


def parse_comparison(text: str) -> tuple[str, float]:
    """Split `>4000` into its operator and number; ValueError with an example if it is no comparison."""
    match = _COMPARISON.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no comparison; write for example '>4000' or '>=0.88'")
    return match[1], float(match[2])


def _condition(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | list):
        raise ValueError(  # noqa: TRY004 - pydantic collects ValueError only
            f"{value!r} is no condition; write a comparison such as '>4000' or labels such as [math, code]"
        )
    return [value] if isinstance(value, str) else value


Condition = Annotated[
    list[str], BeforeValidator(_condition, json_schema_input_type=str | list[str]), Field(min_length=1)
]
"""A comparison with a number (`>4000`; of several all must hold), or one label or several (any of them)."""


class Rule(Spec):
    """A condition on signals, and where requests go that meet it."""

    when: Annotated[dict[str, Condition], Field(min_length=1)]
    """Conditions by signal name; all must hold."""
    to: str
    """Model that answers."""


def check_rules(rules: list[Rule], signals: Mapping[str, Signal], tasks: tuple[str, ...]) -> None:
    """Raise ValueError if a rule uses a signal that is not declared or does not fit, or compares it the wrong way."""
    known = {**BUILT_IN, **signals}
    for number, rule in enumerate(rules):
        for name, condition in rule.when.items():
            where = f"rules[{number}].when.{name}"
            signal = known.get(name)
            if signal is None:
                raise ValueError(f"{where}: no signal of this name; there are {', '.join(sorted(known))}")
            if not signal.known_before_call:
                raise ValueError(f"{where}: is known only after a first call; use it in a cascade's escalate_when")
            try:
                signal.check(tasks)
                _check_condition(signal, condition, tasks)
            except ValueError as error:
                raise ValueError(f"{where}: {error}") from error


def _check_condition(signal: Signal, condition: list[str], tasks: tuple[str, ...]) -> None:
    """Raise ValueError if the signal can never meet the condition for a reason that the experiment shows."""
    if signal.is_numeric():
        for part in condition:
            parse_comparison(part)
        return
    if any(_COMPARISON.fullmatch(part.strip()) for part in condition):
        raise ValueError("has labels, not numbers; write for example [math, codegen]")
    labels = signal.labels(tasks)
    for part in condition:
        if labels and part not in labels:
            raise ValueError(f"there is no label {part!r}; there are {', '.join(labels)}")


def apply_rules(planner: Planner, rules: list[Rule], signals: Mapping[str, Signal], cheap: str) -> Mapping[str, Ints]:
    """Give the rows that each named model gets by rule, after computing every signal that the rules use.

    Signals that take time or money become legs in front of the routed call, all at once, for every request.
    """
    known = {**BUILT_IN, **signals}
    scores: dict[str, Numbers | Labels] = {}
    everyone = planner.everyone()
    for name in dict.fromkeys(name for rule in rules for name in rule.when):
        signal = known[name]
        scores[name] = signal.score(name, planner.answers, cheap)
        time_ns = np.zeros(len(everyone), dtype=np.int64)
        if signal.time is not None:
            time_ns = as_int64(signal.time.quantile(planner.requests.uniform(Purpose.SIGNAL_TIME, name)))
        planner.step(everyone, f"signal:{name}", time_ns, signal.usd_per_call, cause=Cause.CLASSIFIER)
    planner.then(everyone)
    chosen: dict[str, Bools] = {}
    free = np.ones(len(everyone), dtype=np.bool_)
    for rule in rules:
        meets = free.copy()
        for name, condition in rule.when.items():
            meets &= _holds(scores[name], condition)
        free &= ~meets
        chosen[rule.to] = chosen[rule.to] | meets if rule.to in chosen else meets
    return {model: np.flatnonzero(rows) for model, rows in chosen.items()}


def _holds(score: Numbers | Labels, condition: list[str]) -> Bools:
    if isinstance(score, Labels):
        return np.array([name in condition for name in score.names], dtype=np.bool_)[score.codes]
    holds = np.ones(len(score.values), dtype=np.bool_)
    for part in condition:
        operator, bound = parse_comparison(part)
        holds &= _COMPARE[operator](score.values, bound)
    return holds


def unrouted(planner: Planner, by_rule: Mapping[str, Ints]) -> Ints:
    """Give the rows that no rule has sent anywhere."""
    left = np.ones(len(planner.requests), dtype=np.bool_)
    for rows in by_rule.values():
        left[rows] = False
    return np.flatnonzero(left).astype(np.int64)
