"""Conditions that a search holds a system against: ``latency.p95<4s``, ``failure.rate<1%``."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from sim.errors import InvalidInput, Issue
from sim.experiment.conditions import limit_in
from sim.experiment.document import did_you_mean
from sim.experiment.expectations import expectations
from sim.experiment.result import PatternResult
from sim.experiment.selectors import Chosen
from sim.outcome.catalogue import CATALOGUE, metric_of
from sim.outcome.estimates import Estimate
from sim.outcome.exact import poisson_bounds

if TYPE_CHECKING:
    from sim.experiment.resolve import Experiment

ORIGIN: Final = "--until"
UNSTABLE: Final = "unstable"
"""Stands beside the conditions that break where the system cannot keep up."""

_EXAMPLE: Final = "write for example --until 'latency.p95<4s' or --until 'failure.rate<1%'"
_FORM = re.compile(r"\s*([^<>=\s]+)\s*(<=|>=|<|>)\s*([^<>=]+?)\s*")
_HOLDS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_AGAINST = ("cost.saving", "quality.loss", "quality.gap_recovered")
_OF_ALL = ("failure.rate", "escalation.rate", "refusal.rate", "quality.acceptance")


class Standing(StrEnum):
    """What is known of a condition: it holds in the whole interval, in none of it, or neither is sure."""

    MEETS = "meets"
    FAILS = "fails"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Until:
    """A metric of the catalogue that must lie on one side of a limit, which is in the metric's unit.

    `patterns` are those it is asked of, all where there is none. `chosen` is set for a quantile that no report carries.
    """

    metric: str
    sign: str
    limit: float
    text: str
    patterns: tuple[str, ...] = ()
    chosen: Chosen | None = None

    @property
    def compares(self) -> bool:
        """Say whether the metric is one against other patterns, which then have to be played too."""
        return self.metric.startswith(_AGAINST) or self.metric.endswith("_ratio")

    def holds(self, value: float) -> bool:
        """Say whether a value is on the right side; NaN is not."""
        return _HOLDS[self.sign](value, self.limit)

    def standing(self, found: Estimate) -> Standing:
        """Hold an interval against the limit; one that is missing or not to be trusted decides nothing.

        But for this: a run starts empty, so that times from too short a run err on the low side. Where they are too
        long all the same, they fail for sure.
        """
        low, high = found.lower, found.upper
        if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
            return Standing.UNDECIDED
        if found.few_data:
            too_long = found.unit == "s" and self.sign.startswith("<") and not self.holds(low)
            return Standing.FAILS if too_long else Standing.UNDECIDED
        sides = {self.holds(low), self.holds(high)}
        return Standing.UNDECIDED if len(sides) > 1 else Standing.MEETS if True in sides else Standing.FAILS


@dataclass(frozen=True, slots=True)
class Judgement:
    """How a pattern stands to all conditions together.

    `found` are the estimates by metric, `broken` the texts of the conditions that fail for sure, `open` why it is
    undecided.
    """

    standing: Standing
    found: Mapping[str, Estimate]
    broken: tuple[str, ...] = ()
    open: tuple[str, ...] = ()


def thresholds(experiment: Experiment) -> list[Until]:
    """Give the thresholds of the YAML that are errors where they break. Raises InvalidInput if there is none."""
    found = [
        Until(
            metric=wanted.chosen.metric,
            sign=wanted.operator,
            limit=wanted.limit,
            text=f"{wanted.chosen.metric}: {wanted.text}",
            patterns=wanted.patterns,
            chosen=None if wanted.chosen.quantile is None else wanted.chosen,
        )
        for wanted in expectations(experiment)
        if wanted.level == "error"
    ]
    if not found:
        hint = f"{_EXAMPLE}, or write thresholds into the file"
        raise InvalidInput([Issue("there is no condition to meet", ORIGIN, hint=hint)])
    return found


def parse_untils(texts: Sequence[str]) -> list[Until]:
    """Read conditions as they are typed. Raises InvalidInput with all that is wrong."""
    found, issues = list[Until](), list[Issue]()
    for text in texts:
        try:
            found.append(_parse(text))
        except ValueError as error:
            issues.append(Issue(f"'{text}': {error}", ORIGIN, hint=_hint(text)))
    if issues:
        raise InvalidInput(issues)
    return found


def judged(
    result: PatternResult,
    untils: Sequence[Until],
    requests: int,
    level: float,
    measure: Callable[[Chosen], Estimate | None] | None = None,
) -> Judgement:
    """Hold what was measured of a pattern over `requests` requests against all conditions.

    `measure` gives a quantile that no report carries.

    An unstable system fails, whatever its run shows: what it shows depends on the length of the run.
    """
    found: dict[str, Estimate] = {}
    standings: dict[str, Standing] = {}
    reasons = []
    for until in untils:
        if until.chosen is not None and measure is not None:
            estimate = measure(until.chosen)
        else:
            estimate = _estimate(result, until.metric, requests, level)
        if estimate is None:
            standings[until.text] = Standing.UNDECIDED
            reasons.append(f"{until.metric}: {result.absent.get(until.metric, 'is not measured for this pattern')}")
            continue
        found[until.metric] = estimate
        standings[until.text] = until.standing(estimate)
        if estimate.few_data:
            reasons.append(f"{until.metric}: {_TOO_FEW.get(estimate.unit, 'too few events')}")
    broken = [text for text, standing in standings.items() if standing is Standing.FAILS]
    if result.status == "unstable":
        broken.append(UNSTABLE)
    if broken:
        return Judgement(Standing.FAILS, found, tuple(broken))
    undecided = Standing.UNDECIDED in standings.values()
    return Judgement(Standing.UNDECIDED if undecided else Standing.MEETS, found, (), tuple(dict.fromkeys(reasons)))


_TOO_FEW = {"s": "each replication holds too few requests for this number; a longer run would help"}


def _estimate(result: PatternResult, metric: str, requests: int, level: float) -> Estimate | None:
    """Give the estimate of a metric; where nothing can be refused, nobody is left without an answer."""
    found = result.estimates.get(metric)
    if found is None and metric.startswith("failure.rate") and metric not in result.absent:
        return Estimate(0.0, 0.0, 0.0, "fraction")
    if found is not None and found.few_data and metric in _OF_ALL and requests:
        return _rare(found, requests, level)
    return found


def _rare(found: Estimate, requests: int, level: float) -> Estimate:
    """Give a share of all requests with few of the one or of the other kind an interval that can be trusted.

    The spread between replications says little of it. The number of the rarer kind is taken as Poisson's, whose exact
    interval (Garwood 1936) has the ends of gamma quantiles: none of n still allows 3.7/n at 95 %. Where replications
    spread further than that, theirs counts.
    """
    often = found.value > 1 / 2  # then it is the others that are few
    events = round((1 - found.value if often else found.value) * requests)
    low, high = (end / requests for end in poisson_bounds(events, level))
    low, high = (1 - high, 1 - low) if often else (low, high)
    ends = [end for end in (found.lower, found.upper) if end is not None]
    low, high = max(min([low, *ends]), 0.0), min(max([high, *ends]), 1.0)
    return Estimate(found.value, low, high, found.unit, found.baseline)


def _parse(text: str) -> Until:
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError("is no condition")
    metric, sign, limit = match.groups()
    try:
        unit = metric_of(metric).unit
    except KeyError:
        raise ValueError(f"there is no metric {metric!r}") from None
    return Until(metric, sign, limit_in(unit, limit), f"{metric}{sign}{limit}")


def _hint(text: str) -> str:
    """Name the nearest metric, if it is that which is wrong."""
    match = _FORM.fullmatch(text)
    plain = [metric.name for metric in CATALOGUE if "<" not in metric.name]
    return (did_you_mean(match[1], plain) if match and match[1] not in plain else "") or _EXAMPLE
