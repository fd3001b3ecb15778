"""The forecast of monthly spend: an experiment played once, and its purchases carried into drawn futures."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from sim.columns import Floats
from sim.errors import InvalidInput, Issue
from sim.experiment.forecast_spec import Forecast
from sim.experiment.priced import book_of
from sim.fleet.instants import show_instant
from sim.fleet.token_rates import METERS
from sim.routing.plan import Cause
from sim.study.replications import Report
from sim.study.spend.answers import (
    BudgetAnswer,
    CommitmentAnswer,
    MonthSpend,
    PatternForecast,
    ProjectAnswer,
    SpendForecast,
    crossed,
    paid_back,
    ranged,
    share_of_variance,
)
from sim.study.spend.commitments import committed
from sim.study.spend.costs import Spending, by_use, spending, totals, with_replicas
from sim.study.spend.futures import FACTORS, Futures
from sim.study.spend.purchases import Basis, play
from sim.study.spend.quotes import Quotes, dated_quotes
from sim.study.spend.tails import outside, places_of
from sim.workload.traffic import months_from

if TYPE_CHECKING:
    from sim.experiment.resolve import Experiment

STEPS = "steps"
"""Stands for classifiers, verifications and judges among the models."""

REPLICAS = "replicas"
"""Stands for the hours of replicas, busy or idle, among the causes."""

_NOISE = 1e-9
"""A factor of which nothing is drawn moves only the last digits."""

REQUESTS = "chance of requests"
TOGETHER = "interactions"
"""What factors do together, beyond what each does alone."""


@dataclass(frozen=True, slots=True)
class SpendDraws:
    """What every pattern costs in each drawn future: USD as float64[draws, months] by pattern; `level` is as asked for.

    Futures are drawn by position: those of two experiments with one seed are the same world, so that differences of
    them, draw by draw, are differences of the experiments.
    """

    months: tuple[str, ...]
    level: float
    spend: Mapping[str, Floats]


def spend_draws(
    experiment: Experiment, engine: str = "auto", progress: Report | None = None, *, workers: int | None = None
) -> SpendDraws:
    """Draw the spend of every pattern and future. InvalidInput where the experiment has no `forecast`."""
    return _studied(experiment, engine, progress, workers).draws()


def forecast(
    experiment: Experiment, engine: str = "auto", progress: Report | None = None, *, workers: int | None = None
) -> SpendForecast:
    """Forecast the spend of every pattern; the answer depends on neither engine nor workers.

    Raises InvalidInput where the experiment has no `forecast`, and RunError if a worker process dies.
    """
    return _studied(experiment, engine, progress, workers).answer()


def _studied(experiment: Experiment, engine: str, progress: Report | None, workers: int | None) -> _Study:
    asked = experiment.spec.forecast
    if asked is None:
        hint = "add for example forecast: {start: 2026-12, months: 12}"
        raise InvalidInput([Issue("the experiment asks for no forecast", path="forecast", hint=hint)])
    quotes = quotes_of(experiment, tuple(experiment.spec.fleet))
    starts = None if quotes is None else quotes.starts
    basis = play(experiment, engine, progress, workers=workers, starts=starts)
    if not basis.requests:
        raise InvalidInput([Issue("no request arrived in the measured part of the run", path="run")])
    return _Study(experiment, asked, basis, quotes)


def quotes_of(experiment: Experiment, models: Sequence[str]) -> Quotes | None:
    """Give the dated prices of the months; None where none has a date.

    InvalidInput where prices by name have lost their book, as in a baseline: its numbers are those of one day.
    """
    asked, book = experiment.spec.forecast, book_of(experiment)
    fleet = {name: experiment.spec.fleet[name] for name in models}
    adopted = [] if asked is None or asked.prices is None else asked.prices.adopt
    cards = {f"fleet.{name}.price": model.price for name, model in fleet.items()}
    cards |= {f"forecast.prices.adopt.{number}.price": one.price for number, one in enumerate(adopted)}
    named = [place for place, card in cards.items() if card.model is not None]
    if named and book is None:
        message = "is a price by name, and the book of it is not there: a baseline keeps the numbers of one day"
        hint = "forecast the experiment file, or a revision of it"
        raise InvalidInput([Issue(message, experiment.document.file, path=place, hint=hint) for place in named])
    by_name = any(model.price.model is not None for model in fleet.values())
    if asked is None or not (by_name or adopted):
        return None
    zone = asked.traffic.time_zone
    months = months_from(dt.date.fromisoformat(f"{asked.start}-01"), asked.months, zone)
    return dated_quotes(fleet, book, months, zone, adopted)


class _Study:
    """One forecast in the making."""

    def __init__(self, experiment: Experiment, asked: Forecast, basis: Basis, quotes: Quotes | None) -> None:
        self._experiment = experiment
        self._asked = asked
        self._basis = basis
        self._fleet = [experiment.spec.fleet[name] for name in basis.models]
        self._quotes = quotes
        self._futures = Futures(asked, basis, experiment.spec.seed, quotes=self._quotes)
        self._requests: Floats = self._futures.volume.sum(axis=2)
        self._names = tuple(month.name for month in self._futures.months)
        self._spent: dict[str, Spending] = {}
        self._seen: dict[str, Floats] = {}
        for name, bought in basis.bought.items():
            spent = spending(self._futures, bought, self._fleet)
            self._spent[name] = spent
            self._seen[name] = np.maximum(spent.total + np.sqrt(spent.variance) * self._futures.luck(), 0.0)

    def draws(self) -> SpendDraws:
        """Give the spend of every future as it is."""
        return SpendDraws(self._names, self._asked.level, self._seen)

    def answer(self) -> SpendForecast:
        """Put everything together."""
        spec, up = self._experiment.spec, self._experiment.line_up
        commitments = tuple(self._commitments())
        found = SpendForecast(
            experiment=spec.name,
            title=spec.title or spec.name,
            hash=self._experiment.hash,
            seed=spec.seed,
            level=self._asked.level,
            draws=self._asked.draws,
            baseline=up.baseline,
            requests=self._basis.requests,
            replications=spec.run.replications,
            patterns={name: self._pattern(name) for name in self._spent},
            budgets=tuple(self._budgets()),
            projects=tuple(self._projects()),
            commitments=commitments,
            price_changes=() if self._quotes is None else self._quotes.changes,
            notes=tuple(self._notes(commitments)),
        )
        return replace(found, notes=(*found.notes, *outside(places_of(found), found.level)))

    def _pattern(self, name: str) -> PatternForecast:
        seen, level, up = self._seen[name], self._asked.level, self._experiment.line_up
        whole = seen.sum(axis=1)
        others = [other for other in dict.fromkeys((up.baseline, up.frontier_only, up.cheap_only)) if other != name]
        savings = {}
        for other in others:
            against = self._seen[other].sum(axis=1)
            savings[other] = (ranged(against - whole, level), ranged(_ratio(against - whole, against), level))
        drivers = self._drivers(name)
        return PatternForecast(
            name=name,
            months=tuple(self._months(name)),
            total=ranged(whole, level),
            per_1k=ranged(1000 * _ratio(whole, self._requests.sum(axis=1)), level) if self._requests.any() else None,
            drivers={factor: share for factor, (share, _) in drivers.items()},
            drivers_error={factor: error for factor, (_, error) in drivers.items()},
            savings=savings,
        )

    def _months(self, name: str) -> Iterator[MonthSpend]:
        spent, seen, level = self._spent[name], self._seen[name], self._asked.level
        cumulative, per_1k = np.cumsum(seen, axis=1), 1000 * _ratio(seen, self._requests)
        rows = {segment: row for row, segment in enumerate(self._basis.segments)}
        by_segment = with_replicas(spent, self._futures.volume)
        models = (*self._basis.models, STEPS)
        causes = (*(cause.label for cause in Cause), REPLICAS)
        for number, month in enumerate(self._names):
            users = {
                segment: ranged(by_segment[:, number, rows[segment]] / count[:, number], level)
                for segment, count in self._futures.users.items()
            }
            yield MonthSpend(
                month=month,
                requests=float(self._requests[:, number].mean()),
                spend=ranged(seen[:, number], level),
                cumulative=ranged(cumulative[:, number], level),
                per_1k=ranged(per_1k[:, number], level) if self._requests[:, number].any() else None,
                models=_some(models, spent.models[number]),
                causes=_some(causes, spent.causes[number]),
                users=users,
                tokens=self._metered(spent.quantity[number]),
                metered=self._metered(spent.metered[number]),
            )

    def _metered(self, values: Floats) -> dict[str, dict[str, float]]:
        """Give what is not all 0 by model and meter, float64[models, meters]."""
        return {
            model: dict(zip(METERS, row.tolist(), strict=True))
            for model, row in zip(self._basis.models, values, strict=True)
            if row.any()
        }

    def _drivers(self, name: str) -> dict[str, tuple[float, float]]:
        """Give the share of the variance of the whole that each factor makes alone, all others at their median.

        With the standard error of each, from the number of draws. What is left is what factors do together, and
        negative where they balance each other.
        """
        bought, chance = self._basis.bought[name], float(self._spent[name].variance.sum(axis=1).mean())
        whole = self._spent[name].total.sum(axis=1)
        of = float(whole.var(ddof=1)) + chance
        if not of:
            return {}
        found, parts = {}, np.zeros(len(whole))
        squares = (whole - whole.mean()) ** 2 / of
        for factor in FACTORS:
            alone = Futures(self._asked, self._basis, self._experiment.spec.seed, (factor,), self._quotes)
            drawn = totals(alone, bought, self._fleet)
            if np.ptp(drawn) > _NOISE * float(np.abs(drawn).max()):
                found[factor] = share_of_variance(drawn, whole, of)
                parts += (drawn - drawn.mean()) ** 2
        alone_in_all = sum(share for share, _ in found.values())
        errors = [float(one.std(ddof=1)) / len(whole) ** 0.5 for one in (squares, parts / of - alone_in_all * squares)]
        found[REQUESTS] = (chance / of, chance / of * errors[0])
        found[TOGETHER] = (1 - alone_in_all - chance / of, errors[1])
        return found

    def _budgets(self) -> Iterator[BudgetAnswer]:
        for name, budget in self._asked.budgets.items():
            for pattern in budget.patterns or self._seen:
                yield crossed((name, budget.usd_per_month), pattern, self._seen[pattern], self._names)

    def _commitments(self) -> Iterator[CommitmentAnswer]:
        """Hold what is bought ahead against what its calls cost by use, chance of requests included."""
        within = (self._futures.months, self._asked.level)
        for name, asked in self._asked.commitments.items():
            rows = [self._basis.models.index(model) for model in asked.models]
            for pattern in asked.patterns or self._seen:
                usd, units = by_use(self._futures, self._basis.bought[pattern], self._fleet)
                total, seen = self._spent[pattern].total, self._seen[pattern]
                luck = np.divide(seen, total, out=np.ones_like(seen), where=total > 0)
                paid = usd[:, :, rows].sum(axis=2) * luck
                if paid.any():
                    use = (paid, units[:, :, rows].sum(axis=2) * luck[..., np.newaxis])
                    yield committed(name, asked, pattern, use, within)

    def _projects(self) -> Iterator[ProjectAnswer]:
        for name, project in self._asked.projects.items():
            other = project.instead_of or self._experiment.line_up.baseline
            saved = self._seen[other] - self._seen[project.pattern]
            terms = (name, project.engineering_usd, project.upkeep_usd_per_month)
            yield paid_back(terms, (project.pattern, other), saved, self._names, self._asked.level)

    def _notes(self, commitments: Sequence[CommitmentAnswer]) -> Iterator[str]:
        draws = self._asked.draws
        yield (
            f"brackets are {100 * self._asked.level:g} % prediction intervals around the median of {draws:,} futures, "
            "if rates and ranges of the file hold; what nobody wrote down is in none of them"
        )
        yield (
            "means add up, medians do not: a row or a part that is called mean is the average over futures; a share of "
            f"the futures is within {100 / draws**0.5:.2g} points of its probability (at 95 %)"
        )
        yield (
            "purchases per request are those of the simulation (by segment, task class, and whether it escalated), "
            "carried into each month by its mix, escalations and tokens; longer prompts change no route by themselves"
        )
        grown = float(self._futures.volume.sum(axis=2).mean(axis=0)[-1] / self._futures.months[-1].length_s)
        if self._basis.refusable:
            yield (
                f"{', '.join(self._basis.refusable)}: what limits, queues and failures do is taken at the simulated "
                f"load of {self._basis.rates.sum():.4g} requests/s; the last month expects {grown:.4g}"
            )
        if self._futures.users and any(one.causes[:, -1].any() for one in self._spent.values()):
            yield "costs per user bear a share of what replicas cost, which serve all segments: that of the requests"
        yield from self._idle_commitments(commitments)
        if self._quotes is not None:
            yield from _of_prices(self._experiment)
        yield "within a month requests are taken to come as a Poisson process; burstier traffic varies more"
        if self._experiment.spec.run.replications == 1:
            yield "one replication tells nothing of its own error: intervals leave out the error of the simulation"

    def _idle_commitments(self, commitments: Sequence[CommitmentAnswer]) -> Iterator[str]:
        """Say which purchases are held against nothing: no call of their models is paid by use."""
        answered = {(one.commitment, one.pattern) for one in commitments}
        for name, asked in self._asked.commitments.items():
            lacking = [pattern for pattern in asked.patterns or self._seen if (name, pattern) not in answered]
            if lacking and (asked.patterns or len(lacking) == len(self._seen)):
                yield (
                    f"commitment {name}: nothing to hold it against under {', '.join(lacking)}, which "
                    f"{'pays' if len(lacking) == 1 else 'pay'} no call of {', '.join(asked.models)} by use"
                )


def _of_prices(experiment: Experiment) -> Iterator[str]:
    """Say where dated prices come from."""
    card, book = experiment.spec.rate_card, book_of(experiment)
    if card is None or book is None:
        return
    source = book.source
    noted = "" if source is None else f" ({source.package} {source.version}, {show_instant(source.frozen)})"
    named = ", ".join(name for name, model in experiment.spec.fleet.items() if model.price.model is not None)
    yield (
        f"{named}: prices are those of {card.book}{noted} on each day of a month, announced changes included; a "
        "successor is taken to answer as long, as fast and as well as what it follows"
    )


def _some(names: tuple[str, ...], values: Floats) -> dict[str, float]:
    """Give what is not 0, by name."""
    return {name: value for name, value in zip(names, values.tolist(), strict=True) if value}


def _ratio(part: Floats, whole: Floats) -> Floats:
    """Divide, 0 where there is nothing to divide by."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
