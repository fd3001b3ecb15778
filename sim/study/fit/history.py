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
from typing import Final

import numpy as np

from sim.columns import Floats
from sim.outcome.intervals import lag_one_correlation, student_t
from sim.study.fit.usage import LEAST_DAYS, History

WEEK: Final = 7
WEEKS_FOR_WEEKDAYS: Final = 2
LEVEL: Final = 0.8
HORIZON: Final = 7
"""Days that the history is made to predict from each of its later days."""

_MONTH_DAYS: Final = 365.2425 / 12
_MOST_CORRELATION: Final = 0.9
_SURE: Final = 0.95
_ROUNDING: Final = 1e-9
"""Without noise an interval is a point, which a prediction that is right to its last digits but one is not on."""


@dataclass(frozen=True, slots=True)
class BackTest:
    """Predictions of days that the fit had not seen, from every later day of the history, up to a week ahead.

    `origins` days were predicted from. `covered` is the share within the interval of `level`; errors are mean absolute
    ones, `naive` is that of the same weekday a week before. `better` says that the error is smaller by more than chance
    explains: a two-sided test at 95 % on what each origin gains (Diebold and Mariano 1995, corrected for few days by
    Harvey, Leybourne and Newbold 1997), with the freedom of weeks that do not overlap.
    """

    origins: int
    predictions: int
    level: float
    covered: float
    error: float
    naive: float
    better: bool


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
    covered, errors, naive, gains = [], [], [], []
    for origin in range(max(LEAST_DAYS, len(values) // 2), len(values)):
        fitted = _Fit(history.first, logs[:origin])
        ahead = range(origin, min(origin + HORIZON, len(values)))
        for day in ahead:
            found, low, high = fitted.predicted(day, LEVEL)
            covered.append(low * (1 - _ROUNDING) <= values[day] <= high * (1 + _ROUNDING))
            errors.append(abs(found - values[day]))
            naive.append(abs(values[day - WEEK] - values[day]))
        gains.append(float(np.mean(naive[-len(ahead) :]) - np.mean(errors[-len(ahead) :])))
    if not errors:
        return None
    return BackTest(
        origins=len(gains),
        predictions=len(errors),
        level=LEVEL,
        covered=float(np.mean(covered)),
        error=float(np.mean(errors)),
        naive=float(np.mean(naive)),
        better=surely_above_nothing(np.array(gains)),
    )


def surely_above_nothing(gains: Floats) -> bool:
    """Say whether a mean is above 0 by more than chance explains, where neighbours within a horizon are alike."""
    weeks = len(gains) // HORIZON
    if weeks < WEEKS_FOR_WEEKDAYS:
        return False
    days = len(gains)
    apart = gains - gains.mean()
    shared = [2 * float(apart[lag:] @ apart[:-lag]) for lag in range(1, HORIZON)]
    variance = float(apart @ apart) + sum(shared)
    if variance <= 0:  # a plain sum may be; one with Bartlett's weights is not
        variance = float(apart @ apart) + sum((1 - lag / HORIZON) * one for lag, one in enumerate(shared, start=1))
    fewer = (days + 1 - 2 * HORIZON + HORIZON * (HORIZON - 1) / days) / days
    return bool(math.sqrt(fewer) * gains.mean() > student_t(weeks - 1, _SURE) * math.sqrt(max(variance, 0.0)) / days)
