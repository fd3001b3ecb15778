"""A run: every replication of every pattern, and the answer that is measured over them."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sim.errors import InterruptedRun
from sim.experiment.crosscheck import warnings_of
from sim.experiment.finished import Finished
from sim.experiment.replication import Replication
from sim.experiment.result import PatternResult, RunResult
from sim.experiment.scene import Scene
from sim.experiment.selectors import Chosen
from sim.experiment.summary import metric_columns
from sim.experiment.windows import measured_in
from sim.outcome import backlog, stability
from sim.outcome.change import Basis
from sim.outcome.estimates import Estimate
from sim.outcome.metrics import Measured, References, measure
from sim.outcome.on_demand import basis_of_quantile, quantile_of
from sim.outcome.outcomes import Group, Outcome, columns_of
from sim.routing.patterns import Pattern

if TYPE_CHECKING:
    import pandas as pd

    from sim.experiment.resolve import Experiment

_NS = 1_000_000_000


class Run:
    """A run that has ended: its result, and the requests behind it.

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
        level: float | None = None,
        stopped: str = "",
    ) -> None:
        self.experiment = experiment
        self.outcomes = outcomes
        self.remark = remark
        self.replications = len(next(iter(outcomes.values())))
        self.level = experiment.spec.run.level if level is None else level
        self._stopped = stopped
        self._scene = scene
        self._engine = engine
        self._finished = finished

    def read(self, *, level: float | None = None, stopped: str = "") -> Run:
        """Give the same run read at another confidence level, or with a remark on why it stopped where it did."""
        return Run(
            self.experiment,
            self._scene,
            self._engine,
            self.outcomes,
            remark=self.remark,
            finished=self._finished,
            level=self.level if level is None else level,
            stopped=stopped or self._stopped,
        )

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
            replications=self.replications,
            requests=sum(outcome.requests for outcome in some),
            window_s=sum(outcome.window.length_ns for outcome in some) / _NS / len(some),
            level=self.level,
            baseline=up.baseline,
            patterns={pattern.name: self._pattern(pattern) for pattern in up.patterns},
            notes=self.notes(),
            files=self.experiment.files,
            resolved=self.experiment.simulated,
        )

    @property
    def summary(self) -> pd.DataFrame:
        """One row per pattern and metric: value, lower, upper, unit, baseline, few_data."""
        import pandas as pd  # noqa: PLC0415 - pandas loads slowly

        numbers = {"value": "float64", "lower": "float64", "upper": "float64", "few_data": "bool"}
        return pd.DataFrame(metric_columns(self.result)).astype(numbers)

    def requests(self, pattern: str | None = None) -> pd.DataFrame:
        """Give the request log of one pattern (of all patterns where none is named), all replications.

        The requests are played again for it: nothing is kept of them, and they come out the same.
        """
        import pandas as pd  # noqa: PLC0415 - pandas loads slowly

        if pattern is not None and pattern not in self.outcomes:
            raise KeyError(f"there is no pattern {pattern!r}; there are: {', '.join(self.outcomes)}")
        wanted = [pattern] if pattern is not None else list(self.outcomes)
        parts: dict[str, list[pd.DataFrame]] = {name: [] for name in wanted}
        for name, replication, columns, _ in self.requests_parts(wanted):
            frame = pd.DataFrame(columns)
            frame.insert(0, "replication", replication)
            frame.insert(0, "pattern", name)
            parts[name].append(frame)
        return pd.concat([frame for frames in parts.values() for frame in frames], ignore_index=True)

    def requests_parts(
        self, patterns: Sequence[str] | None = None
    ) -> Iterator[tuple[str, int, dict[str, NDArray[Any]], dict[str, str]]]:
        """Yield (pattern, replication, columns, unit by column) of parts of the request logs, played again.

        The parts of one pattern and replication come in order of arrival, those of several patterns by turns.
        """
        wanted = [one for one in self._scene.line_up.patterns if patterns is None or one.name in patterns]
        for replication in range(self.replications):
            for name, log in Replication(self._scene, replication, self._engine, wanted).logs():
                yield name, replication, *columns_of(log)

    def of(self, name: str) -> PatternResult:
        """Measure one pattern of the run. KeyError for one that is not in it."""
        return self._pattern({pattern.name: pattern for pattern in self._scene.line_up.patterns}[name])

    def _pattern(self, pattern: Pattern) -> PatternResult:
        outcomes = self.outcomes[pattern.name]
        measured = self._measured[pattern.name]
        estimates, absent = dict(measured.estimates), dict(measured.absent)
        level, numbers = self.level, [outcome.backlog for outcome in outcomes]
        estimates.update(backlog.summed_up(numbers, level))
        loads = stability.loads(outcomes, level, self._scene.limits())
        unstable = stability.unstable(loads)
        if unstable and "goodput" in estimates:
            del estimates["goodput"]
            absent["goodput"] = "the system is unstable: what is answered falls ever further behind"
        return PatternResult(
            name=pattern.name,
            kind=str(getattr(pattern, "kind", "")),
            status="unstable" if unstable else "ok",
            estimates=estimates,
            absent=absent,
            warnings=tuple(stability.warnings(outcomes, loads)),
            backlog=backlog.over_time(numbers, level),
        )

    def estimate(self, pattern: str, chosen: Chosen) -> Estimate | None:
        """Give the estimate of a metric, one that no report carries too; None if the run has none."""
        if chosen.window:
            return measured_in(self._logs(pattern), chosen, self.experiment.spec.run.begin, self.level)
        if chosen.quantile is None:
            return self.result.patterns[pattern].estimates.get(chosen.metric)
        group = Group(chosen.group, chosen.name)
        return quantile_of(self.outcomes[pattern], chosen.column, group, chosen.quantile, self.level)

    def basis(self, pattern: str, chosen: Chosen) -> Basis | None:
        """Give what the estimate of a metric rests on, to compare it with another run; None where there is none."""
        if chosen.quantile is not None:
            group = Group(chosen.group, chosen.name)
            return basis_of_quantile(self.outcomes[pattern], chosen.column, group, chosen.quantile)
        found = self._measured[pattern].bases.get(chosen.metric)
        return None if found is None else found()

    def _logs(self, pattern: str) -> list[dict[str, NDArray[Any]]]:
        """Give the request log of each replication, played again; kept for the next who asks."""
        if pattern not in self._played_again:
            parts: list[list[dict[str, NDArray[Any]]]] = [[] for _ in range(self.replications)]
            for _, replication, columns, _ in self.requests_parts([pattern]):
                parts[replication].append(columns)
            self._played_again[pattern] = [
                {name: np.concatenate([part[name] for part in some]) for name in some[0]} for some in parts
            ]
        return self._played_again[pattern]

    @cached_property
    def _played_again(self) -> dict[str, list[dict[str, NDArray[Any]]]]:
        return {}

    @cached_property
    def _measured(self) -> dict[str, Measured]:
        return {pattern.name: self._measure(pattern) for pattern in self._scene.line_up.patterns}

    def _measure(self, pattern: Pattern) -> Measured:
        up = self._scene.line_up
        ends = pattern.baselines()
        references = References(
            baseline=self._named(up.baseline),
            cheap=self._named(up.cheap_only),
            frontier=self._named(up.frontier_only),
            first=self._named(up.direct[ends[0]]) if ends else None,
            last=self._named(up.direct[ends[-1]]) if ends else None,
        )
        return measure(pattern.name, self.outcomes[pattern.name], references, self.level)

    def _named(self, name: str) -> tuple[str, Sequence[Outcome]]:
        return name, self.outcomes[name]

    def notes(self) -> tuple[str, ...]:
        """Give what is to be said of the whole run: what files left out, what replications share, what looks odd."""
        notes = [f"{name}: {note}" for name, trace in self._scene.inputs.traces.items() for note in trace.notes]
        stopped = [self._stopped] if self._stopped else []
        return (*stopped, *notes, *self._given(), *self._scene.quality.notes, *warnings_of(self.experiment))

    def _given(self) -> Iterator[str]:
        """Say what every replication shares, and the intervals therefore leave out."""
        inputs = self._scene.replayed
        for name in inputs.traces:
            yield (
                f"{name}: every replication begins with the same recorded arrivals; intervals hold given this trace "
                "and do not say how another day would differ"
            )
        for name, calls in self._scene.inputs.calls.items():
            yield (
                f"{name}: every call is served as one of {len(calls):,} measured ones; intervals hold given these, and "
                f"at level 95 % so many tell any share of slower calls to within {_reach(len(calls)):.2g} points"
            )
        if inputs.table is not None:
            half = 100 * 1.96 * 0.5 / math.sqrt(inputs.table.rows)
            yield (
                f"outcomes: every replication asks from the same {inputs.table.rows:,} rows; intervals hold given "
                f"these rows, which as a sample of all prompts tell an acceptance to within {half:.2g} points at worst"
            )


def _reach(rows: int) -> float:
    """Give how far the distribution of so many measured values may be from the true one anywhere, in points.

    The bound of Dvoretzky, Kiefer and Wolfowitz with the constant of Massart (1990), at 95 %.
    """
    return 100 * math.sqrt(math.log(2 / 0.05) / (2 * rows))
