"""Do intervals hold what they promise? Whole runs of the program on systems with exact answers, again and again.

    python benchmarks/interval_study.py              # 1,000 runs a case (3,000 of one): two hours of CPU
    python benchmarks/interval_study.py --quick      # 4 runs a case: seconds; shows that it works
    python benchmarks/interval_study.py --markdown FILE

Every case is an experiment as a user writes it, run through `sim` with another seed each time; what is counted is how
often its 95 % interval holds the exact value, how wide it is, and how often it is marked as resting on too few data.
Exit code 1 if a coverage is outside .93 to .97, or if runs that are far too short go unmarked in a tenth of cases.
"""

from __future__ import annotations

import argparse
import functools
import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from exact import formulas  # noqa: E402 - the formulas that the tests check by a second method each
from timing import machine, table  # noqa: E402

import sim  # noqa: E402
from sim.outcome.intervals import quantile_intervals, ratio_interval  # noqa: E402

LEVEL: Final = 0.95
LOWEST, HIGHEST = 0.93, 0.97
"""Coverage that is accepted."""
MOSTLY: Final = 0.90
"""Share of far too short runs that must be marked."""
REPLICATIONS: Final = 20
RUNS, QUICK_RUNS = 1_000, 4
TIMES: Final = {"mm1-90-precision": 3}
"""Times as many runs of cases that cover so near the edge that 1,000 runs, with an error of .008, tell little."""
FIRST_SEED: Final = 1


Precision = Mapping[str, str] | None
"""What `run.precision` asks for; None for a fixed number of replications."""


class Seen(NamedTuple):
    """What one run said of one metric."""

    lower: float
    upper: float
    few_data: bool
    replications: int = REPLICATIONS


@dataclass(frozen=True)
class Case:
    """A system with exact values: `observe` makes one run with a seed. `short` says that it is far too short."""

    name: str
    exact: Mapping[str, float]
    observe: Callable[[int], dict[str, Seen]]
    short: bool = False


@dataclass
class Counted:
    """What many runs said of one metric."""

    exact: float
    covered: int = 0
    few: int = 0
    runs: int = 0
    replications: int = 0
    widths: list[float] = field(default_factory=list)

    def add(self, seen: Seen) -> None:
        """Take in one run."""
        self.runs += 1
        self.covered += seen.lower <= self.exact <= seen.upper
        self.few += seen.few_data
        self.replications += seen.replications
        self.widths.append((seen.upper - seen.lower) / 2)

    @property
    def coverage(self) -> float:
        """Share of intervals that hold the exact value."""
        return self.covered / self.runs


def seconds(value: float) -> str:
    """Write a duration."""
    return f"{round(value * 1e9)}ns"


def document(
    rate_per_s: float, fleet: Mapping[str, Any], requests: int, warm_up_s: float, precision: Precision, **sections: Any
) -> dict[str, Any]:
    """Write an experiment of Poisson arrivals with so many measured requests in a replication, on average.

    With a `precision` replications are added until it is reached, from the default number on (the fewest that are
    allowed, so that most is at stake) and within the budget that a run has by default.
    """
    acceptance = sections.pop("acceptance", dict.fromkeys(fleet, 0.9))
    return {
        "version": 1,
        "name": "study",
        "workload": {
            "arrivals": {"kind": "poisson", "rate_per_s": rate_per_s},
            "tasks": {"t": {"input_tokens": 1, "output_tokens": 1}},
        },
        "fleet": dict(fleet),
        "run": {
            "duration": seconds(warm_up_s + requests / rate_per_s),
            "warm_up": seconds(warm_up_s),
            "level": LEVEL,
            "replications": REPLICATIONS,
            **({"precision": precision} if precision else {}),
        },
        **sections,
        "quality": {"acceptance": {"t": acceptance}, **sections.get("quality", {})},
    }


def station(mean_s: float, servers: int, usd: float = 0.01) -> dict[str, Any]:
    """Write a model that serves exponential times."""
    return {
        "price": {"per_call_usd": usd},
        "service": {"law": "exponential", "mean": seconds(mean_s)},
        "capacity": {"concurrency": servers},
    }


def play(written: Mapping[str, Any], pattern: str, metrics: Sequence[str], seed: int) -> dict[str, Seen]:
    """Run an experiment with this seed."""
    result = sim.from_mapping({**written, "seed": seed}).run(workers=1, engine="compiled").result
    estimates = result.patterns[pattern].estimates
    found = {}
    for metric in metrics:
        one = estimates[metric]
        found[metric] = Seen(_bound(one.lower), _bound(one.upper), one.few_data, result.replications)
    return found


