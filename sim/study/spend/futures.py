"""Futures: how traffic, mix, tokens and escalation may develop, drawn once for all patterns."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from sim.chance import Streams
from sim.chance.normal import normal_quantile
from sim.chance.streams import Purpose
from sim.columns import Floats
from sim.experiment.forecast_spec import Forecast, LogitRange, UncertainLogits
from sim.study.spend.purchases import Basis
from sim.study.spend.quotes import Quotes
from sim.workload.traffic import MONTH_DAYS, Month, day_weights, drawn_rate, elapsed_months, months_from

FACTORS: Final = ("growth", "day to day", "mix", "tokens", "escalation", "prices", "simulation")
"""What is not known about a future and is drawn, in the order in which it is told."""

_Z90: Final = 1.2815515655446004


@dataclass(frozen=True)
class Futures:
    """Drawn futures; a factor that is not in `active` is at its median in all of them.

    All arrays are float64 with draws first, months second.
    """

    forecast: Forecast
    basis: Basis
    seed: int
    active: Collection[str] = FACTORS
    quotes: Quotes | None = None
    """Dated prices; those of the fleet hold all the time where there are none."""

    @property
    def draws(self) -> int:
        """How many futures there are."""
        return self.forecast.draws

    @cached_property
    def months(self) -> tuple[Month, ...]:
        """The months of the forecast."""
        return months_from(self.start, self.forecast.months, self.forecast.traffic.time_zone)

    @property
    def start(self) -> dt.date:
        """First day of the forecast."""
        return dt.date.fromisoformat(f"{self.forecast.start}-01")

    def uniforms(self, factor: str, name: str, count: int | None = None) -> Floats:
        """Give one uniform per draw (or `count` of them) for a quantity; one half where the factor is not active."""
        size = self.draws if count is None else count
        if factor not in self.active:
            return np.full(size, 0.5)
        return Streams(self.seed, 0).uniform(Purpose.FORECAST, (factor, name), 0, size)

    @cached_property
    def middles(self) -> Floats:
        """Twelfths of a year from the start to the middle of each month, float64[months]."""
        return np.array([float(elapsed_months(month, self.start).mean()) for month in self.months])

    @cached_property
    def growth(self) -> Floats:
        """Growth per month of each segment, float64[draws, segments]."""
        traffic = self.forecast.traffic
        columns = []
        for segment in self.basis.segments:
            own = traffic.segments.get(segment)
            name = "all" if own is None or own.growth_per_month is None else segment
            columns.append(drawn_rate(traffic.growth_of(segment), self.uniforms("growth", name)))
        return np.stack(columns, axis=1)

    @cached_property
    def volume(self) -> Floats:
        """Expected requests, float64[draws, months, segments]."""
        return self.volume_of([(number, np.ones(len(month.days))) for number, month in enumerate(self.months)])

    def volume_of(self, spans: Sequence[tuple[int, Floats]]) -> Floats:
        """Give the requests expected in each (number of a month, share of each of its days), by draw and segment."""
        traffic, found = self.forecast.traffic, []
        for number, share in spans:
            month = self.months[number]
            noise = 1.0 + traffic.day_to_day * self._days(month)
            elapsed = elapsed_months(month, self.start)
            columns = []
            for row, segment in enumerate(self.basis.segments):
                seconds = day_weights(traffic, month, segment) * share
                trend = np.exp(np.log1p(self.growth[:, row])[:, np.newaxis] * elapsed)
                columns.append(self.basis.rates[row] * (trend * np.maximum(noise, 0.0)) @ seconds)
            found.append(np.stack(columns, axis=1))
        return np.stack(found, axis=1)

    def _days(self, month: Month) -> Floats:
        """Give a standard normal per draw and day."""
        size = len(month.days)
        return normal_quantile(self.uniforms("day to day", month.name, self.draws * size)).reshape(self.draws, size)

    @cached_property
    def users(self) -> dict[str, Floats]:
        """Users of each segment that says how many it has, float64[draws, months]; they grow with the trend."""
        found = {}
        for row, segment in enumerate(self.basis.segments):
            own = self.forecast.traffic.segments.get(segment)
            if own is not None and own.users is not None:
                found[segment] = own.users * np.exp(np.log1p(self.growth[:, row])[:, np.newaxis] * self.middles)
        return found

    @cached_property
    def shares(self) -> Floats:
        """Share of each task among the requests of a segment, float64[draws, months, segments, tasks]."""
        drift, base = self.forecast.drift, self.basis.shares
        hard = np.array([task in drift.hard_tasks for task in self.basis.tasks])
        logit = drawn_logits(drift.hard_logit(), self.uniforms("mix", "hard"))[:, np.newaxis] * self.middles
        before = base[:, hard].sum(axis=1)
        after = shifted(before, logit[..., np.newaxis])
        scale_hard = np.divide(after, before, out=np.ones_like(after), where=before > 0)
        scale_rest = np.divide(1 - after, 1 - before, out=np.ones_like(after), where=before < 1)
        scale = np.where(hard, scale_hard[..., np.newaxis], scale_rest[..., np.newaxis])
        found: Floats = base * scale
        return found

    @cached_property
    def tokens(self) -> Floats:
        """What each meter is multiplied by, float64[draws, months, meter]; calls stay what they are."""
        drift = self.forecast.drift
        into, out = (
            np.exp(np.log1p(drawn_rate(rate, self.uniforms("tokens", name)))[:, np.newaxis] * self.middles)
            for rate, name in ((drift.input_growth(), "input"), (drift.output_growth(), "output"))
        )
        return np.stack([np.ones_like(into), into, into, into, out], axis=2)

    @cached_property
    def escalation(self) -> Floats:
        """Change of the log-odds of an escalation since the start, float64[draws, months]."""
        rate = self.forecast.drift.escalation_logit_per_month
        return drawn_logits(rate, self.uniforms("escalation", "all"))[:, np.newaxis] * self.middles

    def resampled(self, replications: int) -> Floats:
        """Give how often each replication counts in each draw: a bootstrap sample; float64[draws, replications]."""
        if "simulation" not in self.active or replications == 1:
            return np.ones((self.draws, replications))
        picks = self.uniforms("simulation", "replications", self.draws * replications)
        chosen = np.minimum((picks * replications).astype(np.int64), replications - 1)
        codes = np.repeat(np.arange(self.draws), replications) * replications + chosen
        counts = np.bincount(codes, minlength=self.draws * replications).astype(np.float64)
        return counts.reshape(self.draws, replications)

    def luck(self) -> Floats:
        """Give a standard normal per draw and month: the chance of single requests."""
        streams, months = Streams(self.seed, 0), len(self.months)
        uniforms = streams.uniform(Purpose.FORECAST, ("requests", "all"), 0, self.draws * months)
        return normal_quantile(uniforms).reshape(self.draws, months)


def drawn_logits(rate: UncertainLogits, uniforms: Floats) -> Floats:
    """Give the change of log-odds per month for each uniform."""
    if not isinstance(rate, LogitRange):
        return np.full(len(uniforms), float(rate))
    return (rate.p10 + rate.p90) / 2 + (rate.p90 - rate.p10) / (2 * _Z90) * normal_quantile(uniforms)


def shifted(share: Floats, logit: Floats) -> Floats:
    """Give a share whose log-odds are changed; none and all stay what they are."""
    odds = np.exp(logit)
    moved: Floats = share * odds / (1 - share + share * odds)
    return moved


__all__ = ["FACTORS", "MONTH_DAYS", "Futures", "shifted"]
