"""The exponential law, which forgets how long it has lasted."""

from __future__ import annotations

from typing import Generic, Literal, Self

import numpy as np
from pydantic import model_validator

from sim.chance.laws.law import Law, Q
from sim.columns import Floats


class Exponential(Law, Generic[Q]):
    """Exponential law of a given mean."""

    law: Literal["exponential"]
    """Name of the law."""
    mean: Q
    """Mean."""

    @model_validator(mode="after")
    def _mean_is_positive(self) -> Self:
        self._require_positive("mean", "law: exponential, mean: 340#")
        return self

    def mean_value(self) -> float:
        """Give the mean."""
        return float(self.mean)

    def scv_value(self) -> float:
        """Give 1."""
        return 1.0

    def quantile(self, u: Floats) -> Floats:
        """Give -mean * log(1 - u)."""
        return -self.mean_value() * np.log1p(-u)

    def cdf(self, x: Floats) -> Floats:
        """Give 1 - exp(-x / mean)."""
        return -np.expm1(-np.maximum(x, 0.0) / self.mean_value())
