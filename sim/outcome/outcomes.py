"""The request log: what became of each request of one replication under one pattern, and what the models did."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sim.columns import Bools, Ints
from sim.engine.log import LegLog
from sim.fleet import Model
from sim.fleet.capacity import replicas_of
from sim.outcome.bill import leg_costs, sum_by, total
from sim.outcome.latency import waits
from sim.routing.answers import Answers
from sim.routing.plan import Cause, Plan

T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a run that is measured: requests that arrive from `start_ns` on, up to `end_ns`."""

    start_ns: int
    end_ns: int

    @property
    def length_ns(self) -> int:
        """Length of the window."""
        return self.end_ns - self.start_ns


@dataclass(frozen=True, slots=True)
class RequestLog:
    """Measured requests in order of arrival, one value each.

    Times int64 ns, `cost_nano` int64 nano-dollars, codes int64 into the names beside them; `served_by` is the model
    whose answer the user got.
    """

    segments: tuple[str, ...]
    tasks: tuple[str, ...]
    routes: tuple[str, ...]
    models: tuple[str, ...]
    arrival_ns: Ints
    segment: Ints
    task: Ints
    route: Ints
    served_by: Ints
    escalated: Bools
    acceptable: Bools
    refused: Bools
    latency_ns: Ints
    ttft_ns: Ints
    queueing_ns: Ints
    input_tokens: Ints
    output_tokens: Ints
    cost_nano: Ints


@dataclass(frozen=True, slots=True)
class ModelLog:
    """What one model did in the window.

    `calls` were made for the measured requests, whenever; `busy_ns` and `queued_ns` are integrated over the window;
    `offered_ns` of service was brought by the calls that joined in it; `servers` is 0 for no limit.
    """

    servers: int
    calls: int
    busy_ns: int
    queued_ns: int
    offered_ns: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """One replication of one pattern.

    Costs int64 nano-dollars: `by_cause[section, cause]`, `by_model[section, model]`; sections are equal parts of
    the window (one, unless the run has a single replication), and `cuts` says at which positions of the log they
    begin, the first left out. `replica_nano` is the fixed cost.
    """

    log: RequestLog
    window: Window
    cuts: Ints
    model_logs: tuple[ModelLog, ...]
    by_cause: Ints
    by_model: Ints
    replica_nano: int


def outcome_of(
    plan: Plan,
    log: LegLog,
    answers: Answers,
    *,
    fleet: Mapping[str, Model],
    kept: Collection[str],
    window: Window,
    sections: int,
) -> Outcome:
    """Turn the plan and the leg log of one replication into what people care about.

    `kept` are the models that the pattern may call: their replicas are paid for, called or not, and no others.
    """
    requests, itinerary = answers.requests, plan.itinerary
    first = int(np.searchsorted(itinerary.arrival_ns, window.start_ns, side="left"))
    measured_part = slice(first, None)
    times = waits(plan, log)
    costs = leg_costs(plan, answers, fleet)
    chosen = plan.answer_model
    request_log = RequestLog(
        segments=requests.segments,
        tasks=requests.tasks,
        routes=plan.routes,
        models=plan.models,
        arrival_ns=itinerary.arrival_ns[measured_part],
        segment=requests.segment[measured_part],
        task=requests.task[measured_part],
        route=plan.route[measured_part],
        served_by=chosen[measured_part],
        escalated=plan.escalated[measured_part],
        acceptable=_of_chosen(plan, answers.acceptable)[measured_part],
        refused=_of_chosen(plan, answers.refused)[measured_part],
        latency_ns=times.latency_ns[measured_part],
        ttft_ns=times.ttft_ns[measured_part],
        queueing_ns=times.queueing_ns[measured_part],
        input_tokens=requests.input_tokens[measured_part],
        output_tokens=_of_chosen(plan, answers.output_tokens)[measured_part],
        cost_nano=sum_by(itinerary.leg_request, costs, len(requests))[measured_part],
    )
    measured = itinerary.leg_request >= first
    cuts = _cuts(request_log.arrival_ns, window, sections)
    section = np.searchsorted(cuts, itinerary.leg_request[measured] - first, side="right").astype(np.int64)
    causes, models = len(Cause), len(plan.models)
    called = plan.leg_model[measured] >= 0
    return Outcome(
        log=request_log,
        window=window,
        cuts=cuts,
        model_logs=tuple(_model_log(plan, log, number, window, first) for number in range(models)),
        by_cause=sum_by(section * causes + plan.leg_cause[measured], costs[measured], sections * causes).reshape(
            sections, causes
        ),
        by_model=sum_by(
            section[called] * models + plan.leg_model[measured][called], costs[measured][called], sections * models
        ).reshape(sections, models),
        replica_nano=sum(
            fleet[name].price.replica_nano(replicas_of(fleet[name].capacity), window.length_ns)
            for name in plan.models
            if name in kept
        ),
    )


def _of_chosen(plan: Plan, column: Callable[[str], NDArray[T]]) -> NDArray[T]:
    """Give each request the value of the model that answered it; models that answered nothing are not asked."""
    parts = [(np.flatnonzero(plan.answer_model == number), name) for number, name in enumerate(plan.models)]
    columns = [(rows, column(name)[rows]) for rows, name in parts if len(rows)]
    chosen = np.empty(len(plan.answer_model), dtype=columns[0][1].dtype) if columns else column(plan.models[0])
    for rows, values in columns:
        chosen[rows] = values
    return chosen


def _cuts(arrival_ns: Ints, window: Window, sections: int) -> Ints:
    """Give the positions at which the second and later of so many equal parts of the window begin."""
    edges = [window.start_ns + window.length_ns * number // sections for number in range(1, sections)]
    return np.searchsorted(arrival_ns, np.array(edges, dtype=np.int64)).astype(np.int64)


def _model_log(plan: Plan, log: LegLog, number: int, window: Window, first: int) -> ModelLog:
    legs = np.flatnonzero(plan.leg_model == number)
    joined, started, ended = log.joined_ns[legs], log.started_ns[legs], log.ended_ns[legs]
    inside = (joined >= window.start_ns) & (joined <= window.end_ns)
    return ModelLog(
        servers=int(plan.itinerary.servers[number + 1]),
        calls=int((plan.itinerary.leg_request[legs] >= first).sum()),
        busy_ns=_overlap_ns(started, ended, window),
        queued_ns=_overlap_ns(joined, started, window),
        offered_ns=total(plan.itinerary.leg_service_ns[legs][inside]),
    )


def _overlap_ns(begin: Ints, end: Ints, window: Window) -> int:
    """Give the time that the spans [begin, end) lie within the window, summed."""
    return total(np.maximum(np.minimum(end, window.end_ns) - np.maximum(begin, window.start_ns), 0))
