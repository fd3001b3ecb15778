"""Both models for a sample, pick the better."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from scenes import EVERY_KIND, FLEET, legs_of, one_task, setting, z_of

from sim.engine import play
from sim.outcome.latency import waits
from sim.routing.patterns.ensemble import Ensemble
from sim.routing.plan import Cause

N = 20_000
SMALL, LARGE = 0, 2
ENSEMBLE = EVERY_KIND["ensemble"]
FREE = {name: {**model, "capacity": "unlimited"} for name, model in FLEET.items()}


def ensemble(**changes: Any) -> dict[str, Any]:
    """Give the ensemble with changes."""
    return {**ENSEMBLE, **changes}


def test_the_sample_has_its_share() -> None:
    """A share of 20 % gets both models, the others the first alone."""
    plan = setting(ENSEMBLE).plan()
    both = np.isin(np.arange(N), plan.itinerary.leg_request[plan.leg_model == LARGE])
    assert abs(z_of(both.mean(), 0.2, N)) <= 4
    alone = legs_of(plan, ~both)
    assert plan.leg_model[alone].tolist() == [SMALL] * int((~both).sum())
    assert not plan.answer_held[~both].any()
    assert plan.leg_model[legs_of(plan, both)].tolist() == [SMALL, LARGE, -1] * int(both.sum())
    assert plan.itinerary.leg_stage[legs_of(plan, both)].tolist() == [0, 0, 1] * int(both.sum())


def test_a_larger_sample_keeps_the_smaller() -> None:
    """Under one name a larger sample holds the smaller one."""
    sampled = []
    for share in (0.0, 0.05, 0.2, 1.0):
        plan = setting(ensemble(sample=share)).plan()
        sampled.append(np.isin(np.arange(N), plan.itinerary.leg_request[plan.leg_model == LARGE]))
    assert all(not np.any(few & ~many) for few, many in pairwise(sampled))
    assert [int(sampled[0].sum()), int(sampled[-1].sum())] == [0, N]


@pytest.mark.parametrize("accuracy", [0.5, 0.9, 1.0])
def test_the_judge_picks_with_its_accuracy(accuracy: float) -> None:
    """Where exactly one answer is acceptable it is picked with that accuracy, from either side; else it is a coin."""
    pattern = ensemble(sample=1.0, reward_model={"accuracy": accuracy})
    scene = setting(pattern, **one_task(0.7, 0.8))
    first, second = (scene.answers.acceptable(model) for model in ("small", "large"))
    picked_second = scene.plan().answer_model == 1
    cases = [(second & ~first, accuracy), (first & ~second, 1 - accuracy), (first & second, 0.5)]
    cases.append((~first & ~second, 0.5))
    for case, share in cases:
        assert case.sum() > 500
        assert abs(z_of(picked_second[case].mean(), share, int(case.sum()))) <= 4


def test_a_perfect_judge_is_right_where_either_is() -> None:
    """With an accuracy of 1 the sample's answers are right just where one of the two is."""
    scene = setting(ensemble(sample=1.0, reward_model={"accuracy": 1.0}))
    first, second = (scene.answers.acceptable(model) for model in ("small", "large"))
    assert np.array_equal(np.where(scene.plan().answer_model == LARGE, second, first), first | second)


def test_a_better_judge_keeps_its_right_picks() -> None:
    """If only the accuracy rises, no right pick becomes wrong."""
    scene = setting(ensemble(sample=1.0))
    right = []
    for accuracy in (0.6, 0.8):
        plan = setting(ensemble(sample=1.0, reward_model={"accuracy": accuracy})).plan()
        picked = {model: scene.answers.acceptable(name) for model, name in ((SMALL, "small"), (LARGE, "large"))}
        right.append(np.where(plan.answer_model == LARGE, picked[LARGE], picked[SMALL]))
    decided = picked[SMALL] != picked[LARGE]
    assert not np.any(decided & right[0] & ~right[1])


