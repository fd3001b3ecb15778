"""Merges sorted streams of arrivals into one, in pieces of a wanted size, holding little more than such a piece."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sim.columns import Ints

_AT_ONCE: Final = 65_536  # merged at once where no size is given; no result depends on it

Blocks: TypeAlias = Iterator[tuple[Ints, Ints | None]]
"""Sorted arrival times (int64 ns) block after block, and for each time the row of a trace where one is replayed."""


class Arrivals(NamedTuple):
    """Arrivals in order: times int64 ns, the number of the stream each is from, and its row of a trace int64 (or 0)."""

    arrival_ns: Ints
    stream: NDArray[np.unsignedinteger]
    row: Ints

    def take(self, which: slice | Ints) -> Arrivals:
        """Give some of them."""
        return Arrivals(self.arrival_ns[which], self.stream[which], self.row[which])


class _Feed:
    """One stream, read as far as it is needed and never beyond `until_ns` (exclusive)."""

    def __init__(self, blocks: Blocks, until_ns: int | None) -> None:
        self.ended = False
        self._blocks = blocks
        self._until_ns = until_ns
        self._times = np.empty(0, dtype=np.int64)
        self._rows = np.empty(0, dtype=np.int64)

    @property
    def last_ns(self) -> int:
        """The last time that was read and not taken yet."""
        return int(self._times[-1])

    def fill(self, at_least: int) -> None:
        """Read on until so many arrivals wait to be taken, or the stream ends."""
        times, rows, count = [self._times], [self._rows], len(self._times)
        while not self.ended and count < at_least:
            block = next(self._blocks, None)
            if block is None:
                self.ended = True
                break
            more, more_rows = block
            if self._until_ns is not None and len(more) and more[-1] >= self._until_ns:
                more = more[: int(np.searchsorted(more, self._until_ns, side="left"))]
                self.ended = True
            times.append(more)
            rows.append(np.zeros(len(more), dtype=np.int64) if more_rows is None else more_rows[: len(more)])
            count += len(more)
        self._times, self._rows = _joined(times), _joined(rows)

    def take(self, up_to_ns: int | None, *, inclusive: bool) -> tuple[Ints, Ints]:
        """Give times and rows up to a time (None: all that were read), and forget them."""
        count = len(self._times)
        if up_to_ns is not None:
            count = int(np.searchsorted(self._times, up_to_ns, side="right" if inclusive else "left"))
        taken = self._times[:count], self._rows[:count]
        self._times, self._rows = self._times[count:], self._rows[count:]
        return taken


def merge(streams: Sequence[Blocks], size: int | None, *, until_ns: int | None, most: int | None) -> Iterator[Arrivals]:
    """Yield the arrivals of all streams in order of time, `size` at once and at last those that are left.

    At equal times the stream that stands first is first, and within a stream its own order holds. Arrivals end before
    `until_ns` or after `most`, where given. None for `size` puts all in one piece. An empty piece is yielded only
    where nothing arrives at all.
    """
    at_once = min(size or _AT_ONCE, most or _AT_ONCE)
    merged = _merged([_Feed(blocks, until_ns) for blocks in streams], max(at_once // len(streams), 1))
    waiting: list[Arrivals] = []
    count, left, first = 0, most, True
    for arrivals in merged:
        waiting.append(arrivals if left is None else arrivals.take(slice(left)))
        count += len(waiting[-1].row)
        if left is not None:
            left -= len(waiting[-1].row)
        while size is not None and count >= size:
            joined = _together(waiting)
            yield joined.take(slice(size))
            waiting, count, first = [joined.take(slice(size, None))], count - size, False
        if left == 0:
            break
    if count or first:
        yield _together(waiting)


def _merged(feeds: Sequence[_Feed], at_least: int) -> Iterator[Arrivals]:
    """Yield the arrivals of all feeds in order, in pieces of any length; at least one piece, empty if there are none.

    What a feed will yet read comes after all that it has read. So everything up to the least of the feeds' last
    arrivals is complete; of the arrivals at that very time, those of its feed and of the feeds before it.
    """
    number_type = np.min_scalar_type(len(feeds))  # the smaller, the faster it is sorted
    while True:
        for feed in feeds:
            feed.fill(at_least)
        bound_ns, bound_place = min(
            ((feed.last_ns, place) for place, feed in enumerate(feeds) if not feed.ended), default=(None, 0)
        )
        taken = [feed.take(bound_ns, inclusive=place <= bound_place) for place, feed in enumerate(feeds)]
        times, rows = _joined([times for times, _ in taken]), _joined([rows for _, rows in taken])
        stream = np.repeat(np.arange(len(feeds), dtype=number_type), [len(times) for times, _ in taken])
        arrivals = Arrivals(times, stream, rows)
        yield arrivals if len(feeds) == 1 else arrivals.take(np.argsort(times, kind="stable"))
        if bound_ns is None:
            return


def _joined(columns: Sequence[Ints]) -> Ints:
    """Put columns one after the other; one that has nothing beside it is not copied."""
    filled = [column for column in columns if len(column)] or columns[:1]
    return filled[0] if len(filled) == 1 else np.concatenate(filled)


def _together(parts: Sequence[Arrivals]) -> Arrivals:
    if len(parts) == 1:
        return parts[0]
    stream = np.concatenate([part.stream for part in parts])
    return Arrivals(_joined([part.arrival_ns for part in parts]), stream, _joined([part.row for part in parts]))
