"""Cheap first, escalate on low confidence."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from scenes import CASCADE, QUALITY, legs_of, one_task, setting, z_of

import sim
from sim.routing.patterns.cascade import Cascade
from sim.routing.plan import Cause

N = 20_000
SMALL, MIDDLE, LARGE = range(3)


def cascade(when: Any, **more: Any) -> dict[str, Any]:
    """Give a cascade from small to large."""
    return {**CASCADE, "escalate_when": when, **more}


def test_the_legs_of_a_cascade() -> None:
    """A kept request has call and check; an escalated one call, check and second call, one after the other."""
    plan = setting(CASCADE).plan()
    up = plan.escalated
    assert 0 < up.mean() < 1
    kept, climbed = legs_of(plan, ~up), legs_of(plan, up)
    assert plan.itinerary.leg_stage[kept].tolist() == [0, 1] * int((~up).sum())
    assert plan.leg_model[kept].tolist() == [SMALL, -1] * int((~up).sum())
    assert plan.leg_cause[kept].tolist() == [Cause.ANSWER, Cause.VERIFICATION] * int((~up).sum())
    assert plan.itinerary.leg_stage[climbed].tolist() == [0, 1, 2] * int(up.sum())
    assert plan.leg_model[climbed].tolist() == [SMALL, -1, LARGE] * int(up.sum())
    wasted = [Cause.WASTED_FIRST_PASS, Cause.VERIFICATION, Cause.ANSWER]
    assert plan.leg_cause[climbed].tolist() == wasted * int(up.sum())
    assert plan.leg_awaited.all()
    assert np.array_equal(plan.answer_held, ~up)  # the last answer of the ladder is not checked, so it streams
    assert [plan.routes[code] for code in plan.route] == ["small>large" if u else "small" for u in up]


def test_as_many_escalations_as_calls_of_the_second_model() -> None:
    """The number of escalated requests is the number of calls to the model above."""
    plan = setting(CASCADE).plan()
    assert plan.escalated.sum() == np.count_nonzero(plan.leg_model == LARGE)


def test_escalated_are_the_distrusted() -> None:
    """A request escalates just when the confidence of its first answer is below the threshold."""
    scene = setting(CASCADE)
    assert np.array_equal(scene.plan().escalated, scene.answers.confidence("small") < 0.72)


def test_each_check_is_paid() -> None:
    """The check has its time and its price in nano-dollars; a free and instant one leaves no leg."""
    plan = setting(CASCADE, requests=100).plan()
    assert [(step.name, step.nano_usd) for step in plan.steps] == [("verify:small", 100_000)]
    assert set(plan.itinerary.leg_service_ns[plan.leg_step == 0].tolist()) == {60_000_000}
    bare = setting({key: value for key, value in CASCADE.items() if key != "verify"}, requests=100).plan()
    assert bare.steps == ()
    assert np.array_equal(bare.itinerary.leg_stage, bare.leg_model // LARGE)
    assert np.array_equal(bare.answer_held, ~bare.escalated)  # the confidence is known when the answer is whole


def test_a_higher_threshold_escalates_more() -> None:
    """Under common random numbers the escalated set only grows with the threshold, request by request."""
    thresholds = [0.0, 0.3, 0.6, 0.72, 0.9, 0.99, 1.0]
    sets = [setting(cascade({"confidence_below": bound})).plan().escalated for bound in thresholds]
    assert all(not np.any(low & ~high) for low, high in pairwise(sets))
    assert [int(sets[0].sum()), int(sets[-1].sum())] == [0, N]


def test_a_larger_lowest_share_escalates_more() -> None:
    """The same holds for the share with the lowest confidence."""
    shares = [0.0, 0.05, 0.2, 0.5, 0.9, 1.0]
    sets = [setting(cascade({"lowest": share})).plan().escalated for share in shares]
    assert all(not np.any(low & ~high) for low, high in pairwise(sets))
    assert max(abs(z_of(found.mean(), share, N)) for found, share in zip(sets, shares, strict=True)) <= 4


def test_no_escalation_is_cheap_only_and_a_check() -> None:
    """If every score is above the threshold, the calls are those of cheap-only, and only checks come on top."""
    scene = setting(cascade({"confidence_below": 0.0}))
    plan, cheap = scene.plan(), scene.plan("cheap-only")
    calls = plan.leg_model >= 0
    assert np.array_equal(plan.itinerary.leg_service_ns[calls], cheap.itinerary.leg_service_ns)
    assert np.array_equal(plan.leg_cause[calls], cheap.leg_cause)
    assert np.count_nonzero(~calls) == N


def test_an_oracle_escalates_exactly_the_wrong_answers() -> None:
    """With an AUROC of 1 the escalated are the wrong ones, and the cascade is right where either model is."""
    scene = setting(cascade({"confidence_below": 0.5}), **one_task(0.84, 0.9, confidence={"small": {"auroc": 1.0}}))
    plan = scene.plan()
    small, large = (scene.answers.acceptable(model) for model in ("small", "large"))
    assert np.array_equal(plan.escalated, ~small)
    assert np.array_equal(np.where(plan.answer_model == 1, large, small), small | large)


def test_a_verifier_of_its_own_decides_instead() -> None:
    """If the check has an AUROC, its reading decides and not the model's own confidence."""
    scene = setting(cascade({"confidence_below": 0.72}, verify={"auroc": 0.95}))
    escalated = scene.plan().escalated
    assert np.array_equal(escalated, scene.answers.confidence("small", 0.95) < 0.72)
    assert not np.array_equal(escalated, scene.answers.confidence("small") < 0.72)


