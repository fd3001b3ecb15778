"""The line-up: the user's patterns and the baselines they are held against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import TypeAdapter

from sim.experiment.lineup import LineUp, line_up
from sim.fleet import Model
from sim.routing.patterns import AnyPattern, Pattern

PRICES = {"tiny": 0.1, "small": 0.5, "middle": 2.0, "large": 9.0}


def fleet(*names: str, **tiers: str) -> dict[str, Model]:
    """Build a fleet of these models, with rising prices."""
    return {
        name: Model.model_validate(
            {"price": {"input_mtok": PRICES.get(name, 3.0)}, "service": "1s", "tier": tiers.get(name)}
        )
        for name in names
    }


def pattern(kind: str, name: str, **written: Any) -> Pattern:
    """Build a pattern."""
    adapter: TypeAdapter[Pattern] = TypeAdapter(AnyPattern)
    return adapter.validate_python({"kind": kind, "name": name, **written})


def cascade(*ladder: str, name: str = "cascade") -> Pattern:
    """Build a cascade."""
    return pattern("cascade", name, ladder=list(ladder), escalate_when={"lowest": 0.2})


def names(up: LineUp) -> list[str]:
    """Give the names in the order of the report."""
    return [one.name for one in up.patterns]


def played(up: LineUp) -> dict[str, str]:
    """Give the model of every single pattern."""
    return {one.name: one.all_models()[0] for one in up.patterns if getattr(one, "kind", "") == "single"}


def build(models: dict[str, Model], *patterns: Pattern, baseline: str | None = None) -> LineUp:
    """Make the line-up and check what always holds: names are unique and every role is taken by a pattern."""
    up = line_up(patterns, models, baseline)
    assert len(set(names(up))) == len(up.patterns)
    assert {up.cheap_only, up.frontier_only, *up.direct.values()} <= set(names(up))
    assert up.patterns[len(up.patterns) - len(patterns) :] == patterns
    return up


def test_both_ends_always_run() -> None:
    """If the user has no pattern of one model, cheap-only and frontier-only stand in front of the user's patterns."""
    up = build(fleet("small", "large"), cascade("small", "large"))
    assert names(up) == ["cheap-only", "frontier-only", "cascade"]
    assert played(up) == {"cheap-only": "small", "frontier-only": "large"}
    assert (up.baseline, up.cheap, up.frontier) == ("frontier-only", "small", "large")


@pytest.mark.parametrize("order", [("tiny", "small", "large"), ("large", "tiny", "small"), ("small", "large", "tiny")])
def test_ends_go_by_price_where_no_tier_is_given(order: Sequence[str]) -> None:
    """If no model has a tier, the cheapest and the dearest are the ends, whatever the order in the file."""
    up = build(fleet(*order))
    assert (up.cheap, up.frontier) == ("tiny", "large")


def test_tiers_decide_where_given() -> None:
    """If tiers are given, they decide, whatever the prices."""
    up = build(fleet("tiny", "small", "large", small="frontier", large="cheap"))
    assert (up.cheap, up.frontier) == ("large", "small")


def test_a_pattern_of_the_user_takes_the_role() -> None:
    """If the user has a pattern that sends all to one model, it is the baseline and none is added for that model."""
    up = build(fleet("small", "large"), pattern("single", "today", model="large"))
    assert names(up) == ["cheap-only", "today"]
    assert (up.baseline, up.frontier_only) == ("today", "today")


def test_a_single_with_rules_is_no_baseline() -> None:
    """If rules stand in front of a single model, not everything goes to it: a real baseline is added."""
    rule = {"when": {"prompt_tokens": ">4000"}, "to": "small"}
    up = build(fleet("small", "large"), pattern("single", "mostly", model="large", rules=[rule]))
    assert names(up) == ["cheap-only", "frontier-only", "mostly"]


def test_the_ends_of_a_cascade_are_called_directly() -> None:
    """If a ladder starts or ends elsewhere than the fleet, direct calls to its ends are added."""
    up = build(fleet("tiny", "small", "middle", "large"), cascade("small", "middle"))
    assert names(up) == ["cheap-only", "frontier-only", "small-only", "middle-only", "cascade"]
    assert {up.direct["small"], up.direct["middle"]} == {"small-only", "middle-only"}


def test_the_baseline_the_user_names_counts() -> None:
    """If the user names a baseline, it is that one; the two ends still run."""
    up = build(fleet("small", "large"), cascade("small", "large"), baseline="cascade")
    assert up.baseline == "cascade"
    assert names(up) == ["cheap-only", "frontier-only", "cascade"]


def test_one_model_is_both_ends() -> None:
    """If the fleet has one model, it is cheap and frontier, and runs once."""
    up = build(fleet("small"))
    assert names(up) == ["frontier-only"]
    assert up.cheap_only == up.frontier_only


@pytest.mark.parametrize("taken", [["cheap-only"], ["cheap-only", "cheap-only-direct", "frontier-only"]])
def test_names_that_are_taken_are_not_given_again(taken: list[str]) -> None:
    """If the user calls another pattern cheap-only, the added one gets a name of its own."""
    up = build(fleet("small", "large"), *(cascade("small", "large", name=name) for name in taken))
    assert played(up)[up.cheap_only] == "small"
    assert up.cheap_only not in taken


def test_a_model_called_cheap_is_not_taken_for_the_cheap_one() -> None:
    """If a ladder starts with a model called `cheap` that is not the cheapest, both direct calls run."""
    models = fleet("tiny", "cheap", "large", tiny="cheap", cheap="balanced", large="frontier")
    up = build(models, cascade("cheap", "large"))
    assert {model: played(up)[name] for model, name in up.direct.items()} == {
        "tiny": "tiny",
        "cheap": "cheap",
        "large": "large",
    }


@pytest.mark.parametrize("similar", [("a/b", "a:b"), ("x" * 99 + "1", "x" * 99 + "2")])
def test_models_whose_names_look_alike_are_kept_apart(similar: tuple[str, str]) -> None:
    """If names of models differ only in what pattern names cannot hold, each still has its own direct call."""
    up = build(
        fleet("tiny", *similar, "large"),
        cascade(similar[0], "large", name="one"),
        cascade(similar[1], "large", name="two"),
    )
    assert {model: played(up)[name] for model, name in up.direct.items()} == {name: name for name in up.direct}
    assert set(similar) <= set(up.direct)


def test_a_pattern_alone_is_its_own_baseline() -> None:
    """If a pattern is to be played alone, nothing is compared; compared, its baselines and direct calls come along."""
    models = fleet("tiny", "small", "middle", "large")
    up = line_up([cascade("small", "middle"), cascade("tiny", "large", name="other")], models, None)
    alone = up.only("cascade", compared=False)
    assert names(alone) == ["cascade"]
    assert {alone.baseline, alone.cheap_only, alone.frontier_only, *alone.direct.values()} == {"cascade"}
    compared = up.only("cascade", compared=True)
    assert set(names(compared)) == {"cheap-only", "frontier-only", "small-only", "middle-only", "cascade"}
    assert (compared.baseline, compared.direct) == (up.baseline, up.direct)
