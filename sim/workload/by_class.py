"""What holds for each class, brought to the rows; where classes agree no column is cut apart or looked up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np

from sim.columns import Floats, Ints

T = TypeVar("T")


def rows_by(parameters: Sequence[T], codes: Ints) -> Iterator[tuple[T, Ints | slice]]:
    """Yield each of the different `parameters` with the rows whose code, a place in `parameters`, has an equal one.

    All rows are a slice, so that a column is taken as it is; other rows are int64, ascending.
    """
    different: list[T] = []
    for parameter in parameters:
        if parameter not in different:
            different.append(parameter)
    if len(different) == 1:
        yield different[0], slice(None)
        return
    group = np.array([different.index(parameter) for parameter in parameters], dtype=np.int64)[codes]
    for number, parameter in enumerate(different):
        yield parameter, np.flatnonzero(group == number)


def of_class(values: Floats, codes: Ints) -> Floats:
    """Give the value of each row's class, float64; where all classes have the same, one for all rows."""
    return np.asarray(values[0]) if np.all(values == values[0]) else values.take(codes)
