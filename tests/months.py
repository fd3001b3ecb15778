"""A small experiment whose months ahead take a second."""

from __future__ import annotations

import copy
from typing import Any

import sim
from sim.experiment.ahead import Ahead
from sim.experiment.resolve import Experiment
from sim.study.drift.play import Play, PlayRecord, play_forward

SMALL: dict[str, Any] = {
    "version": 1,
    "name": "months",
    "seed": 5,
    "workload": {
        "arrivals": {"kind": "poisson", "rate_per_s": 0.0025},
        "mix": {"chat": "80%", "math": "20%"},
        "tasks": {name: {"input_tokens": 500, "output_tokens": 100} for name in ("chat", "math")},
    },
    "fleet": {
        "small": {
            "tier": "cheap",
            "price": {"input_mtok": 0.25, "output_mtok": 1.25},
            "service": {"ttft": "340ms", "inter_token": "12ms"},
        },
        "large": {
            "tier": "frontier",
            "price": {"input_mtok": 1.25, "output_mtok": 10},
            "service": {"ttft": "360ms", "inter_token": "18ms"},
        },
    },
    "quality": {
        "acceptance": {"chat": {"small": 0.84, "large": 0.93}, "math": {"small": 0.64, "large": 0.86}},
        "confidence": {"small": {"auroc": 0.8}},
    },
    "signals": {"task": {"kind": "task_class", "accuracy": "90%"}},
    "patterns": [
        {
            "name": "pre-route",
            "kind": "pre_route",
            "rules": [{"when": {"task": "math"}, "to": "large"}],
            "otherwise": "small",
        },
        {
            "name": "cascade",
            "kind": "cascade",
            "ladder": ["small", "large"],
            "escalate_when": {"confidence_below": 0.7},
        },
    ],
    "run": {"duration": "1h", "replications": 2, "start": "2026-01-01"},
    "drift": {"months": 2},
}


def months(**parts: Any) -> Experiment:
    """Give the small experiment with some of its keys replaced; `drift` is added to."""
    data = copy.deepcopy(SMALL)
    data["drift"] |= parts.pop("drift", {})
    return sim.from_mapping(data | parts)


def played(experiment: Experiment, *plays: Play, replication: int = 0, engine: str = "reference") -> list[PlayRecord]:
    """Play one replication; the records stand in the order of the plays."""
    found = play_forward(Ahead(experiment), experiment.inputs(), replication, engine, plays)
    return [found[play] for play in plays]
