"""What an ensemble costs, judge included, and that its sample and its judge are drawn apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scenes import EVERY_KIND, FLEET, one_task, setting, z_of

import sim

# 1,000 tokens at $0.5 and 200 at $2 per million; then at $5 and $20; then what the judge takes
SMALL_CALL, LARGE_CALL, JUDGE = 900_000, 9_000_000, 300_000


def experiment(**changes: Any) -> sim.Experiment:
    """Set 40 requests of fixed length before an ensemble that asks both models every time."""
    ensemble = {
        "name": "both",
        "kind": "ensemble",
        "models": ["small", "large"],
        "sample": 1.0,
        "reward_model": {"accuracy": 0.9, "usd_per_call": 0.0003},
    }
    return sim.from_mapping(
        {
            "version": 1,
            "name": "ensemble-bill",
            "workload": {
                "arrivals": {"kind": "constant", "rate_per_s": 1.0},
                "tasks": {"t": {"input_tokens": 1000, "output_tokens": 200}},
            },
            "fleet": {
                "small": {"tier": "cheap", "price": {"input_mtok": 0.5, "output_mtok": 2.0}, "service": "1s"},
                "large": {"tier": "frontier", "price": {"input_mtok": 5.0, "output_mtok": 20.0}, "service": "2s"},
            },
            "quality": {"acceptance": {"t": {"small": 0.5, "large": 0.9}}},
            "patterns": [{**ensemble, **changes}],
            "run": {"requests": 40, "replications": 2},
        }
    )


@pytest.mark.parametrize("shadow", [False, True])
@pytest.mark.parametrize("judge", [{}, {"time": "120ms"}])
def test_two_calls_and_a_judge_are_paid(judge: dict[str, str], *, shadow: bool) -> None:
    """If both models answer every request, each costs two calls and one comparison, waited for or not."""
    reward_model = {"accuracy": 0.9, "usd_per_call": 0.0003, **judge}
    run = experiment(shadow=shadow, reward_model=reward_model).run(workers=1)
    found = run.result.patterns["both"].estimates
    assert set(run.requests("both")["cost_nano_usd"]) == {SMALL_CALL + LARGE_CALL + JUDGE}
    assert found["cost.total"].value == pytest.approx(40 * 0.0102, rel=1e-12)
    assert found["cost.cause.judge.per_1k"].value == pytest.approx(0.3, rel=1e-12)


def test_only_the_sample_pays_for_the_judge() -> None:
    """If a part of the requests is sampled, these cost two calls and a comparison, and the others one call."""
    log = experiment(sample=0.4).run(workers=1).requests("both")
    sampled = log["route"] == "small+large"
    assert 0 < sampled.sum() < len(log)
    assert set(log["cost_nano_usd"][sampled]) == {SMALL_CALL + LARGE_CALL + JUDGE}
    assert set(log["cost_nano_usd"][~sampled]) == {SMALL_CALL}


def test_the_sample_says_nothing_of_the_judge() -> None:
    """If a fifth of the requests is sampled, the judge is right among them with its accuracy, and a coin elsewhere."""
    sections = one_task(0.7, 0.8)
    sections["fleet"] = {name: {**FLEET[name], "capacity": "unlimited"} for name in ("small", "large")}
    pattern = {**EVERY_KIND["ensemble"], "sample": 0.2, "reward_model": {"accuracy": 0.7}}
    scene = setting(pattern, requests=60_000, **sections)
    plan = scene.plan()
    sampled = np.isin(np.arange(60_000), plan.itinerary.leg_request[plan.leg_model == 1])
    first, second = (scene.answers.acceptable(model) for model in ("small", "large"))
    picked_second = plan.answer_model == 1
    cases = [(second & ~first, 0.7), (first & ~second, 0.3), (first & second, 0.5), (~first & ~second, 0.5)]
    for case, share in cases:
        mine = sampled & case
        assert mine.sum() > 900
        assert abs(z_of(picked_second[mine].mean(), share, int(mine.sum()))) <= 4
