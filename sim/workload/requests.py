"""The request table: one row per request, in order of arrival, drawn chunk after chunk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from sim.chance import Purpose, Streams
from sim.columns import Floats, Ints
from sim.workload.calendar import Calendar
from sim.workload.draws import Draws
from sim.workload.labels import Segments, Tasks
from sim.workload.outcome_table import OutcomeTable
from sim.workload.prompts import Prompts, recorded_tokens
from sim.workload.sources import CHUNK, Horizon, SourceArrivals, arrival_chunks, processes_of
from sim.workload.table_rows import TableRows
from sim.workload.task_shares import expected_task_shares
from sim.workload.tasks import TaskClass
from sim.workload.traces import Trace
from sim.workload.workload import Workload

__all__ = ["CHUNK", "Inputs", "Requests", "draw_requests"]


@dataclass(frozen=True, slots=True)
class Inputs:
    """Files that the workload reads, already read: traces by source name, and the outcome table."""

    traces: Mapping[str, Trace]
    table: OutcomeTable | None = None


@dataclass(frozen=True, slots=True)
class Requests:
    """Successive requests of one replication, as columns of equal length in order of arrival.

    `arrival_ns` int64 from the start of the run; `segment`, `task` int64 codes into `segments` and `tasks`;
    `input_tokens` int64 with `cached_tokens` int64 of them from the prompt cache and `cache_write_tokens` int64 written
    to it; `difficulty` float64, a standard normal latent (larger is harder); `output_tokens` int64 where a trace gives
    them; `table_row` int64 where an outcome table is replayed. `task_shares` float64[tasks] is the share each task
    class is expected to have in the whole replication: it adds up to 1 and is the same whatever these requests are.
    """

    arrival_ns: Ints
    segment: Ints
    task: Ints
    input_tokens: Ints
    cached_tokens: Ints
    cache_write_tokens: Ints
    difficulty: Floats
    output_tokens: Ints | None
    table_row: Ints | None
    segments: tuple[str, ...]
    tasks: tuple[str, ...]
    classes: tuple[TaskClass, ...]
    task_shares: Floats
    streams: Streams
    sources: tuple[SourceArrivals, ...]

    def __len__(self) -> int:
        return len(self.arrival_ns)

    def uniform(self, purpose: Purpose, *names: str) -> Floats:
        """Give one uniform per request for a purpose: the same whatever else is drawn."""
        return Draws(self.streams, self.sources).uniform(purpose, *names)


def draw_requests(
    workload: Workload,
    streams: Streams,
    calendar: Calendar,
    horizon: Horizon,
    inputs: Inputs,
    *,
    size: int | None = CHUNK,
    most: int | None = None,
) -> Iterator[Requests]:
    """Draw the requests of one replication that arrive before the horizon, `size` of them at once (None: all).

    Joined together, the chunks are the same for every size. The last one holds what is left; there is always a chunk,
    an empty one where nothing arrives. `most` ends a look at a replication after so many: they are those of the whole.
    """
    drawer = _Drawer(workload, streams, calendar, horizon, inputs)
    for sources in arrival_chunks(workload, streams, calendar, horizon.cut(most), inputs.traces, size=size):
        yield drawer.draw(sources)


class _Drawer:
    """Draws the requests of a replication, each once and in order: an outcome table is walked through."""

    def __init__(
        self, workload: Workload, streams: Streams, calendar: Calendar, horizon: Horizon, inputs: Inputs
    ) -> None:
        traces, sources = inputs.traces, tuple(processes_of(workload))
        self._streams = streams
        self._segments = Segments(workload, traces)
        self._asked = inputs.table if not workload.tasks else None  # the table whose rows are the requests
        if self._asked is None:
            self._task = Tasks(workload, traces, self._segments.names)
            self._tasks = self._task.names
            self._task_shares = expected_task_shares(workload, traces, self._tasks, calendar, horizon)
        else:
            self._tasks = self._asked.tasks
            self._task_shares = np.bincount(self._asked.task_code, minlength=len(self._tasks)) / self._asked.rows
        own = None if self._asked is not None else self._tasks
        self._rows = None if inputs.table is None else TableRows(streams, inputs.table, own)
        self._classes = tuple(workload.tasks.get(name, workload.default_task) for name in self._tasks)
        self._prompts = Prompts(self._classes, traces, self._asked, sources)
        self._output_tokens = recorded_tokens(traces, sources, "output_tokens")

    def draw(self, sources: tuple[SourceArrivals, ...]) -> Requests:
        """Draw the requests that arrive next."""
        draws = Draws(self._streams, sources)
        segment = self._segments.codes(draws)
        task, table_row = self._task_and_row(draws, segment)
        input_tokens, difficulty = self._prompts.draw(draws, task, table_row)
        cached_tokens = self._prompts.cached(draws, task, input_tokens)
        return Requests(
            arrival_ns=draws.arrival_ns(),
            segment=segment,
            task=task,
            input_tokens=input_tokens,
            cached_tokens=cached_tokens,
            cache_write_tokens=self._prompts.written(task, input_tokens - cached_tokens),
            difficulty=difficulty,
            output_tokens=None if self._output_tokens is None else draws.recorded(self._output_tokens),
            table_row=table_row,
            segments=self._segments.names,
            tasks=self._tasks,
            classes=self._classes,
            task_shares=self._task_shares,
            streams=self._streams,
            sources=sources,
        )

    def _task_and_row(self, draws: Draws, segment: Ints) -> tuple[Ints, Ints | None]:
        """Give the task class of each request, and its row of the outcome table where there is one."""
        if self._asked is not None and self._rows is not None:
            table_row = self._rows.any(len(draws))
            return self._asked.task_code[table_row], table_row
        task = self._task.codes(draws, segment)
        return task, None if self._rows is None else self._rows.of(task)
