"""The request table: one row per request, in order of arrival."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sim.chance import Purpose, Streams
from sim.chance.normal import normal_cdf, normal_quantile
from sim.columns import Floats, Ints
from sim.units import as_int64
from sim.workload.calendar import Calendar
from sim.workload.outcome_table import OutcomeTable
from sim.workload.sources import Horizon, SourceArrivals, collect_arrivals
from sim.workload.tasks import TaskClass
from sim.workload.traces import Trace
from sim.workload.workload import Workload


@dataclass(frozen=True, slots=True)
class Inputs:
    """Files that the workload reads, already read: traces by source name, and the outcome table."""

    traces: Mapping[str, Trace]
    table: OutcomeTable | None = None


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests of one replication, as columns of equal length in order of arrival.

    `arrival_ns` int64 from the start of the run; `segment`, `task` int64 codes into `segments` and `tasks`;
    `input_tokens` int64 with `cached_tokens` int64 of them from the prompt cache; `difficulty` float64, a standard
    normal latent (larger is harder); `output_tokens` int64 where a trace gives them; `table_row` int64 where an outcome
    table is replayed.
    """

    arrival_ns: Ints
    segment: Ints
    task: Ints
    input_tokens: Ints
    cached_tokens: Ints
    difficulty: Floats
    output_tokens: Ints | None
    table_row: Ints | None
    segments: tuple[str, ...]
    tasks: tuple[str, ...]
    classes: tuple[TaskClass, ...]
    streams: Streams
    sources: tuple[SourceArrivals, ...]

    def __len__(self) -> int:
        return len(self.arrival_ns)

    def uniform(self, purpose: Purpose, *names: str) -> Floats:
        """Give one uniform per request for a purpose: the same whatever else is drawn."""
        return _uniform(self.streams, self.sources, len(self), purpose, names)


def draw_requests(
    workload: Workload, streams: Streams, calendar: Calendar, horizon: Horizon, inputs: Inputs
) -> Requests:
    """Draw the requests of one replication that arrive before the horizon."""
    sources = collect_arrivals(workload, streams, calendar, horizon, inputs.traces)
    total = sum(len(source.positions) for source in sources)
    arrival_ns = np.empty(total, dtype=np.int64)
    for source in sources:
        arrival_ns[source.positions] = source.arrival_ns
    draw = _Draw(streams, sources, total)
    segments, segment = _segments(workload, inputs.traces, draw)
    rows_are_requests = not workload.tasks and inputs.table is not None
    if rows_are_requests and inputs.table is not None:
        tasks: tuple[str, ...] = inputs.table.tasks
        table_row: Ints | None = _shuffled_rows(streams, "", np.arange(inputs.table.rows, dtype=np.int64), total)
        task = inputs.table.task_code[table_row]
    else:
        tasks, task = _tasks(workload, inputs.traces, segments, segment, draw)
        table_row = None if inputs.table is None else _rows_by_task(streams, inputs.table, tasks, task)
    classes = tuple(workload.tasks.get(name, workload.default_task) for name in tasks)
    given = _recorded_prompts(inputs, table_row if rows_are_requests else None, draw)
    difficulty = normal_quantile(draw.uniform(Purpose.DIFFICULTY))
    input_tokens, difficulty = _input_tokens(classes, task, given, difficulty, draw)
    cached = _given_tokens("cached_tokens", inputs.traces, draw)
    return Requests(
        arrival_ns=arrival_ns,
        segment=segment,
        task=task,
        input_tokens=input_tokens,
        cached_tokens=_cached_tokens(classes, task, input_tokens)
        if cached is None
        else np.minimum(cached, input_tokens),
        difficulty=difficulty,
        output_tokens=_given_tokens("output_tokens", inputs.traces, draw),
        table_row=table_row,
        segments=segments,
        tasks=tasks,
        classes=classes,
        streams=streams,
        sources=sources,
    )


