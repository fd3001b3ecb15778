"""Thresholds on spend, held against the forecast: ``spend.month{pattern:cascade}: ['value<30000usd']``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sim.errors import Issue
from sim.experiment.conditions import limit_in, parse_condition
from sim.experiment.document import Mark, Place, did_you_mean, dotted
from sim.experiment.judged import Level, Threshold
from sim.experiment.selectors import BadSelector, parse_selector

if TYPE_CHECKING:
    from sim.experiment.resolve import Experiment
    from sim.experiment.selectors import Selector

SPEND: Final = ("spend.month", "spend.total")
"""What a threshold may be of: every month of the forecast (or one, by the selector `month`), or all together."""

_KEY: Final = "thresholds"
_SEE: Final = "write for example spend.month{pattern:cascade}: ['value<30000usd']"


@dataclass(frozen=True, slots=True)
class SpendLimit:
    """A limit in USD on what each of the `patterns` spends; `month` is empty where not one of them is meant."""

    metric: str
    month: str
    operator: str
    limit: float
    patterns: tuple[str, ...]
    level: Level
    text: str
    place: str
    mark: Mark


def is_of_spend(key: str) -> bool:
    """Say whether a threshold is one on spend."""
    return key.strip().startswith("spend")


def spend_limits(experiment: Experiment) -> list[SpendLimit]:
    """Give every threshold on spend that is not off, in the order of the file."""
    return [found for found in _read(experiment) if isinstance(found, SpendLimit) and found.level != "off"]


def spend_limit_issues(experiment: Experiment) -> list[Issue]:
    """Give what is wrong with them, each at its line and column."""
    return [found for found in _read(experiment) if isinstance(found, Issue)]


def _read(experiment: Experiment) -> Iterator[SpendLimit | Issue]:
    for key, written in experiment.spec.thresholds.items():
        if not is_of_spend(key):
            continue
        place: Place = (_KEY, key)
        try:
            selector = parse_selector(key, also=("month",))
            patterns = _patterns(experiment, selector)
        except BadSelector as error:
            mark = experiment.document.key_mark(place)
            yield error.issue(mark.file, mark.line, mark.col, dotted(experiment.document.data, place))
            continue
        items = written if isinstance(written, list) else [written]
        for number, item in enumerate(items):
            where: Place = (*place, number) if isinstance(written, list) else place
            yield _limit(experiment, selector, patterns, item, where)


def _patterns(experiment: Experiment, selector: Selector) -> tuple[str, ...]:
    """Give the patterns that are meant. Raises BadSelector for all that no forecast tells."""
    if selector.metric not in SPEND:
        hint = did_you_mean(selector.metric, SPEND) or f"thresholds on spend are of {' and '.join(SPEND)}"
        raise BadSelector(f"there is no metric {selector.metric!r}", hint)
    asked = experiment.spec.forecast
    if asked is None:
        raise BadSelector("the experiment asks for no forecast", "add for example forecast: {start: 2026-12}")
    known = [pattern.name for pattern in experiment.line_up.patterns]
    if strange := sorted(selector.where.keys() - {"pattern", "month"}):
        raise BadSelector(f"spend is not told by {strange[0]}", "it takes pattern and month")
    month = selector.where.get("month")
    months = _months(asked.start, asked.months)
    if month is not None and (month not in months or selector.metric == "spend.total"):
        hint = f"its months are {months[0]} to {months[-1]}" if selector.metric != "spend.total" else "take spend.month"
        raise BadSelector(f"{month!r} is no month of the forecast for {selector.metric}", hint)
    wanted = selector.where.get("pattern")
    if wanted is None:
        return tuple(pattern.name for pattern in experiment.spec.patterns) or tuple(known)
    if wanted not in known:
        raise BadSelector(f"there is no pattern {wanted!r}", did_you_mean(wanted, known) or f"there are: {known}")
    return (wanted,)


def _limit(
    experiment: Experiment, selector: Selector, patterns: tuple[str, ...], item: str | Threshold, place: Place
) -> SpendLimit | Issue:
    text = item if isinstance(item, str) else item.threshold
    inner = place if isinstance(item, str) else (*place, "threshold")
    document = experiment.document
    try:
        operator, limit = _condition(text)
    except BadSelector as error:
        mark = document.mark(inner)
        return error.issue(mark.file, mark.line, mark.col, dotted(document.data, inner))
    return SpendLimit(
        metric=selector.metric,
        month=selector.where.get("month", ""),
        operator=operator,
        limit=limit,
        patterns=patterns,
        level="error" if isinstance(item, str) else item.level,
        text=text,
        place=dotted(document.data, place),
        mark=document.mark(inner),
    )


def _condition(text: str) -> tuple[str, float]:
    """Give operator and limit in USD, which a number without a unit is too. Raises BadSelector."""
    condition = parse_condition(text)
    if condition.aggregation != "value":
        raise BadSelector(f"spend has no aggregation {condition.aggregation!r}", _SEE)
    plain = condition.limit.replace(".", "", 1).isdigit()
    return condition.operator, limit_in("usd", f"{condition.limit}usd" if plain else condition.limit)


def _months(start: str, count: int) -> list[str]:
    """Name the months of a forecast."""
    year, month = (int(part) for part in start.split("-"))
    places = range(12 * year + month - 1, 12 * year + month - 1 + count)
    return [f"{place // 12:04d}-{place % 12 + 1:02d}" for place in places]