def test_a_better_verifier_makes_a_better_cascade() -> None:
    """At the same share of escalations a sharper check saves more wrong answers."""
    accuracy = []
    for auroc in (0.51, 0.7, 0.9, 1.0):
        scene = setting(cascade({"lowest": 0.15}, verify={"auroc": auroc}))
        right = {model: scene.answers.acceptable(model) for model in ("small", "large")}
        accuracy.append(np.where(scene.plan().escalated, right["large"], right["small"]).mean())
    # two cascades that each escalate 15 % differ in at most 30 % of the requests, by one answer each
    assert np.all(np.diff(accuracy) > 4 * np.sqrt(0.3 / N))


def test_thresholds_by_task() -> None:
    """A threshold for one task class leaves the other alone."""
    scene = setting(cascade({"confidence_below": {"code": 0.9}}))
    code = scene.requests.task == 1
    assert np.array_equal(scene.plan().escalated, code & (scene.answers.confidence("small") < 0.9))


def test_a_threshold_for_an_unknown_task_is_refused() -> None:
    """A misspelt task class is an error with the names there are."""
    with pytest.raises(sim.InvalidInput, match=r"'coed'; there are \['chat', 'code'\]"):
        setting(cascade({"confidence_below": {"coed": 0.9}}), requests=1)


@pytest.mark.parametrize(("refusal", "hedging"), [(True, False), (False, True), (True, True)])
def test_refusals_and_hedged_answers_escalate(refusal: bool, hedging: bool) -> None:
    """If asked, refusals and hedged answers escalate, whatever the confidence; either suffices."""
    scene = setting(cascade({"refusal": refusal, "hedging": hedging}))
    worded = (refusal & scene.answers.refused("small")) | (hedging & scene.answers.hedged("small"))
    assert np.array_equal(scene.plan().escalated, worded)
    both = setting(cascade({"refusal": refusal, "hedging": hedging, "confidence_below": 0.5}))
    assert np.array_equal(both.plan().escalated, worded | (scene.answers.confidence("small") < 0.5))


LADDER = {
    "name": "three",
    "kind": "cascade",
    "ladder": ["small", "middle", "large"],
    "verify": {"time": "10ms"},
    "escalate_when": [{"confidence_below": 0.8}, {"lowest": 0.3}],
}


