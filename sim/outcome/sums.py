"""Sums that no run is too long for: exact integers of any size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sim.columns import Ints

Sums: TypeAlias = NDArray[np.object_]
"""Python's integers, which have no largest one: the femto-dollars and nanoseconds of a long run exceed 64 bits."""

_EXACT_IN_FLOATS: Final = 2**53
_MOST: Final = 2**63 - 1


def total(values: Ints) -> int:
    """Give the exact sum, as a Python integer: the nanoseconds of a long run exceed 64 bits together."""
    if not len(values) or max(int(values.max()), -int(values.min())) <= _MOST // len(values):
        return int(values.sum())
    low = int((values & 0xFFFFFFFF).sum())
    return (int((values >> 32).sum()) << 32) + low


def sums_by(codes: Ints, values: Ints, size: int) -> list[int]:
    """Give the exact sum of the values (0 or more) of each code."""
    if not len(values):
        return [0] * size
    if int(values.max()) * len(values) < _EXACT_IN_FLOATS:  # then so is every sum on the way
        return [int(value) for value in np.bincount(codes, weights=values, minlength=size).tolist()]
    low, high = (np.zeros(size, dtype=np.int64) for _ in range(2))
    np.add.at(low, codes, values & 0xFFFFFFFF)
    np.add.at(high, codes, values >> 32)
    return [(above << 32) + below for above, below in zip(high.tolist(), low.tolist(), strict=True)]


def exact(sums: Sequence[int] | Sequence[Sequence[int]]) -> Sums:
    """Give a table of integers as they are."""
    return np.array(sums, dtype=object)


def zeros(*shape: int) -> Sums:
    """Give a table of zeros."""
    table = np.empty(shape, dtype=object)
    table[...] = 0
    return table


def wide(pairs: Ints) -> Sums:
    """Join sums that are kept as two numbers, of the low 32 bits of every value and of what is above: [..., 2]."""
    joined: Sums = pairs[..., 0].astype(object) + (pairs[..., 1].astype(object) << 32)
    return joined
