"""How many requests each source is expected to send in a run, before any of them is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sim.workload.arrivals import ArrivalProcess
from sim.workload.arrivals.process import END, Expectation
from sim.workload.arrivals.trace import TraceReplay
from sim.workload.calendar import Calendar
from sim.workload.traces import Trace

_FIRST_GUESS_NS: Final = 1_000_000_000
_CLOSE: Final = 1e-9  # of the wanted number: far below what chance does to it


def expected_requests(
    processes: Mapping[str, ArrivalProcess],
    traces: Mapping[str, Trace],
    calendar: Calendar,
    *,
    until_ns: int | None,
    most: int | None,
) -> dict[str, float]:
    """Give the expected number of requests of each source before `until_ns` or among the first `most`, where given.

    The first `most` are taken to have come when so many are expected of all sources together.
    """
    counts = [_expectation(process, traces.get(name), calendar) for name, process in processes.items()]
    if most is None:
        found = [count(END if until_ns is None else until_ns) for count in counts]
    elif len(counts) == 1:  # it sends them all, whenever that is
        found = [float(most) if until_ns is None else min(counts[0](until_ns), float(most))]
    else:
        found = _first(most, counts, END if until_ns is None else until_ns)
    return dict(zip(processes, found, strict=True))


def _expectation(process: ArrivalProcess, trace: Trace | None, calendar: Calendar) -> Expectation:
    if isinstance(process, TraceReplay) and trace is not None:
        return process.rows_expected(trace)
    return process.expectation(calendar)


def _first(most: int, counts: Sequence[Expectation], until_ns: int) -> list[float]:
    """Give what each source has sent when all together have sent `most`; at the end, if that comes before."""
    low, at_low = 0, [0.0] * len(counts)
    high = min(_FIRST_GUESS_NS, until_ns)
    at_high = [count(high) for count in counts]
    while sum(at_high) < most:
        if high >= until_ns:
            return at_high
        low, at_low = high, at_high
        high = min(2 * high, until_ns)
        at_high = [count(high) for count in counts]
    halve = False
    while high - low > 1:
        # A straight line meets steady traffic at once; halving in between brings any other to an end.
        part = 0.5 if halve else (most - sum(at_low)) / (sum(at_high) - sum(at_low))
        middle = min(max(low + int(part * (high - low)), low + 1), high - 1)
        found = [count(middle) for count in counts]
        if abs(sum(found) - most) <= _CLOSE * most:
            return found
        if sum(found) < most:
            low, at_low = middle, found
        else:
            high, at_high = middle, found
        halve = not halve
    return _in_order(most, at_low, at_high)


def _in_order(most: int, before: Sequence[float], after: Sequence[float]) -> list[float]:
    """Give the sources what comes at the same moment as arrivals are merged: the first in the file is served first."""
    left = most - sum(before)
    found = []
    for one, other in zip(before, after, strict=True):
        taken = min(other - one, left)
        found.append(one + taken)
        left -= taken
    return found
