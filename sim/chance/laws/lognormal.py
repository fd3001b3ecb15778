"""The lognormal law, shifted by a floor where asked: the best simple fit to the time to first token."""

from __future__ import annotations

import math
from typing import Annotated, Final, Generic, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from sim.chance.laws.law import LARGEST_SCV, SMALLEST_SCV, Law, Q, Scv
from sim.chance.normal import normal_cdf, normal_quantile
from sim.columns import Floats

_FORMS: Final = ({"mean", "scv"}, {"p50", "p95"}, {"p50", "sigma"})
_Z95: Final = 1.6448536269514722  # standard normal quantile at 0.95
_LARGEST_SIGMA: Final = math.sqrt(math.log1p(LARGEST_SCV))


class Lognormal(Law, Generic[Q]):
    """X = shift + exp(normal), given by mean and scv, by p50 and p95, or by p50 and sigma; all of the total X."""

    law: Literal["lognormal"] = "lognormal"
    """Name of the law; may be left out."""
    mean: Q | None = None
    """Mean, the shift included."""
    scv: Scv | None = None
    """Squared coefficient of variation of the total: variance / mean**2."""
    p50: Q | None = None
    """Median, the shift included."""
    p95: Q | None = None
    """95th percentile, the shift included."""
    sigma: Annotated[float, Field(gt=0, le=_LARGEST_SIGMA)] | None = None
    """Standard deviation of the logarithm of what is above the shift."""
    shift: Q | None = None
    """Floor that is always paid; 0 where left out."""

    @model_validator(mode="after")
    def _parameters_fix_one_law(self) -> Self:
        given = [name for name in ("mean", "scv", "p50", "p95", "sigma") if getattr(self, name) is not None]
        if set(given) not in _FORMS:
            hint = f", or {self._example('law: exponential, mean: 340#')} if that is meant" if given == ["mean"] else ""
            raise ValueError(
                f"a lognormal law needs mean and scv, or p50 and p95, or p50 and sigma; found {_listed(given)}; "
                f"write for example {self._example('p50: 340#, p95: 680#')}{hint}"
            )
        place, floor = given[0], self.shift or 0
        if (self.mean or self.p50 or 0) <= floor:
            example = self._example("p50: 340#, p95: 680#, shift: 200#")
            raise ValueError(f"the {place} must be above 0 and above the shift; write for example {example}")
        if self.p50 is not None and self.p95 is not None and self.p95 <= self.p50:
            example = self._example("p50: 340#, p95: 680#")
            raise ValueError(f"p95 must be above p50; write for example {example}, or one bare value for a constant")
        if not SMALLEST_SCV / 2 <= self._sigma() ** 2 <= _LARGEST_SIGMA**2 * (1 + 1e-12):
            raise ValueError(
                f"above the shift the law would have sigma {self._sigma():.3g}, and at most {_LARGEST_SIGMA:.3g} can "
                "be drawn sensibly; give measured quantiles instead (law: empirical)"
                if self._sigma() > 1
                else "p95 and p50 are too close for a law; write one bare value for a constant"
            )
        return self

    def mean_value(self) -> float:
        """Give shift + median * exp(sigma**2 / 2)."""
        if self.mean is not None:
            return float(self.mean)
        return self._shift() + self._median() * math.exp(self._sigma() ** 2 / 2)

    def scv_value(self) -> float:
        """Give the variance of what is above the shift over the square of the whole mean."""
        if self.scv is not None:
            return self.scv
        mean = self.mean_value()
        return math.expm1(self._sigma() ** 2) * ((mean - self._shift()) / mean) ** 2

    def quantile(self, u: Floats) -> Floats:
        """Give shift + median * exp(sigma * z) with z the standard normal quantile."""
        values = normal_quantile(np.asarray(u, dtype=np.float64))
        values *= self._sigma()
        np.exp(values, out=values)
        values *= self._median()
        values += self._shift()
        return values

    def cdf(self, x: Floats) -> Floats:
        """Give the normal probability of log((x - shift) / median) / sigma; 0 up to the shift."""
        excess = np.maximum(np.asarray(x, dtype=np.float64) - self._shift(), 0.0) / self._median()
        logs = np.log(excess, where=excess > 0, out=np.full_like(excess, -np.inf))
        return normal_cdf(logs / self._sigma())

    def _shift(self) -> float:
        return 0.0 if self.shift is None else float(self.shift)

    def _median(self) -> float:
        """Give the median of what is above the shift."""
        if self.p50 is not None:
            return float(self.p50) - self._shift()
        return (self.mean_value() - self._shift()) * math.exp(-(self._sigma() ** 2) / 2)

    def _sigma(self) -> float:
        """Give the standard deviation of the logarithm of what is above the shift."""
        if self.sigma is not None:
            return self.sigma
        if self.p50 is not None and self.p95 is not None:
            return math.log((self.p95 - self._shift()) / (self.p50 - self._shift())) / _Z95
        mean = self.mean_value()
        return math.sqrt(math.log1p(self.scv_value() * (mean / (mean - self._shift())) ** 2))


def _listed(names: list[str]) -> str:
    return " and ".join(names) or "none of them"
