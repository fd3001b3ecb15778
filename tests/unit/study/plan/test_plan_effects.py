"""What playing adds to what fresh requests say: exact on requests that were played, nothing where nothing is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

import sim
from sim.experiment.scene import Scene
from sim.outcome.estimates import Estimate
from sim.routing.confidence import Episode
from sim.routing.quality import Confidence
from sim.study.plan.bodies import Both, Coin, Ladder, One
from sim.study.plan.candidates import Candidate, Point
from sim.study.plan.choosing import at_hand
from sim.study.plan.effects import RIGHT, as_if_answered, effects_of, summed
from sim.study.plan.fronts import Condition, Rule
from sim.study.plan.goal import Effort, Goal
from sim.study.plan.ledger import ledger
from sim.study.plan.options import Option, played, written_ones
from sim.study.plan.spans import OPTIONS, lengthened, requests_of, shortened
from sim.study.until import Judgement, Standing

REPLICATIONS = 3
REQUESTS = 400


def scene_with(**of_large: Any) -> tuple[sim.Experiment, Scene]:
    """Give a cascade to a large model whose capacity, client and limits are as given."""
    data: dict[str, Any] = {
        "version": 1,
        "name": "full",
        "seed": 4,
        "workload": {
            "arrivals": {"kind": "poisson", "rate_per_s": 5},
            "tasks": {"chat": {"input_tokens": 500, "output_tokens": {"p50": 100, "p95": 300}}},
        },
        "fleet": {
            "small": {"tier": "cheap", "price": {"input_mtok": 1, "output_mtok": 1}, "service": "400ms"},
            "large": {"tier": "frontier", "price": {"input_mtok": 5, "output_mtok": 9}, "service": "900ms", **of_large},
        },
        "quality": {"acceptance": {"chat": {"small": 0.8, "large": 0.95}}, "confidence": {"small": {"auroc": 0.8}}},
        "patterns": [
            {"name": "cascade", "kind": "cascade", "ladder": ["small", "large"], "escalate_when": {"lowest": 0.4}}
        ],
        "run": {"requests": REQUESTS, "replications": REPLICATIONS},
    }
    one = sim.from_mapping(json.loads(json.dumps(data)))
    return one, Scene(one.spec, one.line_up, one.inputs())


TOO_SMALL = {"capacity": {"concurrency": 2}, "client": {"timeout": "4s", "retries": 1, "fallback": ["small"]}}


def test_if_every_first_try_is_answered_nothing_is_left_of_the_others() -> None:
    """If all first tries are taken for answered, retries and fallbacks cost nothing and change no answer."""
    plain, trying = scene_with()[1], scene_with(**TOO_SMALL)[1]
    for pattern in plain.line_up.patterns:
        sums = [
            summed(scene.plan(pattern, answers), answers, slice(0, None))
            for scene in (plain, trying)
            for answers in [scene.answers(scene.requests(0))]
        ]
        assert sums[0] == sums[1]
    answers = trying.answers(trying.requests(0))
    plan = trying.plan(trying.line_up.patterns[-1], answers)
    assert sum(len(group.leg) for group in as_if_answered(plan).groups) < plan.itinerary.legs


def test_on_the_requests_that_were_played_the_sum_is_what_was_played() -> None:
    """If the fresh requests are those that were played, cost, answers and escalations are the played ones."""
    experiment, scene = scene_with(**TOO_SMALL)
    run = played(experiment, scene, Effort(engine="reference"), 0)
    patterns = scene.line_up.patterns
    effects = effects_of(scene, run.outcomes, patterns, 0.95)
    sums = ledger(
        scene,
        patterns,
        scene.line_up.baseline,
        effects=effects,
        serves=False,
        requests=REPLICATIONS * REQUESTS,
        first=0,
        level=0.95,
    )
    for pattern in patterns:
        found, result = sums.estimates(pattern.name), run.of(pattern.name).estimates
        for metric in ("cost.per_1k", "quality.acceptance"):
            assert found[metric].value == pytest.approx(result[metric].value, rel=1e-6)
    assert sums.estimates("cascade")["escalation.rate"].value == pytest.approx(
        run.of("cascade").estimates["escalation.rate"].value
    )
    # the yardstick answers every request, so that one who is overloaded loses against himself
    base = sums.estimates(scene.line_up.baseline)["quality.loss"]
    assert base.lower is not None
    assert base.lower > 0
    assert effects[scene.line_up.baseline].more[RIGHT] == pytest.approx(-base.value / 100)
    # if it is taken for one that serves its load, others are held against it as it is played, as in any run
    held = ledger(
        scene, patterns, scene.line_up.baseline, effects=effects, requests=REPLICATIONS * REQUESTS, first=0, level=0.95
    )
    loss = held.estimates(scene.line_up.baseline)["quality.loss"]
    assert (loss.lower, loss.value, loss.upper) == (0, 0, 0)
    for metric in ("quality.loss", "cost.saving"):
        assert held.estimates("cascade")[metric].value == pytest.approx(run.of("cascade").estimates[metric].value)


def test_short_runs_of_steady_traffic_are_drawn_longer() -> None:
    """If runs hold few requests, longer ones are drawn, 80 at least; if anything changes over time, they stay."""
    _, scene = scene_with()
    assert requests_of(lengthened(scene, 80_000)) == 1_000
    assert lengthened(scene, 80 * REQUESTS) is scene
    moody = scene.spec.quality.model_copy(
        update={
            "confidence": {
                "small": Confidence(episodes=[Episode.model_validate({"start": "1s", "length": "1m", "shift": -1.0})])
            }
        }
    )
    other = Scene(scene.spec.model_copy(update={"quality": moody}), scene.line_up, scene.inputs)
    assert lengthened(other, 80_000) is other


def test_of_long_runs_the_first_part_is_played() -> None:
    """If a run is longer than may be played, whole weeks or days of it are, or as many requests as there may be."""
    _, scene = scene_with()
    assert shortened(scene, 10**9, REPLICATIONS) is scene
    assert requests_of(shortened(scene, OPTIONS * REPLICATIONS * 100, REPLICATIONS)) == 100
    day_ns = 86_400 * 10**9
    long = scene.spec.run.model_copy(update={"requests": None, "duration": 180 * day_ns})
    half_year = Scene(scene.spec.model_copy(update={"run": long}), scene.line_up, scene.inputs)
    for days, played_days in ((10, 7), (3.5, 3)):
        plays = round(OPTIONS * REPLICATIONS * 5 * 86_400 * days)
        assert shortened(half_year, plays, REPLICATIONS).spec.run.duration == played_days * day_ns


def test_where_all_is_answered_playing_adds_nothing() -> None:
    """If calls wait at a limit and none is lost, the effect is exactly nothing, and no request is in doubt."""
    limits = {"requests_per_minute": 6000, "on_limit": "queue"}
    experiment, scene = scene_with(limits=limits)
    run = played(experiment, scene, Effort(engine="reference"), 0)
    names = {one.name for one in written_ones(scene)}
    effects = effects_of(scene, run.outcomes, scene.line_up.patterns, 0.95)
    assert set(effects) == names - {scene.line_up.cheap_only}
    for effect in effects.values():
        assert not effect.more.any()
        assert not effect.half.any()
        assert (effect.requests, effect.is_seen) == (REPLICATIONS * REQUESTS, False)


def option(name: str, usd: float, standing: Standing, candidate: Candidate | None = None) -> Option:
    """Give an option that costs so much and stands so to the conditions."""
    estimates = {"cost.per_1k": Estimate(usd, usd, usd, "usd/1k")}
    return Option(name, "cascade", {}, candidate, estimates, Judgement(standing, {}), "ok")


def test_a_pattern_of_the_file_is_taken_where_it_is_better() -> None:
    """If a written pattern meets the conditions for 1 % less than the choice it is taken, and if there is no choice."""
    searched = Candidate((), One("large"), Point(10.0, 0.0, 0.0, 0.0, 0.0, 0.0))
    chosen = option("best", 10.0, Standing.MEETS, searched)
    near, own = option("near", 9.95, Standing.MEETS), option("own", 9.0, Standing.MEETS)
    fails = option("fails", 1.0, Standing.FAILS)
    assert at_hand(Goal(), [chosen, fails, near, own], chosen) is own
    assert at_hand(Goal(), [chosen, fails, near], chosen) is None
    assert at_hand(Goal(), [fails, near], None) is near


def test_a_twin_takes_the_place_of_a_model() -> None:
    """If a model is swapped for its twin, it is in rules, ladders, pairs and alone, and what the sample says stays."""
    point, rule = Point(1.0, 0.0, 0.0, 0.0, 0.0, 0.0), Rule(Condition("task", ("code",)), "large")
    for body, models in (
        (One("large"), ("twin",)),
        (Ladder(("small", "large"), (0.2,), worded=False, check=0), ("twin", "small")),
        (Both(("small", "large"), 0.2), ("twin", "small")),
        (Coin(("small", "large"), 0.2), ("twin", "small")),
    ):
        found = Candidate((rule,), body, point).swapped("large", "twin")
        assert found.models == models
        assert found.point is point
