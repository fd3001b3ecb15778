"""Prices that nobody announced: what they are multiplied by in each drawn future."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from sim.chance.normal import normal_quantile
from sim.columns import Floats
from sim.experiment.forecast_prices_spec import MOST_TIMES, PriceDecline, PriceSteps, TimesRange, day_of
from sim.study.spend.futures import Futures
from sim.workload.traffic import MONTH_DAYS

FACTOR = "prices"
_Z90 = 1.2815515655446004
_YEAR = 12.0


def price_factors(futures: Futures) -> Floats:
    """Give what token and call prices are multiplied by, float64[draws, months, models].

    In a month, the mean over its time; a price that declines is taken at its middle.
    """
    asked, models = futures.forecast.prices, futures.basis.models
    found = np.ones((futures.draws, len(futures.months), len(models)))
    if asked is None:
        return found
    for row, model in enumerate(models):
        if asked.decline is not None and model in (asked.decline.models or models):
            found[..., row] *= _declining(asked.decline, futures)
        if asked.steps is not None and FACTOR in futures.active and model in (asked.steps.models or models):
            found[..., row] *= _stepping(asked.steps, futures, model)
    return found


def _declining(decline: PriceDecline, futures: Futures) -> Floats:
    """All models of a future decline alike."""
    times = decline.times_per_year
    low, high = (times.p10, times.p90) if isinstance(times, TimesRange) else (times, times)
    middle, sd = (np.log(low) + np.log(high)) / 2, (np.log(high) - np.log(low)) / (2 * _Z90)
    rate = middle + sd * normal_quantile(futures.uniforms(FACTOR, "decline"))
    factors: Floats = np.exp(-rate[:, np.newaxis] * futures.middles / _YEAR)
    return factors


def _stepping(steps: PriceSteps, futures: Futures, model: str) -> Floats:
    """Average what is true of each moment over each month; a model that is taken up begins without any change."""
    edges = _edges(futures)
    asked = futures.forecast.prices
    adopted = [] if asked is None else [day_of(one) for one in asked.adopt if one.model == model]
    taken_up = sorted((day - futures.start).days / MONTH_DAYS for day in adopted)
    eras = [era for era in pairwise([0.0, *taken_up, edges[-1]]) if era[0] < era[1]]
    mean = np.zeros((futures.draws, len(edges) - 1))
    level = np.ones((len(eras), futures.draws))
    before = np.zeros(futures.draws)
    for at, times in _changes(steps, futures, model, edges[-1]):
        for row, (begin, end) in enumerate(eras):
            mean += level[row][:, np.newaxis] * _overlap(np.maximum(before, begin), np.minimum(at, end), edges)
            level[row] = np.where((at >= begin) & (at < end), level[row] * times, level[row])
        before = at
    return mean / np.diff(edges)


def _changes(steps: PriceSteps, futures: Futures, model: str, horizon: float) -> Iterator[tuple[Floats, Floats]]:
    """Yield when the next change comes, in twelfths of a year, and what it multiplies by; until none is left before."""
    at, number = np.zeros(futures.draws), 0
    while (at < horizon).any():
        gap, way, size = (futures.uniforms(FACTOR, f"{model} {what} {number}") for what in ("gap", "way", "size"))
        at = at - np.log1p(-gap) * _YEAR / steps.per_year
        median = np.log(np.where(way < steps.up, steps.up_times, steps.down_times))
        most = np.log(MOST_TIMES)
        change = np.clip(median * np.exp(steps.spread * normal_quantile(size)), -most, most)
        yield at, np.exp(change)
        number += 1


def _overlap(begin: Floats, end: Floats, edges: Floats) -> Floats:
    """Give how much of each month lies between `begin` and `end`, float64[draws, months]."""
    low = np.maximum(begin[:, np.newaxis], edges[:-1])
    high = np.minimum(end[:, np.newaxis], edges[1:])
    inside: Floats = np.maximum(high - low, 0.0)
    return inside


def _edges(futures: Futures) -> Floats:
    """Give where months begin and end, in twelfths of a year from the start; float64[months + 1]."""
    days = np.cumsum([0, *(len(month.days) for month in futures.months)])
    found: Floats = days / MONTH_DAYS
    return found
