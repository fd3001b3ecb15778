"""The objectives of an experiment, read and held against what it has: before anything is played."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sim.errors import Issue
from sim.experiment.document import Mark, Place, dotted
from sim.experiment.expectations import chosen_patterns, matched
from sim.experiment.judged import Objective
from sim.experiment.selectors import BadSelector, Selector, choose, parse_selector
from sim.units import show_seconds

if TYPE_CHECKING:
    from sim.experiment.resolve import Experiment

FLAGS: Final = {"acceptable": "quality.acceptance", "answered": "failure.rate"}
"""What else makes a request good, and the metric that says of which groups it is known."""

_DURATIONS: Final = ("latency", "ttft", "wait")
_NS: Final = 1e9
_ANY_QUANTILE: Final = "p(12.5)"
"""Of whatever has quantiles any can be asked for; which one does not matter here."""


@dataclass(frozen=True, slots=True)
class Goal:
    """An objective that can be judged: what of which requests makes them good, under each of the `patterns`.

    `column` is a duration or empty; `flag` one of `FLAGS` or empty; `group` and `name` say of which requests.
    """

    objective: Objective
    column: str
    flag: str
    group: str
    name: str
    patterns: tuple[str, ...]
    text: str
    place: str
    mark: Mark


def goals(experiment: Experiment) -> list[Goal]:
    """Give every objective that is not off, in the order of the file."""
    return [found for found in _read(experiment) if isinstance(found, Goal) and found.objective.level != "off"]


def objective_issues(experiment: Experiment) -> list[Issue]:
    """Give what is wrong with the objectives, each at its line and column."""
    return [found for found in _read(experiment) if isinstance(found, Issue)]


def _read(experiment: Experiment) -> Iterator[Goal | Issue]:
    seen = set()
    for number, objective in enumerate(experiment.spec.objectives):
        place: Place = ("objectives", number)
        if objective.name in seen:
            yield _issue(experiment, (*place, "name"), BadSelector(f"there are two objectives {objective.name!r}"))
            continue
        seen.add(objective.name)
        try:
            yield _goal(experiment, objective, place)
        except BadSelector as error:
            yield _issue(experiment, (*place, "metric"), error)


def _goal(experiment: Experiment, objective: Objective, place: Place) -> Goal:
    selector = parse_selector(objective.metric)
    patterns = chosen_patterns(experiment, selector)
    known = Selector(selector.text, FLAGS.get(selector.metric, selector.metric), selector.where)
    if selector.metric in FLAGS:
        if objective.under is not None:
            raise BadSelector(f"{selector.metric!r} is no duration: leave out `under`")
        matched(experiment, choose(known, "value"), known, patterns)
        kinds = [kind for kind in selector.where if kind != "pattern"]
        group, name = (kinds[0], selector.where[kinds[0]]) if kinds else ("", "")
        column, flag = "", selector.metric
    else:
        chosen = matched(experiment, choose(known, _ANY_QUANTILE), known, patterns)
        column, flag, group, name = chosen.column, "", chosen.group, chosen.name
        if column not in _DURATIONS:
            hint = f"objectives are of {', '.join((*_DURATIONS, *FLAGS))}"
            raise BadSelector(f"no objective can be of {selector.metric!r}", hint)
        if objective.under is None:
            raise BadSelector(f"{selector.metric!r} is a duration: say `under` which one a request is good")
    document = experiment.document
    return Goal(
        objective,
        column,
        flag,
        group,
        name,
        patterns,
        _text(objective),
        dotted(document.data, place),
        document.mark((*place, "target")),
    )


def _text(objective: Objective) -> str:
    """Write an objective as people say it."""
    good = f"{objective.metric} under {show_seconds(objective.under / _NS)}" if objective.under else objective.metric
    return f"{100 * objective.target:.6g} % {good} over {show_seconds(objective.window / _NS)}"


def _issue(experiment: Experiment, place: Place, error: BadSelector) -> Issue:
    mark, path = experiment.document.mark(place), dotted(experiment.document.data, place)
    return error.issue(mark.file, mark.line, mark.col, path)
