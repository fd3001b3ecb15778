"""Reads usage by day from CSV and Parquet tables, and from the exports of gateways; names every bad row at once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from sim.columns import Floats
from sim.errors import InvalidInput, Issue
from sim.study.fit.usage_export import JSON, read_export
from sim.workload.traces.findings import SHOWN, Findings
from sim.workload.traces.tables import open_table
from sim.workload.traces.values import LabelReader, finite_numbers

LEAST_DAYS: Final = 10

_MISSING: Final = "growth and weekdays are fitted to every day from the first to the last; fetch it, or begin after it"
_NOTHING: Final = "growth is told in shares, and nothing has none: cut the history to the days in use"


@dataclass(frozen=True, slots=True)
class History:
    """Requests (or tokens, or dollars) by day, without gaps: `first` day and float64[days], all above 0."""

    file: str
    first: dt.date
    values: Floats


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with a row, told at one of its columns."""

    row: int
    column: str
    message: str
    hint: str = ""


class Days:
    """Usage added up by day as rows come, and what is wrong with them."""

    def __init__(self, date: str, value: str) -> None:
        self._date, self._value = date, value
        self._sums: dict[dt.date, float] = {}
        self._rows: dict[dt.date, int] = {}
        self._undated: set[int] = set()

    def add(self, row: int, text: str, number: float) -> Trouble | None:
        """Take one row; give what is wrong with it."""
        day = _day(text)
        if day is None:
            self._undated.add(row)
            return Trouble(row, self._date, f"{text!r} is no date", "write 2026-11-30")
        self._rows.setdefault(day, row)
        self._sums[day] = self._sums.get(day, 0.0) + number
        return Trouble(row, self._value, f"{number:g} is negative") if number < 0 else None

    def undated(self, rows: Iterable[int]) -> None:
        """Take rows that have no date."""
        self._undated.update(rows)

    def troubles(self, *, all_read: bool) -> Iterator[Trouble]:
        """Yield gaps, each at the day after it, and days of nothing where every value could be read.

        A gap beside a row whose date could not be read is that row, and told there.
        """
        known = sorted(self._sums)
        for before, after in pairwise(known):
            row, lacking = self._rows[after], (after - before).days - 1
            near = {self._rows[one] + step for one in (before, after) for step in (-1, 1)}
            if lacking and not near & self._undated:
                first, last = before + dt.timedelta(days=1), after - dt.timedelta(days=1)
                told = f"{first} is missing" if lacking == 1 else f"{first} to {last}, {lacking:,} days, are missing"
                yield Trouble(row, self._date, f"{told} before {after}", _MISSING)
        for day in known if all_read else ():
            if self._sums[day] == 0:
                yield Trouble(self._rows[day], self._value, f"nothing was used on {day}", _NOTHING)

    def history(self, file: str) -> History:
        """Give the days in order. InvalidInput if they are too few."""
        known = sorted(self._sums)
        if len(known) < LEAST_DAYS:
            hint = f"give {LEAST_DAYS} or more; from two weeks on they tell weekdays too"
            raise InvalidInput([Issue(f"{len(known)} days are too few", file, hint=hint)])
        return History(file, known[0], np.array([self._sums[day] for day in known]))


def read_history(path: Path, date: str, value: str) -> History:
    """Read a usage file: rows of one day are added up. InvalidInput with every bad row, and every gap, at its line."""
    if path.suffix.lower() == JSON:
        return _from_export(path, date, value)
    table = open_table(path, str(path))
    findings, days = Findings(table.file), Days(date, value)
    labels = LabelReader(date, findings)
    for batch in table.batches(list(dict.fromkeys((date, value)))):
        codes, numbers = labels.read(batch), finite_numbers(batch, value, findings)
        names = labels.names
        rows = batch.rows_at(range(len(codes)))
        for row, code, number in zip(rows if names else (), codes.tolist(), numbers.tolist(), strict=False):
            if trouble := days.add(row, names[code], number):
                findings.add(trouble.row, trouble.column, trouble.message, trouble.hint)
        if findings.full:
            break
    if not findings.full:
        for trouble in list(days.troubles(all_read=not findings.count)):
            findings.add(trouble.row, trouble.column, trouble.message, trouble.hint)
    table.raise_if_any(findings)
    return days.history(str(path))


def _from_export(path: Path, date: str, value: str) -> History:
    if date != "date":
        raise InvalidInput([Issue("exports in JSON call the day date", "--date", hint="leave it out")])
    export = read_export(path, value)
    days = Days("date", export.fields[0])
    troubles = [Trouble(*one) for one in export.bad]
    days.undated(one.row for one in troubles if one.column == "date")
    taken = (days.add(row, text, number) for row, (text, number) in export.rows.items())
    troubles += [trouble for trouble in taken if trouble is not None]
    troubles += days.troubles(all_read=not troubles)
    if troubles:
        troubles.sort(key=lambda one: (one.row, one.column))
        issues = [export.issue(one.row, one.column, one.message, one.hint) for one in troubles[:SHOWN]]
        if len(troubles) > SHOWN:
            issues.append(Issue(f"and {len(troubles) - SHOWN:,} more rows or values that cannot be used", str(path)))
        raise InvalidInput(issues)
    return days.history(str(path))


def _day(text: str) -> dt.date | None:
    """Give the day of a date, or of a time as it was written, whatever its zone."""
    try:
        return dt.datetime.fromisoformat(text.strip()).date()
    except ValueError:
        return None
