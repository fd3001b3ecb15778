"""The loop: scenario x replication. Draw the requests once, plan them for each pattern, play, account, measure."""

from __future__ import annotations

import contextlib
import datetime as dt
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from sim.chance import Streams
from sim.engine import play
from sim.errors import InterruptedRun, InvalidInput, Issue
from sim.experiment.crosscheck import warnings_of
from sim.experiment.effort import choose_engine, choose_workers, plays_of
from sim.experiment.finished import Finished
from sim.experiment.lineup import LineUp
from sim.experiment.result import PatternResult, RunResult
from sim.experiment.spec import ExperimentSpec
from sim.experiment.summary import metric_columns
from sim.experiment.workers import play_all
from sim.outcome import stability
from sim.outcome.metrics import Goals, Measured, References, measure, sections_for
from sim.outcome.outcomes import Outcome, Window, outcome_of
from sim.routing.answers import Answers
from sim.routing.patterns import Pattern
from sim.routing.plan import Plan, Planner
from sim.routing.quality import QualityModel, quality_model
from sim.workload.calendar import Calendar
from sim.workload.requests import Inputs, Requests, draw_requests
from sim.workload.sources import Horizon

if TYPE_CHECKING:
    import pandas as pd

    from sim.experiment.resolve import Experiment

_NS = 1_000_000_000


@dataclass(frozen=True)
class Scene:
    """All that a replication needs: the experiment, its line-up and its input files."""

    spec: ExperimentSpec
    line_up: LineUp
    inputs: Inputs

    @cached_property
    def quality(self) -> QualityModel:
        """The quality model over the task classes of the requests."""
        tasks, table = self.spec.workload.tasks, self.inputs.table
        names = tuple(tasks) or (table.tasks if table is not None else ())
        pair = (self.line_up.cheap, self.line_up.frontier)
        return quality_model(self.spec.quality, tuple(self.spec.fleet), pair, names, table)

    @property
    def replayed(self) -> Inputs:
        """The inputs that requests are drawn from: a table that is only fitted is none of them."""
        return self.inputs if self.quality.table is not None else Inputs(self.inputs.traces)

    @property
    def calendar(self) -> Calendar:
        """Start of the run on the calendar."""
        start = dt.datetime.fromisoformat(self.spec.run.start)
        return Calendar(start if start.tzinfo is not None else start.replace(tzinfo=ZoneInfo(self.spec.run.time_zone)))

    def requests(self, replication: int, most: int | None = None) -> Requests:
        """Draw the requests of one replication, all of them or at most the first `most`."""
        run = self.spec.run
        count = run.requests if most is None else min(most, run.requests or most)
        horizon = Horizon(run.duration, count)
        streams = Streams(self.spec.seed, replication)
        return next(draw_requests(self.spec.workload, streams, self.calendar, horizon, self.replayed, size=None))

    def answers(self, requests: Requests) -> Answers:
        """Give the answers of every model to these requests."""
        return Answers(requests, self.spec.fleet, self.quality)

    def plan(self, pattern: Pattern, answers: Answers) -> Plan:
        """Let a pattern turn the requests into an itinerary."""
        planner = Planner(answers)
        pattern.plan(planner, self.spec.signals, self.line_up.cheap)
        return planner.finish(self.spec.fleet)

    def window(self, requests: Requests) -> Window:
        """Give the measured part of a replication."""
        run = self.spec.run
        end = run.duration
        if end is None:
            end = int(requests.arrival_ns[-1]) if len(requests) else run.warm_up
        return Window(run.warm_up, max(end, run.warm_up))


def play_replication(scene: Scene, replication: int, engine: str) -> list[Outcome]:
    """Play one replication of every pattern; the outcomes stand in the order of the line-up."""
    requests = scene.requests(replication)
    answers, window = scene.answers(requests), scene.window(requests)
    sections = sections_for(scene.spec.run.replications)
    outcomes = []
    for pattern in scene.line_up.patterns:
        plan = scene.plan(pattern, answers)
        log = play(plan.itinerary, engine)
        outcomes.append(
            outcome_of(
                plan, log, answers, fleet=scene.spec.fleet, kept=pattern.all_models(), window=window, sections=sections
            )
        )
    return outcomes


