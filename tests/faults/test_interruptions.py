"""Runs that are asked to end: they leave with 130 and one line, and the next run goes on from what was finished."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import NoReturn

import pytest
from cli.commands import invoke
from faults.runs import experiment, problems_in, results_in, run_of, signalled

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")

PLAYED = "sim.experiment.finished:Finished.add"
WRITES = "sim.experiment.store:_fill"
INTERRUPTED = "tiercast: interrupted: interrupted"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give the summary of a run that nobody disturbs."""
    folder = tmp_path_factory.mktemp("whole")
    return invoke(*run_of(experiment(folder), folder / "results", "--json")).out


@pytest.mark.parametrize(
    ("call", "number", "told"),
    [
        ((PLAYED, 1), signal.SIGTERM, "1 of 6 replications are kept; the same command goes on from there"),
        ((PLAYED, 4), signal.SIGINT, "4 of 6 replications are kept; the same command goes on from there"),
        ((WRITES, 1), signal.SIGINT, "all replications are kept; the same command goes on from there"),
    ],
    ids=["after one", "after four", "while writing"],
)
def test_a_run_that_is_asked_to_end_keeps_what_is_finished(
    tmp_path: Path, whole: str, call: tuple[str, int], number: signal.Signals, told: str
) -> None:
    """If a run is interrupted or told to end, it leaves with 130 in one line; the next goes on to the same bytes."""
    arguments = run_of(experiment(tmp_path), tmp_path / "results", "--json")
    done = signalled(*call, number, arguments)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == f"tiercast: interrupted: {told}\n"
    assert results_in(tmp_path / "results") == []
    assert invoke(*arguments).out == whole
    (result,) = results_in(tmp_path / "results")
    assert problems_in(tmp_path / "results") == []
    assert [path.name for path in result.parent.iterdir()] == [result.name]


def test_an_interrupt_reaches_a_run_on_two_workers(tmp_path: Path, whole: str) -> None:
    """If a run on two workers is interrupted, it ends as one on one worker does, and no worker prints anything."""
    arguments = [*run_of(experiment(tmp_path), tmp_path / "results", "--json"), "--workers", "2"]
    done = signalled(PLAYED, 2, signal.SIGINT, arguments)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr.endswith(" of 6 replications are kept; the same command goes on from there\n")
    assert done.stderr.count("\n") == 1
    assert invoke(*run_of(tmp_path / "tiny.yaml", tmp_path / "results", "--json")).out == whole


@pytest.mark.parametrize(
    ("function", "told", "result"),
    [
        ("sim.cli.run.load", "tiercast: interrupted\n", 0),
        (
            "sim.experiment.simulate.play_replication",
            f"{INTERRUPTED} before the run had ended; nothing was written\n",
            0,
        ),
        ("sim.cli.run.say", "tiercast: interrupted\n", 1),
    ],
    ids=["while reading", "before the first replication ends", "when only the answer is left to print"],
)
def test_an_interrupt_costs_nothing_that_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str, told: str, result: int
) -> None:
    """If the interrupt comes before anything is played, nothing is there; if after the result was written, it is."""

    def interrupt(*_: object, **__: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(function, interrupt)
    answer = invoke(*run_of(experiment(tmp_path), tmp_path / "results"))
    assert (answer.code, answer.out, answer.err) == (130, "", told)
    assert len(results_in(tmp_path / "results")) == result
    assert problems_in(tmp_path / "results") == []
