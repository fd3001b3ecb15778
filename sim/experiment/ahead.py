"""The months ahead of an experiment, epoch by epoch: what it says in each, with all that moves in its place."""

from __future__ import annotations

import datetime as dt
import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from sim.chance import Streams
from sim.chance.paths import Luck, parse_moment
from sim.errors import InvalidInput, Issue
from sim.experiment.document import did_you_mean, dotted
from sim.experiment.judged import JUDGED
from sim.experiment.movements import When, movement_issues, movements
from sim.experiment.spec import ExperimentSpec
from sim.gates.actions.reroute import Reroute
from sim.workload.arrivals.trace import TraceReplay

if TYPE_CHECKING:
    from sim.experiment.resolve import Experiment

MOST_EPOCHS: Final = 20_000
_US: Final = 1_000
_MONTHS: Final = 12


@dataclass(frozen=True, slots=True)
class Epoch:
    """A stretch of the run in which nothing moves: its number, its moments, and its nanoseconds from the start."""

    number: int
    begin: dt.datetime
    end: dt.datetime
    start_ns: int
    end_ns: int

    @property
    def length_ns(self) -> int:
        """Length of the epoch."""
        return self.end_ns - self.start_ns


class Ahead:
    """The months ahead: epochs, and the experiment as it is in each."""

    def __init__(self, experiment: Experiment) -> None:
        if experiment.spec.drift is None:
            raise ValueError("an experiment without drift has no months ahead")
        self.experiment = experiment
        self.drift = experiment.spec.drift
        self.start = experiment.spec.run.begin
        self.epochs = _epochs(self.start, self.drift.months, self.drift.epoch)
        self.movements = movements(experiment)
        self.months = _months(self.start, self.drift.months, self.epochs)
        """The numbers of the epochs that begin in each month."""
        self._data = {key: value for key, value in experiment.document.data.items() if key not in JUDGED}
        self._made = functools.lru_cache(maxsize=512)(self._make)

    @property
    def retrained(self) -> tuple[dt.datetime, ...]:
        """The moments at which signals are trained anew, whatever gates say."""
        return tuple(parse_moment(text) for text in self.drift.retrain)

    @property
    def by_chance(self) -> bool:
        """Whether replications differ in what moves."""
        return any(movement.by_chance() for movement in self.movements)

    def values(self, epoch: Epoch, trained: dt.datetime, streams: Streams | None, *, still: bool) -> tuple[float, ...]:
        """Give what every movement has come to at the beginning of an epoch, or (`still`) at the start of the run."""
        now = self.start if still else epoch.begin
        when = When(now, self.start, min(trained, now))
        found = []
        for movement in self.movements:
            luck = None if streams is None else Luck(streams, movement.name)
            found.append(movement.value(when, luck))
        return tuple(found)

    def spec(self, epoch: Epoch, values: tuple[float, ...]) -> ExperimentSpec:
        """Give the experiment in an epoch, as a run of the length of the epoch.

        Raises InvalidInput if a number has moved to where the experiment allows none.
        """
        return self._made(epoch, values)

    def _make(self, epoch: Epoch, values: tuple[float, ...]) -> ExperimentSpec:
        data: Any = self._data
        for movement, value in zip(self.movements, values, strict=True):
            data = movement.put(data, value)
        run = {**(data.get("run") or {}), "start": epoch.begin.isoformat(), "warm_up": "0s"}
        run = {key: value for key, value in run.items() if key not in {"requests", "precision"}}
        run["duration"] = f"{epoch.length_ns}ns"
        workload = data["workload"]
        thinned = {**workload, "rate_factor": workload.get("rate_factor", 1.0) / self.drift.thin}
        try:
            return ExperimentSpec.model_validate({**data, "run": run, "workload": thinned})
        except ValidationError as error:
            raise InvalidInput([self._moved_too_far(error, epoch, values)]) from error

    def _moved_too_far(self, error: ValidationError, epoch: Epoch, values: tuple[float, ...]) -> Issue:
        """Say which number went where the experiment allows none."""
        first = error.errors(include_url=False)[0]
        where = [str(part) for part in first["loc"]]
        document = self.experiment.document
        for movement, value in zip(self.movements, values, strict=True):
            last = movement.name.rpartition(".")[2]
            if last in where:
                place = ("drift", "changes", movement.name)
                mark = document.key_mark(place)
                message = f"moves to {value:g} by {epoch.begin:%Y-%m-%d}, where it is refused: {first['msg']}"
                return Issue(
                    message, mark.file, mark.line, mark.col, dotted(document.data, place), "give it `least` or `most`"
                )
        mark = document.mark(("drift",))
        message = f"by {epoch.begin:%Y-%m-%d} the experiment is refused: {'.'.join(where)}: {first['msg']}"
        return Issue(message, mark.file, mark.line, mark.col, "drift")


