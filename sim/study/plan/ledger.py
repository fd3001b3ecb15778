"""What patterns cost and lose on fresh requests, asked of the patterns themselves and compared request by request.

To each pattern is added what playing has shown that calls which are not answered at once take away and cost. The
yardstick of quality and savings is the baseline as it is played, if it serves its load. If it does not, it is what the
baseline's model costs and answers with every call answered: one that is overloaded would make anything look good.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from sim.columns import Bools, Floats, Ints
from sim.outcome.estimates import Estimate
from sim.outcome.intervals import ratio_interval, student_t
from sim.study.plan.effects import COST, ESCALATED, NO_EFFECT, RIGHT, Effect, fixed_nano, rights, summed
from sim.study.plan.goal import loss_of
from sim.study.plan.sample import drawn, measured_from

if TYPE_CHECKING:
    from sim.experiment.scene import Scene
    from sim.routing.answers import Answers
    from sim.routing.patterns import Pattern
    from sim.routing.plan import Plan

BLOCKS: Final = 20
"""Parts, at most, that fresh requests are put together into: each holds replications of its own, and intervals come
from their spread."""

_DAYS_30_S: Final = 30 * 86_400.0
_NANO: Final = 1e9
_POINTS: Final = 100.0


SHARED: Final = 4
"""Of so many replications, patterns that only stand beside are routed in one."""


_FEWEST: Final = 2


@dataclass(slots=True)
class Sums:
    """Sums of one pattern by block, float64[blocks]: nano-dollars, acceptable answers, escalated requests.

    `right_of` are the acceptable answers to some segments, by name.
    """

    cost: Floats = field(default_factory=lambda: np.zeros(BLOCKS))
    right: Floats = field(default_factory=lambda: np.zeros(BLOCKS))
    escalated: Floats = field(default_factory=lambda: np.zeros(BLOCKS))
    right_of: dict[str, Floats] = field(default_factory=dict)

    def add(self, block: int, found: tuple[int, int, int], right_of: Mapping[str, int]) -> None:
        """Add to a block what some requests cost, how many are right (of some segments too), and how many escalated."""
        for name, right in right_of.items():
            self.right_of.setdefault(name, np.zeros(BLOCKS))[block] += right
        self.cost[block] += found[0]
        self.right[block] += found[1]
        self.escalated[block] += found[2]

    def of_blocks(self, blocks: Ints) -> Sums:
        """Give a copy with these blocks alone."""
        right_of = {name: right[blocks] for name, right in self.right_of.items()}
        return Sums(self.cost[blocks], self.right[blocks], self.escalated[blocks], right_of)

    def play(self, effect: Effect, requests: Floats) -> None:
        """Add to what a pattern does by itself what playing adds."""
        self.cost += effect.more[COST] * requests
        self.right += effect.more[RIGHT] * requests
        self.escalated += effect.more[ESCALATED] * requests


@dataclass(slots=True)
class Part:
    """Sums of several patterns over the same requests; `requests`, `requests_of` some segments, and `seconds` by block.

    `yardstick` are those that others are held against.
    """

    sums: dict[str, Sums]
    yardstick: Sums = field(default_factory=Sums)
    requests: Floats = field(default_factory=lambda: np.zeros(BLOCKS))
    seconds: Floats = field(default_factory=lambda: np.zeros(BLOCKS))
    requests_of: dict[str, Floats] = field(default_factory=dict)

    def count(self, block: int, requests: int, seconds: float, of: Mapping[str, int]) -> None:
        """Add to a block how many requests there are, how long they take to arrive, and how many some segments have."""
        self.requests[block] += requests
        self.seconds[block] += seconds
        for name, some in of.items():
            self.requests_of.setdefault(name, np.zeros(BLOCKS))[block] += some

    def of_blocks(self, blocks: Ints) -> Part:
        """Give the sums of these blocks alone: where there are few replications, others are empty."""
        sums = {name: some.of_blocks(blocks) for name, some in self.sums.items()}
        some = {name: requests[blocks] for name, requests in self.requests_of.items()}
        return Part(sums, self.yardstick.of_blocks(blocks), self.requests[blocks], self.seconds[blocks], some)


@dataclass(frozen=True, slots=True)
class FreshSeeds:
    """How the loss keeps to its budget on each of `seeds` fresh seeds by itself.

    `within` of them lose no more than the budget; `over` lose more by so much that chance does not explain it, by more
    than `give_or_take`: half the interval of one seed by itself, in points, from the spread of all.
    """

    seeds: int
    within: int
    over: int
    give_or_take: float


@dataclass(slots=True)
class Ledger:
    """Sums of patterns over fresh requests: of the main ones over all, and of all patterns over a part of these.

    `effects` are what playing has added to some of them; the interval of each is joined to that of the fresh requests,
    both being independent. `base` is what it has added to the yardstick.
    """

    every: Part
    shared: Part
    level: float
    baseline: str
    effects: Mapping[str, Effect] = field(default_factory=dict)
    base: Effect = NO_EFFECT

    def of(self, *names: str) -> Part:
        """Give the most requests that all of these patterns were routed on."""
        return self.every if all(name in self.every.sums for name in names) else self.shared

    def effect(self, name: str) -> Effect:
        """Give what playing adds to a pattern."""
        return self.effects.get(name, NO_EFFECT)

    def _against(self, name: str, place: int) -> float:
        """Give half the interval of what playing adds to the difference to the yardstick, for each request."""
        mine = self.effect(name)
        return 0.0 if mine is self.base else math.hypot(mine.half[place], self.base.half[place])

    def estimates(self, name: str) -> dict[str, Estimate]:
        """Give cost, loss, saving and escalation of a pattern with their intervals over the blocks."""
        part, half = self.of(name), self.effect(name).half
        mine, base = part.sums[name], part.yardstick
        count = part.requests
        cost = half[COST] / _NANO
        found = {
            "cost.per_1k": self._of(mine.cost / _NANO * 1000, count, "usd/1k", half=cost * 1000),
            "cost.per_30d": self._of(
                mine.cost / _NANO * _DAYS_30_S,
                part.seconds,
                "usd",
                half=cost * _DAYS_30_S * _ratio(count, part.seconds),
            ),
            "quality.acceptance": self._of(mine.right, count, "fraction", half=half[RIGHT]),
            "escalation.rate": self._of(mine.escalated, count, "fraction", half=half[ESCALATED]),
        }
        lost = (base.right - mine.right) * _POINTS
        around = self._against(name, RIGHT) * _POINTS
        found["quality.loss"] = self._of(lost, count, "points", self.baseline, half=around)
        if not (self.effect(name).is_seen or self.effect(self.baseline).is_seen):  # else what was played says it
            for segment, some in part.requests_of.items():
                own = (base.right_of[segment] - mine.right_of[segment]) * _POINTS
                found[loss_of(segment)] = self._of(own, some, "points", self.baseline)
        if name != self.baseline:
            share = self._against(name, COST) * _ratio(count, base.cost)
            found["cost.saving"] = self._of(base.cost - mine.cost, base.cost, "fraction", self.baseline, half=share)
        return found

    def dearer(self, name: str, than: str) -> Estimate:
        """Give by which share of the other's cost a pattern costs more, request by request."""
        part = self.of(name, than)
        mine, other = part.sums[name].cost, part.sums[than].cost
        half = math.hypot(self.effect(name).half[COST], self.effect(than).half[COST]) * _ratio(part.requests, other)
        return self._of(mine - other, other, "fraction", than, half=half)

    def worse(self, name: str, than: str) -> Estimate:
        """Give how many points more a pattern loses than another, request by request."""
        part = self.of(name, than)
        lost = (part.sums[than].right - part.sums[name].right) * _POINTS
        half = math.hypot(self.effect(name).half[RIGHT], self.effect(than).half[RIGHT]) * _POINTS
        return self._of(lost, part.requests, "points", than, half=half)

    def saved_per_answer(self, name: str) -> Estimate | None:
        """Give USD saved for each acceptable answer that is lost against the yardstick.

        The pattern pays where one is worth less. None where none is lost for sure.
        """
        part = self.of(name)
        mine, base = part.sums[name], part.yardstick
        saved, lost = (base.cost - mine.cost) / _NANO, base.right - mine.right
        value, each = _ratio(saved, lost), _ratio(part.requests, lost)
        extra = math.hypot(self._against(name, COST) / _NANO, value * self._against(name, RIGHT)) * abs(each)
        found = self._of(saved, lost, "usd", self.baseline, half=extra)
        loss = self.estimates(name)["quality.loss"]
        sure = loss.lower is not None and loss.lower > 0
        return found if sure and not found.few_data else None

    def losses(self, name: str) -> Floats:
        """Give the points lost in each block, float64[blocks]."""
        part = self.of(name)
        found: Floats = (part.yardstick.right - part.sums[name].right) * _POINTS / part.requests
        return found

    def fresh_seeds(self, name: str, budget: float) -> FreshSeeds | None:
        """Say how each block by itself keeps to a budget of points; None for fewer than two."""
        losses = self.losses(name)
        if len(losses) < _FEWEST:
            return None
        around = student_t(len(losses) - 1, self.level) * float(losses.std(ddof=1))
        within, over = (losses <= budget).sum(), (losses - around > budget).sum()
        return FreshSeeds(len(losses), int(within), int(over), around)

    def _of(
        self, numerator: Floats, denominator: Floats, unit: str, baseline: str = "", *, half: float = 0.0
    ) -> Estimate:
        """Give a ratio over the blocks; `half` is half the interval of what playing has added to it."""
        found = ratio_interval(numerator, denominator, self.level)
        if found is None or found.lower is None or found.upper is None:
            value = 0.0 if found is None else found.value
            return Estimate(value, None, None, unit, baseline, few_data=True)
        around = math.hypot((found.upper - found.lower) / 2, half)
        return Estimate(found.value, found.value - around, found.value + around, unit, baseline, found.few_data)


