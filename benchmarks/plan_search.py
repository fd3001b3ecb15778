"""Whether a plan is the best there is: against an exhaustive search ten times as fine, and on twenty fresh seeds.

    python benchmarks/plan_search.py [EXPERIMENT] [--budget 1]

The plan is made as `tiercast plan` makes it. Then all kinds of patterns are searched on a grid ten times as fine, on
requests that neither search nor confirmation has seen, with the plan's margin and without any; on fresh requests
again it is told by how much the cheapest ones are cheaper. Last, the plan is routed on twenty other root seeds.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

import sim
from sim.experiment.scene import Scene
from sim.outcome.intervals import ratio_interval
from sim.study.plan.answer import RouterPlan
from sim.study.plan.goal import QUICK, Goal
from sim.study.plan.ledger import ledger
from sim.study.plan.means import means_of
from sim.study.plan.options import named
from sim.study.plan.plan import plan
from sim.study.plan.sample import draw
from sim.study.plan.search import Searcher

ELSEWHERE = 1 << 24
SEEDS = 20


def main() -> None:
    """Print all of it."""
    path = Path(next((one for one in sys.argv[1:] if one.endswith(".yaml")), "experiments/support-chat.yaml"))
    budget = float(sys.argv[sys.argv.index("--budget") + 1]) if "--budget" in sys.argv else 1.0
    experiment, goal = sim.load(path), Goal(quality_budget=budget)
    began = time.perf_counter()
    found = plan(experiment, goal, QUICK)
    print(f"plan of {path} within {budget:g} points: {time.perf_counter() - began:.1f} s")
    if found.chosen is None or found.chosen.candidate is None:
        print("nothing meets the budget")
        return
    print(f"  {found.chosen.name}: {found.chosen.settings}")
    exhaustive(experiment, goal, found)
    fresh_seeds(experiment, goal, found)


def exhaustive(experiment: sim.Experiment, goal: Goal, found: RouterPlan) -> None:
    """Search a grid ten times as fine, and compare on the same fresh requests."""
    scene = Scene(experiment.spec, experiment.line_up, experiment.inputs())
    means, chosen = means_of(scene, None), found.chosen
    assert chosen is not None  # noqa: S101 - seen by the caller
    assert chosen.candidate is not None  # noqa: S101 - the same
    sample = draw(scene, means, QUICK.requests, ELSEWHERE)
    patterns = [one for one in scene.line_up.patterns if one.name == found.baseline]
    patterns.append(chosen.candidate.pattern("plan", means))
    for margin in (QUICK.margin, 0.0):
        effort = replace(QUICK, levels=10 * QUICK.levels, bounds=10 * QUICK.bounds, finer=10, margin=margin)
        searcher, began = Searcher(scene, sample, means, goal, effort), time.perf_counter()
        other = min((some[0] for some in searcher.everything().best.values()), key=lambda one: one.point.usd)
        looked_at, seconds = searcher.found.looked_at, time.perf_counter() - began
        print(f"exhaustive, margin {margin:g}: {looked_at:,} candidates, {seconds:.1f} s: {other.kind} {other.body}")
        patterns.append(named(other, means, f"margin-{margin:g}").pattern)
    same = ledger(scene, patterns, found.baseline, requests=QUICK.requests, first=2 * ELSEWHERE, level=0.95)
    for name in [pattern.name for pattern in patterns[2:]]:
        dearer, loss = same.dearer("plan", name), same.estimates(name)["quality.loss"]
        print(
            f"  the plan costs {100 * dearer.value:+.2f} % [{100 * (dearer.lower or 0):.2f}, "
            f"{100 * (dearer.upper or 0):.2f}] against {name}, which loses {loss.value:.3f} points "
            f"[{loss.lower:.3f}, {loss.upper:.3f}] on fresh requests"
        )


def fresh_seeds(experiment: sim.Experiment, goal: Goal, found: RouterPlan) -> None:
    """Route the plan on twenty other root seeds, on each as many requests as it was searched with."""
    assert found.chosen is not None  # noqa: S101 - seen by the caller
    assert found.chosen.candidate is not None  # noqa: S101 - the same
    losses, counts = np.zeros(SEEDS), np.zeros(SEEDS)
    for number in range(SEEDS):
        other = experiment.with_(seed=1_000 + number)
        scene = Scene(other.spec, other.line_up, other.inputs())
        pattern = found.chosen.candidate.pattern("plan", means_of(scene, None))
        patterns = [pattern, *(one for one in scene.line_up.patterns if one.name == found.baseline)]
        some = ledger(scene, patterns, found.baseline, requests=QUICK.requests, first=0, level=0.95)
        counts[number] = some.every.requests.sum()
        losses[number] = (some.every.sums[found.baseline].right - some.every.sums["plan"].right).sum() * 100
    pooled = ratio_interval(losses, counts, 0.95)
    assert pooled is not None  # noqa: S101 - twenty seeds have requests
    within = int((losses / counts <= (goal.quality_budget or 0)).sum())
    print(
        f"{SEEDS} fresh seeds of {QUICK.requests:,} requests: {within} within the budget each by itself; all lose "
        f"{pooled.value:.3f} points [{pooled.lower:.3f}, {pooled.upper:.3f}], the worst {(losses / counts).max():.3f}"
    )


if __name__ == "__main__":
    main()
