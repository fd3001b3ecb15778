"""A law read off measured quantiles: the default for tokens, which no parametric law fits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Final, Generic, Literal, Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from sim.chance.laws.law import Law, Q
from sim.columns import Floats, Ints

_EXAMPLE: Final = "quantiles: {0: 120#, 50: 340#, 95: 680#, 100: 2000#}"


class Empirical(Law, Generic[Q]):
    """Quantile table: percent -> value, straight (or geometric) in between. Equal neighbours hold a share."""

    law: Literal["empirical"] = "empirical"
    """Name of the law; may be left out."""
    quantiles: Annotated[dict[str, Q], Field(min_length=2, max_length=10_000)]
    """Value at each percentage, from 0 (the least) to 100 (the greatest), in any order."""
    interpolation: Literal["linear", "log"] = "linear"
    """`linear` between neighbours, or `log`: straight in the logarithm, for values that span decades."""

    @field_validator("quantiles", mode="before")
    @classmethod
    def _in_order_of_percent(cls, quantiles: Any) -> Any:
        """Sort by percentage: a stored table may come back in the order of the text, where 100 is before 25."""
        if not isinstance(quantiles, Mapping):
            return quantiles
        return dict(sorted(((str(key), value) for key, value in quantiles.items()), key=lambda item: _percent(item[0])))

    @model_validator(mode="after")
    def _table_is_a_law(self) -> Self:
        percents = [_percent(key) for key in self.quantiles]
        values = list(self.quantiles.values())
        example = f"write for example {self._example(_EXAMPLE)}"
        if percents[0] != 0 or percents[-1] != 100:  # noqa: PLR2004 - per cent
            raise ValueError(
                f"quantiles run from 0 to 100 percent, found {percents[0]:g} to {percents[-1]:g}; {example}"
            )
        keys = list(self.quantiles)
        for i in range(1, len(keys)):
            if percents[i] == percents[i - 1]:
                raise ValueError(f"the percentages {keys[i - 1]} and {keys[i]} are the same; {example}")
            if values[i] < values[i - 1]:
                raise ValueError(f"the value at {keys[i]} percent is below the one at {keys[i - 1]}; {example}")
        if self.interpolation == "log" and values[0] <= 0:
            raise ValueError(f"interpolation: log needs values above 0, found 0 at 0 percent; {example}")
        return self

    def quantile(self, u: Floats) -> Floats:
        """Give the value between the neighbouring table rows."""
        shares, values = self._table()
        row, part = _place(shares, np.asarray(u, dtype=np.float64))
        low, high = values[row], values[row + 1]
        # The minimum keeps rounding from stepping over the next row, so that the result never decreases.
        return np.minimum(low * (high / low) ** part if self._is_log() else low + (high - low) * part, high)

    def cdf(self, x: Floats) -> Floats:
        """Give the share of the table at or below each x; a jump where neighbours are equal."""
        shares, values = self._table()
        x = np.asarray(x, dtype=np.float64)
        inside = np.clip(x, values[0], values[-1])
        row, part = _place(np.log(values), np.log(inside)) if self._is_log() else _place(values, inside)
        share = np.minimum(shares[row] + (shares[row + 1] - shares[row]) * part, shares[row + 1])
        return np.where(x < values[0], 0.0, np.where(x >= values[-1], 1.0, share))

    def mean_value(self) -> float:
        """Give the integral of the quantile function: exact for either interpolation."""
        widths, low, high = self._segments()
        return math.fsum(widths * _power_mean(low, high, 1) if self._is_log() else widths * (low + high) / 2)

    def scv_value(self) -> float:
        """Give variance / mean**2 by exact integration; 0 where all values are 0."""
        mean = self.mean_value()
        if mean == 0:
            return 0.0
        widths, low, high = self._segments()
        a, b = low / mean, high / mean
        if self._is_log():
            return max(math.fsum(widths * (_power_mean(a, b, 2) - 2 * _power_mean(a, b, 1) + 1)), 0.0)
        a, b = a - 1, b - 1
        return math.fsum(widths * (a * a + a * b + b * b) / 3)

    def _is_log(self) -> bool:
        return self.interpolation == "log"

    def _table(self) -> tuple[Floats, Floats]:
        """Give the shares from 0 to 1 and the values, as columns."""
        shares = np.array([_percent(key) for key in self.quantiles]) / 100.0
        return shares, np.array([float(value) for value in self.quantiles.values()])

    def _segments(self) -> tuple[Floats, Floats, Floats]:
        """Give the share, the lower and the upper value of each stretch between neighbours."""
        shares, values = self._table()
        return np.diff(shares), values[:-1], values[1:]


def _percent(text: str) -> float:
    """Read a key of the table; ValueError if it is no percentage."""
    try:
        percent = float(text)
    except ValueError:
        percent = math.nan
    if not 0 <= percent <= 100:  # noqa: PLR2004 - per cent
        raise ValueError(
            f"{text[:40]!r} is not a percentage from 0 to 100; write quantiles such as 0, 50, 99.9 and 100"
        )
    return percent


def _place(grid: Floats, x: Floats) -> tuple[Ints, Floats]:
    """Give the stretch of the grid each x is in, and how far along it is, from 0 to 1."""
    row = np.clip(np.searchsorted(grid, x, side="right") - 1, 0, len(grid) - 2)
    width = grid[row + 1] - grid[row]
    return row, np.divide(x - grid[row], width, out=np.ones_like(x), where=width > 0)


def _power_mean(low: Floats, high: Floats, power: int) -> Floats:
    """Give the mean of (low * (high / low)**t)**power over t in [0, 1]: (b - a) / log(b / a) of the powers."""
    logs = power * np.log(high / low)
    growth = np.divide(np.expm1(logs), logs, out=np.ones_like(logs), where=logs > 0)
    mean: Floats = low**power * growth
    return mean
