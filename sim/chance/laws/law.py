"""What every law of a positive quantity can do: give its quantiles, its distribution function, its mean and its spread.

Laws are generic over the quantity, so one class serves durations (written ``340ms``, nanoseconds inside) and token
counts (plain numbers). Quantile functions take the place of random generators: one uniform in, one value out, and a
larger uniform never gives a smaller value, so compared runs keep the same luck.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, TypeVar

from pydantic import Field
from typing_extensions import TypeAliasType

from sim.columns import Floats
from sim.schema import Spec
from sim.units import DurationNs, TokenCount

# Named aliases rather than bare annotations: error messages and the JSON Schema then speak of Lognormal[Duration].
Duration = TypeAliasType("Duration", DurationNs)
"""Parameter of a law of durations: text with a unit, integer nanoseconds inside."""
TokenNumber = TypeAliasType("TokenNumber", TokenCount)
"""Parameter of a law of token counts; need not be whole."""
Count = TypeAliasType("Count", Annotated[int, Field(ge=1, le=100_000)])
"""Parameter of a law of whole numbers from 1."""

Q = TypeVar("Q", bound=float)

SMALLEST_SCV = 1e-8
LARGEST_SCV = 1e4
Scv = Annotated[float, Field(ge=SMALLEST_SCV, le=LARGEST_SCV)]
"""Squared coefficient of variation, variance / mean**2. Below the least, a constant says the same."""


class Law(Spec):
    """A law of a quantity that is zero or more. Arrays are float64 of any shape, in nanoseconds or tokens."""

    @abstractmethod
    def quantile(self, u: Floats) -> Floats:
        """Give the least x with P(X <= x) >= u for each u in (0, 1); never decreasing in u."""

    @abstractmethod
    def cdf(self, x: Floats) -> Floats:
        """Give P(X <= x) for each x."""

    @abstractmethod
    def mean_value(self) -> float:
        """Give E[X], exact; in nanoseconds or tokens."""

    @abstractmethod
    def scv_value(self) -> float:
        """Give variance / mean**2, exact; 0 where the mean is 0."""

    @classmethod
    def _example(cls, template: str) -> str:
        """Fill the unit into an example: ``mean: 340#`` becomes ``{mean: 340ms}`` for durations."""
        unit = "ms" if Duration in cls.__pydantic_generic_metadata__["args"] else ""
        return "{" + template.replace("#", unit) + "}"

    def _require_positive(self, name: str, example: str) -> None:
        """Raise ValueError unless the parameter called `name` is above 0."""
        if getattr(self, name) <= 0:
            raise ValueError(f"the {name} of this law must be above 0; write for example {self._example(example)}")
