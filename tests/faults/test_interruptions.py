"""Runs that are stopped from outside: what they had finished is kept, and nothing half-written is read back."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sim.experiment import store

EXPERIMENT = Path(__file__).resolve().parents[2] / "experiments" / "quickstart.yaml"
LONG = ["--set", "run.duration=10m", "--set", "run.replications=20", "--workers=1", "--engine=reference", "--quiet"]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and limits of POSIX")


def start(results: Path, *options: str) -> subprocess.Popen[str]:
    """Start a run that takes some seconds."""
    command = [
        sys.executable,
        "-m",
        "sim",
        "run",
        str(EXPERIMENT),
        "--results",
        str(results),
        "--quiet",
        *LONG,
        *options,
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give the summary of a run that nobody disturbs."""
    return start(tmp_path_factory.mktemp("whole"), "--json").communicate()[0]


def test_a_killed_run_leaves_no_half_result(tmp_path: Path, whole: str) -> None:
    """If a run is killed at random moments, a result is whole or not there, and the next run gives the same bytes."""
    moments = random.Random(5)  # noqa: S311 - moments to kill at, no secrets
    for _ in range(4):
        process = start(tmp_path)
        time.sleep(moments.uniform(0.1, 7.0))
        process.kill()
        process.communicate()
        results = [folder for folder in tmp_path.glob("quickstart/*") if not folder.name.startswith(".")]
        assert [problem for folder in results for problem in store.verify(folder)] == []
    assert start(tmp_path, "--json").communicate()[0] == whole


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_asked_to_end_says_what_is_kept(tmp_path: Path, whole: str, number: signal.Signals) -> None:
    """If a run is interrupted or told to terminate, it leaves with 130 and one line, and the next goes on."""
    process = start(tmp_path)
    folder = tmp_path / "quickstart"
    time.sleep(3.0)
    process.send_signal(number)
    out, error = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, "")
    assert error.startswith("tiercast: interrupted: ")
    assert error.count("\n") == 1
    kept = [file for file in folder.glob(".*.finished/*") if file.suffix == ".npz"]
    assert f"{len(kept)} of 20 replications are kept" in error
    assert start(tmp_path, "--json").communicate()[0] == whole
    assert list(folder.glob(".*.finished")) == []


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    """If files may not grow beyond a few bytes, the run fails with 1, in one line, and no result is there."""

    def full() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512))

    command = [sys.executable, "-m", "sim", "run", str(EXPERIMENT), "--results", str(tmp_path), "--quiet"]
    command += ["--set", "run.duration=20s", "--set", "run.replications=2"]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, check=False, capture_output=True, text=True, preexec_fn=full, env=environment)
    assert done.returncode == 1
    assert done.stderr.startswith("tiercast: error: cannot write ")
    assert done.stderr.count("\n") == 1
    assert [folder for folder in tmp_path.glob("quickstart/*") if not folder.name.startswith(".")] == []
