"""Which metric is meant: ``latency{pattern:cascade,segment:enterprise}`` with ``p(95)``, in the names of the catalogue.

What stands in front of the braces is a metric of the catalogue without its aggregation and without the group it is of;
underscores may stand for dots (``quality_loss``). The selectors say which group. A whole dotted name of the catalogue
(``latency.segment.enterprise.p95``) goes with the aggregation `value`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass

from sim.errors import Issue
from sim.experiment.document import did_you_mean
from sim.outcome.catalogue import CATALOGUE, Better, Metric

DIMENSIONS = ("route", "segment", "task", "model", "cause")
"""What a metric may be of, besides a pattern."""

WINDOW = "window"
"""Selector of a part of the time, for those who can measure one."""

_SELECTORS = ("pattern", *DIMENSIONS)
_SELECTOR = re.compile(r"""\s*([A-Za-z_]+)\s*:\s*("[^"]*"|'[^']*'|[^,{}"']*?)\s*(?:,|$)""")
_HEAD = re.compile(r"\s*([^{}\s]+)\s*(?:\{(.*)\})?\s*", re.DOTALL)
_QUANTILE = re.compile(r"p\(\s*([0-9]+(?:\.[0-9]+)?)\s*\)")
_SUFFIXES = {"value": "", "mean": ".mean", "avg": ".mean", "med": ".p50", "rate": ".rate", "share": ".share"}
_MEASURED_QUANTILES = ("50", "95", "99")


class BadSelector(ValueError):  # noqa: N818 - what is bad is the selector
    """A selector, metric or aggregation that means nothing; `hint` says what would."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def issue(self, file: str, line: int, col: int, path: str) -> Issue:
        """Give it with its place."""
        return Issue(str(self), file, line, col, path, self.hint)


@dataclass(frozen=True, slots=True)
class Selector:
    """What was written: the metric, and what it is of by dimension."""

    text: str
    metric: str
    where: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A metric of the catalogue as it is called in a run; `quantile` is set for one that is measured when asked for.

    `column`, `group` and `name` say of what that quantile is: ``latency``, ``segment``, ``enterprise``; `window` of
    which part of the time it is, if not of all.
    """

    metric: str
    unit: str
    better: Better
    quantile: float | None = None
    column: str = ""
    group: str = ""
    name: str = ""
    window: str = ""


def parse_selector(text: str, *, also: tuple[str, ...] = ()) -> Selector:
    """Read a metric with its selectors, and those that are known `also`. Raises BadSelector."""
    found = _HEAD.fullmatch(text)
    if found is None:
        raise BadSelector(f"{text!r} is no metric", "write for example latency{pattern:cascade}")
    metric, inside = found.groups()
    where: dict[str, str] = {}
    at = 0
    while inside is not None and at < len(inside):
        part = _SELECTOR.match(inside, at)
        if part is None or not part[2].strip("\"'"):
            raise BadSelector(f"{inside[at:]!r} is no selector", "write for example {pattern:cascade,segment:free}")
        name = part[1]
        known = (*_SELECTORS, *also)
        if name not in known:
            told = "windows are for thresholds alone" if name == WINDOW else f"unknown selector {name!r}"
            raise BadSelector(told, did_you_mean(name, known) or f"selectors are {', '.join(known)}")
        if name in where:
            raise BadSelector(f"the selector {name!r} is given twice")
        where[name] = part[2][1:-1] if part[2][0] in "\"'" else part[2]
        at = part.end()
    return Selector(text, metric, where)


def choose(selector: Selector, aggregation: str) -> Chosen:
    """Find the metric of the catalogue. Raises BadSelector for an unknown metric, aggregation or combination."""
    base, where = _spelled_out(selector)
    groups = [name for name in DIMENSIONS if name in where]
    if len(groups) > 1:
        raise BadSelector(f"{' and '.join(groups)} at once: metrics are measured for one of them")
    group = groups[0] if groups else ""
    own = {(base_, dimension): metric for (base_, dimension), metric in _index().items() if _is_of(base_, base)}
    if not own:
        known = sorted({_without_aggregation(known) for known, _ in _index()})
        raise BadSelector(f"there is no metric {selector.metric!r}", did_you_mean(selector.metric, known) or _SEE)
    quantile = _QUANTILE.fullmatch(aggregation)
    if quantile is None and aggregation not in _SUFFIXES:
        raise BadSelector(f"there is no aggregation {aggregation!r}", _aggregations(base))
    if quantile is not None:
        return _quantile(base, group, where.get(group, ""), quantile[1])
    found = _index().get((base + _SUFFIXES[aggregation], group))
    if found is None:
        raise _unsupported(base, group, aggregation)
    return Chosen(_filled(found, where.get(group, "")), found.unit, found.better)