@dataclass(frozen=True, slots=True)
class _Draw:
    streams: Streams
    sources: tuple[SourceArrivals, ...]
    total: int

    def uniform(self, purpose: Purpose, *names: str) -> Floats:
        return _uniform(self.streams, self.sources, self.total, purpose, names)


def _uniform(
    streams: Streams, sources: tuple[SourceArrivals, ...], total: int, purpose: Purpose, names: tuple[str, ...]
) -> Floats:
    column = np.empty(total, dtype=np.float64)
    for source in sources:
        column[source.positions] = streams.uniform(purpose, (source.name, *names), 0, len(source.positions))
    return column


def _segments(workload: Workload, traces: Mapping[str, Trace], draw: _Draw) -> tuple[tuple[str, ...], Ints]:
    """Give the segment names and codes: from the trace, from the source, or drawn by share."""
    for source in draw.sources:
        trace = traces.get(source.name)
        if workload.arrivals is None or trace is None or trace.segment is None or source.rows is None:
            continue
        codes, labels = trace.segment
        names = tuple(workload.segments) or labels
        code_of = np.array([names.index(label) for label in labels], dtype=np.int64)
        return names, code_of[codes[source.rows]]  # a source that all segments share is the only one
    names = tuple(workload.segments) or ("all",)
    if workload.arrivals is None:
        segment = np.empty(draw.total, dtype=np.int64)
        for source in draw.sources:
            segment[source.positions] = names.index(source.name)
        return names, segment
    shares = {name: part.share or 0.0 for name, part in workload.segments.items()}
    return names, _pick(names, shares or {"all": 1.0}, draw.uniform(Purpose.SEGMENT))


def _tasks(
    workload: Workload, traces: Mapping[str, Trace], segments: tuple[str, ...], segment: Ints, draw: _Draw
) -> tuple[tuple[str, ...], Ints]:
    """Give the task names and codes: from the trace where it has them, else drawn from the segment's mix."""
    names = tuple(workload.tasks) or ("all",)
    uniform = draw.uniform(Purpose.TASK)
    task = np.zeros(draw.total, dtype=np.int64)
    for code, name in enumerate(segments):
        mix = workload.mix_of(name if name in workload.segments else None)
        mine = segment == code
        task[mine] = _pick(names, mix or {"all": 1.0}, uniform[mine])
    for source in draw.sources:
        trace = traces.get(source.name)
        if trace is not None and trace.task is not None and source.rows is not None:
            codes, labels = trace.task
            task[source.positions] = np.array([names.index(label) for label in labels])[codes[source.rows]]
    return names, task


def _pick(names: tuple[str, ...], shares: Mapping[str, float], uniform: Floats) -> Ints:
    """Turn uniforms into codes into `names` with the given shares, by inversion in the order of the alphabet.

    So the order in which a file lists them, which its content hash does not know, changes no draw.
    """
    ordered = sorted(names)
    edges = np.cumsum([shares.get(name, 0.0) for name in ordered])[:-1]
    codes = np.array([names.index(name) for name in ordered], dtype=np.int64)
    return codes[np.searchsorted(edges, uniform, side="right")]


