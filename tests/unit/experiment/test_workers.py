"""Workers: the same bytes on any number of them, in any process, and an orderly end when something goes wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, NoReturn

import pytest
from scenes import text_of

import sim
from sim.experiment import effort, workers
from sim.experiment.scene import Scene
from sim.experiment.summary import summary_bytes

ROOT = Path(__file__).resolve().parents[3]
EXPERIMENT = ROOT / "experiments" / "support-chat.yaml"
SHORT = ["run.duration=20s", "run.warm_up=2s", "run.replications=3"]


def summary(count: int) -> bytes:
    """Run the experiment on so many workers and give the summary."""
    return summary_bytes(sim.load(EXPERIMENT, SHORT).run(workers=count).result)


@pytest.fixture(scope="module")
def alone() -> bytes:
    """Give the summary of a run in one process."""
    return summary(1)


@pytest.mark.parametrize("count", [2, 3])
def test_the_number_of_workers_changes_no_byte(alone: bytes, count: int) -> None:
    """If several processes share the replications, the summary is the same, byte by byte."""
    assert summary(count) == alone


def test_some_replications_of_one_pattern_are_those_of_the_run() -> None:
    """If two processes play the last two replications of one pattern alone, they come out as in a run of everything."""
    experiment = sim.load(EXPERIMENT, SHORT)
    alone = Scene(experiment.spec, experiment.line_up.only("cascade", compared=False), experiment.inputs())
    found = workers.play_some(alone, "reference", (2, 1), range(1, 3))
    every = experiment.run(workers=1, engine="reference").outcomes["cascade"]
    assert sorted(found) == [1, 2]
    for number, (outcome,) in found.items():
        assert outcome.direct is None  # nothing to compare with was played
        assert text_of(outcome.sums) == text_of(every[number].sums)
        assert text_of(outcome.durations) == text_of(every[number].durations)


@pytest.mark.parametrize("hash_seed", ["0", "1"])
def test_the_hash_seed_changes_no_byte(alone: bytes, hash_seed: str) -> None:
    """If Python hashes text differently, in a process of its own, the summary is the same, byte by byte."""
    program = (
        "import sys, sim\nfrom sim.experiment.summary import summary_bytes\n"
        f"run = sim.load({str(EXPERIMENT)!r}, {SHORT!r}).run(workers=1)\n"
        "sys.stdout.buffer.write(summary_bytes(run.result))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": hash_seed}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, env=environment)
    assert done.stdout == alone


def test_progress_counts_from_nothing_to_all() -> None:
    """If progress is asked for, it counts every replication once, from 0 to all."""
    told: list[tuple[int, int]] = []
    sim.load(EXPERIMENT, SHORT).run(workers=1, progress=lambda done, total: told.append((done, total)))
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("count", [0, -1, effort.MOST_WORKERS + 1])
def test_impossible_numbers_of_workers_are_refused(count: int) -> None:
    """If the number of workers is no number of workers, the message says the range."""
    with pytest.raises(sim.InvalidInput, match="is not between 1 and 1024"):
        sim.load(EXPERIMENT, SHORT).run(workers=count)


@pytest.mark.parametrize("count", [1, 2])
def test_an_interrupt_ends_the_run(count: int) -> None:
    """If the user interrupts, the run ends as interrupted, on one worker and on several."""

    def interrupt(done: int, total: int) -> None:
        if done == 1:
            raise KeyboardInterrupt(total)

    with pytest.raises(sim.InterruptedRun, match="nothing was written"):
        sim.load(EXPERIMENT, SHORT).run(workers=count, progress=interrupt)


def test_a_worker_that_dies_is_an_error_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the pool breaks, the run fails with advice and not with the pool's own words."""

    class Broken:
        def __init__(self, *_: Any, **__: Any) -> None:
            pass

        def __enter__(self) -> NoReturn:
            raise BrokenProcessPool

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(workers, "ProcessPoolExecutor", Broken)
    with pytest.raises(sim.RunError, match="try --workers 1 to see why"):
        sim.load(EXPERIMENT, SHORT).run(workers=2)


def test_a_worker_without_a_scene_says_so() -> None:
    """If a task comes before the experiment, that is an impossible state and raises."""
    with pytest.raises(sim.RunError, match="without an experiment"):
        workers._play(0, "reference", 1)


def test_the_scene_of_a_worker_is_that_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a worker rebuilds the experiment from its resolved form, spec and line-up are equal to the original."""
    monkeypatch.setattr(workers, "_scene", None)
    experiment = sim.load(EXPERIMENT, SHORT)
    data = experiment.spec.model_dump(mode="json", exclude_none=True)
    workers._begin(data, experiment.line_up, experiment.inputs())
    assert workers._scene is not None
    assert workers._scene.spec == experiment.spec
    assert workers._scene.line_up == experiment.line_up