def _quantile(base: str, group: str, name: str, percent: str) -> Chosen:
    """Give any quantile of what has a median; those that no run reports are measured when they are asked for."""
    median = _index().get((f"{base}.p50", group))
    if median is None:
        raise _unsupported(base, group, f"p({percent})")
    share = float(percent) / 100
    if not 0 < share < 1:
        raise BadSelector(f"p({percent}) is no percentile", "write one between 0 and 100, such as p(95)")
    plain = f"{float(percent):g}"
    metric = f"{_filled(median, name).removesuffix('p50')}p{plain}"
    if plain in _MEASURED_QUANTILES:
        return Chosen(metric, median.unit, median.better)
    column, _, escalated = base.partition(".")
    return Chosen(metric, median.unit, median.better, float(f"{share:.12g}"), column, group or escalated, name)


_SEE = "docs/reference/metrics.md lists all of them"


def _unsupported(base: str, group: str, aggregation: str) -> BadSelector:
    """Say what there is instead of an aggregation, or of a group, that a metric does not have."""
    whole = f"{base}{_SUFFIXES.get(aggregation, '.p50')}"
    dimensions = [dimension for known, dimension in _index() if known == whole]
    if dimensions:
        known = ", ".join(dimension or "none" for dimension in dimensions)
        what = f"by {group}" if group else "without a selector of what it is of"
        return BadSelector(f"{base!r} is not measured {what}", f"selectors it takes besides pattern: {known}")
    return BadSelector(f"{base!r} has no aggregation {aggregation!r}", _aggregations(base))


def _aggregations(base: str) -> str:
    """Name the aggregations of a metric."""
    names = {known for known, _ in _index()}
    found = [name for name, suffix in _SUFFIXES.items() if base + suffix in names and name not in {"avg", "med"}]
    found += ["med", "p(N)"] if f"{base}.p50" in names else []
    return f"{base} has {', '.join(found)}"


def _spelled_out(selector: Selector) -> tuple[str, dict[str, str]]:
    """Give the metric without names in it, and all selectors: ``models.haiku.utilisation`` is of the model haiku."""
    where = dict(selector.where)
    names = {known for known, _ in _index()}
    plain = {_without_aggregation(known) for known in names}
    for spelling in (selector.metric, *(known for known in (*names, *plain) if _plain(known) == selector.metric)):
        if spelling in names or spelling in plain:
            return spelling, where
    if selector.metric.removeprefix("models.") in names:
        return selector.metric.removeprefix("models."), where
    for aggregated in ("", ".p50", ".rate", ".share"):
        for metric in CATALOGUE:
            named = _names_in(metric, selector.metric + aggregated)
            if named is not None and named[0] not in where:
                return _base(metric).removesuffix(aggregated), {**where, named[0]: named[1]}
    return selector.metric, where


def _names_in(metric: Metric, dotted: str) -> tuple[str, str] | None:
    """Give the dimension of a metric and the name that a dotted name has in its place."""
    before, _, after = metric.name.partition("<")
    dimension, _, after = after.partition(">")
    inside = dotted.startswith(before) and dotted.endswith(after) and len(dotted) > len(before) + len(after)
    return (dimension, dotted[len(before) : len(dotted) - len(after)]) if dimension and inside else None


@functools.cache
def _index() -> dict[tuple[str, str], Metric]:
    """Give the catalogue by the name without a group, and the dimension of the group."""
    found: dict[tuple[str, str], Metric] = {}
    for metric in CATALOGUE:
        dimension = re.search(r"<([a-z_]+)>", metric.name)
        found.setdefault((_base(metric), dimension[1] if dimension else ""), metric)
    return found


def _base(metric: Metric) -> str:
    """Give the name of a metric without the group: ``cost.cause.<cause>.per_1k`` is ``cost.per_1k``."""
    if metric.name == "route.<route>.share":
        return "route.share"
    return re.sub(r"(^|\.)[a-z]+\.<[a-z_]+>", "", metric.name).removeprefix(".")


def _filled(metric: Metric, name: str) -> str:
    return re.sub(r"<[a-z_]+>", lambda _: name, metric.name)


def _is_of(known: str, base: str) -> bool:
    return base in {known, _without_aggregation(known)}


def _without_aggregation(name: str) -> str:
    return re.sub(r"\.(mean|p50|p95|p99|rate|share)$", "", name)


def _plain(name: str) -> str:
    return name.replace(".", "_")
