"""Segments that models and providers name: whether there are such, and whether telling them apart does anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sim.errors import Issue
from sim.experiment.document import Place, did_you_mean, dotted
from sim.fleet.capacity import batching_of, queues_by_segment
from sim.fleet.limits import Limits
from sim.fleet.model import Model
from sim.fleet.order import PriorityOrder

if TYPE_CHECKING:
    from sim.experiment.resolve import Experiment


def segment_issues(experiment: Experiment, known: Sequence[str]) -> Iterator[Issue]:
    """Yield every segment of fleet and providers that no request is of, and orders among fewer than two.

    `known` are the segments of the workload, or those that its trace records.
    """
    for place, names in _named(experiment):
        for name in names:
            if name not in known:
                hint = did_you_mean(name, known) or f"there are: {', '.join(known)}"
                yield _issue(experiment, (*place, name), f"there is no segment {name!r}", hint)
    for name, model in experiment.spec.fleet.items():
        if model.order == "fifo":
            continue
        message, place = "", ("fleet", name, "order")
        if len(known) == 1:
            message = "does nothing: all requests are of one segment"
        elif isinstance(model.order, PriorityOrder) and len({model.order.rank(segment) for segment in known}) == 1:
            message = "does nothing: all segments have the same priority"
        if message:
            hint = "leave it out, or tell apart the segments of the workload"
            yield _issue(experiment, place, message, hint)


def idle_orders(experiment: Experiment) -> Iterator[Issue]:
    """Yield orders of models at which nobody ever waits."""
    for name, model in experiment.spec.fleet.items():
        limits = _limits_of(experiment, model)
        if (
            model.order != "fifo"
            and model.capacity == "unlimited"
            and not any(one.on_limit == "queue" for one in limits)
        ):
            yield _issue(
                experiment,
                ("fleet", name, "order"),
                "does nothing: nobody waits for this model",
                "write capacity: {concurrency: 64}, or limits with on_limit: queue",
            )


def _limits_of(experiment: Experiment, model: Model) -> list[Limits]:
    provider = experiment.spec.providers.get(model.provider or "")
    shared = None if provider is None else provider.limits
    return [limits for limits in (model.limits, shared) if limits is not None]


def _named(experiment: Experiment) -> Iterator[tuple[Place, Sequence[str]]]:
    """Yield every place that names segments, and those that it names."""
    for name, model in experiment.spec.fleet.items():
        if model.order != "fifo":
            key = "segments" if isinstance(model.order, PriorityOrder) else "weights"
            yield ("fleet", name, "order", key), list(getattr(model.order, key))
        if model.capacity != "unlimited":
            inner = () if batching_of(model.capacity) is None else ("batching",)
            yield ("fleet", name, "capacity", *inner, "queue_by_segment"), list(queues_by_segment(model.capacity))
        if model.limits is not None:
            yield ("fleet", name, "limits", "by_segment"), list(model.limits.by_segment)
    for name, provider in experiment.spec.providers.items():
        if provider.limits is not None:
            yield ("providers", name, "limits", "by_segment"), list(provider.limits.by_segment)


def _issue(experiment: Experiment, place: Place, message: str, hint: str) -> Issue:
    document = experiment.document
    mark = document.mark(place)
    return Issue(message, mark.file, mark.line, mark.col, dotted(document.data, place), hint)
