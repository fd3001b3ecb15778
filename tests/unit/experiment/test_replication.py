"""A replication is played chunk by chunk: the outcome does not depend on how it is cut, or on who plans ahead."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
from scenes import CASCADE, EVERY_KIND, FLEET, QUALITY, TASKS, text_of

import sim
from sim.experiment import scene as scene_room
from sim.experiment.replication import Replication, play_replication
from sim.experiment.scene import Scene
from sim.outcome import cells
from sim.outcome.outcomes import Outcome
from sim.outcome.samples import Counted
from sim.workload.requests import CHUNK, Requests

BURSTS = {
    "kind": "mmpp",
    "phases": [{"rate_per_s": 1.0, "mean_duration": "20s"}, {"rate_per_s": 9.0, "mean_duration": "9s"}],
}
EXPERIMENT: dict[str, Any] = {
    "version": 1,
    "name": "chunks",
    "seed": 3,
    "workload": {
        "segments": {
            "steady": {"arrivals": {"kind": "poisson", "rate_per_s": 4.0}},
            "bursts": {"arrivals": BURSTS, "mix": {"chat": 0.2, "code": 0.8}},
        },
        "tasks": TASKS,
        "mix": {"chat": 0.7, "code": 0.3},
    },
    # small pools, so that requests of one chunk are still in a queue when the next ones come
    "fleet": {**FLEET, "large": {**FLEET["large"], "capacity": {"concurrency": 14}}},
    "quality": QUALITY,
    "patterns": [
        {**CASCADE, "escalate_when": {"lowest": 0.3, "refusal": True}},
        *(EVERY_KIND[kind] for kind in ("ensemble", "pre_route", "split")),
    ],
    "run": {"duration": "100s", "warm_up": "7s", "replications": 2, "goals": {"latency": "6s"}},
}


def scene(**changes: Any) -> Scene:
    """Give the scene of the experiment, with some sections replaced."""
    experiment = sim.from_mapping({**EXPERIMENT, **changes})
    return Scene(experiment.spec, experiment.line_up, experiment.inputs())


def outcomes(size: int, engine: str = "compiled", threads: int = 1, *, single: bool = False) -> list[Outcome]:
    """Play a replication in chunks of a size."""
    run = {**EXPERIMENT["run"], "replications": 1} if single else EXPERIMENT["run"]
    setting = scene(run=run)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Scene, "chunks", functools.partialmethod(Scene.chunks, size=size))
        return play_replication(setting, 0, engine, threads)


@functools.cache
def whole(*, single: bool = False) -> str:
    """Play the replication in one chunk, on the reference engine."""
    return text_of(outcomes(CHUNK, "reference", single=single))


@pytest.mark.parametrize(("size", "single"), [(1, False), (100, False), (7, True)])
def test_the_size_of_chunks_changes_nothing(size: int, *, single: bool) -> None:
    """If a replication is played in chunks of any size, every sum, sample and span is the same."""
    assert text_of(outcomes(size, single=single)) == whole(single=single)


def test_the_reference_engine_is_cut_as_well() -> None:
    """If the reference engine plays in chunks, the outcome is the same too."""
    assert text_of(outcomes(13, "reference")) == whole()


@pytest.mark.parametrize("threads", [2, 4])
def test_planning_ahead_changes_nothing(threads: int) -> None:
    """If other threads plan the next chunks meanwhile, the outcome is the same."""
    assert text_of(outcomes(20, threads=threads)) == whole()


def test_histograms_do_not_depend_on_the_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """If there are too many observations to keep, their histograms are the same in chunks of any size."""
    monkeypatch.setattr(scene_room, "MOST_EXACT", 100)
    found = [outcomes(size, single=True) for size in (CHUNK, 7)]
    assert all(isinstance(outcome.durations, Counted) for outcome in found[0])
    assert len({text_of(one) for one in found}) == 1


def test_what_is_counted_together_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """If every dimension is counted by itself, as where there are many segments and task classes, nothing changes."""
    monkeypatch.setattr(scene_room, "MOST_EXACT", 100)
    found = []
    for most in (64, 1):
        monkeypatch.setattr(cells, "_TOGETHER", most)
        found.append(text_of(outcomes(30, single=True)))
    assert found[0] == found[1]


def test_the_request_log_does_not_depend_on_the_cut() -> None:
    """If the request log is asked for, its parts put together are the whole, pattern by pattern."""
    logs: list[dict[str, list[int]]] = []
    for size in (CHUNK, 11):
        rows: dict[str, list[int]] = {}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Scene, "chunks", functools.partialmethod(Scene.chunks, size=size))
            setting = scene()
            for name, log in Replication(setting, 1, "compiled", setting.line_up.patterns).logs():
                rows.setdefault(name, []).extend([*log.arrival_ns.tolist(), *log.latency_ns.tolist()])
        logs.append({name: sorted(values) for name, values in rows.items()})
    assert logs[0] == logs[1]


def test_progress_is_the_share_of_the_time_that_was_played() -> None:
    """If a replication comes in many chunks, the share that is done rises from chunk to chunk, below 1."""
    told: list[float] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Scene, "chunks", functools.partialmethod(Scene.chunks, size=50))
        play_replication(scene(), 0, "compiled", 1, told.append)
    assert told == sorted(set(told))
    assert 0 < told[0] < told[-1] <= 1
    assert len(told) > 5


def test_an_error_while_planning_ahead_is_the_error_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a thread that plans ahead fails, the replication fails with its error."""

    def broken(_: Scene, requests: Requests) -> None:
        raise ZeroDivisionError(len(requests))

    monkeypatch.setattr(Scene, "answers", broken)
    with pytest.raises(ZeroDivisionError):
        play_replication(scene(), 0, "compiled", 2)


def test_requests_that_all_come_at_once_are_played(tmp_path: Path) -> None:
    """If every request of a trace comes at time 0, so that no time passes, chunks are played and progress is told."""
    (tmp_path / "burst.csv").write_text("at,prompt,answer\n" + "0,500,20\n" * 120, encoding="utf-8")
    columns = {"arrival": "at", "input_tokens": "prompt", "output_tokens": "answer"}
    source = {"format": "columns", "file": "burst.csv", "columns": columns, "time_unit": "s"}
    workload = {"arrivals": {"kind": "trace", "source": source}, "tasks": TASKS, "mix": {"chat": 0.5, "code": 0.5}}
    changes = {"workload": workload, "patterns": [CASCADE], "run": {"replications": 2}}
    experiment = sim.from_mapping({**EXPERIMENT, **changes}, tmp_path)
    setting = Scene(experiment.spec, experiment.line_up, experiment.inputs())
    told: list[float] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Scene, "chunks", functools.partialmethod(Scene.chunks, size=50))
        found = play_replication(setting, 0, "compiled", 1, told.append)
    assert [outcome.requests for outcome in found] == [120] * len(found)
    assert told == [0.0, 0.0]
