"""The gamma law: flexible in its spread, with a light tail."""

from __future__ import annotations

from typing import Generic, Literal, Self, cast

import numpy as np
from pydantic import model_validator

from sim.chance.gamma_table import gamma_quantiles
from sim.chance.laws.law import Law, Q, Scv
from sim.columns import Floats


class Gamma(Law, Generic[Q]):
    """Gamma law of a given mean and squared coefficient of variation.

    With an scv of hundreds most values are below 1e-300 of the mean and come out as 0.
    """

    law: Literal["gamma"]
    """Name of the law."""
    mean: Q
    """Mean."""
    scv: Scv
    """Squared coefficient of variation; the shape is its reciprocal."""

    @model_validator(mode="after")
    def _mean_is_positive(self) -> Self:
        self._require_positive("mean", "law: gamma, mean: 340#, scv: 2")
        return self

    def mean_value(self) -> float:
        """Give the mean."""
        return float(self.mean)

    def scv_value(self) -> float:
        """Give the scv."""
        return self.scv

    def quantile(self, u: Floats) -> Floats:
        """Give the inverse of the regularised lower incomplete gamma function, scaled."""
        return gamma_quantile(u, 1.0 / self.scv, self.mean_value() * self.scv)

    def cdf(self, x: Floats) -> Floats:
        """Give the regularised lower incomplete gamma function."""
        return gamma_cdf(x, 1.0 / self.scv, self.mean_value() * self.scv)


def gamma_quantile(u: Floats, shape: float, scale: float) -> Floats:
    """Give the quantiles of the gamma law with this shape and scale (mean = shape * scale)."""
    values = gamma_quantiles(np.asarray(u, dtype=np.float64), shape)
    values *= scale
    return values


def gamma_cdf(x: Floats, shape: float, scale: float) -> Floats:
    """Give P(X <= x) under the gamma law with this shape and scale."""
    from scipy.special import gammainc  # noqa: PLC0415 - `validate` starts without scipy

    return cast("Floats", gammainc(shape, np.maximum(x, 0.0) / scale))
