"""Names and days in a forecast: whether they lead anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sim.errors import Issue
from sim.experiment.document import Place, did_you_mean, dotted
from sim.experiment.forecast_prices_spec import day_of
from sim.experiment.forecast_spec import Forecast
from sim.experiment.priced import book_of
from sim.fleet.prices import RateCard
from sim.fleet.rate_card import STANDARD
from sim.routing.patterns.cascade import Cascade
from sim.workload.labels import UNNAMED
from sim.workload.traffic import months_from

if TYPE_CHECKING:
    from sim.experiment.resolve import Experiment


def forecast_issues(experiment: Experiment) -> Iterator[Issue]:
    """Yield every segment, task class and pattern of the forecast that does not exist, and days outside its months."""
    asked, workload = experiment.spec.forecast, experiment.spec.workload
    if asked is None:
        return
    patterns = [pattern.name for pattern in experiment.line_up.patterns]
    known = {"segment": list(workload.segments) or [UNNAMED], "task class": list(workload.tasks), "pattern": patterns}
    known["model"] = list(experiment.spec.fleet)
    seen = set()
    for what, place, name in _named(asked):
        if isinstance(place[-1], int) and (place[:-1], name) in seen:
            yield _issue(experiment, place, f"names {what} {name!r} twice", "leave one of them out")
        seen.add((place[:-1], name))
        if known[what] and name not in known[what]:
            hint = did_you_mean(name, known[what]) or f"there are: {', '.join(known[what])}"
            yield _issue(experiment, place, f"there is no {what} {name!r}", hint)
    yield from _idle(experiment, asked)
    yield from _unpriced(experiment, asked)
    months = months_from(date.fromisoformat(f"{asked.start}-01"), asked.months, "UTC")
    first, last = months[0].days[0], months[-1].days[-1]
    days: list[tuple[Place, str]] = [(("forecast", "traffic", "holidays", day), day) for day in asked.traffic.holidays]
    adopted = [] if asked.prices is None else asked.prices.adopt
    days += [(("forecast", "prices", "adopt", n, "on"), one.on) for n, one in enumerate(adopted)]
    days += [(("forecast", "traffic", "launches", n, "on"), one.on) for n, one in enumerate(asked.traffic.launches)]
    for place, day in days:
        if not first <= date.fromisoformat(day) <= last:
            hint = "what happened before the start is part of the rates of the workload"
            yield _issue(experiment, place, f"{day} is not within the forecast, {first} to {last}", hint)


def _idle(experiment: Experiment, asked: Forecast) -> Iterator[Issue]:
    """Yield every question that has no answer, and every change that changes nothing."""
    for name, project in asked.projects.items():
        other = project.instead_of or experiment.line_up.baseline
        if project.pattern == other:
            message = f"{project.pattern} instead of {other} saves nothing"
            hint = "name what runs without the project, such as instead_of: frontier-only"
            yield _issue(experiment, ("forecast", "projects", name, "pattern"), message, hint)
    workload, hard = experiment.spec.workload, set(asked.drift.hard_tasks)
    mixes = [workload.mix_of(segment) for segment in workload.segments or (None,)] if workload.tasks else []
    if hard <= set(workload.tasks) and hard and mixes and not any(hard & set(mix) and set(mix) - hard for mix in mixes):
        hint = "name the task classes that become more at the cost of others in the same mix"
        yield _issue(experiment, ("forecast", "drift", "hard_tasks"), "no segment has both hard and other tasks", hint)
    escalates = any(isinstance(pattern, Cascade) for pattern in experiment.line_up.patterns)
    if asked.drift.escalation_logit_per_month != 0 and not escalates:
        place: Place = ("forecast", "drift", "escalation_logit_per_month")
        yield _issue(experiment, place, "does nothing: no pattern escalates", "leave it out, or add a cascade")


def _unpriced(experiment: Experiment, asked: Forecast) -> Iterator[Issue]:
    """Yield every price by name that the book does not have for all of the months."""
    book = book_of(experiment)
    months = months_from(date.fromisoformat(f"{asked.start}-01"), asked.months, asked.traffic.time_zone)
    zone = ZoneInfo(asked.traffic.time_zone)
    first, last = months[0].days[0], months[-1].days[-1] + timedelta(days=1)
    start, end = (datetime.combine(day, time(), zone) for day in (first, last))
    adopted = [] if asked.prices is None else asked.prices.adopt
    for name, model in experiment.spec.fleet.items():
        of_model = [(number, one) for number, one in enumerate(adopted) if one.model == name]
        of_model.sort(key=lambda pair: pair[1].on)
        priced: list[tuple[Place, datetime, RateCard]] = [(("fleet", name, "price"), start, model.price)]
        priced += [
            (("forecast", "prices", "adopt", number, "price"), datetime.combine(day_of(one), time(), zone), one.price)
            for number, one in of_model
        ]
        ends = [begin for _, begin, _ in priced[1:]] + [end]
        for (place, begin, price), until in zip(priced, ends, strict=True):
            if book is None or price.model is None or not begin < until:
                continue
            try:
                book.periods(price.model, begin, until, service=price.service or STANDARD)
            except ValueError as error:
                hint = (
                    "the forecast goes beyond what the book says: add to the book, make it shorter, or take up another "
                    f"model, as forecast.prices.adopt: [{{model: {name}, on: ..., price: ...}}]"
                )
                yield _issue(experiment, place, str(error), hint)


def _named(asked: Forecast) -> Iterator[tuple[str, Place, str]]:
    """Yield (what, place, name) of each name."""
    traffic: Place = ("forecast", "traffic")
    for segment in asked.traffic.segments:
        yield "segment", (*traffic, "segments", segment), segment
    for number, launch in enumerate(asked.traffic.launches):
        for place, segment in enumerate(launch.segments):
            yield "segment", (*traffic, "launches", number, "segments", place), segment
    yield from _items("task class", ("forecast", "drift", "hard_tasks"), asked.drift.hard_tasks)
    yield from _named_by_prices(asked)
    for name, budget in asked.budgets.items():
        yield from _items("pattern", ("forecast", "budgets", name, "patterns"), budget.patterns)
    for name, project in asked.projects.items():
        yield "pattern", ("forecast", "projects", name, "pattern"), project.pattern
        if project.instead_of is not None:
            yield "pattern", ("forecast", "projects", name, "instead_of"), project.instead_of


def _named_by_prices(asked: Forecast) -> Iterator[tuple[str, Place, str]]:
    """Yield the names below prices and commitments."""
    if asked.prices is not None:
        above: Place = ("forecast", "prices")
        for law in ("steps", "decline"):
            yield from _items("model", (*above, law, "models"), getattr(getattr(asked.prices, law), "models", ()))
        for number, one in enumerate(asked.prices.adopt):
            yield "model", (*above, "adopt", number, "model"), one.model
    for name, commitment in asked.commitments.items():
        yield from _items("model", ("forecast", "commitments", name, "models"), commitment.models)
        yield from _items("pattern", ("forecast", "commitments", name, "patterns"), commitment.patterns)


def _items(what: str, place: Place, names: Sequence[str]) -> Iterator[tuple[str, Place, str]]:
    for number, name in enumerate(names):
        yield what, (*place, number), name


def _issue(experiment: Experiment, place: Place, message: str, hint: str) -> Issue:
    document = experiment.document
    mark = document.mark(place)
    return Issue(message, mark.file, mark.line, mark.col, dotted(document.data, place), hint)
