"""What a plan rests on: assumptions moved by nothing, by something, and until another kind is better."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scenes import FLEET

import sim
from sim.experiment.drifting import PRESETS
from sim.experiment.scene import Scene
from sim.study.plan.assumptions import assumptions_of
from sim.study.plan.bodies import Ladder
from sim.study.plan.candidates import Candidate
from sim.study.plan.goal import Effort, Goal
from sim.study.plan.horizon import DRIFTS, _crossing
from sim.study.plan.ledger import Ledger, Part, Sums
from sim.study.plan.means import means_of
from sim.study.plan.sample import draw
from sim.study.plan.search import Searcher
from sim.study.plan.sensitivity import Sensitivity, Tornado, tornado

EFFORT = Effort(requests=4_000, levels=20, bounds=3, finer=4, margin=0.0)
GOAL = Goal(quality_budget=2.0)


def scene_with(auroc: float) -> Scene:
    """Two models and a good classifier of the task; the confidence of the small model has this AUROC."""
    data: dict[str, Any] = {
        "version": 1,
        "name": "two",
        "seed": 2,
        "workload": {
            "arrivals": {"kind": "poisson", "rate_per_s": 0.5},
            "tasks": {name: {"input_tokens": 500, "output_tokens": 200} for name in ("easy", "hard")},
            "mix": {"easy": 0.6, "hard": 0.4},
        },
        "fleet": {name: FLEET[name] for name in ("small", "large")},
        "quality": {
            "acceptance": {"easy": {"small": 0.95, "large": 0.97}, "hard": {"small": 0.6, "large": 0.9}},
            "confidence": {"small": {"auroc": auroc}},
        },
        "signals": {"task": {"kind": "task_class", "accuracy": 0.95}},
        "run": {"duration": "60m", "replications": 2},
    }
    one = sim.from_mapping(json.loads(json.dumps(data)))
    return Scene(one.spec, one.line_up, one.inputs())


def candidates(scene: Scene) -> list[Candidate]:
    """Give the best of each kind, the cheapest in front."""
    means = means_of(scene, None)
    found = Searcher(scene, draw(scene, means, EFFORT.requests), means, GOAL, EFFORT).everything().best
    return sorted((best[0] for best in found.values()), key=lambda one: one.point.usd)


@pytest.fixture(scope="module")
def moved() -> Tornado:
    """Move what a cascade rests on whose scores are good."""
    scene = scene_with(0.9)
    some = candidates(scene)
    chosen = next(one for one in some if one.kind == "cascade")
    rivals = [one for one in some if one is not chosen]
    return tornado(scene, GOAL, EFFORT, chosen=chosen, rivals=rivals, hard=("hard",))


def entry(found: Tornado, name: str) -> Sensitivity:
    """Give one assumption."""
    return next(one for one in found.entries if one.name == name)


def test_everything_that_a_plan_rests_on_is_moved(moved: Tornado) -> None:
    """Qualities, their dependence, scores, classifiers, prices, lengths and the mix: each has its row."""
    assert {one.name for one in moved.entries} == {
        "acceptance of small",
        "acceptance of large",
        "correlation of models",
        "AUROC of small's confidence",
        "accuracy of task",
        "price of small",
        "price of large",
        "length of small's answers",
        "length of large's answers",
        "share of hard",
    }


def test_moves_go_the_way_they_must(moved: Tornado) -> None:
    """Dearer models cost more and lose nothing; worse scores and a worse small model lose more."""
    price = entry(moved, "price of large")
    assert price.low.usd < moved.usd < price.high.usd
    assert price.low.loss == price.high.loss == pytest.approx(moved.loss)
    score = entry(moved, "AUROC of small's confidence")
    assert score.low.loss > moved.loss > score.high.loss
    quality = entry(moved, "acceptance of small")
    assert quality.low.loss > moved.loss > quality.high.loss
    assert entry(moved, "accuracy of task").low.usd == moved.usd


def test_knowing_is_worth_what_deciding_better_saves(moved: Tornado) -> None:
    """No knowledge is worth less than nothing, and what moves only the bill of every plan alike is worth little."""
    worths = {one.name: one.worth for one in moved.entries}
    assert moved.point_usd is not None
    assert moved.point_usd > 0
    assert all(worth is not None and worth >= 0 for worth in worths.values())


def test_the_choice_flips_where_its_scores_are_too_weak() -> None:
    """If a cascade is chosen by a narrow margin, a lower AUROC makes a pre-route better, from some value on."""
    for auroc in (0.6, 0.65, 0.7, 0.75, 0.8, 0.85):
        scene = scene_with(auroc)
        some = candidates(scene)
        cascade = next(one for one in some if one.kind == "cascade")
        route = next(one for one in some if one.kind == "pre-route")
        if cascade.point.usd < route.point.usd:
            break
    found = tornado(scene, replace(GOAL, indifference=0.0), EFFORT, chosen=cascade, rivals=[route], hard=())
    score = entry(found, "AUROC of small's confidence")
    assert score.flips_to == "pre-route"
    assert -0.05 <= float(score.flips_at) < 0


def test_an_assumption_that_is_not_moved_changes_nothing() -> None:
    """If every assumption is moved by nothing, qualities, prices and mixes are what they were."""
    scene = scene_with(0.8)
    means = means_of(scene, None)
    plain = draw(scene, means, 1_000)
    for assumption in assumptions_of(scene, means, ("hard",)):
        spec = assumption.change(scene.spec, 0.0)
        other = draw(Scene(spec, scene.line_up, scene.inputs), means, 1_000)
        for name, model in plain.models.items():
            assert (other.models[name].cost == model.cost).all(), assumption.name
            assert (other.models[name].right == model.right).all(), assumption.name


def test_a_candidate_alone_is_what_it_was_among_all() -> None:
    """If a candidate is looked at by itself, cost, loss and times are those that the whole search gave it."""
    scene = scene_with(0.8)
    means = means_of(scene, None)
    searcher = Searcher(scene, draw(scene, means, 4_000), means, GOAL, replace(EFFORT, requests=4_000))
    for best in searcher.everything().best.values():
        if isinstance(best[0].body, Ladder) or best[0].body.kind == "single":
            assert searcher.point(best[0]) == best[0].point


def test_the_month_in_which_a_budget_breaks_is_where_the_line_crosses() -> None:
    """If losses are 0.5, 0.8 and 1.4, a budget of 1 breaks a third of the way through the second month."""
    assert _crossing([0.5, 0.8, 1.4], 1.0) == pytest.approx(1 + 1 / 3)
    assert _crossing([0.5, 0.8, 0.9], 1.0) is None
    assert _crossing([1.2, 0.8], 1.0) == 0.0


def test_plans_look_ahead_at_the_presets_of_drift() -> None:
    """If a plan looks ahead, then at the rates that `tiercast drift` plays forward."""
    rates = {one.name: (one.logit, one.input_growth, one.output_growth) for one in DRIFTS}
    assert rates == {name: (of.hard_log_odds, of.input_growth, of.output_growth) for name, of in PRESETS.items()}


def test_each_fresh_seed_is_held_against_the_budget() -> None:
    """If one seed of four loses far more than the budget, three keep to it; none is over while chance explains it."""
    right = np.array([990.0, 991.0, 989.0, 950.0])
    part = Part({"plan": Sums(right=right), "large": Sums(right=np.full(4, 1000.0))})
    part.yardstick, part.requests = part.sums["large"], np.full(4, 1000)
    some = Ledger(part, part, 0.95, "large")
    found = some.fresh_seeds("plan", 1.2)
    assert found is not None
    spread = float(np.array([1.0, 0.9, 1.1, 5.0]).std(ddof=1))
    assert found.give_or_take == pytest.approx(3.182446 * spread, rel=1e-6)
    assert (found.seeds, found.within, found.over) == (4, 3, 0)
    strict = some.fresh_seeds("plan", -10.0)
    assert strict is not None
    assert (strict.within, strict.over) == (0, 4)
