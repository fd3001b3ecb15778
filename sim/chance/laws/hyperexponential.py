"""The hyperexponential law of two phases with balanced means: more spread than the exponential, still simple."""

from __future__ import annotations

import math
from typing import Annotated, Final, Generic, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from sim.chance.laws.law import LARGEST_SCV, Law, Q
from sim.columns import Floats

_STEPS: Final = 100  # Newton needs about ten; the bound only ends a loop that arithmetic cannot


class Hyperexponential(Law, Generic[Q]):
    """Exponential of rate r1 with probability p1, else of rate r2, where p1/r1 = p2/r2 (balanced means).

    Parameters from mean m and scv: p2 = 1 / ((scv + 1) (1 + sqrt((scv - 1) / (scv + 1)))), p1 = 1 - p2, r = 2 p / m
    (Tijms 1994, "Stochastic Models", appendix B).
    """

    law: Literal["hyperexponential"]
    """Name of the law."""
    mean: Q
    """Mean."""
    scv: Annotated[float, Field(gt=1, le=LARGEST_SCV)]
    """Squared coefficient of variation, above 1."""

    @model_validator(mode="after")
    def _mean_is_positive(self) -> Self:
        self._require_positive("mean", "law: hyperexponential, mean: 340#, scv: 4")
        return self

    def mean_value(self) -> float:
        """Give the mean."""
        return float(self.mean)

    def scv_value(self) -> float:
        """Give the scv."""
        return self.scv

    def quantile(self, u: Floats) -> Floats:
        """Solve cdf(x) = u to about 1e-15 relative.

        The cumulated hazard H(x) = -log(1 - cdf(x)) is increasing and concave, because the hazard of a mixture of
        exponentials falls. So Newton's steps on H(x) = -log(1 - u) from below stay below the root and cannot miss it,
        and the starting point is the better of two lower bounds: the tangent at 0 and the line of the slow phase.
        """
        p1, p2 = self._weights()
        target = -np.log1p(-np.asarray(u, dtype=np.float64))
        x = np.maximum(target / (2 * (p1 * p1 + p2 * p2)), (target + math.log(p2)) / (2 * p2))
        for _ in range(_STEPS):
            hazard, slope = self._cumulated_hazard(x)
            step = (target - hazard) / slope
            x = np.maximum(x + step, 0.0)
            if np.all(np.abs(step) <= 1e-15 * x):
                break
        return x * self.mean_value()

    def cdf(self, x: Floats) -> Floats:
        """Give p1 (1 - exp(-r1 x)) + p2 (1 - exp(-r2 x))."""
        p1, p2 = self._weights()
        scaled = -2.0 * np.maximum(x, 0.0) / self.mean_value()
        return -(p1 * np.expm1(p1 * scaled) + p2 * np.expm1(p2 * scaled))

    def _weights(self) -> tuple[float, float]:
        p2 = 1.0 / ((self.scv + 1) * (1 + math.sqrt((self.scv - 1) / (self.scv + 1))))
        return 1.0 - p2, p2

    def _cumulated_hazard(self, x: Floats) -> tuple[Floats, Floats]:
        """Give -log(1 - cdf) and its slope at `x`, in units of the mean."""
        p1, p2 = self._weights()
        first, second = p1 * np.exp(-2 * p1 * x), p2 * np.exp(-2 * p2 * x)
        below = -(p1 * np.expm1(-2 * p1 * x) + p2 * np.expm1(-2 * p2 * x))
        above = first + second
        # Each form is exact where the other loses digits: near 0 and far out.
        hazard = np.where(below < 0.5, -np.log1p(-np.minimum(below, 0.5)), -np.log(above))  # noqa: PLR2004 - the middle
        return hazard, 2 * (p1 * first + p2 * second) / above