def _bound(value: float | None) -> float:
    if value is None:
        raise ValueError("a run of several replications has intervals")
    return value


def durations(law: formulas.Exponentials) -> dict[str, float]:
    """Give mean, P50 and P95 of a latency."""
    quantiles = {f"latency.p{q}": formulas.quantile(law.tail, q / 100) for q in (50, 95)}
    return {"latency.mean": law.mean, **quantiles}


def mm1(load: float, requests: int, warm_up_s: float, *, short: bool = False, precision: Precision = None) -> Case:
    """M/M/1 with a mean service of a second."""
    exact = durations(formulas.mmc_sojourn(load, 1, 1))
    written = document(load, {"m": station(1.0, 1)}, requests, warm_up_s, precision)
    observe = functools.partial(play, written, "frontier-only", tuple(exact))
    warm = f"warm-up {warm_up_s:,.0f} s" if warm_up_s else "no warm-up"
    return Case(f"M/M/1, load {load:g}, {requests:,} requests, {warm}{told(precision)}", exact, observe, short)


def told(precision: Precision) -> str:
    """Write what precision is asked for."""
    return "" if precision is None else ", until " + ", ".join(f"{key} ±{share}" for key, share in precision.items())


def cascade(requests: int, warm_up_s: float, precision: Precision = None) -> Case:
    """M/M/3, from which 30 % go on to M/M/6; alone, that one would serve all. Differences are paired with it.

    Arrivals of the second station are Poisson and both sojourns independent (Burke 1956).
    """
    rate, share, mean_s = 2.1, 0.3, 2.0
    direct = formulas.mmc_sojourn(rate, 1 / mean_s, 6)
    cheap = formulas.mmc_sojourn(rate, 1, 3)
    law = cheap.mixed(share, cheap.plus(formulas.mmc_sojourn(share * rate, 1 / mean_s, 6)))
    exact = {
        **durations(law),
        "latency.p95_ratio": formulas.quantile(law.tail, 0.95) / formulas.quantile(direct.tail, 0.95),
        "cost.saving": 1 - (0.001 + share * 0.01) / 0.01,
        "quality.loss": 100 * (0.9 - (0.7 * 0.8 + 0.3 * 0.9)),
        "escalation.rate": share,
    }
    written = document(
        rate,
        {"cheap": station(1.0, 3, 0.001), "frontier": station(mean_s, 6, 0.01)},
        requests,
        warm_up_s,
        precision,
        acceptance={"cheap": 0.8, "frontier": 0.9},
        quality={"refusal": {"cheap": {"acceptable": share, "unacceptable": share}}},
        patterns=[
            {"name": "c", "kind": "cascade", "ladder": ["cheap", "frontier"], "escalate_when": {"refusal": True}}
        ],
    )
    observe = functools.partial(play, written, "c", tuple(exact))
    return Case(f"cascade M/M/3, 30 % to M/M/6, {requests:,} requests{told(precision)}", exact, observe)


def ar1(correlation: float, length: int) -> Case:
    """Make a stationary normal series whose neighbours correlate: no queue, no engine, only the intervals."""

    def observe(seed: int) -> dict[str, Seen]:
        chance = np.random.Generator(np.random.Philox(key=seed))
        values = np.empty((REPLICATIONS, length))
        shocks = chance.standard_normal((REPLICATIONS, length)) * math.sqrt(1 - correlation**2)
        values[:, 0] = chance.standard_normal(REPLICATIONS)
        for place in range(1, length):
            values[:, place] = correlation * values[:, place - 1] + shocks[:, place]
        values += 10
        mean = ratio_interval(values.sum(axis=1), np.full(REPLICATIONS, float(length)), LEVEL)
        quantiles = quantile_intervals(list(values), (0.5, 0.95), LEVEL)
        found = zip(("mean", "p50", "p95"), (mean, *(quantiles or ())), strict=True)
        return {
            name: Seen(_bound(one.lower), _bound(one.upper), one.few_data) for name, one in found if one is not None
        }

    exact = {"mean": 10.0, "p50": 10.0, "p95": 11.6448536269514722}
    return Case(f"AR(1), correlation {correlation:g}, {length:,} values", exact, observe)


