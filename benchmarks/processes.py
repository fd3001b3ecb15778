"""What needs a process of its own: peak memory, start-up, the first compile; and work spread over processes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from end_to_end import answer, overrides
from timing import Turns, in_turn, ratios, short, spread, table, wall

EXPERIMENTS = Path(__file__).resolve().parents[1] / "experiments"
_MB = 1e6

_RUN = "import sys; from end_to_end import answer; answer('compiled', sys.argv[1:], workers=None)"
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
from end_to_end import answer, overrides
import sim.engine.compiled
import sim.outcome.fused
begin = time.process_time()
answer("compiled", overrides(1000))
print(time.process_time() - begin)
"""


def python(*arguments: str, **environment: str) -> str:
    """Run this Python with the benchmarks on its path; give what it printed.

    Byte code is kept, as it is where the program was installed, even if this shell is told not to write any.
    """
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**kept, "PYTHONPATH": path, **environment},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def peak_of(work: str, *arguments: str) -> tuple[str, int]:
    """Do some work in a process of its own; give what it printed, and its peak memory in bytes."""
    *printed, peak = python("-c", f"{work}\n{_PEAK}", *arguments).splitlines()
    return "\n".join(printed), int(peak)


def peak_bytes(requests: int) -> int:
    """Peak memory of a process that plays one replication of this many requests; none: that only imports."""
    work = _RUN if requests else "import end_to_end, numba"
    return peak_of(work, *overrides(max(requests, 1)))[1]


def memory(sizes: list[int]) -> str:
    """Measure peak memory of runs as a user starts them, cores that are left planning ahead; what ten times add."""
    rows = [["imports only", short(peak_bytes(0) / _MB), "", ""]]
    before = 0
    for requests in sizes:
        begin = time.perf_counter()
        peak = peak_bytes(requests)
        seconds = time.perf_counter() - begin
        rows.append([f"{requests:,}", short(peak / _MB), f"{peak / before:.2f}x" if before else "", short(seconds)])
        before = peak
    return table(("requests in the replication, 5 patterns", "peak MB", "by the row above", "s on the clock"), rows)


def clocked(contestants: Mapping[str, Callable[[], object]], rounds: int) -> tuple[Turns, Turns]:
    """Seconds on the clock, and CPU seconds of this process and the children it waited for."""
    spent: Turns = {name: [] for name in contestants}

    def timed(name: str, work: Callable[[], object]) -> float:
        before = os.times()
        seconds = wall(work)
        spent[name].append(sum(os.times()[:4]) - sum(before[:4]))
        return seconds

    turns = in_turn({name: partial(timed, name, work) for name, work in contestants.items()}, rounds)
    return turns, {name: values[1:] for name, values in spent.items()}  # the round before counts not


def start_up(rounds: int) -> str:
    """Measure what a command costs before it does anything, and while it does little."""
    quickstart, support_chat = (str(EXPERIMENTS / f"{name}.yaml") for name in ("quickstart", "support-chat"))
    with tempfile.TemporaryDirectory() as folder:
        small = ("run", quickstart, "--replications", "2", "--quiet", "--results", folder)
        larger = ("run", support_chat, "--set", "run.duration=934s", "--quiet", "--results", folder)
        year = "forecast={start: 2027-01, months: 12, draws: 200, traffic: {growth_per_month: {p10: 0%, p90: 4%}}}"
        months = ("forecast", support_chat, "--set", year, "--quiet")
        checked = ("check", support_chat, "--quiet", "--results", folder)
        commands = {"python -c pass": ("-c", "pass"), "--help": ("-m", "sim", "--help")}
        commands |= {
            "validate": ("-m", "sim", "validate", quickstart),
            "run, 2 replications of 5 minutes, reference": ("-m", "sim", *small, "--engine", "reference"),
            "run, 2 replications of 5 minutes, compiled": ("-m", "sim", *small, "--engine", "compiled"),
            "run, 100,000 measured requests, 5 patterns, 20 replications": ("-m", "sim", *larger),
            "check, support-chat with its baseline": ("-m", "sim", *checked, "--fresh"),
            "check, nothing has changed": ("-m", "sim", *checked),
            "forecast, 12 months, 5 patterns, 200 futures": ("-m", "sim", *months),
        }
        turns, spent = clocked({name: partial(python, *command) for name, command in commands.items()}, rounds)
    rows = [[name, spread(spent[name]), spread(turns[name])] for name in commands]
    return table(("command", "CPU s", "s on the clock"), rows)


def compiling(rounds: int) -> str:
    """Measure a first run of 1,000 requests: with nothing in numba's cache, and with the loops in it."""
    cold, warm = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as cache:
            cold.append(float(python("-c", _COMPILE, NUMBA_CACHE_DIR=cache)))
            warm.append(float(python("-c", _COMPILE, NUMBA_CACHE_DIR=cache)))
    rows = [
        ["empty cache", spread(cold), spread(ratios(cold, warm), "x")],
        ["filled cache", spread(warm), ""],
    ]
    return table(("first run of the compiled engine, 1,000 requests", "CPU s", "ratio"), rows)


def scaling(requests: int, replications: int, rounds: int) -> str:
    """Measure one worker and two: processes for several replications, threads that plan ahead for a single one.

    The clock says something only where nobody else wants the second core.
    """
    tables = []
    for each, count, what in ((requests, replications, "processes"), (replications * requests, 1, "threads")):
        changed = overrides(each, count)
        turns, spent = clocked({str(n): partial(answer, "compiled", changed, n) for n in (1, 2)}, rounds)
        rows = [
            [workers, spread(turns[workers]), spread(ratios(turns["1"], turns[workers]), "x"), spread(spent[workers])]
            for workers in turns
        ]
        head = f"workers ({what}), {count} x {each:,} requests, 5 patterns"
        tables.append(table((head, "s on the clock", "speed-up", "CPU s"), rows))
    return "\n\n".join(tables)


def main() -> None:
    """Print one figure, for use by hand: peak bytes at so many requests."""
    begin = time.perf_counter()
    print(peak_bytes(int(sys.argv[1])), f"{time.perf_counter() - begin:.1f} s")


if __name__ == "__main__":
    main()
