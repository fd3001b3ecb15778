"""Points of the search: a pattern with its rules and thresholds, and what the sample says of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from pydantic import TypeAdapter

from sim.columns import Floats
from sim.routing.patterns import AnyPattern, Pattern
from sim.study.plan.bodies import Ladder, One

if TYPE_CHECKING:
    from sim.study.plan.bodies import Body
    from sim.study.plan.fronts import Rule
    from sim.study.plan.sample import Means

KINDS: Final = ("single", "pre-route", "cascade", "pre-route + cascade", "ensemble", "split")
"""Kinds of plans in the order of a report."""

AS_WRITTEN: Final = "as written"
"""Kind of the patterns that the experiment has, taken as they are."""

_READER: Final[TypeAdapter[Pattern]] = TypeAdapter(AnyPattern)


@dataclass(frozen=True, slots=True)
class Point:
    """What the sample says of a candidate, per request.

    `usd` per 1,000 requests, `loss` in points against frontier-only with its standard error, `time_s` mean wait in an
    idle system, `escalated` share; `used` is the largest share of its servers that any model needs.
    """

    usd: float
    loss: float
    loss_error: float
    time_s: float
    escalated: float
    used: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """Rules in front of a body, and what the sample says of both."""

    rules: tuple[Rule, ...]
    body: Body
    point: Point

    @property
    def kind(self) -> str:
        """Kind of the plan, one of `KINDS`."""
        if not self.rules:
            return self.body.kind
        return "pre-route" if self.body.kind == "single" else "pre-route + cascade"

    @property
    def signals(self) -> tuple[str, ...]:
        """The signals that its rules use."""
        return tuple(dict.fromkeys(rule.when.signal for rule in self.rules))

    @property
    def models(self) -> tuple[str, ...]:
        """The models that it may call."""
        return tuple(dict.fromkeys((*(rule.to for rule in self.rules), *self.body.models)))

    @property
    def family(self) -> tuple[Any, ...]:
        """What is left of it without thresholds: candidates of one family differ by numbers only."""
        rules = tuple((rule.when.signal, rule.when.labels, rule.to) for rule in self.rules)
        check, worded = getattr(self.body, "check", 0), getattr(self.body, "worded", False)
        return (self.kind, self.body.models, rules, check, worded)

    def settings(self, means: Means) -> dict[str, Any]:
        """Give the pattern as YAML says it, without its name."""
        found = self.body.settings(means)
        if not self.rules:
            return found
        rules = [{"when": {rule.when.signal: rule.when.written()}, "to": rule.to} for rule in self.rules]
        if found["kind"] == "single":
            return {"kind": "pre_route", "rules": rules, "otherwise": found["model"]}
        return {"kind": found["kind"], "rules": rules, **{key: value for key, value in found.items() if key != "kind"}}

    def pattern(self, name: str, means: Means) -> Pattern:
        """Give the pattern, ready to run."""
        return pattern_of({"name": name, **self.settings(means)})

    def swapped(self, old: str, new: str) -> Candidate:
        """Give the same with one model in the place of another."""

        def of(names: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(new if name == old else name for name in names)

        body = self.body
        if isinstance(body, One):
            other: Body = replace(body, model=of((body.model,))[0])
        elif isinstance(body, Ladder):
            other = replace(body, ladder=of(body.ladder))
        else:
            first, second = of(body.pair)
            other = replace(body, pair=(first, second))
        rules = tuple(replace(rule, to=of((rule.to,))[0]) for rule in self.rules)
        return replace(self, rules=rules, body=other)


def pattern_of(settings: Mapping[str, Any]) -> Pattern:
    """Read a pattern as YAML says it."""
    return _READER.validate_python(dict(settings))


def pareto(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Give those that none beats in cost and quality at once, by rising cost."""
    kept, least = list[Candidate](), np.inf
    for candidate in sorted(candidates, key=lambda one: (one.point.usd, one.point.loss)):
        if candidate.point.loss < least:
            kept.append(candidate)
            least = candidate.point.loss
    return kept


def undominated(usd: Floats, loss: Floats) -> Iterator[tuple[int, int]]:
    """Yield the places of what none beats in cost and quality, where the cost is finite."""
    order = np.lexsort((loss.ravel(), usd.ravel()))
    order = order[np.isfinite(usd.ravel()[order])]
    sorted_loss = loss.ravel()[order]
    before = np.minimum.accumulate(np.concatenate(([np.inf], sorted_loss[:-1])))
    for place in order[sorted_loss < before].tolist():
        yield divmod(place, usd.shape[1])
