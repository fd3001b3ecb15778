"""How everything here is measured: CPU seconds, contestants in turn, medians of ratios taken within a round."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata, util
from pathlib import Path

Turns = dict[str, list[float]]
"""What each contestant took, a value per round; all contestants of a round ran side by side."""


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds of this process while it works: what others do on the machine counts for little."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def wall(work: Callable[[], object]) -> float:
    """Seconds on the clock while it works: for work that is spread over processes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def in_turn(contestants: Mapping[str, Callable[[], float]], rounds: int) -> Turns:
    """Let each contestant measure itself once per round, every other round backwards; one round before counts not."""
    for contestant in contestants.values():
        contestant()
    turns: Turns = {name: [] for name in contestants}
    for number in range(rounds):
        for name in list(contestants)[:: 1 if number % 2 == 0 else -1]:
            turns[name].append(contestants[name]())
    return turns


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Divide what two contestants took, round by round."""
    return [a / b for a, b in zip(above, below, strict=True)]


def spread(values: Sequence[float], unit: str = "") -> str:
    """Write a median and the range around it: `2.1 (1.9-2.4)`."""
    middle = statistics.median(values)
    return f"{short(middle)}{unit} ({short(min(values))}-{short(max(values))})"


def short(value: float) -> str:
    """Write a number with three digits; all of those before the point."""
    if abs(value) < 1:
        return f"{value:.2f}" if abs(value) >= 0.0995 else f"{value:.2g}"
    return f"{value:,.{max(0, 3 - len(str(int(abs(value)))))}f}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a Markdown table; all but the first column stand to the right."""
    marks = ["---", *("---:" for _ in head[1:])]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, marks, *rows))


def installed(name: str) -> bool:
    """Say whether a peer can be imported."""
    return util.find_spec(name) is not None


def machine() -> str:
    """Describe what this ran on; no host name."""
    packages = ("numpy", "numba", "simpy", "tiercast", "ciw", "cimba")
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in packages if installed_package(name))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{_processor()}, {cores} cores, {platform.system()} {platform.machine()}; {python}, {versions}"


def installed_package(name: str) -> bool:
    """Say whether a distribution of this name is installed."""
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _processor() -> str:
    """Name the processor as the system does, with its family where the name says little."""
    info = Path("/proc/cpuinfo")
    if not info.is_file():
        return platform.processor() or platform.machine()
    found: dict[str, str] = {}
    for line in info.read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        found.setdefault(key.strip(), value.strip())
    name = found.get("model name", platform.machine())
    details = [f"{key} {found[key]}" for key in ("cpu family", "model") if key in found]
    return f"{name} ({', '.join(details)})" if details else name
