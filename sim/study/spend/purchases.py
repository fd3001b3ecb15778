"""What requests buy under every pattern: the simulation behind a forecast, played once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim.columns import Floats
from sim.engine.log import LegLog
from sim.experiment.effort import choose_engine, choose_workers, loops_of, plays_of
from sim.experiment.replication import Replication
from sim.experiment.scene import Scene
from sim.fleet.prices import price_starts
from sim.outcome.by_cell import ESCALATED, CellPurchases
from sim.routing.answers import Answers
from sim.routing.plan import Plan
from sim.study.replications import Job, Report, for_each
from sim.workload.arrivals.trace import TraceReplay
from sim.workload.labels import UNNAMED
from sim.workload.sources import WHOLE_WORKLOAD, processes_of

if TYPE_CHECKING:
    from sim.experiment.inputs import Files
    from sim.experiment.resolve import Experiment

_NANO: float = 1e9


@dataclass(frozen=True, slots=True)
class Bought:
    """What requests of one pattern buy; float64, replications first, cells by (segment, task, escalated).

    `count[R, cell]` requests, `meters[R, cell, model, cause, line]` bought by them, `steps[R, cell, cause]` in USD;
    `squares[cell, k, l]` over all replications, as `CellPurchases` has them. `replicas[R, model]` are paid for at a
    time in the mean.
    """

    count: Floats
    meters: Floats
    steps: Floats
    squares: Floats
    replicas: Floats


@dataclass(frozen=True, slots=True)
class Basis:
    """All that a forecast takes from the simulation and the workload.

    `rates[segment]` requests per second in a usual week; `shares[segment, task]` of the requests of a segment.
    `refusable` names the patterns whose purchases depend on the load.
    """

    segments: tuple[str, ...]
    tasks: tuple[str, ...]
    models: tuple[str, ...]
    rates: Floats
    shares: Floats
    bought: Mapping[str, Bought]
    requests: int
    refusable: tuple[str, ...]


def play(
    experiment: Experiment,
    engine: str,
    progress: Report | None = None,
    *,
    workers: int | None = None,
    starts: tuple[int, ...] | None = None,
) -> Basis:
    """Play every replication of the experiment, and add up what is bought: the same for any number of workers.

    Prompts are told apart by the lengths in `starts`, in input tokens: those at which prices of the fleet change where
    not given.
    """
    if starts is None:
        starts = price_starts(model.price for model in experiment.spec.fleet.values())
    scene = Scene(experiment.spec, experiment.line_up, experiment.inputs())
    patterns = scene.line_up.patterns
    refusable = tuple(pattern.name for pattern in patterns if scene.may_refuse(pattern))
    plays, replications = plays_of(scene), scene.spec.run.replications
    used, _ = choose_engine(engine, plays, loops_of(scene))
    processes, _ = choose_workers(workers, plays, replications, used)
    job: Job[_Played] = Job(experiment, scene.inputs, _play_one, (used, starts))
    played = for_each(job, replications, processes, progress)
    bought = {
        pattern.name: _gathered(
            [one.cells[pattern.name] for one in played], np.array([one.replicas[row] for one in played])
        )
        for row, pattern in enumerate(patterns)
    }
    names = played[-1].segments, played[-1].tasks
    some = next(iter(bought.values()))
    by_task = some.count.sum(axis=0).reshape(len(names[0]), len(names[1]), ESCALATED).sum(axis=2)
    return Basis(
        segments=names[0],
        tasks=names[1],
        models=tuple(scene.spec.fleet),
        rates=_rates(experiment, names[0], by_task.sum(axis=1)),
        shares=_shares(experiment, names, by_task),
        bought=bought,
        requests=int(by_task.sum()),
        refusable=refusable,
    )


@dataclass(frozen=True, slots=True)
class _Played:
    """One replication: purchases by pattern, and the mean number of replicas, float64[patterns, models]."""

    segments: tuple[str, ...]
    tasks: tuple[str, ...]
    cells: dict[str, CellPurchases]
    replicas: Floats


def _play_one(experiment: Experiment, inputs: Files, replication: int, engine: str, starts: tuple[int, ...]) -> _Played:
    scene = Scene(experiment.spec, experiment.line_up, inputs)
    watched = _Watched(scene, replication, starts)
    play = Replication(scene, replication, engine, scene.line_up.patterns, watch=watched)
    for _ in play.logs():
        pass  # what is bought has been watched
    outcomes = play.outcomes()
    length = max(outcomes[0].window.length_ns, 1)
    replicas = np.array([outcome.replica_ns for outcome in outcomes], dtype=np.float64) / length
    return _Played(outcomes[0].segments, outcomes[0].tasks, watched.cells, replicas)


class _Watched:
    """Takes what becomes of requests, pattern by pattern."""

    def __init__(self, scene: Scene, replication: int, starts: tuple[int, ...]) -> None:
        self.cells: dict[str, CellPurchases] = {}
        self._window = scene.window(replication)
        self._models, self._starts = len(scene.spec.fleet), starts

    def __call__(self, pattern: str, plan: Plan, log: LegLog, answers: Answers) -> None:
        if pattern not in self.cells:
            names = answers.requests
            self.cells[pattern] = CellPurchases(len(names.segments), len(names.tasks), self._models, self._starts)
        self.cells[pattern].add(plan, log, answers, self._window)


def _gathered(parts: list[CellPurchases], replicas: Floats) -> Bought:
    return Bought(
        count=np.array([part.count.astype(np.float64) for part in parts]),
        meters=np.array([part.bought.astype(np.float64) for part in parts]),
        steps=np.array([part.steps.astype(np.float64) for part in parts]) / _NANO,
        squares=sum((part.squares for part in parts), start=np.zeros_like(parts[0].squares)),
        replicas=replicas,
    )


def _rates(experiment: Experiment, segments: tuple[str, ...], seen: Floats) -> Floats:
    """Give the requests per second of each segment in a usual week."""
    workload, traces = experiment.spec.workload, experiment.inputs().traces
    by_source = {}
    for name, process in processes_of(workload).items():
        if isinstance(process, TraceReplay):
            arrival_ns = traces[name].arrival_ns
            by_source[name] = (len(arrival_ns) - 1) / max(float(arrival_ns[-1] - arrival_ns[0]) / _NANO, 1e-9)
        else:
            by_source[name] = process.mean_rate_per_s()
    if WHOLE_WORKLOAD not in by_source or segments[0] in by_source:
        return np.array([by_source.get(name, 0.0) for name in segments])
    declared = [workload.segments[name].share or 0.0 if name in workload.segments else 0.0 for name in segments]
    if traces or not sum(declared):
        declared = (seen / max(float(seen.sum()), 1.0)).tolist()
    return by_source[WHOLE_WORKLOAD] * np.array(declared)


def _shares(experiment: Experiment, names: tuple[tuple[str, ...], tuple[str, ...]], seen: Floats) -> Floats:
    """Give the share of each task among the requests of each segment: as the mix says, or as was seen."""
    inputs, workload = experiment.inputs(), experiment.spec.workload
    found: Floats = seen / np.maximum(seen.sum(axis=1, keepdims=True), 1.0)
    if inputs.traces or not workload.tasks:
        return found
    for row, segment in enumerate(names[0]):
        mix = workload.mix_of(None if segment == UNNAMED and segment not in workload.segments else segment)
        found[row] = [mix.get(task, 0.0) for task in names[1]]
    return found
