"""Small experiments for the tests of the routing room: requests, the answers of every model, and plans of patterns."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import sim
from sim.engine import play
from sim.experiment.scene import Scene
from sim.outcome.warmup import Series
from sim.routing.answers import Answers
from sim.routing.plan import Plan
from sim.workload.requests import Requests

TASKS: dict[str, Any] = {
    "chat": {"input_tokens": {"p50": 800, "p95": 3500}, "output_tokens": {"p50": 130, "p95": 450}},
    "code": {"input_tokens": {"p50": 1500, "p95": 6000}, "output_tokens": {"p50": 300, "p95": 900}},
}
WORKLOAD: dict[str, Any] = {
    "arrivals": {"kind": "constant", "rate_per_s": 5},
    "tasks": TASKS,
    "mix": {"chat": 0.7, "code": 0.3},
}
FLEET: dict[str, Any] = {
    "small": {
        "price": {"input_mtok": 0.25, "output_mtok": 1.25},
        "service": {"ttft": {"p50": "340ms", "p95": "680ms"}, "inter_token": "8ms"},
        "capacity": {"concurrency": 4},
    },
    "middle": {"price": {"input_mtok": 1, "output_mtok": 4}, "service": "900ms"},
    "large": {
        "price": {"input_mtok": 2.5, "output_mtok": 10},
        "service": {"ttft": {"p50": "500ms", "p95": "900ms"}, "inter_token": "18ms"},
    },
}
QUALITY: dict[str, Any] = {
    "acceptance": {
        "chat": {"small": 0.84, "middle": 0.88, "large": 0.93},
        "code": {"small": 0.6, "middle": 0.75, "large": 0.86},
    },
    "dependence": 0.5,
    "confidence": {"small": {"auroc": 0.8}, "middle": {"auroc": 0.75}},
    "refusal": {"small": {"acceptable": 0.01, "unacceptable": 0.1}},
    "hedging": {"small": {"acceptable": 0.05, "unacceptable": 0.15}},
}
CASCADE: dict[str, Any] = {
    "name": "cascade",
    "kind": "cascade",
    "ladder": ["small", "large"],
    "verify": {"time": "60ms", "usd_per_call": 0.0001},
    "escalate_when": {"confidence_below": 0.72},
}
EVERY_KIND: dict[str, dict[str, Any]] = {
    "cascade": CASCADE,
    "ensemble": {
        "name": "ensemble",
        "kind": "ensemble",
        "models": ["small", "large"],
        "sample": 0.2,
        "reward_model": {"accuracy": 0.9, "time": "120ms"},
    },
    "least_cost_within_latency": {
        "name": "in-time",
        "kind": "least_cost_within_latency",
        "models": ["small", "large"],
        "within": "5s",
        "mean_service": {"small": "2s", "large": "5s"},
    },
    "pre_route": {
        "name": "pre-route",
        "kind": "pre_route",
        "rules": [{"when": {"prompt_tokens": ">2000"}, "to": "large"}],
        "otherwise": "small",
    },
    "single": {"name": "single", "kind": "single", "model": "middle"},
    "spillover": {"name": "spillover", "kind": "spillover", "models": ["small", "large"], "queue": 2},
    "split": {"name": "split", "kind": "split", "shares": {"small": 0.5, "middle": 0.2, "large": 0.3}},
}
"""One example of each pattern; a conformance test demands one for a new kind."""


def came_about(plan: Plan) -> Plan:
    """Play a plan; give it as it came about, if some of its calls were refused."""
    log = play(plan.itinerary)
    return plan if plan.tries is None or log.outcome is None else plan.tries.settle(plan, log.outcome)


@dataclass(frozen=True)
class Setting:
    """The first replication of an experiment."""

    scene: Scene
    requests: Requests
    answers: Answers

    def plan(self, name: str | None = None) -> Plan:
        """Give the plan of a pattern of the line-up; of the last one where none is named."""
        patterns = self.scene.line_up.patterns
        chosen = patterns[-1] if name is None else next(pattern for pattern in patterns if pattern.name == name)
        return self.scene.plan(chosen, self.answers)


def setting(*patterns: dict[str, Any], requests: int = 20_000, seed: int = 11, **sections: Any) -> Setting:
    """Build an experiment of these patterns; `sections` (workload, fleet, quality, ...) replace the defaults above."""
    document = {
        "version": 1,
        "name": "scene",
        "seed": seed,
        "workload": WORKLOAD,
        "fleet": FLEET,
        "quality": QUALITY,
        "patterns": list(patterns),
        "run": {"requests": requests},
        **sections,
    }
    return _setting(json.dumps(document))


@functools.lru_cache(maxsize=8)
def _setting(document: str) -> Setting:
    experiment = sim.from_mapping(json.loads(document))
    scene = Scene(experiment.spec, experiment.line_up, experiment.inputs())
    requests = scene.requests(0)
    return Setting(scene, requests, scene.answers(requests))


def one_task(small: float, large: float, **quality: Any) -> dict[str, Any]:
    """Give the sections of an experiment with one task class and two models of these acceptance probabilities."""
    return {
        "workload": {"arrivals": WORKLOAD["arrivals"], "tasks": {"chat": TASKS["chat"]}},
        "fleet": {"small": FLEET["small"], "large": FLEET["large"]},
        "quality": {"acceptance": {"chat": {"small": small, "large": large}}, **quality},
    }


def z_of(share: float, expected: float, count: int) -> float:
    """Give how many standard errors a share of `count` independent draws lies from the expected one."""
    if expected in (0.0, 1.0):
        return 0.0 if share == expected else math.inf
    return (share - expected) / math.sqrt(expected * (1 - expected) / count)


def legs_of(plan: Plan, rows: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Give the legs of the requests in the mask, in the order of the itinerary."""
    return np.flatnonzero(rows[plan.itinerary.leg_request]).astype(np.int64)


def text_of(value: Any) -> str:
    """Write an outcome, or a part of it, as text that differs if anything in it does."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.tolist()}"
    if isinstance(value, Series):
        return text_of([value.batch, value.sums, value.starts_ns])
    if dataclasses.is_dataclass(value):
        return text_of({one.name: getattr(value, one.name) for one in dataclasses.fields(value)})
    if isinstance(value, dict):
        return str({name: text_of(one) for name, one in value.items()})
    return str([text_of(one) for one in value]) if isinstance(value, list | tuple) else repr(value)