def test_three_tiers() -> None:
    """On a ladder of three each rung is climbed by those whose answer is not trusted there, and only by them."""
    scene = setting(LADDER)
    plan = scene.plan()
    first = scene.answers.confidence("small") < 0.8
    called = {model: np.isin(np.arange(N), plan.itinerary.leg_request[plan.leg_model == model]) for model in range(3)}
    assert called[SMALL].all()
    assert np.array_equal(called[MIDDLE], first)
    assert not np.any(called[LARGE] & ~called[MIDDLE])
    lowest = scene.answers.surety("middle")
    assert lowest[called[LARGE]].max() <= lowest[called[MIDDLE] & ~called[LARGE]].min()
    assert np.array_equal(plan.escalated, first)
    assert [plan.routes[code] for code in np.unique(plan.route)] == ["small", "small>middle", "small>middle>large"]


def test_every_rung_below_the_answer_is_wasted() -> None:
    """A request that climbed to the top wasted two passes and paid two checks, in five stages."""
    plan = setting(LADDER).plan()
    top = plan.answer_model == LARGE
    legs = legs_of(plan, top)
    count = int(top.sum())
    wasted, check = Cause.WASTED_FIRST_PASS, Cause.VERIFICATION
    assert plan.leg_cause[legs].tolist() == [wasted, check, wasted, check, Cause.ANSWER] * count
    assert plan.itinerary.leg_stage[legs].tolist() == [0, 1, 2, 3, 4] * count
    assert [step.name for step in plan.steps] == ["verify:small", "verify:middle"]


def test_a_share_on_a_higher_rung_is_of_all_answers() -> None:
    """`lowest` takes the lowest 30 % of what middle would answer to everyone: more than 30 % of those who climb."""
    scene = setting(LADDER)
    plan = scene.plan()
    lowest = scene.answers.surety("middle")
    threshold = lowest[plan.answer_model == LARGE].max()
    assert abs(z_of((lowest <= threshold).mean(), 0.3, N)) <= 4
    assert (plan.answer_model == LARGE).sum() / plan.escalated.sum() > 0.3


def test_rules_in_front_of_a_cascade() -> None:
    """Requests that a rule sends to the frontier are neither checked nor escalated; the rest cascade as before."""
    rule = {"when": {"prompt_tokens": ">3000"}, "to": "large"}
    scene = setting({**CASCADE, "rules": [rule]})
    plan, long = scene.plan(), scene.requests.input_tokens > 3000
    assert np.array_equal(plan.escalated, ~long & (scene.answers.confidence("small") < 0.72))
    assert set(plan.leg_model[legs_of(plan, long)].tolist()) == {LARGE}
    assert np.array_equal(plan.answer_held, ~long & ~plan.escalated)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"ladder": ["a", "b", "a"]}, "names a twice"),
        ({"ladder": ["a"]}, "at least 2"),
        ({"escalate_when": [{"refusal": True}, {"refusal": True}]}, "needs 1 escalation rules, not 2"),
        ({"escalate_when": {}}, "never escalates"),
        ({"escalate_when": {"lowest": 0.1, "confidence_below": 0.5}}, "give one of them"),
        ({"escalate_when": {"confidence_below": True}}, "confidence_below"),
    ],
)
def test_mistakes_are_named(broken: dict[str, Any], message: str) -> None:
    """A ladder or rule that means nothing is refused."""
    good = {"kind": "cascade", "name": "c", "ladder": ["a", "b"], "escalate_when": {"refusal": True}}
    with pytest.raises(ValidationError, match=message):
        Cascade.model_validate(good | broken)


def test_direct_calls_of_both_ends_run_beside_it() -> None:
    """The first and last model of the ladder are baselines, even where they are neither cheapest nor dearest."""
    scene = setting({**CASCADE, "ladder": ["middle", "large"]}, quality=QUALITY)
    assert [pattern.name for pattern in scene.scene.line_up.patterns] == [
        "cheap-only",
        "frontier-only",
        "middle-only",
        "cascade",
    ]
