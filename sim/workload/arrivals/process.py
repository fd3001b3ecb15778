"""What every arrival process does: tell when requests come, as blocks of integer nanoseconds."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Final, Self, TypeAlias

import numpy as np

from sim.chance import Purpose, Streams
from sim.columns import Floats, Ints
from sim.schema import Spec
from sim.units import as_int64
from sim.workload.calendar import Calendar

BLOCK: Final = 65_536
"""Draws per block; a multiple of four, which is what one step of Philox makes."""

END: Final = 2**62
"""Running sums stop here, before an int64 could wrap: after 146 years, in nanoseconds."""

Expectation: TypeAlias = Callable[[int], float]
"""The number of arrivals that are expected before a time, in ns from the start of the run."""

_NS: Final = 1e9


class ArrivalProcess(Spec):
    """When requests come. Each kind names itself by a `kind` literal."""

    @abstractmethod
    def times(self, streams: Streams, source: str, calendar: Calendar) -> Iterator[Ints]:
        """Yield successive blocks of arrival times, sorted and never empty: int64 ns from the start of the run.

        `source` (a segment, a client) names the streams drawn from, so sources never disturb each other. There is no
        end but the clock's own (146 years, or 4.6e9 arrivals of an inverted process) or that of a trace.
        """

    def mean_rate_per_s(self, at_s: float | None = None) -> float:
        """Give the long-run mean rate; of a process that grows, its level `at_s` seconds after the start (None: 0).

        TypeError from a process that learns its rate from a file. (Not called `rate_per_s`: that is what YAML says.)
        """
        raise TypeError(f"{type(self).__name__} has no rate of its own at {at_s or 0} s; read its file first")

    @abstractmethod
    def faster(self, factor: float) -> Self:
        """Give the process at `factor` times its rate; hours, phases and the like keep their length."""

    def expectation(self, calendar: Calendar) -> Expectation:  # noqa: ARG002 - the same at all hours
        """Give the expected number of arrivals up to any time: the mean rate times the time, of a stationary process.

        TypeError from a process that learns its rate from a file.
        """
        rate_per_s = self.mean_rate_per_s()
        return lambda until_ns: rate_per_s * until_ns / _NS


class DrawnArrivals(ArrivalProcess):
    """An arrival process drawn from random streams. Its times do not depend on the size of the blocks drawn."""

    def times(self, streams: Streams, source: str, calendar: Calendar) -> Iterator[Ints]:
        """Yield successive sorted blocks of arrival times: int64 ns from the start of the run."""
        return self.blocks(streams, source, calendar, BLOCK)

    @abstractmethod
    def blocks(self, streams: Streams, source: str, calendar: Calendar, size: int) -> Iterator[Ints]:
        """Yield the same times, made from `size` draws at once."""


def uniforms(streams: Streams, source: str, size: int) -> Iterator[Floats]:
    """Yield the uniforms of the arrivals of `source`, `size` at a time."""
    for start in count(0, size):
        yield streams.uniform(Purpose.ARRIVAL, (source,), start, start + size)


def unit_exponential(u: Floats) -> Floats:
    """Turn uniforms into exponential values of mean 1."""
    return -np.log1p(-u)


def running_sum(increments: Iterable[Floats]) -> Iterator[Ints]:
    """Round each increment, add them up as integers over all blocks, and stop before `END`.

    Integer addition is exact, so that the sums are the same however the increments are cut into blocks.
    """
    total = 0
    for block in increments:
        sums = total + np.cumsum(as_int64(np.minimum(block, END - 1)))
        over = np.flatnonzero((sums >= END) | (sums < 0))  # at most END - 1 is added to less than END: no wrap unseen
        if over.size:
            if over[0]:
                yield sums[: over[0]]
            return
        yield sums
        total = int(sums[-1])
