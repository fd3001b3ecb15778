"""Disks that are full and places that cannot be written: one line, exit code 1, and what was there stays."""

from __future__ import annotations

import contextlib
import os
import resource
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.commands import invoke, process
from faults.runs import experiment, finished, problems_in, results_in, run_of

from sim.experiment.durable import replace_file

pytestmark = pytest.mark.skipif(os.name == "nt", reason="limits and devices of POSIX")
full_device = pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full is Linux's")


@contextlib.contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond so many bytes: what a full disk looks like to who writes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(
    ("most_bytes", "others"),
    [(0, []), (4_000, ["--set", "run.requests=41"]), (10_000, []), (20_000, [])],
    ids=["at once", "at the summary, beside another result", "at the summary", "at the last table"],
)
def test_a_full_disk_is_one_line(tmp_path: Path, most_bytes: int, others: list[str]) -> None:
    """If a file may not grow any further, the run fails with 1, in one line, and what was there stays as it was."""
    arguments = run_of(experiment(tmp_path), tmp_path / "results")
    assert invoke(*arguments, *others).code == 0
    manifests = {path: path.read_bytes() for path in tmp_path.glob("results/*/*/manifest.json")}
    with files_of_at_most(most_bytes):
        answer = invoke(*arguments)
    assert (answer.code, answer.out) == (1, "")
    (line,) = answer.err.splitlines()
    assert line.startswith(f"tiercast: error: cannot write {tmp_path / 'results' / 'tiny'}/")
    assert line.endswith(": File too large")
    assert {path: path.read_bytes() for path in tmp_path.glob("results/*/*/manifest.json")} == manifests
    assert problems_in(tmp_path / "results") == []
    assert len([path for path in (tmp_path / "results" / "tiny").iterdir() if not path.name.endswith(".finished")]) == 1


def test_a_process_of_its_own_says_the_same_of_a_full_disk(tmp_path: Path) -> None:
    """If the disk is full for a whole process, from its start on, its last words are the one line."""
    done = finished(
        run_of(experiment(tmp_path), tmp_path / "results"),
        before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512)),
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("tiercast: error: cannot write ")
    assert done.stderr.count("\n") == 1
    assert results_in(tmp_path / "results") == []


@full_device
@pytest.mark.parametrize("words", ["--help", "validate --help", "validate tiny.yaml"])
def test_a_full_stdout_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    """If the answer cannot be written, the code is 1 and stderr says so in one line, whatever was asked."""
    experiment(tmp_path)
    monkeypatch.chdir(tmp_path)
    with Path("/dev/full").open("wb", buffering=0) as stdout:
        answer = process(*words.split(), stdout=stdout)
    assert answer.code == 1
    assert answer.err == "tiercast: error: cannot write to standard output: No space left on device\n"


@full_device
def test_a_full_stdout_does_not_cost_the_result(tmp_path: Path) -> None:
    """If the answer of a run cannot be written to stdout, the code is 1, and the result is on the disk, whole."""
    with Path("/dev/full").open("wb", buffering=0) as stdout:
        answer = process(*run_of(experiment(tmp_path), tmp_path / "results"), stdout=stdout)
    assert answer.code == 1
    assert answer.err == "tiercast: error: cannot write to standard output: No space left on device\n"
    assert len(results_in(tmp_path / "results")) == 1
    assert problems_in(tmp_path / "results") == []


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    """If a file to write is a pipe, its reader gets the bytes and the pipe stays a pipe."""
    pipe = tmp_path / "pipe.json"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    replace_file(pipe, b"answer")
    reader.join()
    assert read == [b"answer"]
    assert pipe.is_fifo()


@pytest.mark.parametrize("name", ["a größe/of 'it'", "-dash", "x" * 200, "%41~"])
def test_any_name_of_a_folder_will_do(tmp_path: Path, name: str) -> None:
    """If the results folder has an awkward name, the result is there, under exactly that name."""
    arguments = run_of(experiment(tmp_path), tmp_path / name)
    assert invoke(*arguments).code == 0
    assert len(results_in(tmp_path / name)) == 1


@pytest.mark.parametrize(
    ("name", "reason"),
    [("x" * 300, "File name too long"), ("tiny.yaml", "Not a directory"), ("nul\0", "embedded null byte")],
)
def test_a_folder_that_cannot_be_is_one_line(tmp_path: Path, name: str, reason: str) -> None:
    """If the results folder cannot be made, the run fails in one line."""
    answer = invoke(*run_of(experiment(tmp_path), tmp_path / name))
    assert (answer.code, answer.out) == (1, "")
    (line,) = answer.err.splitlines()
    assert reason in line


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_one_line(tmp_path: Path) -> None:
    """If the results folder may not be written, the run fails in one line."""
    arguments = run_of(experiment(tmp_path), tmp_path / "results")
    (tmp_path / "results").mkdir(mode=0o555)
    answer = invoke(*arguments)
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.endswith(": Permission denied\n")