CASES: Final = {
    "mm1-80": lambda: mm1(0.8, 10_000, 1_000),
    "mm1-90": lambda: mm1(0.9, 30_000, 4_000),
    "cascade": lambda: cascade(10_000, 500),
    "ar1": lambda: ar1(0.9, 5_000),
    "mm1-80-precision": lambda: mm1(0.8, 10_000, 1_000, precision={"latency.p95": "5%"}),
    "mm1-90-precision": lambda: mm1(0.9, 30_000, 4_000, precision={"latency.mean": "5%"}),
    "cascade-precision": lambda: cascade(10_000, 500, precision={"latency.p95_ratio": "2%"}),
    "mm1-80-short": lambda: mm1(0.8, 100, 0, short=True),
    "mm1-90-short": lambda: mm1(0.9, 500, 0, short=True),
}
"""By name, made when asked for: a worker process makes its own."""


@functools.cache
def _case(name: str) -> Case:
    return CASES[name]()


def one_run(name: str, seed: int) -> dict[str, Seen]:
    """Make one run of a case."""
    return _case(name).observe(seed)


def study(name: str, runs: int, workers: int) -> dict[str, Counted]:
    """Make many runs of a case, with the seeds 1, 2, 3..."""
    counted = {metric: Counted(exact) for metric, exact in _case(name).exact.items()}
    seeds = range(FIRST_SEED, FIRST_SEED + runs)
    if workers == 1:
        found = map(functools.partial(one_run, name), seeds)
        return _counted(counted, found)
    with ProcessPoolExecutor(workers) as pool:
        return _counted(counted, pool.map(functools.partial(one_run, name), seeds, chunksize=max(1, runs // 100)))


def _counted(counted: dict[str, Counted], found: Any) -> dict[str, Counted]:
    for run in found:
        for metric, seen in run.items():
            counted[metric].add(seen)
    return counted


def rows_of(case: Case, counted: Mapping[str, Counted]) -> list[list[str]]:
    """Write what was counted, a row per metric."""
    rows = []
    for metric, one in counted.items():
        error = math.sqrt(one.coverage * (1 - one.coverage) / one.runs)
        width = math.fsum(one.widths) / one.runs / abs(one.exact)
        told = [
            f"{one.exact:.5g}",
            f"{one.coverage:.3f} ± {error:.3f}",
            f"{width:.1%}",
            f"{one.few / one.runs:.1%}",
            f"{one.replications / one.runs:.1f}",
            f"{one.runs:,}",
        ]
        rows.append([case.name, metric, *told])
    return rows


def trouble(case: Case, counted: Mapping[str, Counted], *, quick: bool) -> list[str]:
    """Say which metrics do not hold what they promise; in a quick look only what chance alone would hardly do."""
    found = []
    for metric, one in counted.items():
        if case.short:
            if one.few < MOSTLY * one.runs:
                found.append(f"{case.name}: {metric} is marked in {one.few} of {one.runs} runs that are far too short")
            continue
        slack = 4 * math.sqrt(LEVEL * (1 - LEVEL) / one.runs) if quick else 0.0
        if not LOWEST - slack <= one.coverage <= HIGHEST + slack:
            found.append(f"{case.name}: {metric} covers {one.coverage:.3f}")
    return found


def main() -> int:
    """Make the study; exit code 1 if something does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_RUNS} runs a case")
    parser.add_argument("--runs", type=int, help="runs a case")
    parser.add_argument("--case", action="append", choices=CASES, help="only this one; repeatable")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)), help="processes")
    parser.add_argument("--markdown", type=Path, help="write the table to a file too")
    asked = parser.parse_args()
    runs = asked.runs or (QUICK_RUNS if asked.quick else RUNS)
    rows: list[list[str]] = []
    found: list[str] = []
    for name in asked.case or CASES:
        counted = study(name, runs * TIMES.get(name, 1), asked.workers)
        rows += rows_of(_case(name), counted)
        found += trouble(_case(name), counted, quick=runs < RUNS)
        print(f"{name}: done", file=sys.stderr)
    head = ["case", "metric", "exact", "coverage", "mean half-width", "marked ~", "replications", "runs"]
    text = f"{table(head, rows)}\n\n{machine()}\n"
    print(text)
    if asked.markdown is not None:
        asked.markdown.write_text(text, encoding="utf-8")
    print("\n".join(found) or "every coverage is within .93 and .97, every short run is marked", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
