"""Where requests come from: each source's arrivals up to the horizon, merged into one order of arrival, in chunks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from sim.chance import Streams
from sim.columns import Ints
from sim.workload.arrivals import ArrivalProcess
from sim.workload.arrivals.process import BLOCK, DrawnArrivals
from sim.workload.arrivals.trace import TraceReplay
from sim.workload.calendar import Calendar
from sim.workload.expected import expected_requests
from sim.workload.merging import Arrivals, Blocks, merge
from sim.workload.traces import Trace
from sim.workload.workload import Workload

WHOLE_WORKLOAD = "all"
"""Name of the one source of a workload whose segments share its arrivals."""

CHUNK = 65_536
"""Requests drawn at once. No result depends on it."""

_FEWEST_DRAWS: Final = 1024

Number = TypeVar("Number", np.int64, np.float64)


@dataclass(frozen=True, slots=True)
class Horizon:
    """When arrivals stop: before `until_ns`, or after `requests`, whichever is given and comes first.

    With neither, arrivals stop at the end of the trace.
    """

    until_ns: int | None = None
    requests: int | None = None

    def cut(self, most: int | None) -> Horizon:
        """Give the horizon of the first `most` requests before this one; this one, if None."""
        return self if most is None else Horizon(self.until_ns, min(most, self.requests or most))


@dataclass(frozen=True, slots=True)
class SourceArrivals:
    """Arrivals of one source within a chunk of the merged order; there may be none.

    `start` is the index of the first of them among all arrivals of this source, `arrival_ns` int64 their times,
    `positions` int64 their places in the chunk, and `rows` int64 those of the trace, where one is replayed.
    """

    name: str
    start: int
    arrival_ns: Ints
    positions: Ints
    rows: Ints | None


class Extent(NamedTuple):
    """How far arrivals reach: their number, and the time of the last one in ns (0 where there is none)."""

    requests: int
    last_ns: int


def processes_of(workload: Workload) -> dict[str, ArrivalProcess]:
    """Give the arrival process of each source by name, as fast as the workload's factor makes it."""
    own: dict[str, ArrivalProcess | None] = {name: segment.arrivals for name, segment in workload.segments.items()}
    found = own if workload.arrivals is None else {WHOLE_WORKLOAD: workload.arrivals}
    factor = workload.rate_factor
    return {name: one if factor == 1 else one.faster(factor) for name, one in found.items() if one is not None}


def arrival_chunks(
    workload: Workload,
    streams: Streams,
    calendar: Calendar,
    horizon: Horizon,
    traces: Mapping[str, Trace],
    *,
    size: int | None = CHUNK,
) -> Iterator[tuple[SourceArrivals, ...]]:
    """Draw or replay every source up to the horizon and merge them; ties go to the source that stands first.

    Each chunk has `size` arrivals, the last one those that are left (None: all in one chunk). There is always a chunk:
    an empty one where nothing arrives. Every source is in every chunk, in the order of the workload.
    """
    processes = processes_of(workload)
    expected = expected_requests(processes, traces, calendar, until_ns=horizon.until_ns, most=horizon.requests)
    blocks = [
        _blocks(name, process, streams, calendar, expected=expected[name], traces=traces)
        for name, process in processes.items()
    ]
    starts = [0] * len(processes)
    for arrivals in merge(blocks, size, until_ns=horizon.until_ns, most=horizon.requests):
        chunk = tuple(
            SourceArrivals(
                name, start, own.arrival_ns, positions, own.row if isinstance(process, TraceReplay) else None
            )
            for (name, process), start, (positions, own) in zip(
                processes.items(), starts, _by_stream(arrivals, len(processes)), strict=True
            )
        )
        yield chunk
        starts = [source.start + len(source.positions) for source in chunk]


def last_arrival(
    workload: Workload, streams: Streams, calendar: Calendar, horizon: Horizon, traces: Mapping[str, Trace]
) -> Extent:
    """Find out how far the arrivals of a replication reach, by running through them and nothing else."""
    requests, last_ns = 0, 0
    for chunk in arrival_chunks(workload, streams, calendar, horizon, traces):
        requests += sum(len(source.positions) for source in chunk)
        last_ns = max([last_ns, *(int(source.arrival_ns[-1]) for source in chunk if len(source.arrival_ns))])
    return Extent(requests, last_ns)


def in_order(sources: Sequence[SourceArrivals], columns: Sequence[NDArray[Number]]) -> NDArray[Number]:
    """Merge the columns of the sources, one for each, into one column in order of arrival."""
    if len(columns) == 1:
        return columns[0]
    merged = np.empty(sum(len(column) for column in columns), dtype=columns[0].dtype)
    for source, column in zip(sources, columns, strict=True):
        merged[source.positions] = column
    return merged


def _by_stream(arrivals: Arrivals, streams: int) -> Iterator[tuple[Ints, Arrivals]]:
    """Yield for each stream the positions of its arrivals, and these arrivals."""
    if streams == 1:
        yield np.arange(len(arrivals.row), dtype=np.int64), arrivals
        return
    order = np.argsort(arrivals.stream, kind="stable")
    for positions in np.split(order, np.cumsum(np.bincount(arrivals.stream, minlength=streams))[:-1]):
        yield positions, arrivals.take(positions)


def _blocks(
    name: str,
    process: ArrivalProcess,
    streams: Streams,
    calendar: Calendar,
    *,
    expected: float,
    traces: Mapping[str, Trace],
) -> Blocks:
    """Give the arrivals of one source, block after block."""
    if isinstance(process, TraceReplay):
        yield from process.blocks(traces[name], streams, name)
        return
    if isinstance(process, DrawnArrivals):
        times = process.blocks(streams, name, calendar, _draws_at_once(expected))
    else:
        times = process.times(streams, name, calendar)
    yield from ((some, None) for some in times)


def _draws_at_once(expected: float) -> int:
    """Give how many draws to make at once: a power of two, so that a source of few requests draws no block of many."""
    return BLOCK if expected >= BLOCK else max(_FEWEST_DRAWS, 1 << math.ceil(expected).bit_length())
