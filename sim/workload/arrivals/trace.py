"""Replay of a recorded trace, faster or slower, and beyond its end by block bootstrap."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from sim.chance import Purpose, Streams
from sim.columns import Floats, Ints
from sim.schema import Spec
from sim.units import DurationNs, PositiveDurationNs
from sim.workload.arrivals.process import ArrivalProcess, Expectation
from sim.workload.calendar import Calendar
from sim.workload.traces import Trace, TraceFormat, circle_ns, replay, speed_up, window, without_failed


class Window(Spec):
    """A part of the trace, counted from its first request; the part is played from time 0."""

    start: DurationNs = 0
    """Where the part begins."""
    end: PositiveDurationNs | None = None
    """Where the part ends (exclusive); the end of the trace where not given."""

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.end is not None and self.end <= self.start:
            raise ValueError("the window ends before it starts")
        return self


class TraceReplay(ArrivalProcess):
    """Recorded arrivals, and the tokens, task classes and segments that the trace has."""

    kind: Literal["trace"]
    """A recorded trace."""
    source: TraceFormat
    """The file and its format."""
    window: Window | None = None
    """A part of the trace."""
    speed_up: Annotated[float, Field(gt=0, le=1e6)] = 1.0
    """Divides all times: 2 plays the trace at twice its rate."""
    bootstrap: PositiveDurationNs | None = None
    """Goes on beyond the end of the trace with blocks of this length, drawn at random from it (circular block
    bootstrap); without it arrivals stop where the trace stops."""

    def faster(self, factor: float) -> Self:
        """Give the trace at `factor` times its speed."""
        return self.model_copy(update={"speed_up": factor * self.speed_up})

    def load(self, base: Path) -> Trace:
        """Read the file (relative to `base`), cut the window, leave out failures and change the speed."""
        trace = self.source.load(base)
        if self.window is not None:
            trace = window(trace, self.window.start, self.window.end)
        trace = without_failed(trace)
        return speed_up(trace, self.speed_up) if self.speed_up != 1.0 else trace

    def blocks(self, trace: Trace, streams: Streams, source: str) -> Iterator[tuple[Ints, Ints | None]]:
        """Yield arrival times (int64 ns) and rows of the trace, block after block."""

        def uniforms(start: int, stop: int) -> Floats:
            return streams.uniform(Purpose.BOOTSTRAP, (source,), start, stop)

        for block in replay(trace, uniforms, self.bootstrap):
            yield block.arrival_ns, block.rows

    def rows_expected(self, trace: Trace) -> Expectation:
        """Give the expected number of requests up to any time: recorded ones, and beyond their end the mean rate."""
        arrival_ns, rows = trace.arrival_ns, len(trace)
        if self.bootstrap is None:
            return lambda until_ns: float(np.searchsorted(arrival_ns, until_ns, side="left"))
        circle = circle_ns(trace)
        return lambda until_ns: (
            float(np.searchsorted(arrival_ns, until_ns, side="left")) + max(until_ns - circle, 0) / circle * rows
        )

    def times(self, streams: Streams, source: str, calendar: Calendar) -> Iterator[Ints]:  # noqa: ARG002 - refuses
        """Raise: a trace is read from a file first and then replayed by `blocks`."""
        raise TypeError("a trace is replayed by blocks(trace, streams, source)")
