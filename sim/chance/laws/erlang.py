"""The Erlang law: a chain of equal exponential stages (A. K. Erlang, 1917)."""

from __future__ import annotations

from typing import Annotated, Generic, Literal, Self

from pydantic import Field, model_validator

from sim.chance.laws.gamma import gamma_cdf, gamma_quantile
from sim.chance.laws.law import Law, Q
from sim.columns import Floats


class Erlang(Law, Generic[Q]):
    """Sum of `stages` exponential times of equal mean."""

    law: Literal["erlang"]
    """Name of the law."""
    mean: Q
    """Mean of the whole sum."""
    stages: Annotated[int, Field(ge=1, le=10_000)]
    """Number of stages; the scv is its reciprocal."""

    @model_validator(mode="after")
    def _mean_is_positive(self) -> Self:
        self._require_positive("mean", "law: erlang, mean: 340#, stages: 2")
        return self

    def mean_value(self) -> float:
        """Give the mean."""
        return float(self.mean)

    def scv_value(self) -> float:
        """Give 1 / stages."""
        return 1.0 / self.stages

    def quantile(self, u: Floats) -> Floats:
        """Give the gamma quantile with the stages as shape."""
        return gamma_quantile(u, float(self.stages), self.mean_value() / self.stages)

    def cdf(self, x: Floats) -> Floats:
        """Give the gamma probability with the stages as shape."""
        return gamma_cdf(x, float(self.stages), self.mean_value() / self.stages)
