"""The random numbers and recorded values of the requests of one chunk, in order of arrival."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from numpy.typing import NDArray

from sim.chance import Purpose, Streams
from sim.columns import Floats, Ints
from sim.workload.sources import Number, SourceArrivals, in_order


@dataclass(frozen=True, slots=True)
class Draws:
    """Source of the columns of one chunk: whatever is asked for has a value for each of its requests."""

    streams: Streams
    sources: tuple[SourceArrivals, ...]

    def __len__(self) -> int:
        return sum(len(source.positions) for source in self.sources)

    def arrival_ns(self) -> Ints:
        """Give the arrival times, int64 ns."""
        return in_order(self.sources, [source.arrival_ns for source in self.sources])

    def uniform(self, purpose: Purpose, *names: str) -> Floats:
        """Give one uniform per request: the k-th request of a source has the k-th number of the source's stream."""
        columns = [
            self.streams.uniform(purpose, (source.name, *names), source.start, source.start + len(source.positions))
            for source in self.sources
        ]
        return in_order(self.sources, columns)

    def recorded(self, by_row: Mapping[str, NDArray[Number]]) -> NDArray[Number]:
        """Give what traces say of the requests; `by_row` is a column of the trace of each source, all replayed."""
        return in_order(self.sources, [by_row[source.name][_rows(source)] for source in self.sources])

    def overwrite(self, column: NDArray[Number], by_row: Mapping[str, NDArray[Number]]) -> None:
        """Put what traces say in the place of what stands in `column`; `by_row` holds some of the sources."""
        for source in self.sources:
            if source.name in by_row:
                column[source.positions] = by_row[source.name][_rows(source)]


def _rows(source: SourceArrivals) -> Ints:
    if source.rows is None:
        raise ValueError(f"the arrivals of {source.name!r} are drawn and have no rows of a trace")
    return source.rows
