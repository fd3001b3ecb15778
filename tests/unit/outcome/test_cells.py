"""Tables of cells: every dimension can be read off them, counted together or each by itself."""

from __future__ import annotations

import numpy as np
import pytest

from sim.outcome.cells import Cells

FEW = {"route": 4, "segment": 3, "task": 5}
MANY = {"route": 4, "segment": 300, "task": 70}


@pytest.mark.parametrize("sizes", [FEW, MANY, {"route": 2}, {"route": 64}, {"route": 65}, {"route": 8, "task": 8}])
def test_every_dimension_is_read_off_a_table(sizes: dict[str, int]) -> None:
    """If requests are counted by cell, the sums by dimension are those of counting each dimension by itself."""
    rng = np.random.default_rng(2)
    codes = {name: rng.integers(0, size, 2_000).astype(np.int16) for name, size in sizes.items()}
    cells = Cells(sizes)
    found = {}
    for table in cells.tables:
        counts = np.bincount(cells.of(table, codes), minlength=cells.count(table))
        found |= {name: one.tolist() for name, one in cells.by_dimension(table, counts[None], axis=1)}
    assert found == {name: [np.bincount(codes[name], minlength=size).tolist()] for name, size in sizes.items()}


@pytest.mark.parametrize(("sizes", "tables"), [(FEW, 1), (MANY, 3), ({"route": 64}, 1), ({"route": 8, "task": 9}, 2)])
def test_memory_grows_with_the_sum_of_many_sizes(sizes: dict[str, int], tables: int) -> None:
    """If there are more than 64 combinations, each dimension has its own table; with fewer, all share one."""
    cells = Cells(sizes)
    assert len(cells.tables) == tables
    assert sum(cells.count(table) for table in cells.tables) <= max(64, sum(sizes.values()))