def run(
    experiment: Experiment,
    workers: int | None,
    engine: str,
    progress: Callable[[int, int], None] | None,
    finished: Path | None = None,
) -> Run:
    """Play every replication and measure; those in the folder `finished` are taken from there, and new ones added.

    Raises InvalidInput if the input files hold nothing to measure.
    """
    scene = Scene(experiment.spec, experiment.line_up, experiment.inputs())
    plays = plays_of(scene)
    used, remark = choose_engine(engine, plays)
    processes = choose_workers(workers, plays, scene.spec.run.replications)
    kept = None if finished is None else Finished(finished, experiment.hash)
    by_replication = play_all(scene, used, processes, progress, kept)
    if not any(len(outcomes[0].log.arrival_ns) for outcomes in by_replication):
        raise InvalidInput([Issue("no request arrived in the measured part of the run", path="run")])
    by_pattern = [list(outcomes) for outcomes in zip(*by_replication, strict=True)]
    names = [pattern.name for pattern in scene.line_up.patterns]
    return Run(experiment, scene, used, dict(zip(names, by_pattern, strict=True)), remark=remark, finished=kept)


class Run:
    """A run that has ended: its result, and the request logs behind it.

    `remark` says how the run differed from what was asked for without a difference to the answer.
    """

    def __init__(
        self,
        experiment: Experiment,
        scene: Scene,
        engine: str,
        outcomes: Mapping[str, Sequence[Outcome]],
        *,
        remark: str = "",
        finished: Finished | None = None,
    ) -> None:
        self.experiment = experiment
        self.outcomes = outcomes
        self.remark = remark
        self._scene = scene
        self._engine = engine
        self._finished = finished

    @contextlib.contextmanager
    def kept_if_interrupted(self) -> Iterator[None]:
        """Let an interrupt within the block leave what was played on the disk, and raise InterruptedRun."""
        try:
            yield
        except KeyboardInterrupt:
            if self._finished is None:
                raise
            self._finished.save()
            raise InterruptedRun("all replications are kept; the same command goes on from there") from None

    @cached_property
    def result(self) -> RunResult:
        """Every metric with its interval, and what is needed to say where it comes from."""
        spec, up, some = self.experiment.spec, self._scene.line_up, next(iter(self.outcomes.values()))
        return RunResult(
            experiment=spec.name,
            title=spec.title or spec.name,
            hash=self.experiment.hash,
            seed=spec.seed,
            engine=self._engine,
            replications=spec.run.replications,
            requests=sum(len(outcome.log.arrival_ns) for outcome in some),
            window_s=sum(outcome.window.length_ns for outcome in some) / _NS / len(some),
            level=spec.run.level,
            baseline=up.baseline,
            patterns={pattern.name: self._pattern(pattern) for pattern in up.patterns},
            notes=self._notes(),
            files=self.experiment.files,
            resolved=self.experiment.resolved,
        )

    @property
    def summary(self) -> pd.DataFrame:
        """One row per pattern and metric: value, lower, upper, unit, baseline, few_data."""
        import pandas as pd  # noqa: PLC0415 - pandas loads slowly

        numbers = {"value": "float64", "lower": "float64", "upper": "float64", "few_data": "bool"}
        return pd.DataFrame(metric_columns(self.result)).astype(numbers)

    def requests(self, pattern: str | None = None) -> pd.DataFrame:
        """Give the request log of one pattern (of all patterns where none is named), all replications."""
        import pandas as pd  # noqa: PLC0415 - pandas loads slowly

        parts = []
        for name, replication, columns, _ in self.requests_parts():
            if pattern in (None, name):
                frame = pd.DataFrame(columns)
                frame.insert(0, "replication", replication)
                frame.insert(0, "pattern", name)
                parts.append(frame)
        if not parts:
            raise KeyError(f"there is no pattern {pattern!r}; there are: {', '.join(self.outcomes)}")
        return pd.concat(parts, ignore_index=True)

    def requests_parts(self) -> Iterator[tuple[str, int, dict[str, NDArray[Any]], dict[str, str]]]:
        """Yield (pattern, replication, columns, unit by column) of every request log."""
        for name, outcomes in self.outcomes.items():
            for replication, outcome in enumerate(outcomes):
                log = outcome.log
                columns: dict[str, NDArray[Any]] = {
                    "arrival_ns": log.arrival_ns,
                    "segment": np.array(log.segments, dtype=object)[log.segment],
                    "task": np.array(log.tasks, dtype=object)[log.task],
                    "route": np.array(log.routes, dtype=object)[log.route],
                    "model": np.array(log.models, dtype=object)[log.served_by],
                    "input_tokens": log.input_tokens,
                    "output_tokens": log.output_tokens,
                    "escalated": log.escalated,
                    "acceptable": log.acceptable,
                    "refused": log.refused,
                    "latency_ns": log.latency_ns,
                    "ttft_ns": log.ttft_ns,
                    "wait_ns": log.queueing_ns,
                    "cost_nano_usd": log.cost_nano,
                }
                units = {"input_tokens": "tokens", "output_tokens": "tokens", "cost_nano_usd": "nano-USD"}
                units |= {column: "ns" for column in columns if column.endswith("_ns")}
                yield name, replication, columns, units

    def _pattern(self, pattern: Pattern) -> PatternResult:
        outcomes = self.outcomes[pattern.name]
        measured = self._measure(pattern)
        loads = stability.loads(outcomes, self._scene.spec.run.level)
        unstable = bool(stability.overloaded(loads))
        if unstable and "goodput" in measured.estimates:
            del measured.estimates["goodput"]
            measured.absent["goodput"] = "the system is unstable: what is answered falls ever further behind"
        return PatternResult(
            name=pattern.name,
            kind=str(getattr(pattern, "kind", "")),
            status="unstable" if unstable else "ok",
            estimates=measured.estimates,
            absent=measured.absent,
            warnings=tuple(stability.warnings(outcomes, loads)),
        )

    def _measure(self, pattern: Pattern) -> Measured:
        up, goals = self._scene.line_up, self._scene.spec.run.goals
        ends = pattern.baselines()
        references = References(
            baseline=self._named(up.baseline),
            cheap=self._named(up.cheap_only),
            frontier=self._named(up.frontier_only),
            first=self._named(up.direct[ends[0]]) if ends else None,
            last=self._named(up.direct[ends[-1]]) if ends else None,
        )
        level = self._scene.spec.run.level
        return measure(pattern.name, self.outcomes[pattern.name], references, Goals(goals.latency, goals.ttft), level)

    def _named(self, name: str) -> tuple[str, Sequence[Outcome]]:
        return name, self.outcomes[name]

    def _notes(self) -> tuple[str, ...]:
        notes = [f"{name}: {note}" for name, trace in self._scene.inputs.traces.items() for note in trace.notes]
        return (*notes, *self._given(), *self._scene.quality.notes, *warnings_of(self.experiment))

    def _given(self) -> Iterator[str]:
        """Say what every replication shares, and the intervals therefore leave out."""
        inputs = self._scene.replayed
        for name in inputs.traces:
            yield (
                f"{name}: every replication begins with the same recorded arrivals; intervals hold given this trace "
                "and do not say how another day would differ"
            )
        if inputs.table is not None:
            half = 100 * 1.96 * 0.5 / math.sqrt(inputs.table.rows)
            yield (
                f"outcomes: every replication asks from the same {inputs.table.rows:,} rows; intervals hold given "
                f"these rows, which as a sample of all prompts tell an acceptance to within {half:.2g} points at worst"
            )
