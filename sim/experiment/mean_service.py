"""Whether the mean service that a router goes by is known before anything is read, or has to be stated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sim.errors import Issue
from sim.experiment.document import Place, dotted
from sim.fleet.service import TokenService
from sim.routing.patterns.least_cost_within_latency import LeastCostWithinLatency
from sim.routing.typical import typical_call
from sim.workload.arrivals.trace import TraceReplay
from sim.workload.sources import processes_of

if TYPE_CHECKING:
    from sim.experiment.resolve import Experiment


def service_issues(experiment: Experiment, place: Place, pattern: LeastCostWithinLatency) -> Iterator[Issue]:
    """Yield the models whose mean service no law tells and the pattern does not state."""
    for name in pattern.models:
        if name in experiment.spec.fleet and name not in pattern.mean_service:
            reason = _unknown(experiment, name)
            if reason:
                mark = experiment.document.mark((*place, "models"))
                path = dotted(experiment.document.data, place)
                message = f"the mean service of {name!r} is not known beforehand: {reason}"
                hint = f"write mean_service: {{{name}: 2s}}; `tiercast explain` shows what it is with another pattern"
                yield Issue(message, mark.file, mark.line, mark.col, path, hint)


def _unknown(experiment: Experiment, name: str) -> str:
    """Say why no law tells how long calls to a model take on average; nothing if one does."""
    spec = experiment.spec
    classes = list(spec.workload.tasks.values()) or [spec.workload.default_task]
    by_tokens = isinstance(spec.fleet[name].service, TokenService)
    if by_tokens and any(isinstance(process, TraceReplay) for process in processes_of(spec.workload).values()):
        return "its answers may be as long as a trace says"
    measured = None if spec.outcomes is None else spec.outcomes.models.get(name)
    if by_tokens and measured is not None and measured.output_tokens is not None:
        return "its answers are as long as the outcome table says"
    if typical_call(spec.fleet[name], classes, [1 / len(classes)] * len(classes)) is not None:
        return ""
    return "a task class has no law of tokens" if by_tokens else "it is served as measured"
