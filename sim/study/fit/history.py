"""What a daily usage file says of the traffic to come: growth, weekdays, and how well that would have forecast itself.

log y = a + b t + w(weekday) + noise, by least squares. Days are not independent: the error of b is widened by
sqrt((1 + r) / (1 - r)) for a correlation r of neighbouring residuals (Bartlett 1946). A prediction of one more day has
Student's t interval with the variance of the noise and that of the fit.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from sim.columns import Floats
from sim.errors import InvalidInput, Issue
from sim.outcome.intervals import lag_one_correlation, student_t
from sim.workload.traces.findings import Findings
from sim.workload.traces.tables import open_table
from sim.workload.traces.values import LabelReader, finite_numbers

LEAST_DAYS: Final = 10
WEEK: Final = 7
WEEKS_FOR_WEEKDAYS: Final = 2
LEVEL: Final = 0.8
HORIZON: Final = 7
"""Days that the history is made to predict from each of its later days."""

_MONTH_DAYS: Final = 365.2425 / 12
_MOST_CORRELATION: Final = 0.9


@dataclass(frozen=True, slots=True)
class History:
    """Requests (or tokens, or dollars) by day, without gaps: `first` day and float64[days], all above 0."""

    file: str
    first: dt.date
    values: Floats


@dataclass(frozen=True, slots=True)
class BackTest:
    """Predictions of days that the fit had not seen, from every later day of the history, up to a week ahead.

    `covered` is the share within the interval of `level`; errors are mean absolute ones, `naive` is that of the same
    weekday a week before.
    """

    predictions: int
    level: float
    covered: float
    error: float
    naive: float


@dataclass(frozen=True, slots=True)
class HistoryFit:
    """Growth a month (10th percentile, median, 90th), factors of the weekdays from Monday on (mean 1), and the noise.

    `weekday` is None where there are less than two weeks, `tested` where there is too little to predict.
    """

    file: str
    days: int
    first: str
    last: str
    mean: float
    growth_per_month: tuple[float, float, float]
    weekday: tuple[float, ...] | None
    day_to_day: float
    tested: BackTest | None


def read_history(path: Path, date: str, value: str) -> History:
    """Read a usage file: rows of one day are added up. InvalidInput with every bad row, and with the days that miss."""
    table = open_table(path, str(path))
    findings = Findings(table.file)
    labels = LabelReader(date, findings)
    sums: dict[dt.date, float] = {}
    for batch in table.batches(list(dict.fromkeys((date, value)))):
        codes, numbers = labels.read(batch), finite_numbers(batch, value, findings)
        days = [_day(name) for name in labels.names]
        rows = batch.rows_at(range(len(codes)))
        for place, (code, number) in enumerate(zip(codes.tolist(), numbers.tolist(), strict=True)):
            day = days[code] if days else None
            if day is None:
                told = f"{labels.names[code]!r} is no date" if days else "there is no date"
                findings.add(rows[place], date, told, "write 2026-11-30")
            elif number < 0:
                findings.add(rows[place], value, f"{number:g} is negative")
            else:
                sums[day] = sums.get(day, 0.0) + number
        if findings.full:
            break
    table.raise_if_any(findings)
    return _without_gaps(str(path), value, sums)


def _without_gaps(file: str, value: str, sums: dict[dt.date, float]) -> History:
    if len(sums) < LEAST_DAYS:
        raise InvalidInput([Issue(f"{len(sums)} days are too few", file, hint=f"give {LEAST_DAYS} or more")])
    first, last = min(sums), max(sums)
    every = [first + dt.timedelta(days=number) for number in range((last - first).days + 1)]
    missing = [str(day) for day in every if day not in sums]
    issues = []
    if missing:
        told = f"{', '.join(missing[:5])}{f' and {len(missing) - 5:,} more' if len(missing) > 5 else ''}"  # noqa: PLR2004
        issues.append(Issue(f"days are missing: {told}", file, path=value, hint="a day without usage is a row with 0"))
    empty = [str(day) for day in every if sums.get(day) == 0]
    if empty:
        hint = "growth is told in shares: cut the history to the days in use"
        issues.append(Issue(f"nothing was used on {', '.join(empty[:5])}", file, path=value, hint=hint))
    if issues:
        raise InvalidInput(issues)
    return History(file, first, np.array([sums[day] for day in every]))


def _day(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text.strip()[:10])
    except ValueError:
        return None


def fit_history(history: History) -> HistoryFit:
    """Estimate growth and weekdays, and let the history forecast its own later days."""
    fitted = _Fit(history.first, np.log(history.values))
    correlation = min(max(lag_one_correlation(fitted.residuals.tolist()), 0.0), _MOST_CORRELATION)
    error = fitted.slope_error * math.sqrt((1 + correlation) / (1 - correlation))
    reach = student_t(fitted.freedom, LEVEL) * error
    days = len(history.values)
    return HistoryFit(
        file=history.file,
        days=days,
        first=str(history.first),
        last=str(history.first + dt.timedelta(days=days - 1)),
        mean=float(history.values.mean()),
        growth_per_month=(
            math.expm1(_MONTH_DAYS * (fitted.slope - reach)),
            math.expm1(_MONTH_DAYS * fitted.slope),
            math.expm1(_MONTH_DAYS * (fitted.slope + reach)),
        ),
        weekday=fitted.weekday(),
        day_to_day=math.sqrt(math.expm1(fitted.spread**2)),
        tested=_tested(history),
    )


class _Fit:
    """Least squares on the logarithms of days that follow each other."""

    def __init__(self, first: dt.date, logs: Floats) -> None:
        self._first, self._days = first, len(logs)
        self._weekdays = len(logs) >= WEEK * WEEKS_FOR_WEEKDAYS
        rows = self._rows(range(len(logs)))
        self._inverse = np.linalg.inv(rows.T @ rows)
        self._factors: Floats = self._inverse @ (rows.T @ logs)
        self.residuals: Floats = logs - rows @ self._factors
        self.freedom = len(logs) - rows.shape[1]
        self.spread = math.sqrt(float(self.residuals @ self.residuals) / self.freedom)
        self.slope = float(self._factors[0])
        self.slope_error = self.spread * math.sqrt(float(self._inverse[0, 0]))

    def weekday(self) -> tuple[float, ...] | None:
        """Give the factors of the weekdays from Monday on; their mean is 1."""
        if not self._weekdays:
            return None
        factors = np.exp(self._factors[1:])
        return tuple((factors / factors.mean()).tolist())

    def predicted(self, day: int, level: float) -> tuple[float, float, float]:
        """Give a later day's median, and the interval of one more such day."""
        (row,) = self._rows([day])
        centre = float(row @ self._factors)
        reach = student_t(self.freedom, level) * self.spread * math.sqrt(1 + float(row @ self._inverse @ row))
        return math.exp(centre), math.exp(centre - reach), math.exp(centre + reach)

    def _rows(self, days: Sequence[int]) -> Floats:
        rows = np.zeros((len(days), 1 + (WEEK if self._weekdays else 1)))
        for place, day in enumerate(days):
            rows[place, 0] = day
            rows[place, 1 + ((self._first + dt.timedelta(days=day)).weekday() if self._weekdays else 0)] = 1.0
        return rows


def _tested(history: History) -> BackTest | None:
    """Predict every later day from all before it, up to a week ahead."""
    logs, values = np.log(history.values), history.values
    covered, errors, naive = [], [], []
    for origin in range(max(LEAST_DAYS, len(values) // 2), len(values)):
        fitted = _Fit(history.first, logs[:origin])
        for day in range(origin, min(origin + HORIZON, len(values))):
            found, low, high = fitted.predicted(day, LEVEL)
            covered.append(low <= values[day] <= high)
            errors.append(abs(found - values[day]))
            naive.append(abs(values[day - WEEK] - values[day]))
    if not errors:
        return None
    return BackTest(len(errors), LEVEL, float(np.mean(covered)), float(np.mean(errors)), float(np.mean(naive)))
