"""Where requests come from: each source's arrivals up to the horizon, merged into one order of arrival."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from sim.chance import Streams
from sim.columns import Ints
from sim.workload.arrivals import ArrivalProcess
from sim.workload.arrivals.trace import TraceReplay
from sim.workload.calendar import Calendar
from sim.workload.traces import Trace
from sim.workload.workload import Workload

WHOLE_WORKLOAD = "all"
"""Name of the one source of a workload whose segments share its arrivals."""


@dataclass(frozen=True, slots=True)
class Horizon:
    """When arrivals stop: before `until_ns`, or after `requests`, whichever is given and comes first.

    With neither, arrivals stop at the end of the trace.
    """

    until_ns: int | None = None
    requests: int | None = None


@dataclass(frozen=True, slots=True)
class SourceArrivals:
    """Arrivals of one source: times int64, their `positions` in the merged order, and trace `rows` where replayed."""

    name: str
    arrival_ns: Ints
    positions: Ints
    rows: Ints | None


def processes_of(workload: Workload) -> dict[str, ArrivalProcess]:
    """Give the arrival process of each source by name."""
    if workload.arrivals is not None:
        return {WHOLE_WORKLOAD: workload.arrivals}
    return {name: segment.arrivals for name, segment in workload.segments.items() if segment.arrivals is not None}


def collect_arrivals(
    workload: Workload, streams: Streams, calendar: Calendar, horizon: Horizon, traces: Mapping[str, Trace]
) -> tuple[SourceArrivals, ...]:
    """Draw or replay every source up to the horizon and merge them; ties go to the source that stands first."""
    names, times, rows = [], [], []
    for name, process in processes_of(workload).items():
        arrival_ns, trace_rows = _until(_blocks(name, process, streams, calendar, traces), horizon)
        names.append(name)
        times.append(arrival_ns)
        rows.append(trace_rows)
    order = np.argsort(np.concatenate(times), kind="stable")
    if horizon.requests is not None:
        order = order[: horizon.requests]
    source_of = np.repeat(np.arange(len(names)), [len(column) for column in times])[order]
    merged = []
    for number, name in enumerate(names):
        positions = np.flatnonzero(source_of == number).astype(np.int64)
        kept = len(positions)  # a source's arrivals are sorted, so a cut of the merged order keeps its first ones
        own_rows = rows[number]
        merged.append(
            SourceArrivals(name, times[number][:kept], positions, None if own_rows is None else own_rows[:kept])
        )
    return tuple(merged)


def _blocks(
    name: str, process: ArrivalProcess, streams: Streams, calendar: Calendar, traces: Mapping[str, Trace]
) -> Iterator[tuple[Ints, Ints | None]]:
    if isinstance(process, TraceReplay):
        yield from process.blocks(traces[name], streams, name)
        return
    for times in process.times(streams, name, calendar):
        yield times, None


def _until(blocks: Iterator[tuple[Ints, Ints | None]], horizon: Horizon) -> tuple[Ints, Ints | None]:
    """Take blocks until the horizon; both columns are cut at it."""
    times: list[Ints] = []
    rows: list[Ints] = []
    count = 0
    for arrival_ns, trace_rows in blocks:
        times.append(arrival_ns)
        if trace_rows is not None:
            rows.append(trace_rows)
        count += len(arrival_ns)
        late = horizon.until_ns is not None and len(arrival_ns) and arrival_ns[-1] >= horizon.until_ns
        if late or (horizon.requests is not None and count >= horizon.requests):
            break
    all_times = np.concatenate([*times, np.empty(0, dtype=np.int64)])
    keep = len(all_times)
    if horizon.until_ns is not None:
        keep = int(np.searchsorted(all_times, horizon.until_ns, side="left"))
    if horizon.requests is not None:
        keep = min(keep, horizon.requests)
    return all_times[:keep], np.concatenate(rows)[:keep] if rows else None
