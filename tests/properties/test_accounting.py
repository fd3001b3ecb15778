"""Accounting holds exactly, as integers, on experiments that hypothesis draws: money, calls and time are conserved."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import text_of

import sim
from sim.engine import play
from sim.experiment.scene import Scene
from sim.fleet.token_rates import FEMTO_PER_NANO
from sim.outcome.bill import leg_costs
from sim.outcome.latency import waits
from sim.outcome.ledger import Goals, Ledger, Terms
from sim.outcome.metrics import sections_for
from sim.outcome.outcomes import Window, columns_of
from sim.routing.plan import Cause

MODELS = ("a", "b", "c")
TASKS = ("t", "u")
STEPS = [Cause.CLASSIFIER, Cause.VERIFICATION, Cause.JUDGE]

examples = settings(max_examples=40, deadline=None, derandomize=True)
price = st.sampled_from([0.0, 0.1, 0.15, 1 / 3, 2.5, 15.0])
share = st.sampled_from([0.0, 0.1, 0.5, 0.93, 1.0])
time = st.sampled_from(["1ns", "10ms", "250ms", "1s"])
tiers = st.permutations([{"tier": "cheap"}, {"tier": "frontier"}, {}])
usd = st.sampled_from([0.0, 0.00001, 1.5e-9, 0.001])


@st.composite
def models(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a model: any prices, one to three servers or no limit, with or without a bill by the hour."""
    servers = draw(st.integers(0, 3))
    card = {"input_mtok": draw(price), "output_mtok": draw(price), "per_call_usd": draw(usd)}
    service = draw(
        st.sampled_from(["400ms", {"law": "exponential", "mean": "1s"}, {"ttft": "0.2s", "inter_token": "7ms"}])
    )
    model = {"price": card, "service": service, "verbosity": draw(st.sampled_from([1.0, 1.7]))}
    if not servers:
        return model
    capacity = {"concurrency": servers, "replicas": draw(st.integers(1, 2))}
    return {**model, "price": {**card, "replica_hour_usd": draw(price)}, "capacity": capacity}


