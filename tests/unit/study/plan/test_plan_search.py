"""The search of a plan: sums over cells and ranks against the patterns themselves, asked request by request."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scenes import FLEET, QUALITY, WORKLOAD

import sim
from sim.errors import InvalidInput
from sim.experiment.resolve import Experiment
from sim.experiment.scene import Scene
from sim.study.plan.bodies import COST, LOST, TIME, Both, Coin, Ladder, One, Tables
from sim.study.plan.candidates import Candidate, pareto
from sim.study.plan.fronts import Axis, Cells, Condition, Rule
from sim.study.plan.goal import Effort, Goal, loss_of
from sim.study.plan.ledger import ledger
from sim.study.plan.means import means_of
from sim.study.plan.sample import SEARCH_FROM, Means, Sample, draw
from sim.study.plan.search import Searcher

REQUESTS = 6_000
EFFORT = Effort(requests=REQUESTS, levels=10, bounds=3, finer=4, margin=0.0)


def experiment(**changes: Any) -> Experiment:
    """Three models, every kind of signal, checks and a reward model that take time and money."""
    data: dict[str, Any] = {
        "version": 1,
        "name": "three",
        "seed": 5,
        "workload": {
            "arrivals": {"kind": "poisson", "rate_per_s": 1},
            "tasks": WORKLOAD["tasks"],
            "segments": {
                "free": {"share": 0.7, "mix": {"chat": 0.8, "code": 0.2}},
                "paid": {"share": 0.3, "mix": {"chat": 0.5, "code": 0.5}},
            },
        },
        "fleet": FLEET,
        "quality": QUALITY,
        "signals": {
            "task": {"kind": "task_class", "accuracy": 0.85, "time": "15ms", "usd_per_call": 0.00001},
            "hard": {"kind": "similarity", "auroc": 0.7, "time": "25ms"},
        },
        "patterns": [
            {
                "name": "cascade",
                "kind": "cascade",
                "ladder": ["small", "large"],
                "verify": {"time": "60ms", "usd_per_call": 0.0001, "auroc": 0.85},
                "escalate_when": {"lowest": 0.3},
            },
            {
                "name": "both",
                "kind": "ensemble",
                "models": ["small", "large"],
                "sample": 0.1,
                "reward_model": {"accuracy": 0.9, "time": "120ms", "usd_per_call": 0.0002},
            },
        ],
        "run": {"duration": "10m", "warm_up": "10s", "replications": 3},
    }
    return sim.from_mapping(json.loads(json.dumps({**data, **changes})))


@pytest.fixture(scope="module")
def scene() -> Scene:
    """Give the scene of the experiment."""
    one = experiment()
    return Scene(one.spec, one.line_up, one.inputs())


@pytest.fixture(scope="module")
def means(scene: Scene) -> Means:
    """Give what its plans may be made of."""
    return means_of(scene, None)


@pytest.fixture(scope="module")
def sample(scene: Scene, means: Means) -> Sample:
    """Draw some of its requests."""
    return draw(scene, means, REQUESTS)


@pytest.fixture(scope="module")
def searcher(scene: Scene, means: Means, sample: Sample) -> Searcher:
    """Give a search that has ended."""
    found = Searcher(scene, sample, means, Goal(quality_budget=2.0), EFFORT)
    found.everything()
    return found


def test_means_are_those_of_the_experiment(means: Means) -> None:
    """Models stand by cost, signals are those declared and prompt length, checks and rewards those of the patterns."""
    assert means.models == ("small", "middle", "large")
    assert list(means.signals) == ["task", "hard", "prompt_tokens"]
    assert [check.auroc for check in means.checks if check is not None] == [0.85]
    assert means.words == ("refusal", "hedging")
    assert means.reward is not None


def test_no_plan_is_made_of_an_oracle() -> None:
    """If a cascade's check is never wrong, it is left out of what plans are made of."""
    ladder = {"kind": "cascade", "ladder": ["small", "large"], "escalate_when": {"confidence_below": 0.5}}
    own = [{"name": f"c{auroc}", **ladder, "verify": {"auroc": auroc}} for auroc in (0.8, 1.0)]
    one = experiment(patterns=own)
    found = means_of(Scene(one.spec, one.line_up, one.inputs()), None)
    assert [check.auroc for check in found.checks if check is not None] == [0.8]


def test_of_twins_one_is_kept() -> None:
    """If two models differ by their queues alone, a plan is made of one of them: the frontier, where it is one."""
    queued = {**FLEET["large"], "capacity": {"concurrency": 9}}
    acceptance = {task: {**by, "queued": by["large"]} for task, by in QUALITY["acceptance"].items()}
    one = experiment(fleet={**FLEET, "queued": queued}, quality={**QUALITY, "acceptance": acceptance})
    scene = Scene(one.spec, one.line_up, one.inputs())
    found = means_of(scene, None)
    assert found.models == ("small", "middle", scene.line_up.frontier)
    assert set(found.twins[scene.line_up.frontier]) == {"large", "queued"} - {scene.line_up.frontier}


