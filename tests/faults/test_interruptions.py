"""Runs that are asked to end: they leave with 130 and one line, and the next run goes on from what was finished."""

from __future__ import annotations

import itertools
import os
import pkgutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from cli.commands import invoke
from faults.runs import experiment, problems_in, results_in, run_of, signalled

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")

PLAYED = "sim.experiment.finished:Finished.add"
INTERRUPTED = "tiercast: interrupted: interrupted"


def raising(number: int, calls: int, original: Callable[..., Any]) -> Callable[..., Any]:
    """Give a function that does what the original does, after it has signalled this process at its n-th call."""
    left = itertools.count(calls - 1, -1)

    def hooked(*positional: object, **named: object) -> object:
        answer = original(*positional, **named)
        if next(left) == 0:
            signal.raise_signal(signal.Signals(number))
        return answer

    return hooked


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give the summary of a run that nobody disturbs."""
    folder = tmp_path_factory.mktemp("whole")
    return invoke(*run_of(experiment(folder), folder / "results", "--json")).out


@pytest.fixture
def _handlers() -> Iterator[None]:
    """Give back the handlers of signals that the command line sets for itself."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_handlers")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("function", "calls", "kept"),
    [
        ("sim.experiment.finished.Finished.add", 1, "1 of 4 replications are kept"),
        ("sim.experiment.finished.Finished.add", 3, "3 of 4 replications are kept"),
        ("sim.experiment.store._fill", 1, "all replications are kept"),
    ],
    ids=["after one", "after three", "while writing"],
)
def test_a_run_that_is_asked_to_end_keeps_what_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: str, *, function: str, calls: int, kept: str, number: int
) -> None:
    """If a run is interrupted or told to end, it leaves with 130 in one line; the next goes on to the same bytes."""
    arguments = run_of(experiment(tmp_path), tmp_path / "results", "--json")
    with monkeypatch.context() as patch:
        patch.setattr(function, raising(number, calls, pkgutil.resolve_name(function)))
        answer = invoke(*arguments)
    assert (answer.code, answer.out) == (130, "")
    assert answer.err == f"tiercast: interrupted: {kept}; the same command goes on from there\n"
    assert results_in(tmp_path / "results") == []
    assert invoke(*arguments).out == whole
    (result,) = results_in(tmp_path / "results")
    assert problems_in(tmp_path / "results") == []
    beside = [path.name for path in result.parent.iterdir() if not path.name.endswith(".finished")]
    assert beside == [result.name]


def test_a_process_of_its_own_ends_as_orderly(tmp_path: Path) -> None:
    """If a process is told to end, its exit code and its last words are those of an interrupted run."""
    done = signalled(PLAYED, 2, signal.SIGTERM, run_of(experiment(tmp_path), tmp_path / "results"))
    assert (done.returncode, done.stdout) == (130, "")
    told = "2 of 4 replications are kept; the same command goes on from there"
    assert done.stderr == f"tiercast: interrupted: {told}\n"


def test_an_interrupt_reaches_a_run_on_two_workers(tmp_path: Path, whole: str) -> None:
    """If a run on two workers is interrupted, it ends as one on one worker does, and no worker prints anything."""
    arguments = [*run_of(experiment(tmp_path), tmp_path / "results", "--json"), "--workers", "2"]
    done = signalled(PLAYED, 2, signal.SIGINT, arguments)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr.endswith(" of 4 replications are kept; the same command goes on from there\n")
    assert done.stderr.count("\n") == 1
    assert invoke(*run_of(tmp_path / "tiny.yaml", tmp_path / "results", "--json")).out == whole


@pytest.mark.parametrize(
    ("function", "told", "result"),
    [
        ("sim.cli.run.load", "tiercast: interrupted\n", 0),
        (
            "sim.experiment.workers.play_replication",
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
