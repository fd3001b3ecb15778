"""The thresholds of an experiment, read and held against what it has: before anything is played."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.errors import Issue
from sim.experiment.conditions import limit_in, parse_condition
from sim.experiment.document import Mark, Place, did_you_mean, dotted
from sim.experiment.judged import Level, Threshold
from sim.experiment.selectors import WINDOW, BadSelector, Chosen, Selector, choose, parse_selector
from sim.experiment.spend_limits import is_of_spend
from sim.experiment.windows import parse_window, windowed
from sim.fleet import reached
from sim.routing.tries import FALLBACK, HEDGE, UNANSWERED
from sim.workload.arrivals.trace import TraceReplay
from sim.workload.sources import processes_of

if TYPE_CHECKING:
    from sim.experiment.resolve import Experiment
    from sim.routing.patterns import Pattern

_KEY = "thresholds"


@dataclass(frozen=True, slots=True)
class Expectation:
    """A threshold that can be judged: `chosen` must be `operator` `limit` (in its unit) under each of the `patterns`.

    `text` is what was written, at `mark`; `place` its dotted way from the root.
    """

    chosen: Chosen
    operator: str
    limit: float
    patterns: tuple[str, ...]
    level: Level
    text: str
    place: str
    mark: Mark


def expectations(experiment: Experiment) -> list[Expectation]:
    """Give every threshold that is not off, in the order of the file."""
    return [found for found in _read(experiment) if isinstance(found, Expectation) and found.level != "off"]


def threshold_issues(experiment: Experiment) -> list[Issue]:
    """Give what is wrong with the thresholds, each at its line and column."""
    return [found for found in _read(experiment) if isinstance(found, Issue)]


def _read(experiment: Experiment) -> Iterator[Expectation | Issue]:
    document = experiment.document
    for key, written in experiment.spec.thresholds.items():
        if is_of_spend(key):
            continue
        place: Place = (_KEY, key)
        try:
            selector = parse_selector(key, also=(WINDOW,))
            patterns = chosen_patterns(experiment, selector)
        except BadSelector as error:
            mark = document.key_mark(place)
            yield error.issue(mark.file, mark.line, mark.col, dotted(document.data, place))
            continue
        items = written if isinstance(written, list) else [written]
        if not items:
            yield _issue(experiment, place, BadSelector("has no condition", "write for example ['p(95)<4s']"))
        for number, item in enumerate(items):
            where: Place = (*place, number) if isinstance(written, list) else place
            yield _expectation(experiment, selector, patterns, item, where)


def _expectation(
    experiment: Experiment, selector: Selector, patterns: tuple[str, ...], item: str | Threshold, place: Place
) -> Expectation | Issue:
    text = item if isinstance(item, str) else item.threshold
    inner = place if isinstance(item, str) else (*place, "threshold")
    try:
        condition = parse_condition(text)
        chosen = matched(experiment, choose(selector, condition.aggregation), selector, patterns)
        chosen = windowed(chosen, selector, condition.aggregation)
        _within_the_run(experiment, chosen)
        limit = limit_in(chosen.unit, condition.limit)
    except BadSelector as error:
        return _issue(experiment, inner, error)
    level: Level = "error" if isinstance(item, str) else item.level
    document = experiment.document
    return Expectation(
        chosen, condition.operator, limit, patterns, level, text, dotted(document.data, place), document.mark(inner)
    )


def _within_the_run(experiment: Experiment, chosen: Chosen) -> None:
    """Raise BadSelector for a window after the end of the run, or within its warm-up."""
    run = experiment.spec.run
    if not chosen.window or (window := parse_window(chosen.window)).of_day:
        return
    if run.duration is not None and window.begin_ns >= run.duration:
        raise BadSelector(f"the window {window.text} begins after the end of the run", "run.duration says when that is")
    if window.end_ns <= run.warm_up:
        raise BadSelector(f"the window {window.text} lies within the warm-up", "run.warm_up says how long that is")


def chosen_patterns(experiment: Experiment, selector: Selector) -> tuple[str, ...]:
    """Give the pattern that a selector names; without one, every pattern that the user wrote.

    The baselines that run beside them are the user's only where he names them. Raises BadSelector.
    """
    wanted = selector.where.get("pattern")
    known = [pattern.name for pattern in experiment.line_up.patterns]
    if wanted is None:
        return tuple(pattern.name for pattern in experiment.spec.patterns) or tuple(known)
    if wanted not in known:
        raise BadSelector(f"there is no pattern {wanted!r}", _known(wanted, "patterns", known))
    return (wanted,)


def matched(experiment: Experiment, chosen: Chosen, selector: Selector, patterns: tuple[str, ...]) -> Chosen:
    """Hold the names in a selector against the experiment. Raises BadSelector for one that can match nothing.

    Of a single segment or task class, the metric is that of everything: no run reports it twice.
    """
    workload = experiment.spec.workload
    segments = list(workload.segments)
    if not segments and not _all_traces(experiment):
        segments = ["all"]
    models = {name for one in experiment.line_up.patterns if one.name in patterns for name in _models(experiment, one)}
    known = {
        "segment": segments,
        "task": list(workload.tasks),
        "model": [m for m in experiment.spec.fleet if m in models],
    }
    for kind, names in known.items():
        wanted = selector.where.get(kind)
        if wanted is None or wanted in names or not names:  # a trace or a table brings names that nobody knows yet
            continue
        what = "task class" if kind == "task" else kind
        called = " that these patterns call" if kind == "model" and wanted in experiment.spec.fleet else ""
        raise BadSelector(
            f"there is no {what} {wanted!r}{called}", _known(wanted, f"{what}s".replace("ss", "sses"), names)
        )
    _possible_route(selector.where.get("route"), models)
    for kind in ("segment", "task"):
        if selector.where.get(kind) is not None and known[kind] == [selector.where[kind]]:
            return choose(Selector(selector.text, selector.metric, {}), _aggregation_of(chosen))
    return chosen


def _possible_route(route: str | None, models: set[str]) -> None:
    """Raise BadSelector for a route over a model that the patterns never call: ``small>large``, ``fallback:large``."""
    if route is None or route == UNANSWERED or route in models:
        return
    plain = route.removeprefix(FALLBACK).removeprefix(HEDGE)
    for name in re.split("[>+]", plain):
        if name not in models:
            known = _known(name, "models", sorted(models))
            raise BadSelector(f"no request can take the route {route!r}: these patterns do not call {name!r}", known)


def _aggregation_of(chosen: Chosen) -> str:
    last = chosen.metric.rpartition(".")[2]
    if chosen.quantile is not None:
        return f"p({100 * chosen.quantile:.12g})"
    quantiles = {"p50": "p(50)", "p95": "p(95)", "p99": "p(99)"}
    return quantiles.get(last, last if last in {"mean", "rate"} else "value")


def _models(experiment: Experiment, pattern: Pattern) -> Iterator[str]:
    """Yield the models that a pattern may call, also in the place of others or beside them."""
    yield from reached(experiment.spec.fleet, pattern.all_models())


def _all_traces(experiment: Experiment) -> bool:
    return all(isinstance(process, TraceReplay) for process in processes_of(experiment.spec.workload).values())


def _known(word: str, what: str, names: list[str]) -> str:
    return did_you_mean(word, names) or f"{what}: {', '.join(names)}"


def _issue(experiment: Experiment, place: Place, error: BadSelector) -> Issue:
    document = experiment.document
    mark = document.mark(place)
    return error.issue(mark.file, mark.line, mark.col, dotted(document.data, place))
