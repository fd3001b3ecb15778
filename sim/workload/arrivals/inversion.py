"""Arrivals at a rate that changes: a unit-rate Poisson process, read against the cumulated rate (not thinned).

If E1 < E2 < ... are the points of a Poisson process of rate 1 and L(t) is the integral of the rate, the points where
L(t) = Ek are a Poisson process of that rate (Cinlar 1975, "Introduction to Stochastic Processes", section 4.7). One
uniform per arrival whatever the rate does, and a higher rate brings the same arrival earlier.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, NamedTuple

import numpy as np

from sim.chance import Streams
from sim.columns import Ints
from sim.workload.arrivals.process import END, running_sum, uniforms, unit_exponential

_PARTS: Final = 1e9  # a level counts in billionths of an expected arrival, so that rate per second x ns is a level
_STEPS: Final = 256


class Step(NamedTuple):
    """A stretch of time at one rate."""

    width_ns: int
    rate_per_s: float


def inverted(streams: Streams, source: str, size: int, steps: Iterable[Step]) -> Iterator[Ints]:
    """Yield sorted blocks of the arrival times, int64 ns, of a Poisson process whose rate runs through `steps`."""
    levels = running_sum(unit_exponential(u) * _PARTS for u in uniforms(streams, source, size))
    pending = next(levels, None)
    for edges_ns, cumulated in _cumulated(steps):
        while pending is not None and pending[-1] < cumulated[-1]:
            yield _times(pending, edges_ns, cumulated)
            pending = next(levels, None)
        if pending is None:
            return
        cut = int(np.searchsorted(pending, cumulated[-1]))
        if cut:
            yield _times(pending[:cut], edges_ns, cumulated)
        pending = pending[cut:]


def _times(levels: Ints, edges_ns: Ints, cumulated: Ints) -> Ints:
    """Give the moments at which the cumulated rate, straight between edges, reaches the levels."""
    step = np.searchsorted(cumulated, levels, side="right") - 1
    width, rise = edges_ns[step + 1] - edges_ns[step], cumulated[step + 1] - cumulated[step]
    within = (levels - cumulated[step]).astype(np.float64) * width / rise
    times: Ints = edges_ns[step] + within.astype(np.int64)
    return times


def _cumulated(steps: Iterable[Step]) -> Iterator[tuple[Ints, Ints]]:
    """Yield the edges of some hundred steps at a time, and the cumulated rate there; both stop at `END`.

    The sums are Python's integers, which cannot overflow before they are cut.
    """
    time_ns, level = 0, 0
    feed = iter(steps)
    while time_ns < END and level < END and (some := list(islice(feed, _STEPS))):
        edges_ns, cumulated = [time_ns], [level]
        for width_ns, rate_per_s in some:
            rise = round(rate_per_s * width_ns)
            if time_ns + width_ns > END or level + rise > END:
                part = min((END - time_ns) / max(width_ns, 1), (END - level) / max(rise, 1))
                time_ns, level = time_ns + int(part * width_ns), level + int(part * rise)
                edges_ns.append(min(time_ns, END))
                cumulated.append(min(level, END))
                time_ns = level = END
                break
            time_ns, level = time_ns + width_ns, level + rise
            edges_ns.append(time_ns)
            cumulated.append(level)
        yield np.array(edges_ns, dtype=np.int64), np.array(cumulated, dtype=np.int64)
