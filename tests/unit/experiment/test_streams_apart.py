"""No two draws of a run share a stream: whatever is drawn for one purpose says nothing of another."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scenes import CASCADE, EVERY_KIND, FLEET, QUALITY, TASKS, WORKLOAD, one_task, setting
from scipy import stats

import sim
from sim.chance import Purpose, Streams
from sim.experiment.replication import play_replication
from sim.experiment.scene import Scene
from sim.routing.patterns import PATTERNS
from sim.routing.signals import SIGNALS

Stream = tuple[Purpose, tuple[str, ...]]
Call = tuple[Stream, NDArray[np.float64]]

SLOW = {"p50": "20ms", "p95": "60ms"}
SIGNALS_OF_EVERY_KIND: dict[str, dict[str, Any]] = {
    "seen": {"kind": "task_class", "accuracy": 0.85, "time": SLOW},
    "near": {"kind": "similarity", "auroc": 0.7, "time": SLOW},
    "length": {"kind": "prompt_length"},
    "tenant": {"kind": "segment"},
    "surety": {"kind": "confidence"},
}
PATTERNS_OF_EVERY_KIND: list[dict[str, Any]] = [
    *EVERY_KIND.values(),
    {
        **CASCADE,
        "name": "three",
        "ladder": ["small", "middle", "large"],
        "verify": {"time": SLOW, "auroc": 0.9},
        "escalate_when": {"lowest": 0.3, "refusal": True, "hedging": True},
    },
    {
        **EVERY_KIND["ensemble"],
        "name": "slow-judge",
        "models": ["middle", "large"],
        "reward_model": {"accuracy": 0.9, "time": SLOW},
    },
    {
        **EVERY_KIND["pre_route"],
        "name": "by-signals",
        "rules": [
            {"when": {"seen": ["code"], "near": ">0.7"}, "to": "large"},
            {"when": {"length": ">3000", "tenant": ["bursts"]}, "to": "middle"},
        ],
    },
]
STALL = {"stall": {"share": 0.1, "time": {"law": "exponential", "mean": "2s"}}}
MODELS: dict[str, Any] = {
    "small": {**FLEET["small"], "service": {**FLEET["small"]["service"], **STALL}},
    "middle": {
        **FLEET["middle"],
        "service": {"law": "exponential", "mean": "1s"},
        "faults": {"error_rate": 0.2, "error_time": {"law": "exponential", "mean": "300ms"}},
        "client": {"retries": 2},
    },
    "large": {
        **FLEET["large"],
        "service": {**FLEET["large"]["service"], "inter_token": {"p50": "17ms", "p95": "25ms"}},
        "capacity": {"batching": {"slots": 8, "replicas": 3, "speed": {"8": 0.6}, "balance": "random"}},
    },
}

MMPP = {
    "kind": "mmpp",
    "phases": [{"rate_per_s": 1.0, "mean_duration": "5s"}, {"rate_per_s": 4.0, "mean_duration": "3s"}],
}
RENEWAL = {"kind": "renewal", "rate_per_s": 1.0, "cv": 0.5}
RECORDED = {"format": "columns", "file": "trace.csv", "columns": {"arrival": "at"}, "time_unit": "s"}
OWN_ARRIVALS: dict[str, Any] = {
    "workload": {
        "segments": {
            "bursts": {"arrivals": {"kind": "batches", "every": MMPP, "size": {"law": "geometric", "mean": 3}}},
            "regular": {"arrivals": RENEWAL},
            "replayed": {"arrivals": {"kind": "trace", "source": RECORDED, "bootstrap": "7s"}},
        },
        "tasks": TASKS,
        "mix": WORKLOAD["mix"],
    },
    "quality": QUALITY,
}
SHARED_ARRIVALS: dict[str, Any] = {
    "workload": {
        **WORKLOAD,
        "arrivals": {"kind": "poisson", "rate_per_s": 8},
        "segments": {"bursts": {"share": 0.3}, "regular": {"share": 0.7}},
    },
    "outcomes": {"file": "rows.csv", "task": "task", "models": {name: name for name in MODELS}},
    "quality": {key: value for key, value in QUALITY.items() if key not in {"acceptance", "dependence"}},
}


def calls_of(sections: dict[str, Any], folder: Path) -> list[Call]:
    """Play one replication of every pattern and give what was drawn, call by call."""
    (folder / "trace.csv").write_text("at\n" + "".join(f"{second}\n" for second in range(20)))
    rows = "".join(f"{task},{row % 2},{row % 3 % 2},1\n" for row in range(30) for task in TASKS)
    (folder / "rows.csv").write_text(f"task,{','.join(MODELS)}\n{rows}")
    experiment = sim.from_mapping(
        {
            "version": 1,
            "name": "apart",
            "seed": 3,
            "fleet": MODELS,
            "signals": SIGNALS_OF_EVERY_KIND,
            "patterns": PATTERNS_OF_EVERY_KIND,
            "run": {"duration": "60s", "replications": 1},
            **sections,
        },
        folder,
    )
    calls: list[Call] = []
    uniform = Streams.uniform

    def recorded(self: Streams, purpose: Purpose, names: tuple[str, ...], start: int, stop: int) -> NDArray[np.float64]:
        drawn = uniform(self, purpose, names, start, stop)
        calls.append(((purpose, names), drawn))
        return drawn

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Streams, "uniform", recorded)
        play_replication(Scene(experiment.spec, experiment.line_up, experiment.inputs()), 0, "reference")
    return calls


@pytest.mark.parametrize("sections", [OWN_ARRIVALS, SHARED_ARRIVALS], ids=["own arrivals", "shared arrivals"])
def test_equal_uniforms_are_of_the_same_purpose_and_names(sections: dict[str, Any], tmp_path: Path) -> None:
    """If two draws of a run are the same number, they were asked for under the same purpose and names."""
    askers: defaultdict[float, set[Stream]] = defaultdict(set)
    for stream, drawn in calls_of(sections, tmp_path):
        for number in drawn.tolist():
            askers[number].add(stream)
    assert len(set().union(*askers.values())) > 30
    assert {tuple(streams) for streams in askers.values() if len(streams) > 1} == set()


def test_these_runs_draw_for_every_purpose(tmp_path: Path) -> None:
    """If every kind of pattern and signal is played, all purposes of runs but CACHED are drawn for, by number."""
    assert {pattern["kind"] for pattern in PATTERNS_OF_EVERY_KIND} == set(PATTERNS)
    assert {signal["kind"] for signal in SIGNALS_OF_EVERY_KIND.values()} == set(SIGNALS)
    used = {stream[0] for sections in (OWN_ARRIVALS, SHARED_ARRIVALS) for stream, _ in calls_of(sections, tmp_path)}
    # of gates, drift and forecasts, which no run has
    over_months = {Purpose.GATE_SAMPLE, Purpose.GATE_VERDICT, Purpose.DRIFT, Purpose.FORECAST}
    # nothing is drawn for CACHED so far, and its number stays reserved
    assert used == set(Purpose) - over_months - {Purpose.CACHED}
    assert len(Purpose) == len(Purpose.__members__)


@pytest.mark.parametrize("model", ["small", "large"])
def test_prompt_and_answer_lengths_are_drawn_apart(model: str) -> None:
    """If no length is said to go with another, prompts and answers of a task class do not correlate in rank."""
    scene = setting(**one_task(0.7, 0.9))
    answer = scene.answers.output_tokens(model)
    correlation = float(stats.spearmanr(scene.requests.input_tokens, answer).statistic)
    assert abs(correlation) < 4 / np.sqrt(len(answer))


def test_difficulty_and_lengths_are_drawn_apart() -> None:
    """If no length is said to go with difficulty, neither prompts nor answers correlate with it in rank."""
    scene = setting(**one_task(0.7, 0.9))
    columns = [scene.requests.input_tokens, scene.answers.output_tokens("small"), scene.answers.output_tokens("large")]
    found = [float(stats.spearmanr(scene.requests.difficulty, column).statistic) for column in columns]
    assert max(map(abs, found)) < 4 / np.sqrt(len(scene.requests))
