"""What needs a process of its own: peak memory, start-up, the first compile; and work spread over processes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from end_to_end import answer, overrides
from timing import in_turn, ratios, short, spread, table, wall

EXPERIMENTS = Path(__file__).resolve().parents[1] / "experiments"
_MB = 1e6

_RUN = "import sys; from end_to_end import answer; answer('compiled', sys.argv[1:])"
_PEAK = (
    "import resource, sys, pathlib; own = pathlib.Path('/proc/self/status'); "
    "kb = [int(l.split()[1]) for l in own.read_text().splitlines() if l.startswith('VmHWM')] if own.exists() else []; "
    "most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss; "
    "print(1024 * kb[0] if kb else most * (1 if sys.platform == 'darwin' else 1024))"
)
"""Prints the peak in bytes. `getrusage` counts the parent's peak too where the process was started by vfork, so Linux's
own account of this process alone goes first."""
_COMPILE = """
import time
import numpy as np
import sim.engine.compiled
from sim.engine import play
from sim.routing.itinerary import Itinerary
one, zero = np.ones(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
begin = time.process_time()
play(Itinerary(zero, one, zero, zero, zero, one), "compiled")
print(time.process_time() - begin)
"""


def python(*arguments: str, **environment: str) -> str:
    """Run this Python with the benchmarks on its path; give what it printed."""
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": path, **environment},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def peak_bytes(requests: int) -> int:
    """Peak memory of a process that plays one replication of this many requests; none: that only imports."""
    work = _RUN if requests else "import end_to_end, numba"
    return int(python("-c", f"{work}\n{_PEAK}", *overrides(max(requests, 1))))


def memory(sizes: list[int]) -> str:
    """Measure peak memory; what a million requests add is told by the largest run."""
    empty = peak_bytes(0)
    rows = [["imports only", short(empty / _MB), ""]]
    for requests in sizes:
        peak = peak_bytes(requests)
        rows.append([f"{requests:,}", short(peak / _MB), short((peak - empty) / requests)])
    return table(("requests in the replication, 5 patterns", "peak MB", "bytes a request, beyond imports"), rows)


def child_cpu(*arguments: str) -> float:
    """CPU seconds of a process, start-up included."""
    before = os.times()
    python(*arguments)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def start_up(rounds: int) -> str:
    """Measure what a command costs before it does anything, and while it does little."""
    quickstart = str(EXPERIMENTS / "quickstart.yaml")
    with tempfile.TemporaryDirectory() as folder:
        small = ("run", quickstart, "--replications", "2", "--quiet", "--results", folder)
        commands = {"python -c pass": ("-c", "pass"), "--help": ("-m", "sim", "--help")}
        commands |= {
            "validate": ("-m", "sim", "validate", quickstart),
            "run, 2 replications, reference": ("-m", "sim", *small, "--engine", "reference"),
            "run, 2 replications, compiled": ("-m", "sim", *small, "--engine", "compiled"),
        }
        turns = in_turn({name: partial(child_cpu, *command) for name, command in commands.items()}, rounds)
    return table(("command", "CPU s"), [[name, spread(values)] for name, values in turns.items()])


def compiling(rounds: int) -> str:
    """Measure the first use of the loop: with nothing in numba's cache, and with the loop in it."""
    cold, warm = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as cache:
            cold.append(float(python("-c", _COMPILE, NUMBA_CACHE_DIR=cache)))
            warm.append(float(python("-c", _COMPILE, NUMBA_CACHE_DIR=cache)))
    rows = [
        ["empty cache", spread(cold), spread(ratios(cold, warm), "x")],
        ["filled cache", spread(warm), ""],
    ]
    return table(("first use of the compiled engine", "CPU s", "ratio"), rows)


def scaling(requests: int, replications: int, rounds: int) -> str:
    """Measure seconds on the clock with one worker and with two, and the CPU seconds of all processes together.

    The clock says something only where nobody else wants the second core.
    """
    changed = overrides(requests, replications)
    spent: dict[int, list[float]] = {1: [], 2: []}

    def timed(workers: int) -> float:
        before = os.times()
        seconds = wall(partial(answer, "compiled", changed, workers))
        spent[workers].append(sum(os.times()[:4]) - sum(before[:4]))
        return seconds

    turns = in_turn({str(workers): partial(timed, workers) for workers in spent}, rounds)
    rows = [
        [
            str(workers),
            spread(turns[str(workers)]),
            spread(ratios(turns["1"], turns[str(workers)]), "x"),
            spread(cpu[1:]),
        ]
        for workers, cpu in spent.items()
    ]
    head = (f"workers, {replications} replications of {requests:,} requests", "s on the clock", "speed-up", "CPU s")
    return table(head, rows)


def main() -> None:
    """Print one figure, for use by hand: peak bytes at so many requests."""
    begin = time.perf_counter()
    print(peak_bytes(int(sys.argv[1])), f"{time.perf_counter() - begin:.1f} s")


if __name__ == "__main__":
    main()
