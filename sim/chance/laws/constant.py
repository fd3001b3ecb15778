"""The law without chance: always the same value."""

from __future__ import annotations

from typing import Generic, Literal, Self

import numpy as np
from pydantic import model_validator

from sim.chance.laws.law import Law, Q
from sim.columns import Floats


class Constant(Law, Generic[Q]):
    """Always `value`. A bare duration or number means the same."""

    law: Literal["constant", "deterministic"]
    """Name of the law."""
    value: Q | None = None
    """The value."""
    mean: Q | None = None
    """Another word for the value, as `deterministic` laws are written elsewhere."""

    @model_validator(mode="after")
    def _one_value(self) -> Self:
        if (self.value is None) == (self.mean is None):
            found = "neither" if self.value is None else "both"
            example = self._example("law: constant, value: 8#")
            raise ValueError(f"a constant law has either a value or a mean; found {found}; write for example {example}")
        return self

    def mean_value(self) -> float:
        """Give the value."""
        level = self.mean if self.value is None else self.value
        return 0.0 if level is None else float(level)

    def scv_value(self) -> float:
        """Give 0: there is no spread."""
        return 0.0

    def quantile(self, u: Floats) -> Floats:
        """Give the value for each u."""
        return np.full(np.shape(u), self.mean_value())

    def cdf(self, x: Floats) -> Floats:
        """Give the step at the value."""
        return np.where(np.asarray(x) >= self.mean_value(), 1.0, 0.0)
