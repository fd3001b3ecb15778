"""The geometric law of whole numbers from 1: how many requests come together."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from sim.chance.laws.law import Law
from sim.columns import Floats


class Geometric(Law):
    """P(N = n) = (1 - 1/mean)**(n - 1) / mean for n = 1, 2, ..."""

    law: Literal["geometric"]
    """Name of the law."""
    mean: Annotated[float, Field(ge=1, le=10_000)]
    """Mean, 1 or more."""

    def mean_value(self) -> float:
        """Give the mean."""
        return self.mean

    def scv_value(self) -> float:
        """Give 1 - 1 / mean."""
        return 1.0 - 1.0 / self.mean

    def quantile(self, u: Floats) -> Floats:
        """Give the least whole n with 1 - (1 - 1/mean)**n >= u."""
        if self.mean == 1:
            return np.ones(np.shape(u))
        return np.maximum(np.ceil(np.log1p(-u) / self._log_more()), 1.0)

    def cdf(self, x: Floats) -> Floats:
        """Give 1 - (1 - 1/mean)**floor(x)."""
        whole = np.maximum(np.floor(x), 0.0)
        return np.where(whole >= 1, 1.0, 0.0) if self.mean == 1 else -np.expm1(whole * self._log_more())

    def _log_more(self) -> float:
        """Give the logarithm of the chance that one more follows."""
        return math.log1p(-1.0 / self.mean)
