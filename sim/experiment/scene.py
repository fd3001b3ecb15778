"""The scene of an experiment: all that its replications share, and the steps from chance to plans."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from sim.chance import Streams
from sim.experiment.inputs import Files
from sim.experiment.lineup import LineUp
from sim.experiment.spec import ExperimentSpec
from sim.fleet import reached
from sim.outcome.ledger import Goals, Terms
from sim.outcome.metrics import sections_for
from sim.outcome.outcomes import Window
from sim.routing.answers import Answers
from sim.routing.patterns import Pattern
from sim.routing.plan import Plan, Planner
from sim.routing.quality import QualityModel, quality_model
from sim.routing.stations import NamedLimit, named_limits
from sim.routing.tries import TryingPlanner
from sim.workload.calendar import Calendar
from sim.workload.requests import CHUNK, Inputs, Requests, draw_requests
from sim.workload.sources import Horizon, last_arrival

MOST_EXACT = 1 << 18
"""Observations per pattern that are kept, in equal parts for the replications; beyond, histograms stand for them."""


def most_exact(replications: int) -> int:
    """Give how many observations of a pattern each of so many replications keeps."""
    return MOST_EXACT // replications


@dataclass(frozen=True)
class Scene:
    """All that a replication needs: the experiment, its line-up and its input files."""

    spec: ExperimentSpec
    line_up: LineUp
    inputs: Files

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
        return Calendar(self.spec.run.begin)

    def requests(self, replication: int, most: int | None = None) -> Requests:
        """Draw the requests of one replication in one piece: all of them, or at most the first `most`."""
        return next(self.chunks(replication, None, most))

    def chunks(self, replication: int, size: int | None = CHUNK, most: int | None = None) -> Iterator[Requests]:
        """Draw the requests of one replication, `size` at a time (None: in one piece); at least one chunk comes."""
        workload, streams = self.spec.workload, Streams(self.spec.seed, replication)
        return draw_requests(workload, streams, self.calendar, self._horizon, self.replayed, size=size, most=most)

    @property
    def _horizon(self) -> Horizon:
        return Horizon(self.spec.run.duration, self.spec.run.requests)

    def answers(self, requests: Requests) -> Answers:
        """Give the answers of every model to these requests."""
        return Answers(requests, self.spec.fleet, self.quality, self.inputs.calls)

    def plan(
        self, pattern: Pattern, answers: Answers, window: Window | None = None, *, refusable: bool | None = None
    ) -> Plan:
        """Let a pattern turn the requests into an itinerary; what replicas do is measured within the window.

        `refusable` says whether calls may be refused, where the pattern changes in the course of a run.
        """
        if self.may_refuse(pattern) if refusable is None else refusable:
            measured = (0, 0) if window is None else (window.start_ns, window.end_ns)
            planner: Planner = TryingPlanner(answers, self.spec.providers, measured)
        else:
            planner = Planner(answers)
        pattern.plan(planner, self.spec.signals, self.line_up.cheap)
        return planner.finish(self.spec.fleet)

    def models_of(self, pattern: Pattern) -> tuple[str, ...]:
        """Give the models that a pattern may call, also in the place of others or beside them."""
        return reached(self.spec.fleet, pattern.all_models())

    def may_refuse(self, pattern: Pattern) -> bool:
        """Say whether some call of a pattern may be refused, fail, be given up, or wait at a limit."""
        return pattern.may_refuse() or any(self.spec.fleet[name].may_refuse() for name in self.models_of(pattern))

    def window(self, replication: int) -> Window:
        """Give the measured part of a replication."""
        run = self.spec.run
        end = run.duration
        if end is None:
            streams, traces = Streams(self.spec.seed, replication), self.replayed.traces
            end = last_arrival(self.spec.workload, streams, self.calendar, self._horizon, traces).last_ns
        return Window(run.warm_up, max(end, run.warm_up))

    def limits(self) -> list[NamedLimit]:
        """Give the limits of the fleet, in the order in which what calls ask of them is accounted for."""
        return named_limits(self.spec.fleet, self.spec.providers, tuple(self.spec.fleet))

    def terms(self, pattern: Pattern, window: Window, *, compared: bool = False) -> Terms:
        """Say what is accounted for under a pattern."""
        run = self.spec.run
        return Terms(
            fleet=self.spec.fleet,
            kept=self.models_of(pattern),
            window=window,
            limited={model for limit in self.limits() if limit.queues for model in limit.models},
            sections=sections_for(run.replications),
            goals=Goals(run.goals.latency, run.goals.ttft),
            most_exact=most_exact(run.replications),
            compared=compared,
        )
