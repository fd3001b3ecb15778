"""How long the runs are that a plan draws and plays: long enough for a search, short enough to be waited for."""

from __future__ import annotations

from typing import Final

from sim.experiment.effort import plays_of
from sim.experiment.scene import Scene
from sim.workload.arrivals.constant import ConstantArrivals
from sim.workload.arrivals.poisson import PoissonArrivals
from sim.workload.arrivals.renewal import RenewalArrivals
from sim.workload.sources import processes_of

FEW: Final = 2_048
"""Requests of a replication below which drawing many replications takes longer than what is in them."""

OPTIONS: Final = 12
"""Patterns that are played beside each other, about."""

_ENOUGH: Final = 16_384
_RUNS: Final = 80
_STEADY: Final = (ConstantArrivals, PoissonArrivals, RenewalArrivals)
_NS: Final = 1_000_000_000
_DAY_NS: Final = 86_400 * _NS
_WEEK_NS: Final = 7 * _DAY_NS


def requests_of(scene: Scene) -> float:
    """Give how many requests a replication has, about."""
    return plays_of(scene) / len(scene.line_up.patterns) / scene.spec.run.replications


def rate_of(scene: Scene) -> float | None:
    """Give the arrival rate of the whole run per second; None where only a file knows it."""
    run = scene.spec.run
    processes = processes_of(scene.spec.workload)
    if run.duration is None or any(name in scene.inputs.traces for name in processes):
        return None
    return requests_of(scene) / run.duration * _NS


def lengthened(scene: Scene, wanted: int) -> Scene:
    """Give the same traffic in longer runs, if a run holds few requests and nothing in it changes over time.

    Then requests of one long run are as those of many short ones; to draw them takes a fraction of the time. There are
    still 80 runs and more in the `wanted` requests, so that their spread has intervals.
    """
    spec = scene.spec
    steady = all(isinstance(one, _STEADY) for one in processes_of(spec.workload).values())
    changes = any(one.episodes for one in spec.quality.confidence.values())
    replays = scene.inputs.table is not None or scene.inputs.traces or scene.inputs.calls
    requests = requests_of(scene) if steady and not changes and not replays else float("inf")
    enough = min(_ENOUGH, wanted // _RUNS)
    if not 0 < requests < min(FEW, enough):
        return scene
    run = spec.run
    longer = (
        run.model_copy(update={"requests": enough})
        if run.duration is None
        else run.model_copy(update={"duration": round(run.duration * enough / requests)})
    )
    return Scene(spec.model_copy(update={"run": longer}), scene.line_up, scene.inputs)


def shortened(scene: Scene, plays: int, replications: int) -> Scene:
    """Give the first part of each run, as much of it as so many plays allow: whole weeks or days where it has them."""
    requests, most = requests_of(scene), plays / OPTIONS / replications
    if requests <= most:
        return scene
    run = scene.spec.run
    if run.duration is None:
        shorter = run.model_copy(update={"requests": max(int(most), 1)})
    else:
        length = run.warm_up + int((run.duration - run.warm_up) * most / requests)
        unit = next((unit for unit in (_WEEK_NS, _DAY_NS) if length // unit * unit > run.warm_up), 1)
        shorter = run.model_copy(update={"duration": length // unit * unit})
    return Scene(scene.spec.model_copy(update={"run": shorter}), scene.line_up, scene.inputs)
