"""Arrivals that come together: an agent's fan-out, a document in pieces, a nightly job."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final, Literal, Self

import numpy as np
from pydantic import AfterValidator, Field

from sim.chance import Purpose, Streams
from sim.chance.laws import CountLaw, Empirical
from sim.columns import Ints
from sim.units import DurationNs, as_int64
from sim.workload.arrivals.constant import ConstantArrivals
from sim.workload.arrivals.mmpp import MmppArrivals
from sim.workload.arrivals.on_off import OnOffArrivals
from sim.workload.arrivals.poisson import PoissonArrivals
from sim.workload.arrivals.process import BLOCK, DrawnArrivals, Expectation
from sim.workload.arrivals.profile import ProfileArrivals
from sim.workload.arrivals.renewal import RenewalArrivals
from sim.workload.calendar import Calendar

_LONGEST_SPREAD_NS: Final = 86_400_000_000_000
_PLACES: Final = 64  # in the spread of a batch, at most, where the expected number of requests is worked out

BatchTimes = Annotated[
    ConstantArrivals | PoissonArrivals | RenewalArrivals | ProfileArrivals | OnOffArrivals | MmppArrivals,
    Field(discriminator="kind"),
]
"""Process by which batches come: any drawn kind but batches themselves."""


def _within_a_day(spread_ns: int) -> int:
    if spread_ns > _LONGEST_SPREAD_NS:
        raise ValueError("a batch is spread over 1d at most; write for example spread: 200ms")
    return spread_ns


class BatchArrivals(DrawnArrivals):
    """Batches that come by a process of their own, with a random number of requests each."""

    kind: Literal["batches"]
    """Kind of arrival process."""
    every: BatchTimes
    """Process by which the batches come."""
    size: CountLaw
    """Number of requests in a batch, 1 or more; what a quantile table gives in between is rounded."""
    spread: Annotated[DurationNs, AfterValidator(_within_a_day)] = 0
    """Time over which the requests of a batch are evenly spread, the first at once; 0 for all together."""

    def faster(self, factor: float) -> Self:
        """Give the process with `factor` times as many batches; they stay as large."""
        return self.model_copy(update={"every": self.every.faster(factor)})

    def mean_rate_per_s(self, at_s: float | None = None) -> float:
        """Give the rate of the batches times the mean size."""
        return self.every.mean_rate_per_s(at_s) * self._mean_size()

    def expectation(self, calendar: Calendar) -> Expectation:
        """Give the expected number of requests up to any time, as if every batch had the mean size."""
        batches, size = self.every.expectation(calendar), self._mean_size()
        places = min(max(round(size), 1), _PLACES) if self.spread else 1
        later_ns = [place * self.spread // places for place in range(places)]
        return lambda until_ns: size / places * sum(batches(until_ns - later) for later in later_ns if later < until_ns)

    def blocks(self, streams: Streams, source: str, calendar: Calendar, size: int) -> Iterator[Ints]:
        """Yield the times of the requests. Requests that fall behind the next batches wait for their turn."""
        waiting = np.empty(0, dtype=np.int64)
        first = 0
        at_once = max(1, round(BLOCK / self._mean_size()))
        for block in self.every.blocks(streams, source, calendar, size):
            for start in range(0, len(block), at_once):
                batch_ns = block[start : start + at_once]
                u = streams.uniform(Purpose.BATCH, (source,), first, first + len(batch_ns))
                first += len(batch_ns)
                sizes = np.maximum(as_int64(self.size.quantile(u)), 1)
                times = np.sort(np.concatenate((waiting, _members(batch_ns, sizes, self.spread))))
                ready = int(np.searchsorted(times, batch_ns[-1], side="right"))
                yield times[:ready]
                waiting = times[ready:]
        if waiting.size:
            yield waiting

    def _mean_size(self) -> float:
        """Give the exact mean of the rounded size: the sum of P(size >= k)."""
        if not isinstance(self.size, Empirical):
            return self.size.mean_value()
        largest = max(self.size.quantiles.values())
        return 1.0 + float(np.sum(1.0 - self.size.cdf(np.arange(1.5, largest, dtype=np.float64))))


def _members(batch_ns: Ints, sizes: Ints, spread_ns: int) -> Ints:
    """Give the times of all requests: the i-th of n in a batch comes i/n of the spread after the batch."""
    place = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    size = np.repeat(sizes, sizes)
    # Two terms, so that no product leaves 64 bits: spread = whole * size + rest.
    whole, rest = spread_ns // size, spread_ns % size
    members: Ints = np.repeat(batch_ns, sizes) + whole * place + rest * place // size
    return members
