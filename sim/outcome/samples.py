"""Observations kept for quantiles: every one of them while they are few, histograms beyond.

Which of the two depends on nothing but how many there are, so the answer does not depend on how a run was cut.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from sim.columns import Ints
from sim.outcome.cells import Cells, Table
from sim.outcome.histogram import Histogram, added_up, buckets_of

Sample: TypeAlias = Ints | Histogram
"""Observations of one group of requests in one section of a replication."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Every observation, in order of arrival.

    `values` int64 by column; `codes` integers by dimension (which segment, which task class, ...); `cuts` int64: where
    the second and later sections begin.
    """

    values: Mapping[str, Ints]
    codes: Mapping[str, NDArray[np.signedinteger]]
    cuts: Ints

    def total(self) -> int:
        """Give the number of observations."""
        return len(next(iter(self.values.values())))

    def samples(self, column: str, dimension: str, codes: Sequence[int] | None) -> list[Sample]:
        """Give the observations of each section that have one of these codes; all of them for None."""
        values = np.split(self.values[column], self.cuts)
        if codes is None:
            return list(values)
        known = self.codes[dimension]
        chosen = known == codes[0] if len(codes) == 1 else np.isin(known, codes)
        return [part[mine] for part, mine in zip(values, np.split(chosen, self.cuts), strict=True)]


@dataclass(frozen=True, slots=True)
class Counted:
    """Histograms of the observations.

    By (column, dimension) int64[n] each, ascending by key, then bucket: `keys` = section x number of codes + code,
    `buckets` and `counts`. `sizes` is the number of codes by dimension.
    """

    keys: Mapping[tuple[str, str], Ints]
    buckets: Mapping[tuple[str, str], Ints]
    counts: Mapping[tuple[str, str], Ints]
    sizes: Mapping[str, int]
    sections: int

    def total(self) -> int:
        """Give the number of observations."""
        return int(next(iter(self.counts.values())).sum())

    def samples(self, column: str, dimension: str, codes: Sequence[int] | None) -> list[Sample]:
        """Give the histogram of each section of the observations that have one of these codes; all for None."""
        size = self.sizes[dimension]
        return [
            self._sum(column, dimension, [section * size + code for code in (range(size) if codes is None else codes)])
            for section in range(self.sections)
        ]

    def _sum(self, column: str, dimension: str, keys: Sequence[int]) -> Histogram:
        known = self.keys[column, dimension]
        spans = [np.arange(*np.searchsorted(known, (key, key + 1))) for key in keys]
        rows = np.concatenate([np.empty(0, dtype=np.int64), *spans])
        return added_up(self.buckets[column, dimension][rows], self.counts[column, dimension][rows])


Samples: TypeAlias = Kept | Counted

Tally: TypeAlias = Callable[[Ints, int, Ints, Ints], int]
"""Counts values (int64, 0 or more) in a table of [cell, bucket], given the first bucket and the cell of each value.

