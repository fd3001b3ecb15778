"""The Weibull law: a stretched exponential, with a heavier tail where the scv is above 1."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Generic, Literal, Self

import numpy as np
from pydantic import model_validator

from sim.chance.laws.law import Law, Q, Scv
from sim.columns import Floats


class Weibull(Law, Generic[Q]):
    """Weibull law of a given mean and squared coefficient of variation; the shape is solved for."""

    law: Literal["weibull"]
    """Name of the law."""
    mean: Q
    """Mean."""
    scv: Scv
    """Squared coefficient of variation; 1 is the exponential law."""

    @model_validator(mode="after")
    def _mean_is_positive(self) -> Self:
        self._require_positive("mean", "law: weibull, mean: 340#, scv: 2")
        return self

    def mean_value(self) -> float:
        """Give the mean."""
        return float(self.mean)

    def scv_value(self) -> float:
        """Give the scv."""
        return self.scv

    def quantile(self, u: Floats) -> Floats:
        """Give scale * (-log(1 - u)) ** (1 / shape)."""
        power, scale = weibull_power(self.scv, self.mean_value())
        return scale * (-np.log1p(-u)) ** power

    def cdf(self, x: Floats) -> Floats:
        """Give 1 - exp(-(x / scale) ** shape)."""
        power, scale = weibull_power(self.scv, self.mean_value())
        return -np.expm1(-((np.maximum(x, 0.0) / scale) ** (1.0 / power)))


def weibull_power(scv: float, mean: float) -> tuple[float, float]:
    """Give 1 / shape, and the scale = mean / Gamma(1 + 1 / shape)."""
    power = _power_of(scv)
    return power, mean / math.gamma(1.0 + power)


@lru_cache(maxsize=256)
def _power_of(scv: float) -> float:
    """Solve Gamma(1 + 2 y) / Gamma(1 + y)**2 = 1 + scv for y = 1 / shape by bisection; the left side grows with y."""
    target, low, high = math.log1p(scv), 0.0, 16.0
    while True:
        middle = (low + high) / 2
        if middle in {low, high}:
            return middle
        if math.lgamma(1 + 2 * middle) - 2 * math.lgamma(1 + middle) < target:
            low = middle
        else:
            high = middle
