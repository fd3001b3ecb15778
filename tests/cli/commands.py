"""The command line as its users meet it: in this process where that is enough, in one of its own where it is not."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from click.testing import CliRunner

from sim.cli import cli

ROOT = Path(__file__).resolve().parents[2]

TINY = """\
version: 1
name: tiny
seed: 3
workload:
  arrivals:
    kind: poisson
    rate_per_s: 5
  tasks:
    chat:
      input_tokens: {p50: 800, p95: 3500}
      output_tokens: {p50: 130, p95: 450}
fleet:
  small:
    tier: cheap
    price: {input_mtok: 0.25, output_mtok: 1.25}
    service: 400ms
    capacity: {concurrency: 4}
  large:
    tier: frontier
    price: {input_mtok: 2.5, output_mtok: 10}
    service: 900ms
quality:
  acceptance:
    chat: {small: 0.84, large: 0.93}
  confidence:
    small: {auroc: 0.8}
patterns:
- name: cascade
  kind: cascade
  ladder: [small, large]
  escalate_when: {confidence_below: 0.72}
run:
  requests: 40
  replications: 3
"""
"""The smallest experiment with a queue, an escalation and an interval; plays in a tenth of a second."""

OUTER = (
    "COLUMNS",
    "CI",
    "TIERCAST_DEBUG",
    "GITHUB_ACTIONS",
    "GITHUB_WORKSPACE",
    "GITHUB_STEP_SUMMARY",
    "GITHUB_OUTPUT",
)
"""Variables of whoever runs the tests that no command under test may see."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command leaves: its exit code, and what it wrote to stdout and stderr."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process took: CPU time of it and its children in seconds, peak resident memory in megabytes."""

    cpu_s: float
    peak_mb: float


def invoke(*arguments: str) -> Answer:
    """Call the command line within this process; an exception that is no exit is raised here."""
    result = CliRunner().invoke(cli, arguments, prog_name="tiercast")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Answer(result.exit_code, result.stdout, result.stderr)


def environment(**variables: str) -> dict[str, str]:
    """Give the environment of a process that imports the code under test, wherever it is started."""
    bare = {name: value for name, value in os.environ.items() if name not in OUTER}
    return {**bare, "PYTHONPATH": str(ROOT), **variables}


def command(*arguments: str) -> list[str]:
    """Give the words that start the command line in a process of its own."""
    return [sys.executable, "-m", "sim", *arguments]


def process(*arguments: str, stdout: int | IO[bytes] = subprocess.PIPE, **variables: str) -> Answer:
    """Run the command line in a process of its own with some variables of the environment; its stdin is empty."""
    done = subprocess.run(
        command(*arguments),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        check=False,
        env=environment(**variables),
    )
    return Answer(done.returncode, (done.stdout or b"").decode(), done.stderr.decode())


def measured(*arguments: str) -> tuple[Answer, Cost]:
    """Run the command line in a process of its own, and say what that took.

    The measuring is done by a small process between, because the peak memory of children is that of the largest one
    ever waited for.
    """
    program = (
        "import resource, subprocess, sys\n"
        "done = subprocess.run(sys.argv[1:], capture_output=True)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "sys.stdout.buffer.write(done.stdout)\n"
        "sys.stderr.buffer.write(done.stderr)\n"
        "print(f'\\n{done.returncode} {used.ru_utime + used.ru_stime} {used.ru_maxrss}', file=sys.stderr)\n"
    )
    between = [sys.executable, "-c", program, *command(*arguments)]
    done = subprocess.run(between, capture_output=True, text=True, check=True, env=environment())
    err, _, last = done.stderr.rstrip("\n").rpartition("\n")
    code, cpu, peak = last.split()
    unit = 1 if sys.platform == "darwin" else 1_000  # bytes there, kilobytes elsewhere
    return Answer(int(code), done.stdout, err), Cost(float(cpu), int(peak) * unit / 1e6)


def edited(old: str, new: str) -> tuple[str, int, int]:
    """Put `new` in the place of `old` in the small experiment; give the text, and line and column of the § in it.

    The § stands where a message must point to and is taken out.
    """
    before, found, after = TINY.partition(old)
    if not found or old in after:
        raise ValueError(f"{old!r} must stand once in the small experiment")
    start, _, rest = (before + new + after).partition("§")
    return start + rest, start.count("\n") + 1, len(start) - start.rfind("\n")


def refusal(file: str, content: str | bytes, verb: str = "run") -> list[str]:
    """Write a file and play it: exit code 2, nothing on stdout, no result; give the lines of stderr."""
    Path(file).write_bytes(content if isinstance(content, bytes) else content.encode())
    options = ("--workers", "1", "--results", "results") if verb == "run" else ()
    answer = invoke(verb, file, *options)
    kept = [path.name for path in Path().iterdir() if path.name not in {"tiny.yaml", file}]
    found = (answer.code, answer.out, "Traceback" in answer.err, "results" in kept)
    if found != (2, "", False, False):
        raise AssertionError(f"no clean refusal: {found}\n{answer.err}")
    return answer.err.splitlines()
