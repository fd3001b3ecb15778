"""Names of the column types that travel through the house."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int64]
"""Times in nanoseconds, money in nano-dollars, tokens, codes, row numbers."""
Floats: TypeAlias = NDArray[np.float64]
"""Probabilities, scores, standard-normal latents."""
Bools: TypeAlias = NDArray[np.bool_]
"""Masks and flags."""


def either(choice: Bools, yes: Bools, no: Bools) -> Bools:
    """Give what `np.where` gives for flags, without a branch for each: which takes a tenth of the time."""
    return no ^ ((no ^ yes) & choice)
