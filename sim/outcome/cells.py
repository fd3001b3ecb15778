"""Which dimensions of requests (route, segment, task class) are told apart together, and which each by itself."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from sim.columns import Ints

Table: TypeAlias = tuple[str, ...]
"""Dimensions that are counted together: a cell for each combination of their codes, the last one fastest."""

T = TypeVar("T", bound=np.generic)

_TOGETHER: Final = 64


class Cells:
    """The tables in which requests are counted, so that every dimension can be read off one of them.

    `sizes` is the number of codes by dimension. With up to 64 combinations of codes one table holds them all: one pass
    over the requests instead of one for each dimension. Beyond, each dimension has a table of its own, so that memory
    grows with the sum of their sizes and not with the product.
    """

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self.sizes = dict(sizes)
        together = math.prod(sizes.values()) <= _TOGETHER
        self.tables: tuple[Table, ...] = (tuple(sizes),) if together else tuple((name,) for name in sizes)

    def count(self, table: Table) -> int:
        """Give the number of cells of a table."""
        return math.prod(self.sizes[name] for name in table)

    def stride(self, table: Table, name: str) -> int:
        """Give how many cells lie between two codes of a dimension; 0 where the table does not tell them apart."""
        return math.prod(self.sizes[other] for other in table[table.index(name) + 1 :]) if name in table else 0

    def of(self, table: Table, codes: Mapping[str, NDArray[np.signedinteger[Any]]]) -> Ints:
        """Give the cell of each request, int64, from its codes by dimension."""
        cells = codes[table[0]].astype(np.int64)
        for name in table[1:]:
            cells = cells * self.sizes[name] + codes[name]
        return cells

    def by_dimension(self, table: Table, values: NDArray[T], axis: int) -> Iterator[tuple[str, NDArray[T]]]:
        """Sum an array with the cells of a table along `axis` to one with the codes of each of its dimensions there."""
        shape = [self.sizes[name] for name in table]
        parts = values.reshape(*values.shape[:axis], *shape, *values.shape[axis + 1 :])
        for place, name in enumerate(table):
            others = tuple(axis + other for other in range(len(table)) if other != place)
            yield name, parts.sum(axis=others)
