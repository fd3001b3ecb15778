"""Six months at a million requests a day, `experiments/six-months.yaml`: `python benchmarks/six_months.py`.

Whole, with five patterns, and the cascade alone. It takes minutes and is no part of `run.py`; `--duration` cuts it.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from processes import peak_of
from timing import machine, short, table
from where import scene_of

import sim
from sim.experiment.replication import Replication

EXPERIMENT = Path(__file__).resolve().parents[1] / "experiments" / "six-months.yaml"
THREADS = 2

_MB = 1e6
_WORK = "import sys; import six_months; six_months.MEASURED[sys.argv[1]](*sys.argv[2:])"


def whole(duration: str) -> None:
    """Do all that a user waits for, with as many threads as there would be by default on two cores; print requests."""
    result = _load(duration).run(engine="compiled", workers=THREADS).result
    print(result.requests)


def cascade(duration: str) -> None:
    """Play the cascade alone; nothing is measured. Print the requests."""
    scene = scene_of(_load(duration))
    patterns = [pattern for pattern in scene.line_up.patterns if pattern.name == "cascade"]
    play = Replication(scene, 0, "compiled", patterns, THREADS)
    for _ in play.logs():
        pass
    (outcome,) = play.outcomes()
    print(outcome.requests)


MEASURED: dict[str, Callable[[str], None]] = {"whole": whole, "cascade": cascade}
LABELS = {"whole": "five patterns, from the YAML file to the metrics", "cascade": "the cascade alone, played"}


def _load(duration: str) -> sim.Experiment:
    return sim.load(EXPERIMENT, (f"run.duration={duration}",) if duration else ())


def row(name: str, duration: str) -> list[str]:
    """Run in a process of its own, start-up included."""
    before, begin = os.times(), time.perf_counter()
    printed, peak = peak_of(_WORK, name, duration)
    seconds, after = time.perf_counter() - begin, os.times()
    spent = sum(after[2:4]) - sum(before[2:4])
    requests = int(printed)
    return [
        LABELS[name],
        f"{requests:,}",
        short(seconds),
        short(spent),
        short(1e9 * spent / requests),
        short(peak / _MB),
    ]


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--duration", default="", help="of the run, such as 7d; without it, all six months")
    wanted = parser.parse_args()
    head = ("`six-months`, 2 workers", "measured requests", "s on the clock", "CPU s", "CPU ns a request", "peak MB")
    rows = []
    for name in MEASURED:
        print(f"measuring: {LABELS[name]} ...", file=sys.stderr)
        rows.append(row(name, wanted.duration))
    print(f"Measured on {machine()}.\n\n{table(head, rows)}")


if __name__ == "__main__":
    main()
