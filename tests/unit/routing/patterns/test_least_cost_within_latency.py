"""Least cost within a latency: whom it asks, in which order, and from which queue on the next."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from scenes import FLEET, QUALITY, TASKS, Setting, came_about, setting

import sim
from sim.engine import play
from sim.fleet import Model
from sim.routing.conditions import NO_LIMIT
from sim.routing.plan import Plan
from sim.routing.typical import typical_call
from sim.workload.tasks import TaskClass

PATTERN = {"name": "in-time", "kind": "least_cost_within_latency", "models": ["small", "large"], "within": "4s"}
SECOND = 10**9


def model(service: Any, usd: float = 1.0, servers: int = 0, **more: Any) -> dict[str, Any]:
    """Write a model."""
    capacity = {"capacity": {"concurrency": servers}} if servers else {}
    return {"price": {"input_mtok": usd}, "service": service, **capacity, **more}


def scene(fleet: dict[str, Any], tasks: dict[str, Any] | None = None, requests: int = 1_000, **pattern: Any) -> Setting:
    """Build an experiment of this pattern; 10 requests a second of 100 + 51 tokens, where nothing else is said."""
    classes = tasks or {"t": {"input_tokens": 100, "output_tokens": 51}}
    return setting(
        {**PATTERN, "models": list(fleet), **pattern},
        requests=requests,
        fleet=fleet,
        workload={
            "arrivals": {"kind": "constant", "rate_per_s": 10},
            "tasks": classes,
            "mix": dict.fromkeys(classes, 1 / len(classes)),
        },
        quality={"acceptance": {task: dict.fromkeys(fleet, 0.9) for task in classes}},
    )


def queues(plan: Plan, name: str) -> set[int]:
    """Give the queues from which on calls to a model are refused."""
    assert plan.itinerary.conditions is not None
    most = plan.itinerary.conditions.queue_most[plan.leg_model == plan.models.index(name)]
    return set(most.tolist())


def asked(plan: Plan) -> list[tuple[str, ...]]:
    """Give the models that each request may ask, in order."""
    names = [plan.models[number] for number in plan.leg_model.tolist()]
    by_request = itertools.groupby(zip(plan.itinerary.leg_request.tolist(), names, strict=True), lambda leg: leg[0])
    return [tuple(name for _, name in legs) for _, legs in by_request]


def test_the_queue_is_the_longest_that_is_answered_in_time() -> None:
    """If 2 servers take 1 s a call and 4 s are allowed, the seventh who waits would be told 4.5 s: six may wait."""
    plan = scene({"small": model("1s", servers=2), "large": model("2s", usd=5)}).plan()
    assert set(asked(plan)) == {("small", "large")}
    assert queues(plan, "small") == {6}  # the sixth finds 5 waiting: (5 + 1) x 1 s / 2 + 1 s = 4 s
    assert queues(plan, "large") == {NO_LIMIT}


def test_a_burst_fills_the_cheap_model_to_its_queue_and_no_further() -> None:
    """If 20 requests come at once, 2 are served and 6 wait at the cheap model, the other 12 go to the dear one."""
    one = setting(
        PATTERN,
        requests=20,
        fleet={"small": model("1s", servers=2), "large": model("2s", usd=5)},
        workload={
            "arrivals": {"kind": "batches", "every": {"kind": "constant", "rate_per_s": 0.01}, "size": 20},
            "tasks": {"t": {"input_tokens": 100, "output_tokens": 51}},
        },
        quality={"acceptance": {"t": {"small": 0.9, "large": 0.9}}},
    )
    plan = came_about(one.plan())
    assert plan.answer_model.tolist() == [0] * 8 + [1] * 12
    ended = play(one.plan().itinerary).ended_ns
    assert max(ended[plan.answer_leg] - one.requests.arrival_ns) == 4 * SECOND


def test_a_request_that_takes_too_long_even_alone_is_not_asked_of_that_model() -> None:
    """If 10 ms a token make a long answer take 5 s, it goes to the fast model at once; a short one is asked of both."""
    fleet = {
        "small": model({"ttft": "500ms", "inter_token": "10ms"}, servers=4),
        "large": model({"ttft": "500ms", "inter_token": "1ms"}, usd=5),
    }
    tasks = {"short": {"input_tokens": 9, "output_tokens": 51}, "long": {"input_tokens": 9, "output_tokens": 451}}
    one = scene(fleet, tasks)
    chains = {one.requests.tasks[task]: chain for task, chain in zip(one.requests.task, asked(one.plan()), strict=True)}
    assert chains == {"short": ("small", "large"), "long": ("large",)}
    # a call takes (1 s + 5 s) / 2 on average, so that 3 s of room are worth 4 servers x 3 s / 3 s
    assert queues(one.plan(), "small") == {4}


def test_the_cheapest_is_that_of_the_request() -> None:
    """If one model is cheap to read and the other cheap to write, long prompts ask the one first, long answers not."""
    fleet = {
        "reader": {"price": {"input_mtok": 1, "output_mtok": 10}, "service": "1s", "capacity": {"concurrency": 1}},
        "writer": {"price": {"input_mtok": 2, "output_mtok": 1}, "service": "1s", "capacity": {"concurrency": 1}},
    }
    tasks = {"ask": {"input_tokens": 1000, "output_tokens": 10}, "tell": {"input_tokens": 10, "output_tokens": 1000}}
    one = scene(fleet, tasks)
    chains = {one.requests.tasks[task]: chain for task, chain in zip(one.requests.task, asked(one.plan()), strict=True)}
    assert chains == {"ask": ("reader", "writer"), "tell": ("writer", "reader")}


def test_of_equal_prices_the_first_in_the_file_is_asked_first() -> None:
    """If two models cost the same, the order of the file decides."""
    fleet = {"b": model("1s", servers=1), "a": model("1s", servers=1)}
    assert set(asked(scene(fleet).plan())) == {("b", "a")}


def test_if_none_is_in_time_the_fastest_is_asked() -> None:
    """If even an idle model takes longer than allowed, the request goes to the fastest and nowhere else."""
    fleet = {"small": model("9s", servers=1), "middle": model("5s", usd=2, servers=1), "large": model("6s", usd=5)}
    plan = scene(fleet).plan()
    assert set(asked(plan)) == {("middle",)}
    assert queues(plan, "middle") == {NO_LIMIT}


def test_three_models_are_asked_in_turn() -> None:
    """If two cheaper models are full, the last takes what is left, whatever waits there."""
    fleet = {
        "small": model("1s", servers=1),
        "middle": model("2s", usd=2, servers=2),
        "large": model("1s", 5, servers=1),
    }
    plan = scene(fleet).plan()
    assert set(asked(plan)) == {("small", "middle", "large")}
    assert [queues(plan, name) for name in fleet] == [{3}, {2}, {NO_LIMIT}]


def test_a_model_without_a_limit_never_hands_on() -> None:
    """If the cheapest model serves any number at once and is in time, no other is asked but after a rejection."""
    plan = scene({"small": model("1s"), "large": model("1s", usd=5)}).plan()
    assert queues(plan, "small") == {NO_LIMIT}


def test_a_stated_mean_service_is_what_the_router_goes_by() -> None:
    """If the router takes calls for twice as long as they are, it lets half as many wait."""
    fleet = {"small": model("1s", servers=2), "large": model("2s", usd=5)}
    plan = scene(fleet, mean_service={"small": "2s"}, within="5s").plan()
    assert queues(plan, "small") == {3}  # (5 s - 2 s) x 2 / 2 s; a law of the whole time knows no tokens


def test_batches_count_with_the_time_that_full_ones_take() -> None:
    """If a batch of two takes twice as long as a call alone, two slots are worth no more than one."""
    batching = {"slots": 2, "replicas": 1, "speed": {"1": 1.0, "2": 0.5}, "prefill_speed": {"1": 1.0, "2": 0.5}}
    fleet = {
        "small": {
            "price": {"input_mtok": 1},
            "service": {"ttft": "1ms", "inter_token": "20ms"},
            "capacity": {"batching": batching},
        },
        "large": model("2s", usd=5),
    }
    plan = scene(fleet, within="10s").plan()
    # 1.001 s alone is 2.002 s in a full batch, two at once: (10 - 2.002) x 2 / 2.002
    assert queues(plan, "small") == {7}


@pytest.mark.parametrize("servers", [1, 3])
def test_the_expected_wait_is_exact_for_exponential_services(servers: int) -> None:
    """If services are exponential, who finds n waiting waits (n + 1) S / c on average: |t| <= 4.6 over replications."""
    experiment = sim.from_mapping(
        {
            "version": 1,
            "name": "waits",
            "workload": {
                "arrivals": {"kind": "poisson", "rate_per_s": 0.9 * servers},
                "tasks": {"t": {"input_tokens": 1, "output_tokens": 1}},
            },
            "fleet": {
                "one": {
                    "price": {"input_mtok": 1},
                    "service": {"law": "exponential", "mean": "1s"},
                    "capacity": {"concurrency": servers},
                }
            },
            "quality": {"acceptance": {"t": {"one": 0.9}}},
            "run": {"requests": 4_000, "replications": 12},
        }
    )
    frame = experiment.run(engine="reference", workers=1).requests("frontier-only")
    excess = []
    for _, part in frame.groupby("replication"):
        arrival = part["arrival_ns"].to_numpy()
        start = arrival + part["wait_ns"].to_numpy()
        waiting = np.arange(len(arrival)) - np.searchsorted(start, arrival, side="right")  # first come, first served
        waited = part["wait_ns"].to_numpy() > 0
        excess.append(np.mean(part["wait_ns"].to_numpy()[waited] / SECOND - (waiting[waited] + 1) / servers))
    t = np.mean(excess) / (np.std(excess, ddof=1) / math.sqrt(len(excess)))
    assert abs(t) <= 4.6


def test_the_typical_call_is_the_mean_of_what_is_drawn() -> None:
    """If laws of tokens and pace are given, the mean service is theirs: within 4.6 standard errors of 20,000 draws."""
    one = setting(PATTERN, workload={"arrivals": {"kind": "constant", "rate_per_s": 5}, "tasks": TASKS, "mix": MIX})
    for name in ("small", "large"):
        times = one.answers.service(name).total_ns
        found = typical_call(one.scene.spec.fleet[name], one.requests.classes, one.requests.task_shares.tolist())
        assert found is not None
        error = times.std(ddof=1) / math.sqrt(len(times))
        assert abs(times.mean() - found.total_ns) <= 4.6 * error + 0.5 * 18e6  # tokens are rounded, half of one at most
        assert found.prefill_ns < found.total_ns


MIX = {"chat": 0.7, "code": 0.3}


def test_every_part_of_a_run_has_the_same_routes() -> None:
    """If a part of a run happens to hold requests of one kind only, its routes are those of the others all the same."""
    fleet = {**FLEET, "small": {**FLEET["small"], "client": {"timeout": "9s", "fallback": ["large"]}}}
    one = setting({**PATTERN, "models": ["small", "middle", "large"]}, fleet=fleet, quality=QUALITY, requests=200)
    pattern = one.scene.line_up.patterns[-1]
    routes = {one.scene.plan(pattern, one.scene.answers(part)).routes for part in one.scene.chunks(0, 4)}
    assert len(routes) == 1


def test_a_call_that_nobody_makes_names_its_routes() -> None:
    """If nobody of a part of a run escalates, the routes of escalations and their fallbacks are there all the same."""
    cascade = {"name": "c", "kind": "cascade", "ladder": ["small", "large"], "escalate_when": {"lowest": 0.02}}
    fleet = {**FLEET, "large": {**FLEET["large"], "client": {"timeout": "9s", "fallback": ["middle"]}}}
    one = setting(cascade, fleet=fleet, requests=200)
    pattern = one.scene.line_up.patterns[-1]
    routes = {one.scene.plan(pattern, one.scene.answers(part)).routes for part in one.scene.chunks(0, 4)}
    assert len(routes) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"models": ["small", "small"]}, "the models name small twice"),
        ({"mean_service": {"middle": "1s"}}, "mean_service names 'middle', which is not among the models"),
        ({"within": "0s"}, "within"),
        ({"models": ["small"]}, "models"),
    ],
)
def test_what_makes_no_sense_is_refused(changes: dict[str, Any], message: str) -> None:
    """If the pattern names a model twice, or no time, or states what it does not use, it is refused."""
    with pytest.raises(sim.InvalidInput, match=message):
        setting({**PATTERN, **changes}, requests=1)


def test_a_mean_that_no_law_tells_has_to_be_stated() -> None:
    """If a trace may say how long answers are, the mean service is asked for at the models that go by tokens."""
    trace = {"kind": "trace", "source": {"format": "azure_llm", "file": "unread.csv"}}
    workload = {"arrivals": trace, "tasks": {"chat": TASKS["chat"]}}
    document = {
        "version": 1,
        "name": "traced",
        "workload": workload,
        "fleet": {"small": FLEET["small"], "middle": FLEET["middle"]},
        "quality": {"acceptance": {"chat": {"small": 0.8, "middle": 0.9}}},
        "patterns": [{**PATTERN, "models": ["small", "middle"]}],
    }
    with pytest.raises(sim.InvalidInput) as error:
        sim.from_mapping(document)
    asked_for = [issue.message for issue in error.value.issues if "mean service" in issue.message]
    assert asked_for == [
        "the mean service of 'small' is not known beforehand: its answers may be as long as a trace says"
    ]
    document["patterns"] = [{**PATTERN, "models": ["small", "middle"], "mean_service": {"small": "2s"}}]
    with pytest.raises(sim.InvalidInput) as error:
        sim.from_mapping(document)
    assert [issue for issue in error.value.issues if "mean service" in issue.message] == []  # the file is missing


def test_without_a_law_of_tokens_there_is_no_typical_call() -> None:
    """If a task class does not say how long its answers are, there is no mean; a law of the whole time has one."""
    by_tokens = Model.model_validate(model({"ttft": "1s", "inter_token": "10ms"}))
    whole = Model.model_validate(model({"law": "exponential", "mean": "3s"}))
    assert typical_call(by_tokens, [TaskClass.model_validate({"input_tokens": 5})], [1.0]) is None
    found = typical_call(whole, [TaskClass()], [1.0])
    assert found is not None
    assert found.total_ns == 3 * SECOND