def test_who_waits_waits_for_both_and_the_judge() -> None:
    """Without queues the latency of a sampled request is the slower call and the judge, and nothing is seen before."""
    scene = setting(ENSEMBLE, fleet=FREE, requests=2_000)
    plan = scene.plan()
    found = waits(plan, play(plan.itinerary))
    both = np.isin(np.arange(2_000), plan.itinerary.leg_request[plan.leg_model == LARGE])
    first, second = (scene.answers.service(model) for model in ("small", "large"))
    slower = np.maximum(first.total_ns, second.total_ns) + 120_000_000
    assert np.array_equal(found.latency_ns, np.where(both, slower, first.total_ns))
    assert np.array_equal(found.ttft_ns, np.where(both, slower, first.ttft_ns))
    assert np.array_equal(plan.answer_held, both)


def test_a_shadow_is_not_felt() -> None:
    """If the second call runs in the shadow, users get the first model's answers when cheap-only gives them."""
    scene = setting(ensemble(shadow=True), requests=3_000)
    plan, cheap = scene.plan(), scene.plan("cheap-only")
    felt, alone = waits(plan, play(plan.itinerary)), waits(cheap, play(cheap.itinerary))
    assert np.array_equal(felt.latency_ns, alone.latency_ns)
    assert np.array_equal(felt.ttft_ns, alone.ttft_ns)
    assert np.array_equal(felt.queueing_ns, alone.queueing_ns)
    assert alone.queueing_ns.any()  # small has four servers, so the equality says something
    assert set(plan.answer_model.tolist()) == {SMALL}
    assert not plan.answer_held.any()


def test_a_shadow_is_paid() -> None:
    """Second call and judge of the shadow are on the bill, as second opinion and judge, and not awaited."""
    plan = setting(ensemble(shadow=True)).plan()
    hidden = ~plan.leg_awaited
    assert set(plan.leg_cause[hidden].tolist()) == {Cause.SECOND_OPINION, Cause.JUDGE}
    assert np.array_equal(hidden, plan.leg_model != SMALL)


def test_the_answer_not_picked_is_a_second_opinion() -> None:
    """An ensemble escalates nothing: of two calls one is the answer and the other a second opinion."""
    plan = setting(ensemble(sample=1.0)).plan()
    assert not plan.escalated.any()
    counts = np.bincount(plan.leg_cause, minlength=len(Cause))
    assert [int(counts[cause]) for cause in (Cause.ANSWER, Cause.SECOND_OPINION, Cause.JUDGE)] == [N, N, N]
    assert plan.routes[int(plan.route[0])] == "small+large"
    assert set(plan.route.tolist()) == {plan.routes.index("small+large")}


@pytest.mark.parametrize("name", ["time", "judge"])
def test_the_name_does_not_tie_the_judge_to_its_time(name: str) -> None:
    """Whatever the pattern is called, a slow judge is right as often as a fast one."""
    judge = {"accuracy": 0.5, "time": {"law": "uniform", "low": "10ms", "high": "20ms"}}
    scene = setting(ensemble(name=name, sample=1.0, reward_model=judge), **one_task(0.7, 0.8))
    plan = scene.plan()
    slow = plan.itinerary.leg_service_ns[plan.leg_step >= 0] > 15_000_000
    decided = scene.answers.acceptable("small") != scene.answers.acceptable("large")
    picked = np.where(plan.answer_model == 1, scene.answers.acceptable("large"), scene.answers.acceptable("small"))
    for mine in (decided & slow, decided & ~slow):
        assert abs(z_of(picked[mine].mean(), 0.5, int(mine.sum()))) <= 4


def test_two_different_models() -> None:
    """An ensemble of a model with itself is refused."""
    with pytest.raises(ValidationError, match="names a twice"):
        Ensemble.model_validate(
            {"kind": "ensemble", "name": "e", "models": ["a", "a"], "sample": 0.1, "reward_model": {"accuracy": 0.9}}
        )
