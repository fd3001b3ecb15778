"""Runs that something happens to: signals at a stated call of the program, limits, kills."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from cli.commands import TINY, command, environment

from sim.experiment import store

EXPERIMENT = TINY.replace("replications: 3", "replications: 4")
"""Four replications of three patterns: with --requests, that is 12 files to write, a third of the time of the run."""

HOOK = """
import importlib, os, signal, sys

module, dotted, calls, number, *arguments = sys.argv[1:]
signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever started us may have ignored it
owner = importlib.import_module(module)
*path, name = dotted.split(".")
for part in path:
    owner = getattr(owner, part)
original, left = getattr(owner, name), int(calls)

def hooked(*positional, **named):
    global left
    left -= 1
    answer = original(*positional, **named)
    if left == 0:
        os.kill(os.getpid(), int(number))
    return answer

setattr(owner, name, hooked)
from sim.cli import main
sys.argv = ["tiercast", *arguments]
main()
"""
"""Starts the command line; after the n-th call of one of its functions a signal comes."""


def experiment(folder: Path) -> Path:
    """Write the experiment and give its path."""
    path = folder / "tiny.yaml"
    path.write_text(EXPERIMENT, encoding="utf-8")
    return path


def run_of(path: Path, results: Path, *options: str, requests: bool = True) -> list[str]:
    """Give the arguments of a quiet run on one worker; with `requests`, it has many files to write."""
    kept = ["--requests"] if requests else []
    return ["run", str(path), "--results", str(results), "--workers", "1", "--quiet", *kept, *options]


def finished(arguments: list[str], before: Callable[[], None] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end; `before` is called in the child, before it becomes the command line."""
    return subprocess.run(
        command(*arguments),
        check=False,
        capture_output=True,
        text=True,
        env=environment(PYTHONDONTWRITEBYTECODE="1"),
        preexec_fn=before,
    )


def signalled(
    function: str, calls: int, number: int, arguments: list[str], timeout_s: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run the command line, and send it a signal at the n-th call of ``module:function``."""
    module, _, dotted = function.partition(":")
    words = [sys.executable, "-c", HOOK, module, dotted, str(calls), str(int(number)), *arguments]
    return subprocess.run(words, check=False, capture_output=True, text=True, env=environment(), timeout=timeout_s)


def results_in(results: Path) -> list[Path]:
    """Give the folders that count as results, or would be taken for one."""
    return [folder for folder in sorted(results.glob("*/*")) if not folder.name.startswith(".")]


def problems_in(results: Path) -> list[str]:
    """Give what is wrong with any of the results."""
    return [problem for folder in results_in(results) for problem in store.verify(folder)]