def _shuffled_rows(streams: Streams, name: str, rows: Ints, count: int) -> Ints:
    """Give `count` rows of the table: pass after pass over all of them, each in a fresh random order."""
    passes = []
    for number in range(-(-count // len(rows))):
        luck = streams.uniform(Purpose.TABLE_ROW, (name,), number * len(rows), (number + 1) * len(rows))
        passes.append(rows[np.argsort(luck, kind="stable")])
    return np.concatenate([*passes, rows[:0]])[:count]


def _rows_by_task(streams: Streams, table: OutcomeTable, tasks: tuple[str, ...], task: Ints) -> Ints:
    """Give each request the next row of its own task class."""
    chosen = np.empty(len(task), dtype=np.int64)
    for code, name in enumerate(tasks):
        mine = np.flatnonzero(task == code)
        rows = np.flatnonzero(table.task_code == table.tasks.index(name))
        chosen[mine] = _shuffled_rows(streams, name, rows, len(mine))
    return chosen


def _given_tokens(column: str, traces: Mapping[str, Trace], draw: _Draw) -> Ints | None:
    """Give a token column of the traces; None unless every source is a trace that has it."""
    values = np.empty(draw.total, dtype=np.int64)
    for source in draw.sources:
        trace = traces.get(source.name)
        tokens: Ints | None = None if trace is None else getattr(trace, column)
        if tokens is None or source.rows is None:
            return None
        values[source.positions] = tokens[source.rows]
    return values


def _input_tokens(
    classes: tuple[TaskClass, ...], task: Ints, given: _Prompts | None, luck: Floats, draw: _Draw
) -> tuple[Ints, Floats]:
    """Give prompt tokens and difficulty, correlated per task class as `lengths` says.

    Drawn tokens follow the difficulty; given tokens stay as they are and the difficulty follows their rank. Either way
    the difficulty stays standard normal and the token law what was written.
    """
    tokens = np.empty(len(task), dtype=np.int64) if given is None else given.tokens
    difficulty = luck.copy()
    own = normal_quantile(draw.uniform(Purpose.INPUT_TOKENS))
    for code, task_class in enumerate(classes):
        mine = np.flatnonzero(task == code)
        rho = task_class.lengths.input_with_difficulty
        rest = np.sqrt(1 - rho * rho)
        if given is None:
            law = task_class.input_tokens
            if law is None:
                raise ValueError("a task class without input tokens was let through")
            latent = rho * luck[mine] + rest * own[mine]
            tokens[mine] = np.maximum(as_int64(law.quantile(normal_cdf(latent))), 0)
        elif rho and len(mine):
            difficulty[mine] = rho * given.score[mine] + rest * luck[mine]
    return tokens, difficulty


@dataclass(frozen=True, slots=True)
class _Prompts:
    """Recorded prompt lengths: `tokens` int64, and float64 normal scores of their ranks in the whole file."""

    tokens: Ints
    score: Floats


def _recorded_prompts(inputs: Inputs, table_row: Ints | None, draw: _Draw) -> _Prompts | None:
    """Give the prompt lengths of traces, or else of an outcome table whose rows are the requests.

    Ranks are taken in the whole file (within a task class where it names them), not among the requests of the run: what
    becomes of a request must not depend on those that come later.
    """
    tokens = _given_tokens("input_tokens", inputs.traces, draw)
    if tokens is not None:
        score = np.empty(draw.total, dtype=np.float64)
        for source in draw.sources:
            trace = inputs.traces[source.name]
            if source.rows is not None and trace.input_tokens is not None:
                codes = None if trace.task is None else trace.task.codes
                score[source.positions] = _normal_scores(trace.input_tokens, codes)[source.rows]
        return _Prompts(tokens, score)
    if table_row is None or inputs.table is None or inputs.table.input_tokens is None:
        return None
    scores = _normal_scores(inputs.table.input_tokens, inputs.table.task_code)
    return _Prompts(inputs.table.input_tokens[table_row], scores[table_row])


def _normal_scores(values: Ints, groups: Ints | None) -> Floats:
    """Give the normal score of each value's rank in its group; ties share their middle rank (Blom 1958, offset 1/2)."""
    if groups is not None:
        scores = np.empty(len(values), dtype=np.float64)
        for group in np.unique(groups):
            scores[groups == group] = _normal_scores(values[groups == group], None)
        return scores
    ordered = np.sort(values)
    low, high = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    return normal_quantile((low + high) / (2 * len(values)))


def _cached_tokens(classes: tuple[TaskClass, ...], task: Ints, input_tokens: Ints) -> Ints:
    shares = np.array([task_class.cached_share for task_class in classes])
    return as_int64(np.floor(shares[task] * input_tokens))