def drift_issues(experiment: Experiment) -> Iterator[Issue]:
    """Yield what is wrong with `drift` and `gates` that shows only beside the rest of the experiment."""
    yield from _gate_issues(experiment)
    drift, document = experiment.spec.drift, experiment.document
    if drift is None:
        return
    found = movement_issues(experiment)
    yield from found
    for place, process in _traces(experiment):
        mark = document.mark(("drift",))
        message = f"{dotted(document.data, place)} replays a trace ({process}), which has no months ahead"
        yield Issue(message, mark.file, mark.line, mark.col, "drift", "draw arrivals, such as {kind: profile, ...}")
        return
    if found:
        return
    try:
        ahead = Ahead(experiment)
        streams = Streams(experiment.spec.seed, 0)
        looked_at = [*ahead.epochs[:: max(len(ahead.epochs) // _MONTHS, 1)], ahead.epochs[-1]]
        for epoch in looked_at:
            ahead.spec(epoch, ahead.values(epoch, ahead.start, streams, still=False))
    except InvalidInput as error:
        yield from error.issues
    except ValueError as error:
        mark = document.key_mark(("drift",))
        yield Issue(str(error), mark.file, mark.line, mark.col, "drift")


def _gate_issues(experiment: Experiment) -> Iterator[Issue]:
    document, tasks = experiment.document, list(experiment.spec.workload.tasks)
    seen: set[str] = set()
    for number, gate in enumerate(experiment.spec.gates):
        if gate.name in seen:
            mark = document.mark(("gates", number, "name"))
            yield Issue(f"there are two gates {gate.name!r}", mark.file, mark.line, mark.col, f"gates.{gate.name}.name")
        seen.add(gate.name)
        if isinstance(gate.then, Reroute):
            for task in gate.then.tasks:
                if tasks and task not in tasks:
                    mark = document.mark(("gates", number, "then", "tasks"))
                    hint = did_you_mean(task, tasks) or f"task classes: {', '.join(tasks)}"
                    where = f"gates.{gate.name}.then.tasks"
                    yield Issue(f"there is no task class {task!r}", mark.file, mark.line, mark.col, where, hint)


def _traces(experiment: Experiment) -> Iterator[tuple[tuple[str, ...], str]]:
    workload = experiment.spec.workload
    if isinstance(workload.arrivals, TraceReplay):
        yield ("workload", "arrivals"), workload.arrivals.source.file
    for name, segment in workload.segments.items():
        if isinstance(segment.arrivals, TraceReplay):
            yield ("workload", "segments", name, "arrivals"), segment.arrivals.source.file


def _epochs(start: dt.datetime, months: int, length_ns: int) -> tuple[Epoch, ...]:
    """Cut the months ahead into epochs, the last one shorter where they do not fit. ValueError for too many."""
    whole_ns = (months_later(start, months) - start) // dt.timedelta(microseconds=1) * _US
    length_ns = max(length_ns // _US, 1) * _US
    if whole_ns // length_ns > MOST_EPOCHS:
        raise ValueError(f"{whole_ns // length_ns:,} epochs are more than {MOST_EPOCHS:,}; write a longer epoch")
    edges = [*range(0, whole_ns, length_ns), whole_ns]
    moments = [start.astimezone(dt.UTC) + dt.timedelta(microseconds=edge // _US) for edge in edges]
    pairs = zip(itertools.pairwise(moments), itertools.pairwise(edges), strict=True)
    return tuple(Epoch(number, *some, *others) for number, (some, others) in enumerate(pairs))


def _months(start: dt.datetime, months: int, epochs: tuple[Epoch, ...]) -> tuple[range, ...]:
    """Give the numbers of the epochs that begin in each month."""
    edges = [months_later(start, month) for month in range(months + 1)]
    firsts = [sum(epoch.begin < edge for epoch in epochs) for edge in edges]
    return tuple(range(first, last) for first, last in itertools.pairwise(firsts))


def months_later(moment: dt.datetime, months: int) -> dt.datetime:
    """Give the same day so many calendar months later, or the last day of that month where it has no such day."""
    year, month = divmod(moment.year * _MONTHS + moment.month - 1 + months, _MONTHS)
    for day in range(moment.day, 0, -1):
        try:
            return moment.replace(year=year, month=month + 1, day=day)
        except ValueError:
            continue
    raise ValueError(f"{moment} has no day")
