"""Does `tiercast check` cry wolf, and does it see a change that is there? Whole checks against a baseline, many times.

    python benchmarks/check_study.py             # 200 checks of each kind: some minutes
    python benchmarks/check_study.py --quick     # 5 of each: seconds

The experiment is M/M/1 at a load of .8. Its P95 is ln(20) / (service rate - arrival rate), so that a service longer by
0.96 % makes exactly 5 % more of it. Exit code 1 if an unchanged experiment is said to have become worse in more than
2 % of checks, or the 5 % are found in less than 90 %.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from timing import machine, table

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import sim  # noqa: E402
from sim.study.check import check  # noqa: E402
from sim.study.verdict import Kind, Verdict  # noqa: E402

CHECKS, QUICK_CHECKS = 200, 5
MOST_FALSE, LEAST_FOUND = 0.02, 0.90
LOAD: Final = 0.8
TOLERANCE: Final = {"latency.p95": "2%"}
CHANGE: Final = 0.05
LONGER_S: Final = 1 / (LOAD + (1 - LOAD) / (1 + CHANGE))
"""Mean service at which the P95 is 5 % more: 1 / service - .8 is .2 / 1.05."""


@dataclass(frozen=True)
class Difference:
    """A kind of check: what differs from the baseline, and whether more replications may be asked for."""

    what: str
    truth: str
    mean_s: float = 1.0
    model: str = "m"
    until_decided: bool = False


KINDS: Final = {
    "same": Difference("nothing", "no change"),
    "renamed": Difference("the model's name, and with it the luck of its services", "no change", model="n"),
    "slower": Difference("the service is 0.96 % longer", "+5 % of P95", mean_s=LONGER_S),
    "slower-decided": Difference("the same, --until-decided", "+5 % of P95", mean_s=LONGER_S, until_decided=True),
}


def written(kind: Difference, seed: int) -> dict[str, Any]:
    """Write the experiment, with the default of 20 replications and the default budget."""
    return {
        "version": 1,
        "name": "checked",
        "seed": seed,
        "workload": {
            "arrivals": {"kind": "poisson", "rate_per_s": LOAD},
            "tasks": {"t": {"input_tokens": 1, "output_tokens": 1}},
        },
        "fleet": {
            kind.model: {
                "price": {"per_call_usd": 0.01},
                "service": {"law": "exponential", "mean": f"{round(kind.mean_s * 1e9)}ns"},
                "capacity": {"concurrency": 1},
            }
        },
        "quality": {"acceptance": {"t": {kind.model: 0.9}}},
        "run": {"duration": "13500s", "warm_up": "1000s"},
        "regression": {"baseline": "baseline.json", "tolerance": TOLERANCE},
    }


def one_check(name: str, folder: str, seed: int) -> str:
    """Check once, with a seed of its own; give the verdict."""
    kind = KINDS[name]
    experiment = sim.from_mapping(written(kind, seed), folder)
    result = check(experiment, workers=1, engine="compiled", until_decided=kind.until_decided)
    (finding,) = [one for one in result.findings if one.kind is Kind.REGRESSION]
    return finding.verdict.name


def study(checks: int, workers: int) -> dict[str, Counter[str]]:
    """Write the baseline, and check again and again with other seeds."""
    found = {}
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(workers) as pool:
        check(sim.from_mapping(written(KINDS["same"], 1), folder), workers=1, new_baseline=True)
        for name in KINDS:
            found[name] = Counter(pool.map(partial(one_check, name, folder), range(2, 2 + checks), chunksize=5))
            print(f"{name}: {dict(found[name])}", file=sys.stderr)
    return found


def main() -> int:
    """Make the study; exit code 1 if it does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_CHECKS} checks of each kind")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)), help="processes")
    asked = parser.parse_args()
    checks = QUICK_CHECKS if asked.quick else CHECKS
    found = study(checks, asked.workers)
    head = ["differs from the baseline", "truth", *(verdict.name.lower() for verdict in VERDICTS)]
    rows = [
        [KINDS[name].what, KINDS[name].truth, *(f"{counts[verdict.name] / checks:.1%}" for verdict in VERDICTS)]
        for name, counts in found.items()
    ]
    print(f"{table(head, rows)}\n\n{checks} checks of each kind, tolerance 2 %; {machine()}")
    worse = {name: counts[Verdict.WORSE.name] / checks for name, counts in found.items()}
    holds = all(worse[name] <= MOST_FALSE for name in worse if KINDS[name].mean_s == 1)
    return 0 if holds and worse["slower-decided"] >= LEAST_FOUND else 1


VERDICTS: Final = (Verdict.SAME, Verdict.BETTER, Verdict.INCONCLUSIVE, Verdict.WORSE)


if __name__ == "__main__":
    sys.exit(main())
