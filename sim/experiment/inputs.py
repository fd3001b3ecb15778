"""Input files of an experiment: where they are written, and what they hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sim.columns import Floats
from sim.errors import InvalidInput, Issue
from sim.experiment.document import Place, dotted
from sim.experiment.measured import lengths_are_measured, measured_calls, place_of_calls, read_calls
from sim.experiment.segment_names import segment_issues
from sim.fleet import CallRows
from sim.units import format_duration
from sim.workload.arrivals.trace import TraceReplay
from sim.workload.labels import UNNAMED, recorded_segments
from sim.workload.requests import Inputs
from sim.workload.sources import processes_of
from sim.workload.traces import replay

if TYPE_CHECKING:
    from sim.experiment.resolve import Experiment
    from sim.experiment.spec import ExperimentSpec
    from sim.workload.outcome_table import OutcomeTable
    from sim.workload.traces import Trace

_TABLE_PLACE: Place = ("outcomes", "file")


@dataclass(frozen=True, slots=True)
class Files(Inputs):
    """Input files of an experiment, already read: those of the workload, and measured calls by model."""

    calls: Mapping[str, CallRows] = field(default_factory=dict)


def trace_places(spec: ExperimentSpec) -> Iterator[tuple[str, Place, TraceReplay]]:
    """Yield (source name, place of its file in the YAML, process) of every trace."""
    for name, process in processes_of(spec.workload).items():
        if isinstance(process, TraceReplay):
            above: Place = ("workload",) if spec.workload.arrivals is not None else ("workload", "segments", name)
            yield name, (*above, "arrivals", "source", "file"), process


def written_files(spec: ExperimentSpec) -> list[tuple[Place, str]]:
    """Give the place and the path as written of every input file."""
    files = [(place, process.source.file) for _, place, process in trace_places(spec)]
    if spec.outcomes is not None:
        files.append((_TABLE_PLACE, spec.outcomes.file))
    files += [(place_of_calls(model), calls.file) for model, calls in measured_calls(spec).items()]
    return files


def load_inputs(experiment: Experiment) -> Files:
    """Read every input file and check it against the experiment. Raises InvalidInput with all issues found."""
    spec, issues = experiment.spec, list[Issue]()
    traces: dict[str, Trace] = {}
    for name, place, process in trace_places(spec):
        try:
            traces[name] = process.load(experiment.folder_of(place))
            replay(traces[name], _no_uniforms, process.bootstrap)  # refuses blocks longer than the trace
        except InvalidInput as error:
            issues += _placed(experiment, place, error)
        except ValueError as error:  # a speed at which the trace does not fit the clock
            issues.append(_issue(experiment, place, str(error)))
    table: OutcomeTable | None = None
    if spec.outcomes is not None:
        try:
            table = spec.outcomes.read(experiment.folder_of(_TABLE_PLACE))
        except InvalidInput as error:
            issues += _placed(experiment, _TABLE_PLACE, error)
    calls: dict[str, CallRows] = {}
    for model, wanted in measured_calls(spec).items():
        try:
            calls[model] = read_calls(wanted, experiment.folder_of(place_of_calls(model)))
        except InvalidInput as error:
            issues += _placed(experiment, place_of_calls(model), error)
    issues += _trace_issues(experiment, traces)
    if table is not None:
        issues += _table_issues(experiment, table, traces)
    if issues:
        raise InvalidInput(issues)
    return Files(traces, table, calls)


def _placed(experiment: Experiment, place: Place, error: InvalidInput) -> Iterator[Issue]:
    """Yield issues with a path that leads to the file from where the command was typed."""
    for found in error.issues:
        path = str(experiment.folder_of(place) / found.file)
        yield replace(found, file=path) if found.file else _issue(experiment, place, found.message)


def _no_uniforms(start: int, stop: int) -> Floats:
    raise TypeError(f"nothing is drawn from {start} to {stop} while a trace is checked")


def _trace_issues(experiment: Experiment, traces: Mapping[str, Trace]) -> Iterator[Issue]:
    """Yield what a trace lacks: tokens that no law gives, task classes that the workload does not know."""
    workload = experiment.spec.workload
    for name, place, _ in trace_places(experiment.spec):
        trace = traces.get(name)
        if trace is None:
            continue
        for label in () if trace.task is None else trace.task[1]:
            if label not in workload.tasks:
                yield _issue(experiment, place, f"the trace has the task class {label!r}, the workload does not")
        # A trace that is a segment's own needs no labels of segments, and those that it has say nothing.
        for label in () if trace.segment is None or workload.arrivals is None else trace.segment[1]:
            if workload.segments and label not in workload.segments:
                yield _issue(experiment, place, f"the trace has the segment {label!r}, the workload does not")
        if trace.output_tokens is not None:
            yield from _told_twice(experiment, place)
        unknown = ("input_tokens",) if lengths_are_measured(experiment.spec) else ("input_tokens", "output_tokens")
        for column in unknown:
            bare = [t for t, task in workload.tasks.items() if getattr(task, column) is None]
            if getattr(trace, column) is None and bare:
                yield _issue(experiment, place, f"the trace has no {column} and neither has task class {bare[0]!r}")
        yield from _too_short(experiment, name, place, trace)
    yield from _mixed_tokens(experiment, traces)
    yield from _recorded_segments(experiment, traces)


def _recorded_segments(experiment: Experiment, traces: Mapping[str, Trace]) -> Iterator[Issue]:
    """Yield segments in the fleet that the trace does not record; those of the workload were known before."""
    workload = experiment.spec.workload
    if traces and not workload.segments:
        recorded = recorded_segments(workload, traces)
        yield from segment_issues(experiment, [UNNAMED] if recorded is None else recorded.names)


def _told_twice(experiment: Experiment, place: Place) -> Iterator[Issue]:
    """Yield models whose measured calls say how long answers are, as a trace does."""
    for model, calls in measured_calls(experiment.spec).items():
        if calls.lengths == "measured":
            yield _issue(
                experiment,
                place,
                f"the trace records output_tokens, and so do the measured calls of {model!r}; write lengths: workload "
                "there to serve the trace's answers at the measured pace",
            )


def _too_short(experiment: Experiment, name: str, place: Place, trace: Trace) -> Iterator[Issue]:
    """Yield a trace that ends before the run: what comes after it would count as a time without requests."""
    process = processes_of(experiment.spec.workload)[name]
    duration, last_ns = experiment.spec.run.duration, int(trace.arrival_ns[-1])
    endless = isinstance(process, TraceReplay) and process.bootstrap is not None
    mean_gap_ns = last_ns // max(len(trace) - 1, 1)
    if duration is not None and not endless and last_ns + mean_gap_ns < duration:
        yield _issue(
            experiment,
            place,
            f"the trace ends after {format_duration(last_ns)}, before the run does; write bootstrap: 1m to go on with "
            "random parts of it, or leave out run.duration",
        )


def _mixed_tokens(experiment: Experiment, traces: Mapping[str, Trace]) -> Iterator[Issue]:
    """Yield token columns that a trace records and another source does not: they would have to be thrown away."""
    sources = processes_of(experiment.spec.workload)
    bare = [name for name, process in sources.items() if not isinstance(process, TraceReplay)]
    for column in ("input_tokens", "output_tokens", "cached_tokens"):
        lacking = [*bare, *(name for name, trace in traces.items() if getattr(trace, column) is None)]
        for name, place, _ in trace_places(experiment.spec):
            if lacking and name in traces and getattr(traces[name], column) is not None:
                yield _issue(
                    experiment,
                    place,
                    f"the trace of {name!r} records {column}, and {lacking[0]!r} does not; either all sources of a "
                    "workload record them or none does",
                )


def _records(experiment: Experiment, traces: Mapping[str, Trace], column: str) -> bool:
    """Say whether every source is a trace with this column; one that could not be read counts as having it."""
    return all(
        isinstance(process, TraceReplay) and (name not in traces or getattr(traces[name], column) is not None)
        for name, process in processes_of(experiment.spec.workload).items()
    )


def _table_issues(experiment: Experiment, table: OutcomeTable, traces: Mapping[str, Trace]) -> Iterator[Issue]:
    """Yield what a table lacks: classes of the workload, and lengths that neither traces nor laws give."""
    spec = experiment.spec
    for task in spec.workload.tasks:
        if task not in table.tasks:
            yield _issue(experiment, _TABLE_PLACE, f"the table has no rows of task class {task!r}")
    if not spec.workload.tasks:
        default = spec.workload.default_task
        prompts = table.input_tokens is not None or _records(experiment, traces, "input_tokens")
        if not prompts and default.input_tokens is None:
            yield _issue(
                experiment, _TABLE_PLACE, "neither the table nor workload.default_task says how long prompts are"
            )
        measured = [name for name, calls in measured_calls(spec).items() if calls.lengths == "measured"]
        bare = [name for name, m in table.models.items() if m.output_tokens is None and name not in measured]
        if bare and default.output_tokens is None and not _records(experiment, traces, "output_tokens"):
            yield _issue(
                experiment,
                _TABLE_PLACE,
                f"neither the table nor workload.default_task says how long the answers of {bare[0]!r} are",
            )


def _issue(experiment: Experiment, place: Place, message: str) -> Issue:
    mark = experiment.document.mark(place)
    return Issue(message, mark.file, mark.line, mark.col, dotted(experiment.document.data, place))
