"""What a pattern costs in each future: purchases per request times requests times prices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim.columns import Floats
from sim.fleet import Model
from sim.fleet.token_rates import METERS
from sim.outcome.by_cell import ESCALATED
from sim.routing.plan import Cause
from sim.study.spend.futures import Futures, shifted
from sim.study.spend.purchases import Bought
from sim.study.spend.quotes import Quotes, level_quotes
from sim.study.spend.scenarios import price_factors

_NANO_PER_USD = 1e9
_HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Spending:
    """USD per future and month: `total[draws, months]` expected there, and `variance` of chance around it.

    `segments[draws, months, segments]` without replicas; in the mean over futures `models[months, models + 1]`, steps
    last, and `causes[months, causes + 1]`, replicas last; `quantity[months, models, meters]` that is bought, and
    `metered` USD for it.
    """

    total: Floats
    variance: Floats
    segments: Floats
    models: Floats
    causes: Floats
    quantity: Floats
    metered: Floats


def cells(futures: Futures, quotes: Quotes, weight: Floats, bought: Bought) -> Floats:
    """Give the requests of each cell, float64[draws, spans, cells]."""
    basis, month = futures.basis, quotes.month
    shape = (len(basis.segments), len(basis.tasks))
    count = (weight @ bought.count).reshape(len(weight), *shape, ESCALATED)
    seen = count.sum(axis=3)
    escalated = np.divide(count[..., 1], seen, out=np.zeros_like(seen), where=seen > 0)
    moved = shifted(escalated[:, np.newaxis], futures.escalation[:, month, np.newaxis, np.newaxis])
    volume = futures.volume_of(list(zip(month.tolist(), quotes.share, strict=True)))
    requests = volume[..., np.newaxis] * futures.shares[:, month]
    both = np.stack([requests * (1 - moved), requests * moved], axis=-1)
    return both.reshape(len(weight), len(month), -1)


@dataclass(frozen=True, slots=True)
class _Use:
    """What is bought in each span and future: `units[draws, spans, models, causes, lines]` at `usd` each."""

    quotes: Quotes
    weight: Floats
    requests: Floats
    meters: Floats
    each: Floats
    units: Floats
    usd: Floats


def _use(futures: Futures, bought: Bought, fleet: Sequence[Model]) -> _Use:
    quotes = futures.quotes or level_quotes(fleet, futures.months)
    weight = futures.resampled(len(bought.count))
    requests = cells(futures, quotes, weight, bought)
    draws, spans, size = requests.shape
    count = weight @ bought.count
    each = np.divide(1.0, count, out=np.zeros_like(count), where=count > 0)
    flat = bought.meters.reshape(len(bought.meters), -1)
    meters = (weight @ flat).reshape(draws, size, -1) * each[..., np.newaxis]
    units = (requests @ meters).reshape(draws, spans, len(fleet), len(Cause), -1)
    units *= _longer(futures, quotes)[:, :, np.newaxis, np.newaxis, :]
    usd = quotes.usd[np.newaxis] * price_factors(futures)[:, quotes.month, :, np.newaxis]
    return _Use(quotes, weight, requests, meters, each, units, usd)


def by_use(futures: Futures, bought: Bought, fleet: Sequence[Model]) -> tuple[Floats, Floats]:
    """Give what calls cost and use: USD float64[draws, months, models], and float64[draws, months, models, meters]."""
    use = _use(futures, bought, fleet)
    units = use.units.sum(axis=3)
    return _by_month(use.quotes, (units * use.usd).sum(axis=3)), _by_month(use.quotes, _by_meter(units))


def spending(futures: Futures, bought: Bought, fleet: Sequence[Model]) -> Spending:
    """Give what a pattern costs in every future."""
    use = _use(futures, bought, fleet)
    quotes, weight, requests, meters, units, usd = use.quotes, use.weight, use.requests, use.meters, use.units, use.usd
    draws, _, size = requests.shape
    models = len(fleet)
    bought_steps = (weight @ bought.steps.reshape(len(bought.steps), -1)).reshape(draws, size, -1)
    steps = bought_steps * use.each[..., np.newaxis]
    calls = units * usd[:, :, :, np.newaxis, :]
    in_steps = requests @ steps
    replicas = _replicas(futures, weight @ bought.replicas / weight.sum(axis=1, keepdims=True), fleet)
    per_unit = _per_unit(usd * _longer(futures, quotes)[:, :, np.newaxis, :])
    by_cell = _by_month(quotes, requests * _mean_costs(per_unit, meters, steps, models))
    total = by_cell.sum(axis=2) + replicas.sum(axis=2)
    calls, in_steps = _by_month(quotes, calls), _by_month(quotes, in_steps)
    by_model = (calls.sum(axis=(3, 4)) + replicas).mean(axis=0)
    by_cause = (calls.sum(axis=(2, 4)) + in_steps).mean(axis=0)
    return Spending(
        total=total,
        variance=_by_month(quotes, requests * _second_moments(per_unit, bought)).sum(axis=2),
        segments=by_cell.reshape(draws, len(futures.months), len(futures.basis.segments), -1).sum(axis=3),
        models=np.concatenate([by_model, in_steps.sum(axis=2).mean(axis=0)[:, np.newaxis]], axis=1),
        causes=np.concatenate([by_cause, replicas.sum(axis=2).mean(axis=0)[:, np.newaxis]], axis=1),
        quantity=_by_meter(_by_month(quotes, units).sum(axis=3).mean(axis=0)),
        metered=_by_meter(calls.sum(axis=3).mean(axis=0)),
    )


def with_replicas(spent: Spending, requests: Floats) -> Floats:
    """Give USD of each segment, float64[draws, months, segments], with what replicas cost, split by its `requests`.

    What replicas cost in a month without requests is split evenly. The segments add up to `total`.
    """
    replicas = spent.total - spent.segments.sum(axis=2)
    whole = requests.sum(axis=2, keepdims=True)
    even = np.full_like(requests, 1 / requests.shape[2])
    split: Floats = spent.segments + replicas[..., np.newaxis] * np.divide(requests, whole, out=even, where=whole > 0)
    return split


def totals(futures: Futures, bought: Bought, fleet: Sequence[Model]) -> Floats:
    """Give the expected cost of every future over all months, float64[draws]: what `spending` adds up to."""
    found: Floats = spending(futures, bought, fleet).total.sum(axis=1)
    return found


def _longer(futures: Futures, quotes: Quotes) -> Floats:
    """Give what the units of each line are multiplied by, float64[draws, spans, lines].

    Prompts grow longer at the price they have: the share of those above a length at which prices change stays.
    """
    return np.tile(futures.tokens[:, quotes.month], len(quotes.starts) + 1)


def _by_meter(lines: Floats) -> Floats:
    """Add up prompts of every length: float64[..., lines] becomes float64[..., meters]."""
    found: Floats = lines.reshape(*lines.shape[:-1], -1, len(METERS)).sum(axis=-2)
    return found


def _by_month(quotes: Quotes, values: Floats) -> Floats:
    """Add up the spans of each month: float64[draws, spans, ...] becomes float64[draws, months, ...]."""
    summed: Floats = np.add.reduceat(values, quotes.first, axis=1)
    return summed


def _per_unit(usd: Floats) -> Floats:
    """Give USD of one unit as bought at the start, steps last, float64[draws, spans, models * lines + 1]."""
    flat = usd.reshape(*usd.shape[:2], -1)
    return np.concatenate([flat, np.ones((*flat.shape[:2], 1))], axis=2)


def _mean_costs(per_unit: Floats, meters: Floats, steps: Floats, models: int) -> Floats:
    """Give the mean cost of a request of each cell, float64[draws, spans, cells]."""
    draws, size = meters.shape[:2]
    by_line = meters.reshape(draws, size, models, len(Cause), -1).sum(axis=3).reshape(draws, size, -1)
    every = np.concatenate([by_line, steps.sum(axis=2)[..., np.newaxis]], axis=2)
    costs: Floats = per_unit @ every.transpose(0, 2, 1)
    return costs


def _second_moments(per_unit: Floats, bought: Bought) -> Floats:
    """Give the mean squared cost of a request of each cell, float64[draws, spans, cells]."""
    count = bought.count.sum(axis=0)
    found = np.empty((*per_unit.shape[:2], len(count)))
    for cell, squares in enumerate(bought.squares):
        found[:, :, cell] = np.einsum("dmk,dmk->dm", per_unit @ squares, per_unit) / max(count[cell], 1.0)
    return found


def _replicas(futures: Futures, kept: Floats, fleet: Sequence[Model]) -> Floats:
    """Give what replicas cost, busy or idle, float64[draws, months, models]."""
    hours = np.array([month.length_s / _HOUR_S for month in futures.months])
    hourly = np.array([model.price.rates().replica_hour_nano / _NANO_PER_USD for model in fleet])
    costs: Floats = kept[:, np.newaxis, :] * hours[:, np.newaxis] * hourly
    return costs
