"""A law read off measured quantiles: the default for tokens, which no parametric law fits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Final, Generic, Literal, Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from sim.chance.laws.law import Law, Q
from sim.columns import Floats, Ints

_EXAMPLE: Final = "quantiles: {0: 120#, 50: 340#, 95: 680#, 100: 2000#}"
_PARTS_PER_ROW: Final = 8  # so many that few parts of the guide hold a row of the table
_MOST_STEPS: Final = 8  # further stretches up to which to compare with each is faster than to search


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
        table = _table_of(tuple(self.quantiles.items()))
        u = np.asarray(u, dtype=np.float64)
        row = table.rows(u)
        part = u - table.starts.take(row)
        part /= table.widths.take(row)
        low, high = table.low.take(row), table.high.take(row)
        if self._is_log():
            values = np.power(high / low, part)
            values *= low
        else:
            values = high - low
            values *= part
            values += low
        # The minimum keeps rounding from stepping over the next row, so that the result never decreases.
        return np.minimum(values, high, out=values)

    def cdf(self, x: Floats) -> Floats:
        """Give the share of the table at or below each x; a jump where neighbours are equal."""
        shares, values = _columns(self.quantiles.items())
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

    def _segments(self) -> tuple[Floats, Floats, Floats]:
        """Give the share, the lower and the upper value of each stretch between neighbours."""
        shares, values = _columns(self.quantiles.items())
        return np.diff(shares), values[:-1], values[1:]


@dataclass(frozen=True, slots=True)
class _Table:
    """The stretches between neighbouring rows, prepared for the look-up of many uniforms; float64[stretches] each.

    A stretch is from `starts` up to `ends` (excluded), `widths` in u, and from `low` to `high` in value. Of each of a
    power of two equal parts of [0, 1), `guide` says in which stretch it begins, and last where u = 1 is, int64; within
    a part at most `more` stretches follow.
    """

    starts: Floats
    ends: Floats
    widths: Floats
    low: Floats
    high: Floats
    guide: Ints
    more: int

    def rows(self, u: Floats) -> Ints:
        """Give the stretch that each u from 0 to 1 is in (by an index table: Chen and Asau 1974)."""
        if self.more > _MOST_STEPS:
            return np.clip(np.searchsorted(self.starts, u, side="right") - 1, 0, None)
        # a product with a power of two is exact, so that u is in the part that it is looked up in
        row = self.guide.take((u * (len(self.guide) - 1)).astype(np.int64), mode="clip")
        for _ in range(self.more):
            row += u >= self.ends.take(row)
        return row


@lru_cache(maxsize=64)
def _table_of(rows: tuple[tuple[str, float], ...]) -> _Table:
    """Prepare a table; kept by content, since every chunk of a run reads the same ones."""
    shares, values = _columns(rows)
    starts = shares[:-1]
    parts = 1 << (_PARTS_PER_ROW * len(starts)).bit_length()
    edges = np.arange(parts + 1) / parts
    guide = np.searchsorted(starts, edges, side="right") - 1
    last = np.searchsorted(starts, edges[1:], side="left") - 1
    return _Table(
        starts=starts,
        ends=np.append(starts[1:], np.inf),
        widths=np.diff(shares),  # percentages a rounding apart may be one share, but no u is in a stretch without width
        low=values[:-1],
        high=values[1:],
        guide=guide,
        more=int(np.max(last - guide[:-1])),
    )


def _columns(rows: Iterable[tuple[str, float]]) -> tuple[Floats, Floats]:
    """Give the shares from 0 to 1 and the values of a table."""
    percents, values = zip(*rows, strict=True)
    return np.array([_percent(text) for text in percents]) / 100.0, np.array([float(value) for value in values])


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
