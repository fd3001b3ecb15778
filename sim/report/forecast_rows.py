"""A forecast of spend as tidy tables: each has rows of one kind, and a column of its own for each thing that is told.

Quantities of which futures were drawn have seven columns: ``x_median``, ``x_mean``, ``x_error`` (standard error of the
mean), ``x_lower`` and ``x_upper`` at the level in the column ``level``, ``x_lower_95`` and ``x_upper_95``. Dollars
end in ``_usd``, shares and probabilities are between 0 and 1. docs/how-to/forecast-spend.md has all tables and columns.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sim.experiment.parquet_files import write_parquet

if TYPE_CHECKING:
    from sim.study.spend.answers import Range, SpendForecast

WIDE: Final = 0.95
_PARTS: Final = ("median", "mean", "error", "lower", "upper", "lower_95", "upper_95")

Cells = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """Columns by name (``str`` or ``float``), and rows that have all of them; None where there is no value."""

    columns: Mapping[str, type]
    rows: Callable[[SpendForecast], Iterable[Cells]]

    def csv(self, found: SpendForecast) -> bytes:
        """Give it as CSV, with a head even where there are no rows."""
        rows = list(self.rows(found))
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, fieldnames=self._columns(rows), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue().encode("utf-8", "backslashreplace")

    def parquet(self, found: SpendForecast) -> bytes:
        """Give it as Parquet, with the types of its columns even where there are no rows."""
        rows, file = list(self.rows(found)), io.BytesIO()
        write_parquet(
            file, {name: _column([row[name] for row in rows], kind) for name, kind in self._columns(rows).items()}
        )
        return file.getvalue()

    def _columns(self, rows: list[Cells]) -> Mapping[str, type]:
        """Add the columns that are named after models, causes and segments: numbers."""
        return {
            **self.columns,
            **dict.fromkeys((name for name in (rows or [{}])[0] if name not in self.columns), float),
        }


def _column(values: list[Any], kind: type) -> Any:
    if kind is str:
        return np.array(values, dtype=object)
    absent = [value is None for value in values]
    numbers = np.array([0.0 if value is None else value for value in values], dtype=np.float64)
    return np.ma.masked_array(numbers, mask=absent)


def _ranged(name: str, unit: str = "_usd") -> dict[str, type]:
    return dict.fromkeys((f"{name}_{part}{unit}" for part in _PARTS), float)


def _cells(name: str, found: Range | None, level: float, unit: str = "_usd") -> Cells:
    if found is None:
        return dict.fromkeys(_ranged(name, unit))
    values = (found.median, found.mean, found.error, *found.intervals[level], *found.intervals[WIDE])
    return dict(zip(_ranged(name, unit), values, strict=True))


def _months(found: SpendForecast) -> Iterator[Cells]:
    models, causes = _keys(found, "models"), _keys(found, "causes")
    for pattern in found.patterns.values():
        for month in pattern.months:
            row: Cells = {"pattern": pattern.name, "month": month.month, "level": found.level}
            row |= {"requests": month.requests}
            for what in ("spend", "cumulative", "per_1k"):
                row |= _cells(what, getattr(month, what), found.level)
            for segment, cost in month.users.items():
                row |= _cells(f"user_{segment}", cost, found.level)
            row |= {f"model_{name}_usd": month.models.get(name, 0.0) for name in models}
            yield row | {f"cause_{name}_usd": month.causes.get(name, 0.0) for name in causes}


def _keys(found: SpendForecast, of: str) -> list[str]:
    every = (getattr(month, of) for pattern in found.patterns.values() for month in pattern.months)
    return list(dict.fromkeys(name for one in every for name in one))


def _savings(found: SpendForecast) -> Iterator[Cells]:
    for pattern in found.patterns.values():
        for other, (usd, share) in pattern.savings.items():
            row = {"pattern": pattern.name, "against": other, "level": found.level}
            yield row | _cells("saving", usd, found.level) | _cells("saving", share, found.level, "_share")


def _drivers(found: SpendForecast) -> Iterator[Cells]:
    for pattern in found.patterns.values():
        for factor, share in pattern.drivers.items():
            row = {"pattern": pattern.name, "factor": factor}
            yield row | {"variance_share": share, "variance_share_error": pattern.drivers_error[factor]}


def _budgets(found: SpendForecast) -> Iterator[Cells]:
    for one in found.budgets:
        by = 0.0
        for month, over in one.over.items():
            by += one.first[month]
            row: Cells = {"budget": one.budget, "pattern": one.pattern, "month": month, "usd_per_month": one.usd}
            yield row | {"above": over, "first_above": one.first[month], "above_by_then": by}


def _projects(found: SpendForecast) -> Iterator[Cells]:
    for one in found.projects:
        for month, by in one.by.items():
            row: Cells = {"project": one.project, "pattern": one.pattern, "instead_of": one.instead_of, "month": month}
            row |= {"engineering_usd": one.usd, "upkeep_usd_per_month": one.upkeep_usd_per_month}
            yield row | {"level": found.level, "paid_for": by, **_cells("net", one.nets[month], found.level)}


def _commitments(found: SpendForecast) -> Iterator[Cells]:
    level = found.level
    for one in found.commitments:
        for month in (*one.months, one.whole):
            row: Cells = {"commitment": one.commitment, "kind": one.kind, "pattern": one.pattern, "month": month.month}
            row |= {"level": level, "usd_per_month": one.usd_per_month, "break_even_usd": one.break_even_usd}
            row |= _cells("break_even_utilisation", one.break_even_utilisation, level, "")
            row |= _cells("by_use", month.by_use, level) | _cells("utilisation", month.utilisation, level, "")
            yield row | {"pays": month.pays, **_cells("saving", month.saving, level)}


def _price_changes(found: SpendForecast) -> Iterator[Cells]:
    for one in found.price_changes:
        row = {"from": one.at, "model": one.model, "priced_as": one.answering or None}
        for price, before in asdict(one.before).items():
            after = getattr(one.after, price)
            if before != after:
                above = {"above_input_tokens": one.above_tokens, "price": price}
                yield row | above | {"before_usd": before, "after_usd": after}


_NAMES = ("pattern", "month")
_PROJECT = ("engineering_usd", "upkeep_usd_per_month")
_TEXTS = {
    *(
        "pattern",
        "month",
        "against",
        "factor",
        "budget",
        "project",
        "instead_of",
        "commitment",
        "kind",
        "from",
        "model",
    ),
    *("priced_as", "price"),
}


def _columns(names: Iterable[str], *ranges: str) -> dict[str, type]:
    """Give columns and their types; `ranges` are quantities in USD of which futures were drawn."""
    found: dict[str, type] = {name: str if name in _TEXTS else float for name in names}
    for name in ranges:
        found |= _ranged(name)
    return found


TABLES: Final[Mapping[str, Table]] = {
    "": Table(_columns((*_NAMES, "level", "requests"), "spend", "cumulative", "per_1k"), _months),
    ".savings": Table(
        {**_columns(("pattern", "against", "level"), "saving"), **_ranged("saving", "_share")},
        _savings,
    ),
    ".drivers": Table(_columns(("pattern", "factor", "variance_share", "variance_share_error")), _drivers),
    ".budgets": Table(
        _columns(("budget", *_NAMES, "usd_per_month", "above", "first_above", "above_by_then")),
        _budgets,
    ),
    ".projects": Table(
        _columns(("project", "pattern", "instead_of", "month", *_PROJECT, "level", "paid_for"), "net"),
        _projects,
    ),
    ".commitments": Table(
        {
            **_columns(("commitment", "kind", *_NAMES, "level", "usd_per_month", "break_even_usd")),
            **_ranged("break_even_utilisation", ""),
            **_ranged("by_use"),
            **_ranged("utilisation", ""),
            **_columns(("pays",), "saving"),
        },
        _commitments,
    ),
    ".price-changes": Table(
        _columns(("from", "model", "priced_as", "above_input_tokens", "price", "before_usd", "after_usd")),
        _price_changes,
    ),
}
"""By what stands before ``.csv`` or ``.parquet`` in the name of a file."""