def test_sums_are_what_the_patterns_themselves_give(searcher: Searcher, scene: Scene, means: Means) -> None:
    """The best of each family costs, loses and escalates on the same requests what its pattern does, to the digit."""
    some = [one for best in searcher.found.best.values() for one in best if one.body.kind not in {"ensemble", "split"}]
    kinds = {(one.kind, len(one.models)) for one in some}
    assert {("cascade", 2), ("cascade", 3), ("pre-route", 2), ("pre-route + cascade", 2)} <= kinds
    patterns = [one.pattern(f"p{number}", means) for number, one in enumerate(some)]
    frontier = Candidate((), One("large"), some[0].point).pattern("frontier", means)
    truth = ledger(scene, [*patterns, frontier], "frontier", requests=REQUESTS, first=SEARCH_FROM, level=0.95)
    for pattern, candidate in zip(patterns, some, strict=True):
        found, point = truth.estimates(pattern.name), candidate.point
        assert found["cost.per_1k"].value == pytest.approx(point.usd, rel=1e-12)
        assert found["quality.loss"].value == pytest.approx(point.loss, rel=1e-9, abs=1e-12)
        if candidate.body.kind == "cascade":
            assert found["escalation.rate"].value == pytest.approx(point.escalated, rel=1e-12)


def test_an_ensemble_of_all_requests_is_exact(searcher: Searcher, scene: Scene, means: Means, sample: Sample) -> None:
    """If all requests get both models, the sums are the pattern's; of a share they are that part of it."""
    table = Tables(sample, Cells(sample, ()), means, "large").both(("small", "large"), np.array([0.25, 1.0]))
    alone, some = searcher.found.best["single"][0].point, table.sums[0]
    pattern = Candidate((), Both(("small", "large"), 1.0), alone).pattern("both-all", means)
    frontier, cheap = (Candidate((), One(name), alone).pattern(name, means) for name in ("large", "small"))
    truth = ledger(scene, [pattern, frontier, cheap], "large", requests=REQUESTS, first=SEARCH_FROM, level=0.95)
    every, none = truth.every.sums["both-all"], truth.every.sums["small"]
    assert some[1, COST] == pytest.approx(every.cost.sum(), rel=1e-12)
    assert some[1, LOST] == truth.every.sums["large"].right.sum() - every.right.sum()
    assert some[0, COST] == pytest.approx(0.75 * none.cost.sum() + 0.25 * every.cost.sum(), rel=1e-12)


def test_times_are_those_of_an_idle_system(searcher: Searcher, scene: Scene, means: Means) -> None:
    """The mean time of a candidate is the sum of its steps' times: signals at once, then calls and checks in turn."""
    rules = (Rule(Condition("task", ("code",)), "large"), Rule(Condition("hard", above=0.8), "large"))
    candidate = Candidate(rules, One("small"), searcher.found.front[0].point)
    total = 0
    for replication in range(SEARCH_FROM, SEARCH_FROM + 3):
        answers = scene.answers(scene.requests(replication))
        plan = scene.plan(candidate.pattern("p", means), answers)
        late = plan.itinerary.leg_service_ns // 1000
        measured = answers.requests.arrival_ns >= scene.spec.run.warm_up
        by_request = np.zeros(len(answers.requests), dtype=np.int64)
        for stage in (0, 1):
            mine = np.flatnonzero(plan.itinerary.leg_stage == stage)
            longest = np.zeros(len(by_request), dtype=np.int64)
            np.maximum.at(longest, plan.itinerary.leg_request[mine], late[mine])
            by_request += longest
        total += int(by_request[measured].sum())
    few = draw(scene, means, 1_500)
    assert few.requests == sum(
        int((scene.requests(k).arrival_ns >= scene.spec.run.warm_up).sum()) for k in range(SEARCH_FROM, SEARCH_FROM + 3)
    )
    goal = Goal(quality_budget=None, signals=("task", "hard"))
    own = Searcher(scene, few, replace(means, models=("small", "large"), pairs=(("small", "large"),)), goal, EFFORT)
    cells = Cells(few, (Axis("task", labels=("chat", "code")), Axis("hard", bounds=(0.8,))))
    tables = Tables(few, cells, own.means, "large")
    front = cells.front(rules, own.means.models)
    direct = {name: tables.one(name).sums[:, 0] for name in own.means.models}
    sums = ((front.target < 0) @ direct["small"] + (front.target == 1) @ direct["large"])[np.newaxis, np.newaxis]
    own._signals(sums, [front])
    assert sums[0, 0, TIME] == total


