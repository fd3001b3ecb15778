"""Why a number has changed between two months: counterfactual months, in which only some of the causes have moved.

The value of a set of causes is what the later month would have come to had only these moved and all others stayed as
they were in the earlier month, with the same requests and the same luck. What one cause adds depends on which have
moved before it; its part is the mean over all orders (Shapley 1953), so that the parts add up to the whole exactly.
"""

from __future__ import annotations

import copy
import datetime as dt
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from sim.errors import InvalidInput, Issue
from sim.experiment.ahead import Ahead, Epoch
from sim.experiment.effort import choose_engine, choose_workers, loops_of
from sim.experiment.scene import Scene
from sim.outcome.estimates import Estimate
from sim.outcome.intervals import Interval, quantile, ratio_interval
from sim.study.drift.days import Day, together
from sim.study.drift.measures import USD_PER_FEMTO, estimate
from sim.study.drift.play import Play, play_scenes
from sim.study.drift.scenes import Scenes
from sim.study.replications import Job, Report, for_each
from sim.workload.sources import processes_of

if TYPE_CHECKING:
    from sim.experiment.inputs import Files
    from sim.experiment.resolve import Experiment

MOST_CAUSES: Final = 8
_NS: Final = 1e9
_P95: Final = 0.95

METRICS: Final[Mapping[str, tuple[str, Callable[[Day], float]]]] = {
    "escalated": ("points", lambda day: 100 * day.escalated / day.count),
    "accepted": ("points", lambda day: 100 * day.acceptable / day.count),
    "cost_per_1k": ("usd/1k", lambda day: 1000 * USD_PER_FEMTO * day.cost_femto / day.count),
    "latency_p95": ("s", lambda day: quantile(day.latency, _P95) / _NS),
}
"""What is explained: its unit, and how a month's sums give it."""

Values = dict[str, dict[str, float]]
"""By pattern and metric."""


@dataclass(frozen=True, slots=True)
class Part:
    """A cause, and what it adds to a metric; `undone` is the change if it alone were taken back."""

    cause: str
    adds: Estimate
    undone: Estimate


@dataclass(frozen=True, slots=True)
class Explained:
    """The change of one metric of one pattern from the earlier to the later month, and the parts of its causes."""

    pattern: str
    metric: str
    before: Estimate
    after: Estimate
    change: Estimate
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why the months differ; `moves` names the places behind each cause."""

    experiment: str
    title: str
    hash: str
    seed: int
    replications: int
    level: float
    earlier: str
    later: str
    moves: Mapping[str, tuple[str, ...]]
    explained: tuple[Explained, ...]


def diagnose(
    experiment: Experiment,
    months: tuple[int, int],
    *,
    workers: int | None = None,
    engine: str = "auto",
    progress: Report | None = None,
) -> Diagnosis:
    """Explain what has changed from one month ahead to another one (1 is the first).

    Raises InvalidInput where there are no such months, nothing moves, or more causes than eight do.
    """
    ahead = Ahead(experiment)
    causes = causes_of(ahead)
    for wrong in _wrong(ahead, months, causes):
        raise InvalidInput(
            [Issue(wrong, path="--diagnose", hint=f"months are 1 to {len(ahead.months)}: --diagnose 1..6")]
        )
    sets = 2 ** len(causes)
    scene = Scene(experiment.spec, experiment.line_up, experiment.inputs())
    seconds = sum(ahead.epochs[number].length_ns for number in ahead.months[months[1] - 1]) / _NS
    rate = sum(process.mean_rate_per_s(1.0) for process in processes_of(experiment.spec.workload).values())
    plays = rate * seconds / ahead.drift.thin * sets * len(experiment.spec.patterns) * experiment.spec.run.replications
    used, _ = choose_engine(engine, plays, loops_of(scene))
    processes, _ = choose_workers(workers, 10 * plays, experiment.spec.run.replications, used)
    job: Job[list[Values]] = Job(experiment, experiment.inputs(), _values_of_sets, (months, used))
    found = for_each(job, experiment.spec.run.replications, processes, progress)
    return _diagnosis(ahead, months, causes, found)


def causes_of(ahead: Ahead) -> dict[str, tuple[str, ...]]:
    """Give the causes that move, in words, with the places that belong to each."""
    found: dict[str, tuple[str, ...]] = {}
    for movement in ahead.movements:
        cause = _cause(movement.name)
        found[cause] = (*found.get(cause, ()), movement.name)
    return found


def shapley(values: Mapping[frozenset[str], float], causes: Sequence[str]) -> dict[str, float]:
    """Give each cause's part of values[all] - values[none]: its mean addition over all orders in which causes move."""
    count, parts = len(causes), {}
    for cause in causes:
        others = [other for other in causes if other != cause]
        parts[cause] = math.fsum(
            (values[frozenset(some) | {cause}] - values[frozenset(some)]) / (count * math.comb(count - 1, size))
            for size in range(count)
            for some in itertools.combinations(others, size)
        )
    return parts


def _wrong(ahead: Ahead, months: tuple[int, int], causes: Mapping[str, tuple[str, ...]]) -> list[str]:
    if not all(1 <= month <= len(ahead.months) for month in months) or months[0] == months[1]:
        return [f"{months[0]}..{months[1]} are no two of the months ahead"]
    if not causes:
        return ["nothing moves, so that there is nothing to explain"]
    if len(causes) > MOST_CAUSES:
        return [f"{len(causes)} causes move; more than {MOST_CAUSES} cannot be told apart in finite time"]
    return []


