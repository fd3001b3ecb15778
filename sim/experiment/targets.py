"""Metrics with a share each: how precisely ``run.precision`` wants them, how much ``regression.tolerance`` forgives."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.errors import Issue
from sim.experiment.document import Mark, Place, dotted
from sim.experiment.expectations import chosen_patterns, matched
from sim.experiment.selectors import BadSelector, Chosen, Selector, choose, parse_selector

if TYPE_CHECKING:
    from sim.experiment.resolve import Experiment

_QUANTILE = re.compile(r"(.+)\.p([0-9]+(?:\.[0-9]+)?)")
_DIFFERENCES = ("points",)


@dataclass(frozen=True, slots=True)
class Target:
    """A metric under some patterns, and a share of it: 0.03 for ``latency.p95: 3%``."""

    chosen: Chosen
    patterns: tuple[str, ...]
    share: float
    text: str
    place: str
    mark: Mark


def precision_targets(experiment: Experiment) -> list[Target]:
    """Give what `run.precision` asks for."""
    return [found for found in _precision(experiment) if isinstance(found, Target)]


def tolerances(experiment: Experiment) -> list[Target]:
    """Give what `regression.tolerance` forgives."""
    return [found for found in _tolerance(experiment) if isinstance(found, Target)]


def target_issues(experiment: Experiment) -> list[Issue]:
    """Give what is wrong with either, each at its line and column."""
    return [found for found in (*_precision(experiment), *_tolerance(experiment)) if isinstance(found, Issue)]


def _precision(experiment: Experiment) -> Iterator[Target | Issue]:
    yield from _targets(experiment, ("run", "precision"), experiment.spec.run.precision or {})


def _tolerance(experiment: Experiment) -> Iterator[Target | Issue]:
    regression = experiment.spec.regression
    yield from _targets(experiment, ("regression", "tolerance"), {} if regression is None else regression.tolerance)


def _targets(experiment: Experiment, around: Place, wanted: Mapping[str, float]) -> Iterator[Target | Issue]:
    document = experiment.document
    for key, share in wanted.items():
        place = (*around, key)
        mark, path = document.key_mark(place), dotted(document.data, place)
        try:
            selector = parse_selector(key)
            patterns = chosen_patterns(experiment, selector)
            chosen = matched(experiment, _shared(selector), selector, patterns)
        except BadSelector as error:
            yield error.issue(mark.file, mark.line, mark.col, path)
            continue
        yield Target(chosen, patterns, share, f"{key}: {100 * share:.6g}%", path, mark)


def whole_metric(selector: Selector) -> Chosen:
    """Find the metric whose whole name, aggregation and all, a selector has: ``latency.p95``. Raises BadSelector."""
    quantile = _QUANTILE.fullmatch(selector.metric)
    if quantile is None:
        return choose(selector, "value")
    return choose(Selector(selector.text, quantile[1], selector.where), f"p({quantile[2]})")


def _shared(selector: Selector) -> Chosen:
    """Find a metric of which a share can be taken."""
    chosen = whole_metric(selector)
    if chosen.unit in _DIFFERENCES:
        hint = "take quality.acceptance, of which it is a difference"
        raise BadSelector(f"{chosen.metric} may be 0, of which no share can be taken", hint)
    return chosen