@st.composite
def patterns(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw one pattern of each kind that calls several models."""
    ladder = draw(st.permutations(MODELS))[: draw(st.integers(2, 3))]
    pair = draw(st.permutations(MODELS))[:2]
    rules = [{"when": {"prompt_tokens": ">800"}, "to": draw(st.sampled_from(MODELS))}]
    classify = [{"when": {"seen": ["u"]}, "to": draw(st.sampled_from(MODELS))}]
    return [
        {
            "name": "cascade",
            "kind": "cascade",
            "ladder": ladder,
            "rules": draw(st.sampled_from([[], rules])),
            "verify": {"time": draw(time), "usd_per_call": draw(usd)},
            "escalate_when": {"lowest": draw(share), "refusal": True},
        },
        {
            "name": "ensemble",
            "kind": "ensemble",
            "models": pair,
            "sample": draw(share),
            "shadow": draw(st.booleans()),
            "reward_model": {"accuracy": draw(share), "time": draw(time), "usd_per_call": draw(usd)},
        },
        {"name": "routed", "kind": "pre_route", "rules": classify, "otherwise": draw(st.sampled_from(MODELS))},
        {"name": "split", "kind": "split", "shares": {"a": 0.2, "b": 0.5, "c": 0.3}},
    ]


@st.composite
def experiments(draw: st.DrawFn) -> sim.Experiment:
    """Draw an experiment of a few dozen requests before three models."""
    law = {"p50": 700, "p95": 2500}
    tasks = {
        name: {"input_tokens": law, "output_tokens": {"p50": 40, "p95": 90}, "cached_share": 0.3} for name in TASKS
    }
    return sim.from_mapping(
        {
            "version": 1,
            "name": "drawn",
            "seed": draw(st.integers(0, 10**6)),
            "workload": {
                "arrivals": {"kind": "poisson", "rate_per_s": draw(st.sampled_from([0.3, 2.0, 6.0]))},
                "segments": {"p": {"share": 0.4}, "q": {"share": 0.6}},
                "tasks": tasks,
                "mix": {"t": 0.6, "u": 0.4},
            },
            # prices by the hour do not tell which model is cheap, so that two of them say so
            "fleet": {name: {**draw(models()), **tier} for name, tier in zip(MODELS, draw(tiers), strict=True)},
            "quality": {
                "acceptance": {task: {name: draw(share) for name in MODELS} for task in TASKS},
                "refusal": {"a": {"acceptable": 0.05, "unacceptable": 0.4}},
            },
            "signals": {"seen": {"kind": "task_class", "accuracy": 0.8, "time": draw(time), "usd_per_call": draw(usd)}},
            "patterns": draw(patterns()),
            "run": {
                "duration": "12s",
                "warm_up": draw(st.sampled_from(["0s", "3s"])),
                "replications": draw(st.integers(1, 3)),
            },
        }
    )


def scene_of(experiment: sim.Experiment) -> Scene:
    """Give all that a replication needs."""
    return Scene(experiment.spec, experiment.line_up, experiment.inputs())


@given(experiment=experiments())
@examples
def test_money_is_conserved(experiment: sim.Experiment) -> None:
    """If a bill is split by cause, by model and steps, by segment, or by section, all sums are the same integer.

    The bill is that of the legs of the measured requests, each of which rounds three meters to a nano-dollar.
    """
    scene = scene_of(experiment)
    requests = scene.requests(0)
    answers, sections = scene.answers(requests), sections_for(experiment.spec.run.replications)
    for pattern in scene.line_up.patterns:
        plan = scene.plan(pattern, answers)
        terms = Terms(experiment.spec.fleet, pattern.all_models(), scene.window(0), sections)
        ledger = Ledger(terms, requests, plan.routes)
        log = ledger.add(plan, play(plan.itinerary), answers)
        outcome = ledger.close()
        measured = requests.arrival_ns >= experiment.spec.run.warm_up
        costs = [leg_costs(group, plan, answers)[measured[group.request]] for group in plan.groups]
        by_cause, total = outcome.by_cause(), sum(outcome.spent())
        assert int(log.cost_nano.sum()) == sum(int(column.sum()) for column in costs)
        rounded = sum(len(column) for column in costs) * 3 * FEMTO_PER_NANO
        assert 2 * abs(total - FEMTO_PER_NANO * int(log.cost_nano.sum())) <= rounded
        assert total == by_cause.sum()
        assert total == outcome.by_model().sum() + by_cause[:, STEPS].sum()
        assert by_cause.sum(axis=1).tolist() == outcome.spent()
        assert total == sum(sum(outcome.spent(segment)) for segment in outcome.segments)


@given(experiment=experiments())
@examples
def test_loops_and_columns_add_up_to_the_same(experiment: sim.Experiment) -> None:
    """If compiled loops account instead of NumPy, every sum, sample and line of the request log is the same."""
    scene = scene_of(experiment)
    requests = scene.requests(0)
    answers, sections = scene.answers(requests), sections_for(experiment.spec.run.replications)
    for pattern in scene.line_up.patterns:
        plan = scene.plan(pattern, answers)
        log = play(plan.itinerary)
        goals, most = Goals(latency_ns=2 * 10**9, ttft_ns=10**9), sections * 4
        terms = Terms(experiment.spec.fleet, pattern.all_models(), scene.window(0), sections, goals, most_exact=most)
        found = []
        for compiled in (False, True):
            ledger = Ledger(terms, requests, plan.routes, compiled=compiled)
            told, _ = columns_of(ledger.add(plan, log, answers))
            found.append((text_of(ledger.close()), text_of(told)))
        assert found[0] == found[1]


@given(experiment=experiments())
@examples
def test_little_holds_for_every_model(experiment: sim.Experiment) -> None:
    """If the window covers the whole run, busy and queued time of each model are the sums over its calls."""
    scene = scene_of(experiment)
    requests = scene.requests(0)
    answers = scene.answers(requests)
    for pattern in scene.line_up.patterns:
        plan = scene.plan(pattern, answers)
        log = play(plan.itinerary)
        ledger = Ledger(
            Terms(experiment.spec.fleet, (), Window(0, int(log.ended_ns.max(initial=0)))), requests, plan.routes
        )
        ledger.add(plan, log, answers)
        for number, model in enumerate(ledger.close().model_logs):
            mine = plan.leg_model == number
            assert model.calls == int(mine.sum())
            assert model.queued_ns == int((log.started_ns - log.joined_ns)[mine].sum())
            assert model.busy_ns == model.offered_ns == int(plan.itinerary.leg_service_ns[mine].sum())


@given(experiment=experiments())
@examples
def test_nobody_waits_less_than_nothing(experiment: sim.Experiment) -> None:
    """If times are read off the log, 0 <= queueing <= latency and 0 <= first token <= last token, for every request."""
    scene = scene_of(experiment)
    answers = scene.answers(scene.requests(0))
    for pattern in scene.line_up.patterns:
        plan = scene.plan(pattern, answers)
        found = waits(plan, play(plan.itinerary))
        assert np.all((found.queueing_ns >= 0) & (found.queueing_ns <= found.latency_ns))
        assert np.all((found.ttft_ns >= 0) & (found.ttft_ns <= found.latency_ns))


@given(experiment=experiments())
@settings(examples, max_examples=25)
def test_no_estimate_is_senseless(experiment: sim.Experiment) -> None:
    """If an experiment runs at all, every estimate is finite and inside its interval, and shares are shares."""
    try:
        result = experiment.run(workers=1).result
    except sim.InvalidInput as error:
        assert "no request arrived" in str(error)  # noqa: PT017 - the one refusal that such an experiment may meet
        return
    for pattern in result.patterns.values():
        assert pattern.absent.keys().isdisjoint(pattern.estimates)
        for metric, found in pattern.estimates.items():
            assert math.isfinite(found.value), metric
            assert found.lower is None or (found.upper is not None and found.lower <= found.value <= found.upper)
            below = found.unit == "fraction" and metric.startswith(("escalation", "route", "refusal", "quality.acc"))
            assert not below or 0 <= found.value <= 1
