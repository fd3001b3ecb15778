"""Plays a trace once, and goes on beyond its end with blocks drawn from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np

from sim.columns import Floats, Ints
from sim.errors import InvalidInput
from sim.units import MAX_NS, format_duration
from sim.workload.traces.trace import Trace

_PLAYED_AT_ONCE: Final = 1 << 16
_DRAWN_AT_ONCE: Final = 256


@dataclass(frozen=True, slots=True)
class TraceBlock:
    """Some arrivals of a replay: `arrival_ns` int64[k] from the start of the replay, `rows` int64[k] of the trace."""

    arrival_ns: Ints
    rows: Ints


def replay(trace: Trace, uniforms: Callable[[int, int], Floats] | None, block_ns: int | None) -> Iterator[TraceBlock]:
    """Play the trace once, then go on with blocks of `block_ns` for as long as the clock reaches.

    ``uniforms(start, stop)`` gives the uniforms of the blocks `start` to `stop` (exclusive) as float64 in (0, 1).
    Without `uniforms` or without `block_ns` the replay ends with the trace.

    Circular block bootstrap (Politis & Romano 1992): the trace is closed to a circle of length `circle_ns` and each
    block starts at a point drawn uniformly from it. So every request is equally likely, the mean rate stays that of the
    trace, and spacing, tokens and labels stay together within a block. Blocks may be empty where the trace is silent.
    InvalidInput when the block is longer than the circle, or the trace has no length.
    """
    bootstrap = uniforms is not None and block_ns is not None
    circle = circle_ns(trace) if bootstrap else 0
    if block_ns is not None and bootstrap and not 0 < block_ns <= circle:
        raise InvalidInput(
            f"a block of {block_ns} ns is not between 0 and the length of the trace, {format_duration(circle)}; "
            f"write a shorter one, such as {format_duration(max(circle // 10, 1))}"
        )
    return _play(trace, uniforms if bootstrap else None, block_ns or 0, circle)


def circle_ns(trace: Trace) -> int:
    """Give the length of the closed trace in ns: its span and one mean gap, n/(n-1) of the span.

    So n divided by this length is the rate of the trace, (n-1)/span.
    InvalidInput when all requests arrive at once.
    """
    span, count = int(trace.arrival_ns[-1]), len(trace)
    if not span:
        raise InvalidInput("a trace whose requests all arrive at once has no length and cannot be drawn from in blocks")
    return round(Fraction(span * count, count - 1))


def _play(
    trace: Trace, uniforms: Callable[[int, int], Floats] | None, block_ns: int, circle: int
) -> Iterator[TraceBlock]:
    for start in range(0, len(trace), _PLAYED_AT_ONCE):
        stop = min(start + _PLAYED_AT_ONCE, len(trace))
        yield TraceBlock(trace.arrival_ns[start:stop], np.arange(start, stop, dtype=np.int64))
    if uniforms is None:
        return
    begins, block, drawn = circle, 0, np.empty(0, dtype=np.float64)
    while begins + block_ns <= MAX_NS:
        if block % _DRAWN_AT_ONCE == 0:
            drawn = uniforms(block, block + _DRAWN_AT_ONCE)
        # A product that rounds up to the whole circle would be its beginning.
        point = int(float(drawn[block % _DRAWN_AT_ONCE]) * circle) % circle
        yield _cut(trace.arrival_ns, point, block_ns, circle, begins)
        begins, block = begins + block_ns, block + 1


def _cut(arrival_ns: Ints, point: int, block_ns: int, circle: int, begins: int) -> TraceBlock:
    """Give the arrivals in `block_ns` from `point` of the circle, moved so that `point` falls on `begins`."""
    first = int(np.searchsorted(arrival_ns, point, side="left"))
    until = int(np.searchsorted(arrival_ns, point + block_ns, side="left"))
    again = int(np.searchsorted(arrival_ns, point + block_ns - circle, side="left"))
    rows = np.concatenate((np.arange(first, until, dtype=np.int64), np.arange(again, dtype=np.int64)))
    around = arrival_ns[rows]
    around[until - first :] += circle
    return TraceBlock(around + (begins - point), rows)
