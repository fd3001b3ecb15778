"""What was tried: chunks of other sizes, and freed memory returned to the system: `python benchmarks/tried.py`.

Each figure is the CPU time of one replication of `support-chat` in one thread, the best of two in a process of its own.
"""

from __future__ import annotations

import argparse
from functools import partial

from processes import python
from timing import in_turn, ratios, short, spread, table

SIZES = (16_384, 32_768, 65_536, 131_072)
KEPT, RETURNED = "kept", "returned as glibc does"
ROUNDS = 3

_WORK = """
import sys
from end_to_end import EXPERIMENT, overrides
from timing import cpu
from where import Scene, scene_of
import sim
import sim.experiment.replication as replication

size, kept, requests = int(sys.argv[1]), sys.argv[2] == "kept", int(sys.argv[3])
Scene.chunks.__defaults__ = (size, *Scene.chunks.__defaults__[1:])
if not kept:
    replication._keep_freed_memory = lambda: None
scene = scene_of(sim.load(EXPERIMENT, overrides(requests)))
print(min(cpu(lambda: replication.play_replication(scene, 0, "compiled")) for _ in range(2)))
"""


def seconds(size: int, memory: str, requests: int) -> float:
    """CPU seconds of a replication in a process of its own."""
    return float(python("-c", _WORK, str(size), memory, str(requests)))


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=1_000_000, help="in the replication")
    requests = parser.parse_args().requests
    contestants = {(size, KEPT): partial(seconds, size, KEPT, requests) for size in SIZES}
    contestants[65_536, RETURNED] = partial(seconds, 65_536, RETURNED, requests)
    names = {f"{size:,} at once, freed memory {memory}": work for (size, memory), work in contestants.items()}
    turns = in_turn(names, ROUNDS)
    usual = turns[f"{65_536:,} at once, freed memory {KEPT}"]
    rows = [
        [name, spread([1e9 * value / requests for value in values]), spread(ratios(values, usual), "x")]
        for name, values in turns.items()
    ]
    print(table((f"`support-chat`, {short(requests)} requests, 5 patterns", "CPU ns a request", "by the usual"), rows))


if __name__ == "__main__":
    main()