def test_the_grid_holds_no_better_point_than_was_found(searcher: Searcher, scene: Scene, means: Means) -> None:
    """On the same requests, shares ten times as fine beat the best cascade by less than a step of the fine grid."""
    best = searcher.found.best["cascade"][0]
    finest = Searcher(scene, searcher.sample, means, searcher.goal, replace(EFFORT, levels=100, bounds=0, finer=1))
    other = finest.everything().best["cascade"][0]
    assert best.point.usd <= other.point.usd * 1.01


def test_limits_are_kept(scene: Scene, means: Means, sample: Sample) -> None:
    """Whatever is found keeps to the budget, the spend cap and the utilisation that were asked for."""
    goal = Goal(quality_budget=4.0, utilisation=0.2)
    searcher = Searcher(scene, sample, means, goal, EFFORT)
    points = [one.point for best in searcher.everything().best.values() for one in best]
    assert points
    assert all(point.loss <= 4.0 and point.used <= 0.2 for point in points)
    cheapest = min(point.usd for point in points)
    capped = replace(goal, spend_cap=float(searcher.spend(cheapest)) * 1.05, quality_budget=None, minimise="quality")
    again = Searcher(scene, sample, means, capped, EFFORT)
    found = [one.point for best in again.everything().best.values() for one in best]
    assert all(again.spend(point.usd) <= capped.spend_cap for point in found)
    assert min(point.loss for point in found) <= min(point.loss for point in points if point.usd <= cheapest * 1.05)


def test_each_segment_keeps_to_the_budget_that_it_has(scene: Scene) -> None:
    """Candidates lose what their patterns lose of each segment, within its budget; the cheapest tells them apart."""
    goal = Goal(quality_budget=None, segment_budgets=(("paid", 0.0), ("free", 8.0)))
    means = means_of(scene, ("task",), goal.segments)
    assert list(means.signals) == ["task", "segment"]
    searcher = Searcher(scene, draw(scene, means, REQUESTS), means, goal, EFFORT)
    some = [best[0] for best in searcher.everything().best.values() if best[0].body.kind not in {"ensemble", "split"}]
    patterns = [one.pattern(f"p{number}", means) for number, one in enumerate(some)]
    base = Candidate((), One("large"), some[0].point).pattern("frontier", means)
    truth = ledger(
        scene, [*patterns, base], "frontier", requests=REQUESTS, first=SEARCH_FROM, level=0.95, segments=goal.segments
    )
    for pattern, candidate in zip(patterns, some, strict=True):
        losses = searcher.segment_losses(candidate)
        found = truth.estimates(pattern.name)
        assert losses == pytest.approx([found[loss_of(name)].value for name in goal.segments], rel=1e-9, abs=1e-12)
        assert all(loss <= budget for loss, (_, budget) in zip(losses, goal.segment_budgets, strict=True))
    cheapest = min(some, key=lambda one: one.point.usd)
    assert "segment" in cheapest.signals
    with pytest.raises(InvalidInput, match="there is no segment 'payed'"):
        means_of(scene, None, ("payed",))


def test_a_front_is_what_nothing_beats(searcher: Searcher) -> None:
    """Along the front every dearer candidate loses less, and nothing in it beats another."""
    front = searcher.found.front
    assert len(front) > 10
    usd, loss = ([getattr(one.point, name) for one in front] for name in ("usd", "loss"))
    assert usd == sorted(usd)
    assert all(a > b for a, b in itertools.pairwise(loss))
    assert pareto([front[0], front[0], front[3]]) == [front[0], front[3]]


def test_rules_may_not_say_nothing(searcher: Searcher) -> None:
    """No front sends all labels away from the pattern, or a request to the model that it would get anyway."""
    for best in searcher.found.best.values():
        for one in best:
            first = one.body.models[0]
            assert all(rule.to != first for rule in one.rules)
            labels = [label for rule in one.rules for label in rule.when.labels]
            assert len(labels) < 2


def test_bodies_are_written_as_yaml_says_them(means: Means, searcher: Searcher) -> None:
    """A candidate of every kind makes a pattern that is read back as itself."""
    point = searcher.found.front[0].point
    for body in (
        One("small"),
        Ladder(("small", "middle", "large"), (0.3, 0.2), worded=True, check=0),
        Both(("small", "large"), 0.2),
        Coin(("small", "large"), 0.25),
    ):
        candidate = Candidate((Rule(Condition("hard", above=0.8), "large"),), body, point)
        pattern = candidate.pattern("p", means)
        assert pattern.all_models()[0] == "large"
        assert set(pattern.own_models()) == set(body.models)
