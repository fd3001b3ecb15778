"""What is kept of an epoch of a play: integer sums, by route and task class too, and the histogram of latencies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from sim.outcome.histogram import Histogram, histogram_of, merged
from sim.outcome.outcomes import ALL, Group, Outcome

_NONE = Histogram(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))


@dataclass(frozen=True, slots=True)
class Day:
    """Sums over the requests that arrived in an epoch; `cost_femto` in femto-dollars, replicas included.

    `cheap` counts the answers of the cheapest model, `tasks` gives (requests, acceptable) by task class, `latency` is
    the histogram of latencies in ns of those that were answered.
    """

    count: int = 0
    escalated: int = 0
    acceptable: int = 0
    refused: int = 0
    failed: int = 0
    cheap: int = 0
    cost_femto: int = 0
    tasks: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    latency: Histogram = _NONE


_SUMS: Final = ("count", "escalated", "acceptable", "refused", "failed")


def day_of(outcome: Outcome, cheap: int) -> Day:
    """Sum an epoch up; `cheap` answers were the cheapest model's."""
    sums = {name: sum(outcome.sum(name)) for name in _SUMS}
    tasks = {outcome.tasks[0]: (sums["count"], sums["acceptable"])}
    if len(outcome.tasks) > 1:
        groups = {task: Group("task", task) for task in outcome.tasks}
        tasks = {
            task: (sum(outcome.sum("count", group)), sum(outcome.sum("acceptable", group)))
            for task, group in groups.items()
        }
    cost = sum(outcome.spent()) + outcome.replica_cost()
    return Day(**sums, cheap=cheap, cost_femto=cost, tasks=tasks, latency=_histogram(outcome))


def together(days: Iterable[Day]) -> Day:
    """Add days up."""
    found = list(days)
    tasks: dict[str, tuple[int, int]] = {}
    for day in found:
        for task, (count, acceptable) in day.tasks.items():
            before = tasks.get(task, (0, 0))
            tasks[task] = (before[0] + count, before[1] + acceptable)
    names = (*_SUMS, "cheap", "cost_femto")
    return Day(
        **{name: sum(getattr(day, name) for day in found) for name in names},
        tasks=tasks,
        latency=merged([day.latency for day in found]) if found else _NONE,
    )


def without_latency(day: Day) -> Day:
    """Give the sums alone: histograms of every day of every replication would not be kept in memory."""
    return replace(day, latency=_NONE)


def _histogram(outcome: Outcome) -> Histogram:
    """Count the latencies of all sections: a single replication has several."""
    samples = outcome.samples("latency", ALL)
    return merged([sample if isinstance(sample, Histogram) else histogram_of(sample) for sample in samples])