def ledger(
    scene: Scene,
    main: Sequence[Pattern],
    baseline: str,
    *,
    beside: Sequence[Pattern] = (),
    effects: Mapping[str, Effect] | None = None,
    serves: bool = True,
    requests: int,
    first: int,
    level: float,
    segments: Sequence[str] = (),
) -> Ledger:
    """Route fresh requests by every pattern of `main`, the baseline among them, and a part of them by those `beside`.

    Replications are dealt out to the blocks in turn. `effects` are what playing adds where calls may be refused.
    `serves` says whether the baseline serves its load, so that it is the yardstick as it is played.
    Answers to requests of `segments` are counted for themselves too.
    """
    every = Part({one.name: Sums() for one in main})
    shared = Part({one.name: Sums() for one in (*main, *beside)})
    for number, answers in enumerate(drawn(scene, first, requests)):
        is_shared = number % SHARED == 0
        rows, seconds = measured_from(scene, answers.requests)
        groups = _groups(answers, rows, segments)
        parts = [(every, number % BLOCKS)] + ([(shared, number // SHARED % BLOCKS)] if is_shared else [])
        for part, block in parts:
            of = {name: int(mine.sum()) for name, mine in groups.items()}
            part.count(block, len(answers.requests.arrival_ns[rows]), seconds, of)
        for pattern in (*main, *beside) if is_shared else main:
            plan = scene.plan(pattern, answers)
            found, right_of = summed(plan, answers, rows), _right_of(groups, plan, answers, rows)
            for part, block in parts:
                if pattern.name in part.sums:
                    part.sums[pattern.name].add(block, found, right_of)
    for part in (every, shared):
        for pattern in (*main, *beside):
            if pattern.name in part.sums:
                part.sums[pattern.name].cost += fixed_nano(scene, pattern) * part.seconds
    given = effects or {}
    base = given.get(baseline, NO_EFFECT) if serves else NO_EFFECT
    filled = [_played(part, baseline, given, base) for part in (every, shared)]
    return Ledger(filled[0], filled[1], level, baseline, given, base)


def _groups(answers: Answers, rows: slice, segments: Sequence[str]) -> dict[str, Bools]:
    """Say of each of these segments which requests are of it."""
    requests = answers.requests
    return {name: requests.segment[rows] == requests.segments.index(name) for name in segments}


def _right_of(groups: Mapping[str, Bools], plan: Plan, answers: Answers, rows: slice) -> dict[str, int]:
    """Count the acceptable answers to the requests of each group."""
    if not groups:
        return {}
    right = rights(plan, answers)[rows]
    return {name: int((right & mine).sum()) for name, mine in groups.items()}


def _played(part: Part, baseline: str, effects: Mapping[str, Effect], base: Effect) -> Part:
    """Give the blocks that hold requests, with the yardstick set and the effects of playing added."""
    found = part.of_blocks(np.flatnonzero(part.requests))
    found.yardstick = found.sums[baseline].of_blocks(np.arange(len(found.requests)))
    found.yardstick.play(base, found.requests)
    for name, mine in found.sums.items():
        mine.play(effects.get(name, NO_EFFECT), found.requests)
    return found


def _ratio(some: Floats, of: Floats) -> float:
    """Give the ratio of two sums, 0 where the second one is."""
    whole = float(of.sum())
    return float(some.sum()) / whole if whole else 0.0
