"""Rules in front of a pattern: which requests go straight to a model, by what is known before a call.

Requests with the same label and with numbers between the same bounds are a *cell*: every rule sends whole cells
somewhere, so that sums over cells are all that a search needs, however many requests were drawn.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from sim.columns import Ints
from sim.study.plan.sample import Means, Sample

TO_BODY: Final = -1
"""Where a request goes that meets no rule: on to the pattern itself."""

_MOST_ASSIGNMENTS: Final = 256


@dataclass(frozen=True, slots=True)
class Condition:
    """What a rule asks of one signal: one of some labels, or a number above a bound."""

    signal: str
    labels: tuple[str, ...] = ()
    above: float | None = None

    def written(self) -> str | list[str]:
        """Give it as YAML says it."""
        return list(self.labels) if self.above is None else f">{self.above:.12g}"


@dataclass(frozen=True, slots=True)
class Rule:
    """Requests that meet the condition go straight to a model."""

    when: Condition
    to: str


@dataclass(frozen=True, slots=True)
class Axis:
    """One signal cut into cells: its labels, or the numbers between its bounds."""

    signal: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()

    @property
    def cells(self) -> int:
        """Give into how many cells it is cut."""
        return len(self.labels) or len(self.bounds) + 1


@dataclass(frozen=True, slots=True)
class Front:
    """Rules, and for each cell the number of the model that its requests go to (`TO_BODY` for the pattern itself)."""

    rules: tuple[Rule, ...]
    target: Ints

    @property
    def signals(self) -> tuple[str, ...]:
        """The signals that the rules use."""
        return tuple(dict.fromkeys(rule.when.signal for rule in self.rules))


class Cells:
    """The cells of a sample: `axes` in order, `code` int64 of each request."""

    def __init__(self, sample: Sample, axes: Sequence[Axis]) -> None:
        self.axes = tuple(axes)
        self.count = 1
        self.code = np.zeros(sample.requests, dtype=np.int64)
        for axis in axes:
            score = sample.scores[axis.signal]
            place = score if axis.labels else np.searchsorted(np.array(axis.bounds), score, side="left")
            self.code = self.code * axis.cells + place.astype(np.int64)
            self.count *= axis.cells

    def of(self, number: int) -> Ints:
        """Give the place of each cell on one axis, int64[cells]."""
        inner = 1
        for axis in self.axes[number + 1 :]:
            inner *= axis.cells
        places: Ints = np.arange(self.count, dtype=np.int64) // inner % self.axes[number].cells
        return places

    def front(self, rules: Sequence[Rule], models: Sequence[str]) -> Front:
        """Give where rules send each cell: the first that holds decides."""
        target = np.full(self.count, TO_BODY, dtype=np.int64)
        for rule in reversed(rules):
            target[self._meets(rule.when)] = models.index(rule.to)
        return Front(tuple(rules), target)

    def _meets(self, when: Condition) -> np.typing.NDArray[np.bool_]:
        number = next(place for place, axis in enumerate(self.axes) if axis.signal == when.signal)
        axis, places = self.axes[number], self.of(number)
        if axis.labels:
            return np.isin(places, [axis.labels.index(label) for label in when.labels])
        return places > axis.bounds.index(when.above or 0.0)


def axes_of(sample: Sample, means: Means, bounds: int) -> tuple[Axis, ...]:
    """Give the axes of all signals: labels as they are, numbers cut at `bounds` quantiles of what was drawn."""
    tasks = sample.answers.requests.tasks
    segments = sample.answers.requests.segments
    found = []
    for name, signal in means.signals.items():
        if signal.is_numeric():
            found.append(Axis(name, bounds=cuts(sample.scores[name], bounds)))
        else:
            found.append(Axis(name, labels=signal.labels(tasks) or segments))
    return tuple(axis for axis in found if axis.cells > 1)


def cuts(score: Sequence[float] | np.typing.NDArray[np.number], bounds: int) -> tuple[float, ...]:
    """Give bounds at equal steps of the share of requests above them, rounded as people would write them."""
    shares = np.arange(1, bounds + 1) / (bounds + 1)
    quantiles = np.unique(np.quantile(np.asarray(score, dtype=np.float64), shares))
    return tuple(sorted({float(f"{value:.3g}") for value in quantiles.tolist()}))


def fronts(cells: Cells, models: Sequence[str], first: str, top: Sequence[str]) -> Iterator[Front]:
    """Yield every front of one or two signals for a pattern whose first call goes to `first`.

    Labels are each sent to one of `top` or to the pattern; numbers above a bound to one of `top`.
    """
    options = [list(_of_axis(axis, [name for name in top if name != first])) for axis in cells.axes]
    for mine in options:
        for rules in mine:
            yield cells.front(rules, models)
    for one, other in itertools.combinations(options, 2):
        for some, more in itertools.product(one, other):
            yield cells.front((*some, *more), models)


def _of_axis(axis: Axis, targets: Sequence[str]) -> Iterator[tuple[Rule, ...]]:
    if not targets:
        return
    if not axis.labels:
        yield from ((Rule(Condition(axis.signal, above=bound), target),) for target in targets for bound in axis.bounds)
        return
    while len(targets) > 1 and (len(targets) + 1) ** len(axis.labels) > _MOST_ASSIGNMENTS:
        targets = targets[1:]
    for assignment in itertools.product((None, *targets), repeat=len(axis.labels)):
        chosen: Mapping[str, tuple[str, ...]] = {
            target: tuple(label for label, to in zip(axis.labels, assignment, strict=True) if to == target)
            for target in targets
        }
        rules = tuple(Rule(Condition(axis.signal, labels), target) for target, labels in chosen.items() if labels)
        if rules and (len(axis.labels) > 1 and any(to is None for to in assignment)):
            yield rules
