"""Runs that are killed, and two runs at once: a result is whole or not there, and the next run is as if nothing was."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cli.commands import command, environment, invoke
from faults.runs import experiment, problems_in, results_in, run_of

import sim
from sim.experiment import store
from sim.experiment.lock import only_writer

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and forks of POSIX")

MOMENTS = random.Random(5)  # noqa: S311 - moments to kill at, no secrets
SHARES = [round(MOMENTS.uniform(0.05, 1.0), 3) for _ in range(10)]
"""When to kill, as a share of the time that an undisturbed run takes."""

RUNNER = """
import json, os, signal, sys, time
from pathlib import Path
from sim.cli import cli, main

def begin(folder):
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.argv = ["tiercast", *arguments, "--results", str(root / folder)]
        main()
    return child

def end(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

root, shares, arguments = Path(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3:]
cli.main([*arguments, "--results", str(root / "warm")], standalone_mode=False)  # what is imported late is imported once
codes, whole_s = [], 1e9
for number in range(2):  # the shorter of two: whoever else uses the machine makes a run seem long
    begin_s = time.monotonic()
    codes.append(end(begin(f"undisturbed{number}")))
    whole_s = min(whole_s, time.monotonic() - begin_s)
for share in shares:
    child = begin(str(share))
    time.sleep(share * whole_s)
    os.kill(child, signal.SIGKILL)
    codes.append(end(child))
print(json.dumps(codes))
"""
"""Runs an experiment undisturbed, then again and again in processes that are killed after some time."""

KILLER = """
import json, os, shutil, signal, sys
from pathlib import Path
import sim
from sim.experiment import store

experiment, root, older = sys.argv[1], Path(sys.argv[2]), sys.argv[3] == "older"
run = sim.load(experiment, ["patterns=[]", "run.replications=1"]).run(workers=1)
store.write(run.result, root / "warm", run.requests_parts())  # what is imported late is imported once

def armed(call, countdown):
    def counted(*positional, **named):
        countdown[0] -= 1
        if countdown[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*positional, **named)
    return counted

deaths = 0
while True:
    results = root / str(deaths)
    if older:
        shutil.copytree(root / "warm", results)
    child = os.fork()
    if child == 0:
        countdown = [deaths + 1]
        for name in ("open", "fsync", "replace", "mkdir", "write", "ftruncate", "unlink", "rmdir"):
            setattr(os, name, armed(getattr(os, name), countdown))
        store.write(run.result, results, run.requests_parts())
        os._exit(0)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
        break
    deaths += 1
print(json.dumps(deaths))
"""
"""Writes one result again and again, each time in a child that is killed at one more system call than the last."""


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give the summary of a run that nobody disturbs."""
    folder = tmp_path_factory.mktemp("undisturbed")
    return invoke(*run_of(experiment(folder), folder / "results", "--json")).out


def test_a_killed_run_leaves_no_half_result(tmp_path: Path, summary: str) -> None:
    """If runs are killed at random moments, a result is whole or not there, and the next run gives the same bytes."""
    arguments = run_of(experiment(tmp_path), tmp_path)
    words = [sys.executable, "-c", RUNNER, str(tmp_path), json.dumps(SHARES), *arguments]
    done = subprocess.run(words, check=True, capture_output=True, text=True, env=environment(OPENBLAS_NUM_THREADS="1"))
    first, second, *codes = json.loads(done.stdout.splitlines()[-1])
    assert (first, second) == (0, 0)
    assert set(codes) <= {0, -9}
    assert codes.count(-9) > len(codes) // 2
    for share in SHARES:
        results = tmp_path / str(share)
        assert problems_in(results) == []
        assert invoke(*run_of(tmp_path / "tiny.yaml", results, "--json", requests=False)).out == summary
        (result,) = results_in(results)
        assert store.verify(result) == []
        assert [path.name for path in result.parent.iterdir() if not path.name.endswith(".finished")] == [result.name]


@pytest.mark.parametrize("before", ["nothing", "older"])
def test_a_kill_at_any_system_call_leaves_old_new_or_nothing(tmp_path: Path, before: str) -> None:
    """If the writer is killed at its n-th call, for every n, no half-written result is there, and the next is whole."""
    words = [sys.executable, "-c", KILLER, str(experiment(tmp_path)), str(tmp_path), before]
    done = subprocess.run(words, check=True, capture_output=True, text=True, env=environment(OPENBLAS_NUM_THREADS="1"))
    deaths = int(json.loads(done.stdout.splitlines()[-1]))
    assert deaths > 30
    assert [problem for number in range(deaths) for problem in problems_in(tmp_path / str(number))] == []
    again = sim.load(tmp_path / "tiny.yaml", ["patterns=[]", "run.replications=1"]).run(workers=1).result
    for number in range(0, deaths, 4):
        result = store.write(again, tmp_path / str(number))
        assert store.verify(result) == []
        assert [path.name for path in result.parent.iterdir() if not path.name.endswith(".finished")] == [result.name]


def test_two_runs_at_once_never_break_a_result(tmp_path: Path, summary: str) -> None:
    """If two runs write one folder, both succeed or one is refused naming the other, and the result is whole."""
    arguments = run_of(experiment(tmp_path), tmp_path / "results", "--json")
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": environment()}
    with (
        subprocess.Popen(command(*arguments), **options) as one,
        subprocess.Popen(command(*arguments), **options) as two,
    ):
        answers = {child.pid: (*child.communicate(), child.returncode) for child in (one, two)}
    refused = {pid: error for pid, (_, error, code) in answers.items() if code == 2}
    assert [out for out, _, code in answers.values() if code == 0] == [summary] * (2 - len(refused))
    assert len(refused) < 2
    named = {int(number) for error in refused.values() for number in re.findall(r"process (\d+) is writing", error)}
    assert named == ({one.pid, two.pid} - refused.keys() if refused else set())
    assert problems_in(tmp_path / "results") == []
    assert len(results_in(tmp_path / "results")) == 1


def test_a_run_is_refused_while_another_writes(tmp_path: Path, summary: str) -> None:
    """If somebody holds the folder of the result, the run leaves with 2 and names the process, and touches nothing."""
    arguments = run_of(experiment(tmp_path), tmp_path / "results")
    assert invoke(*arguments).code == 0
    (result,) = results_in(tmp_path / "results")
    manifest = (result / "manifest.json").read_bytes()
    with only_writer(result.with_name(f".{result.name}.lock"), result):
        answer = invoke(*arguments)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(f"{result}: error: process {os.getpid()} is writing this results folder\n")
    assert (result / "manifest.json").read_bytes() == manifest
    assert invoke(*arguments, "--json").out == summary


def test_a_killed_writer_is_told_apart_from_a_running_one(tmp_path: Path) -> None:
    """If the lock file of a killed run is still there, the next run takes it over."""
    arguments = run_of(experiment(tmp_path), tmp_path / "results")
    assert invoke(*arguments).code == 0
    (result,) = results_in(tmp_path / "results")
    result.with_name(f".{result.name}.lock").write_text(f"{os.getpid()}\n", encoding="utf-8")
    assert invoke(*arguments).code == 0
    assert [path.name for path in result.parent.iterdir() if not path.name.endswith(".finished")] == [result.name]
