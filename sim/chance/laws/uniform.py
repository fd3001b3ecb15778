"""The uniform law between two bounds."""

from __future__ import annotations

from typing import Generic, Literal, Self

import numpy as np
from pydantic import model_validator

from sim.chance.laws.law import Law, Q
from sim.columns import Floats


class Uniform(Law, Generic[Q]):
    """Every value between `low` and `high` alike."""

    law: Literal["uniform"]
    """Name of the law."""
    low: Q
    """Least value."""
    high: Q
    """Greatest value."""

    @model_validator(mode="after")
    def _bounds_are_ordered(self) -> Self:
        if self.low >= self.high:
            example = self._example("law: uniform, low: 100#, high: 300#")
            raise ValueError(f"low must be below high; write for example {example}, or one bare value for a constant")
        return self

    def mean_value(self) -> float:
        """Give the middle."""
        return (self.low + self.high) / 2

    def scv_value(self) -> float:
        """Give (high - low)**2 / 12 over the square of the mean."""
        return float((self.high - self.low) / self.mean_value()) ** 2 / 12

    def quantile(self, u: Floats) -> Floats:
        """Give low + (high - low) * u."""
        return float(self.low) + float(self.high - self.low) * np.asarray(u)

    def cdf(self, x: Floats) -> Floats:
        """Give (x - low) / (high - low), within 0 and 1."""
        return np.clip((np.asarray(x) - float(self.low)) / float(self.high - self.low), 0.0, 1.0)