_CAUSES: Final = (
    (("drift", "hard"), "task mix"),
    (("signals",), "classifier and signals"),
    (("quality", "confidence"), "confidence calibration"),
    (("quality",), "models"),
    (("patterns",), "thresholds and rules"),
)
_OF_TASKS: Final = {"input_factor": "lengths", "output_factor": "lengths", "difficulty_shift": "difficulty"}


def _cause(name: str) -> str:
    parts = tuple(name.split("."))
    for front, cause in _CAUSES:
        if parts[: len(front)] == front:
            return cause
    if parts[0] == "fleet":
        return "prices" if "price" in parts else "capacity" if "capacity" in parts else "speed of models"
    if parts[-1] in _OF_TASKS:
        return _OF_TASKS[parts[-1]]
    if "mix" in parts or parts[-1] == "share":
        return "task mix" if "mix" in parts else "segments"
    return "lengths" if "tokens" in name else "volume"


class _Counterfactual(Scenes):
    """Scenes in which each movement stands where a given set of values says, whatever the day."""

    unmoved_when_trained = True

    def __init__(self, ahead: Ahead, inputs: Files, replication: int, now: tuple[float, ...]) -> None:
        super().__init__(ahead, inputs, replication)
        self._now = now

    def values(self, epoch: Epoch, trained: dt.datetime, *, still: bool) -> tuple[float, ...]:
        """Give the values of the set; unmoved ones for the time of the training (`still`)."""
        return super().values(epoch, trained, still=True) if still else self._now


def _values_of_sets(
    experiment: Experiment, inputs: Files, replication: int, months: tuple[int, int], engine: str
) -> list[Values]:
    """Play the later month once for each set of causes, in the order of `_sets`."""
    ahead = Ahead(experiment.set("gates=[]"))
    causes = causes_of(ahead)
    scenes = Scenes(ahead, inputs, replication)
    before, after = (_values_in(ahead, scenes, month) for month in months)
    names = [_cause(movement.name) for movement in ahead.movements]
    window = _window(ahead, months[1])
    plays = [Play(pattern.name) for pattern in experiment.spec.patterns]
    found = []
    for moved in _sets(list(causes)):
        now = tuple(b if name in moved else a for name, a, b in zip(names, before, after, strict=True))
        scene = _Counterfactual(window, inputs, replication, now)
        records = play_scenes(window, scene, replication, engine, plays)
        whole = {
            play.pattern: replace(together(record.days), latency=record.latency[0]) for play, record in records.items()
        }
        found.append({name: {metric: of(day) for metric, (_, of) in METRICS.items()} for name, day in whole.items()})
    return found


def _sets(causes: Sequence[str]) -> list[frozenset[str]]:
    return [frozenset(some) for size in range(len(causes) + 1) for some in itertools.combinations(causes, size)]


def _values_in(ahead: Ahead, scenes: Scenes, month: int) -> tuple[float, ...]:
    """Give what moves in the middle of a month, by the last training that was planned before."""
    numbers = ahead.months[month - 1]
    epoch = ahead.epochs[numbers[len(numbers) // 2]]
    trained = max((at for at in ahead.retrained if at <= epoch.begin), default=ahead.start)
    return scenes.values(epoch, trained, still=False)


def _window(ahead: Ahead, month: int) -> Ahead:
    """Give the epochs of one month as if the run were that month alone."""
    found = copy.copy(ahead)
    chosen = [ahead.epochs[number] for number in ahead.months[month - 1]]
    first = chosen[0].start_ns
    found.epochs = tuple(
        Epoch(number, epoch.begin, epoch.end, epoch.start_ns - first, epoch.end_ns - first)
        for number, epoch in enumerate(chosen)
    )
    found.months = (range(len(chosen)),)
    return found


def _diagnosis(
    ahead: Ahead, months: tuple[int, int], causes: Mapping[str, tuple[str, ...]], found: Sequence[Sequence[Values]]
) -> Diagnosis:
    experiment, spec = ahead.experiment, ahead.experiment.spec
    labels = [f"{ahead.epochs[ahead.months[month - 1].start].begin:%Y-%m}" for month in months]
    explained = []
    for pattern in spec.patterns:
        for metric in METRICS:
            tables = [
                {some: values[pattern.name][metric] for some, values in zip(_sets(list(causes)), one, strict=True)}
                for one in found
            ]
            explained.append(_explained((pattern.name, metric), tables, list(causes), spec.run.level))
    return Diagnosis(
        experiment=spec.name,
        title=spec.title or spec.name,
        hash=experiment.hash,
        seed=spec.seed,
        replications=len(found),
        level=spec.run.level,
        earlier=labels[0],
        later=labels[1],
        moves=causes,
        explained=tuple(one for one in explained if one.change.value or one.before.value),
    )


def _explained(
    what: tuple[str, str], tables: Sequence[Mapping[frozenset[str], float]], causes: Sequence[str], level: float
) -> Explained:
    pattern, metric = what
    unit, none, everything = METRICS[metric][0], frozenset[str](), frozenset(causes)

    def mean(values: Sequence[float]) -> Estimate:
        interval = ratio_interval(np.array(values), np.ones(len(values)), level)
        return estimate(interval or Interval(0.0, None, None), unit)

    parts = [shapley(table, causes) for table in tables]
    return Explained(
        pattern=pattern,
        metric=metric,
        before=mean([table[none] for table in tables]),
        after=mean([table[everything] for table in tables]),
        change=mean([table[everything] - table[none] for table in tables]),
        parts=tuple(
            Part(
                cause,
                mean([one[cause] for one in parts]),
                mean([table[everything - {cause}] - table[everything] for table in tables]),
            )
            for cause in causes
        ),
    )
