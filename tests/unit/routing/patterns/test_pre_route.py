"""Classify first, one call."""

from __future__ import annotations

import numpy as np
from scenes import FLEET, TASKS, WORKLOAD, legs_of, setting, z_of

from sim.routing.plan import Cause

RULES = [
    {"when": {"task": "code"}, "to": "large"},
    {"when": {"prompt_tokens": ">4000"}, "to": "middle"},
]
PATTERN = {"name": "p", "kind": "pre_route", "rules": RULES, "otherwise": "small"}
SIGNALS = {"task": {"kind": "task_class", "accuracy": 0.85, "time": "15ms", "usd_per_call": 0.00001}}


def test_a_request_costs_one_call_and_the_signals() -> None:
    """Each request has the classifier's leg, then one call; no call is wasted."""
    plan = setting(PATTERN, signals=SIGNALS, requests=2_000).plan()
    assert plan.itinerary.leg_stage.tolist() == [0, 1] * 2_000
    assert plan.leg_cause.tolist() == [Cause.CLASSIFIER, Cause.ANSWER] * 2_000
    assert not plan.escalated.any()
    assert not plan.answer_held.any()


def test_an_accurate_classifier_sends_its_share() -> None:
    """At 85 % accuracy, 85 % of code and 15 % of chat go to the model for code."""
    scene = setting(PATTERN, signals=SIGNALS)
    sent = scene.plan().answer_model == list(FLEET).index("large")
    for code, share in ((0, 0.15), (1, 0.85)):
        mine = scene.requests.task == code
        assert abs(z_of(sent[mine].mean(), share, int(mine.sum()))) <= 4


def test_pre_route_saves_the_arithmetic_of_its_shares() -> None:
    """With equal tokens, perfect classes and a model at 3 % of the price, a cheap share s saves .97 s."""
    tasks = {task: {"input_tokens": 1000, "output_tokens": 300} for task in TASKS}
    prices = {"small": {"input_mtok": 0.3, "output_mtok": 0.6}, "large": {"input_mtok": 10, "output_mtok": 20}}
    fleet = {name: {"price": price, "service": "1s"} for name, price in prices.items()}
    acceptance = {task: {"small": 0.9, "large": 0.95} for task in TASKS}
    scene = setting(
        {**PATTERN, "rules": RULES[:1]},
        signals={"task": {"kind": "task_class", "accuracy": 1.0}},
        workload={**WORKLOAD, "tasks": tasks},
        fleet=fleet,
        quality={"acceptance": acceptance},
    )
    plan = scene.plan()
    cheap = plan.answer_model == 0
    assert np.array_equal(cheap, scene.requests.task == 0)
    cards = scene.scene.spec.fleet
    bill = 0
    for number, name in enumerate(plan.models):
        rows = plan.itinerary.leg_request[legs_of(plan, plan.answer_model == number)]
        tokens = (column[rows] for column in (scene.requests.input_tokens, scene.requests.cached_tokens))
        bill += int(cards[name].price.call_nano(*tokens, scene.answers.output_tokens(name)[rows]).sum())
    everything = 16_000_000 * len(cheap)  # 1000 x 10 + 300 x 20 USD per million tokens, in nano-dollars
    assert (everything - bill) * 100 == everything // len(cheap) * int(cheap.sum()) * 97


def test_without_rules_everything_goes_to_otherwise() -> None:
    """No rule, no signal: the model for the rest answers all."""
    plan = setting({**PATTERN, "rules": []}).plan()
    assert plan.routes == ("small",)
    assert plan.itinerary.legs == plan.itinerary.requests
