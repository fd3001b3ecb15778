"""What holds for each class, brought to the rows; where classes agree no column is cut apart or looked up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np

from sim.columns import Floats, Ints

T = TypeVar("T")


def rows_by(parameters: Sequence[T], codes: Ints) -> Iterator[tuple[T, Ints | slice]]:
    """Yield the parameter of each class with the rows of that class: int64, ascending. `codes` has the class of a row.

    Where all classes have equal parameters these come once, with all rows as a slice: a column is then taken as it is.
    """
    if all(parameter == parameters[0] for parameter in parameters[1:]):
        yield parameters[0], slice(None)
        return
    for code, parameter in enumerate(parameters):
        yield parameter, np.flatnonzero(codes == code)


def of_class(values: Floats, codes: Ints) -> Floats:
    """Give the value of each row's class, float64; where all classes have the same, one for all rows."""
    return np.asarray(values[0]) if np.all(values == values[0]) else values.take(codes)
