"""Names and days in a forecast: whether they lead anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sim.errors import Issue
from sim.experiment.document import Place, did_you_mean, dotted
from sim.experiment.forecast_spec import Forecast
from sim.experiment.priced import book_of
from sim.fleet.rate_card import STANDARD
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
    for what, place, name in _named(asked):
        if known[what] and name not in known[what]:
            hint = did_you_mean(name, known[what]) or f"there are: {', '.join(known[what])}"
            yield _issue(experiment, place, f"there is no {what} {name!r}", hint)
    yield from _unpriced(experiment, asked)
    months = months_from(date.fromisoformat(f"{asked.start}-01"), asked.months, "UTC")
    first, last = months[0].days[0], months[-1].days[-1]
    days: list[tuple[Place, str]] = [(("forecast", "traffic", "holidays", day), day) for day in asked.traffic.holidays]
    days += [(("forecast", "traffic", "launches", n, "on"), one.on) for n, one in enumerate(asked.traffic.launches)]
    for place, day in days:
        if not first <= date.fromisoformat(day) <= last:
            hint = "what happened before the start is part of the rates of the workload"
            yield _issue(experiment, place, f"{day} is not within the forecast, {first} to {last}", hint)


def _unpriced(experiment: Experiment, asked: Forecast) -> Iterator[Issue]:
    """Yield every price by name that the book does not have for all of the months."""
    book = book_of(experiment)
    months = months_from(date.fromisoformat(f"{asked.start}-01"), asked.months, asked.traffic.time_zone)
    zone = ZoneInfo(asked.traffic.time_zone)
    first, last = months[0].days[0], months[-1].days[-1] + timedelta(days=1)
    start, end = (datetime.combine(day, time(), zone) for day in (first, last))
    for name, model in experiment.spec.fleet.items():
        if book is not None and model.price.model is not None:
            try:
                book.periods(model.price.model, start, end, service=model.price.service or STANDARD)
            except ValueError as error:
                hint = "the forecast goes beyond what the book says; see `tiercast prices show`"
                yield _issue(experiment, ("fleet", name, "price"), str(error), hint)


def _named(asked: Forecast) -> Iterator[tuple[str, Place, str]]:
    """Yield (what, place, name) of each name."""
    traffic: Place = ("forecast", "traffic")
    for segment in asked.traffic.segments:
        yield "segment", (*traffic, "segments", segment), segment
    for number, launch in enumerate(asked.traffic.launches):
        for place, segment in enumerate(launch.segments):
            yield "segment", (*traffic, "launches", number, "segments", place), segment
    yield from _items("task class", ("forecast", "drift", "hard_tasks"), asked.drift.hard_tasks)
    for name, budget in asked.budgets.items():
        yield from _items("pattern", ("forecast", "budgets", name, "patterns"), budget.patterns)
    for name, project in asked.projects.items():
        yield "pattern", ("forecast", "projects", name, "pattern"), project.pattern
        if project.instead_of is not None:
            yield "pattern", ("forecast", "projects", name, "instead_of"), project.instead_of


def _items(what: str, place: Place, names: Sequence[str]) -> Iterator[tuple[str, Place, str]]:
    for number, name in enumerate(names):
        yield what, (*place, number), name


def _issue(experiment: Experiment, place: Place, message: str, hint: str) -> Issue:
    document = experiment.document
    mark = document.mark(place)
    return Issue(message, mark.file, mark.line, mark.col, dotted(document.data, place), hint)