Returns how many it has counted, from the first on, before one came that the table has no bucket for.
"""


class Collector:
    """Takes in observations in order of arrival; keeps them while there are at most `most`, and counts them beyond."""

    def __init__(
        self,
        columns: Sequence[str],
        sizes: Mapping[str, int],
        sections: int,
        most: int,
        tally: Tally | None = None,
    ) -> None:
        """Begin with nothing; `tally` is how to count, by NumPy where it is not given."""
        self._tally = tally or _tally
        self._columns = tuple(columns)
        self._cells = Cells(sizes)
        self._sizes = self._cells.sizes
        self._sections = sections
        self._most = most
        self._seen = 0
        self._pieces: list[tuple[int, Mapping[str, Ints], Mapping[str, Ints]]] = []
        self._counters: dict[tuple[str, Table], _Counter] = {}

    def add(
        self,
        section: int,
        values: Mapping[str, Ints],
        codes: Mapping[str, Ints],
        cells: Mapping[Table, Ints] | None = None,
    ) -> None:
        """Take in observations of one section: int64 by column, codes by dimension, and `cells` where they are known.

        Where they are, and `keeps` says that these observations are counted, no code is looked at.
        """
        count = len(values[self._columns[0]])
        keeps = self.keeps(count)
        self._seen += count
        if keeps:
            small = {name: codes[name].astype(_least(size)) for name, size in self._sizes.items()}
            self._pieces.append((section, {name: values[name] for name in self._columns}, small))
            return
        if not self._counters:
            self._counters = {
                (column, table): _Counter(self._cells, table, self._tally)
                for column in self._columns
                for table in self._cells.tables
            }
            for place, kept, known in self._pieces:
                self._count(place, kept, self._cells_of(known))
            self._pieces = []
        self._count(section, values, cells or self._cells_of(codes))

    def keeps(self, more: int) -> bool:
        """Say whether so many more observations would be kept; else they are counted."""
        return self._seen + more <= self._most

    def finish(self) -> Samples:
        """Give what was taken in."""
        if not self._counters:
            return self._kept()
        found = {
            (column, name): counts
            for (column, _), counter in self._counters.items()
            for name, counts in counter.finish().items()
        }
        return Counted(
            keys={key: columns[0] for key, columns in found.items()},
            buckets={key: columns[1] for key, columns in found.items()},
            counts={key: columns[2] for key, columns in found.items()},
            sizes=self._sizes,
            sections=self._sections,
        )

    def _count(self, section: int, values: Mapping[str, Ints], cells: Mapping[Table, Ints]) -> None:
        for table, own in cells.items():
            for column in self._columns:
                self._counters[column, table].add(section, own, values[column])

    def _cells_of(self, codes: Mapping[str, Ints]) -> dict[Table, Ints]:
        return {table: self._cells.of(table, codes) for table in self._cells.tables}

    def _kept(self) -> Kept:
        lengths = np.zeros(self._sections, dtype=np.int64)
        for section, values, _ in self._pieces:
            lengths[section] += len(values[self._columns[0]])
        return Kept(
            values={
                name: np.concatenate([np.empty(0, dtype=np.int64), *(values[name] for _, values, _ in self._pieces)])
                for name in self._columns
            },
            codes={
                name: np.concatenate([np.empty(0, dtype=_least(size)), *(codes[name] for *_, codes in self._pieces)])
                for name, size in self._sizes.items()
            },
            cuts=np.cumsum(lengths)[:-1],
        )


class _Counter:
    """Counts by cell and bucket of the section that is open; what is done lies packed, by dimension."""

    def __init__(self, cells: Cells, table: Table, tally: Tally) -> None:
        self._tally = tally
        self._cells = cells
        self._table = table
        self._section = 0
        self._lowest = 0
        self._open = np.zeros((cells.count(table), 0), dtype=np.int64)
        self._done: dict[str, list[tuple[Ints, Ints, Ints]]] = {name: [] for name in table}

    def add(self, section: int, cells: Ints, values: Ints) -> None:
        if section != self._section:
            self._pack()
            self._section = section
        done = self._tally(self._open, self._lowest, cells, values)
        if done < len(values):
            rest = values[done:]
            self._make_room(*buckets_of(np.array([rest.min(), rest.max()])).tolist())
            self._tally(self._open, self._lowest, cells[done:], rest)

    def finish(self) -> dict[str, tuple[Ints, Ints, Ints]]:
        """Give keys, buckets and counts by dimension."""
        self._pack()
        found = {}
        for name, parts in self._done.items():
            keys, buckets, counts = zip(*parts, strict=True)
            found[name] = np.concatenate(keys), np.concatenate(buckets), np.concatenate(counts)
        return found

    def _make_room(self, low: int, high: int) -> None:
        """Widen the table, by whole octaves, so that it reaches from `low` to `high`."""
        octave = 1024
        before = self._open
        if before.shape[1] and self._lowest <= low and high < self._lowest + before.shape[1]:
            return
        end = self._lowest + before.shape[1] if before.shape[1] else high + 1
        lowest = min(low, self._lowest if before.shape[1] else low) // octave * octave
        width = -(-(max(end, high + 1) - lowest) // octave) * octave
        self._open = np.zeros((len(before), width), dtype=np.int64)
        at = self._lowest - lowest if before.shape[1] else 0
        self._open[:, at : at + before.shape[1]] = before
        self._lowest = lowest

    def _pack(self) -> None:
        """Put away the counts of the open section."""
        for name, counts in self._cells.by_dimension(self._table, self._open, axis=0):
            code, place = np.nonzero(counts)
            key = self._section * self._cells.sizes[name] + code
            self._done[name].append((key, place + self._lowest, counts[code, place]))
        self._open[:] = 0


def _least(size: int) -> np.dtype[np.signedinteger]:
    """Give the smallest type that holds the codes of a dimension."""
    return np.dtype(np.int16 if size <= np.iinfo(np.int16).max else np.int64)


def _tally(table: Ints, lowest: int, cells: Ints, values: Ints) -> int:
    places = buckets_of(values) - lowest
    if np.any((places < 0) | (places >= table.shape[1])):
        return 0
    np.add.at(table.reshape(-1), cells * table.shape[1] + places, 1)
    return len(values)
