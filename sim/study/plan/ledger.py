"""What patterns cost and lose on fresh requests, asked of the patterns themselves and compared request by request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from sim.columns import Floats, Ints
from sim.fleet.capacity import replicas_of
from sim.outcome.bill import leg_costs
from sim.outcome.estimates import Estimate
from sim.outcome.intervals import ratio_interval, student_t
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
    """Sums of one pattern by block, float64[blocks]: nano-dollars, acceptable answers, escalated requests."""

    cost: Floats = field(default_factory=lambda: np.zeros(BLOCKS))
    right: Floats = field(default_factory=lambda: np.zeros(BLOCKS))
    escalated: Floats = field(default_factory=lambda: np.zeros(BLOCKS))

    def add(self, block: int, found: tuple[int, int, int]) -> None:
        """Add to a block what some requests cost, how many are right, and how many escalated."""
        self.cost[block] += found[0]
        self.right[block] += found[1]
        self.escalated[block] += found[2]


@dataclass(slots=True)
class Part:
    """Sums of several patterns over the same requests; `requests` and `seconds` by block."""

    sums: dict[str, Sums]
    requests: Floats = field(default_factory=lambda: np.zeros(BLOCKS))
    seconds: Floats = field(default_factory=lambda: np.zeros(BLOCKS))

    def of_blocks(self, blocks: Ints) -> Part:
        """Give the sums of these blocks alone: where there are few replications, others are empty."""
        sums = {
            name: Sums(some.cost[blocks], some.right[blocks], some.escalated[blocks])
            for name, some in self.sums.items()
        }
        return Part(sums, self.requests[blocks], self.seconds[blocks])


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
    """Sums of patterns over fresh requests: of the main ones over all, and of all patterns over a part of these."""

    every: Part
    shared: Part
    level: float
    baseline: str

    def of(self, *names: str) -> Part:
        """Give the most requests that all of these patterns were routed on."""
        return self.every if all(name in self.every.sums for name in names) else self.shared

    def estimates(self, name: str) -> dict[str, Estimate]:
        """Give cost, loss, saving and escalation of a pattern with their intervals over the blocks."""
        part = self.of(name)
        mine, base = part.sums[name], part.sums[self.baseline]
        found = {
            "cost.per_1k": self._of(mine.cost / _NANO * 1000, part.requests, "usd/1k"),
            "cost.per_30d": self._of(mine.cost / _NANO * _DAYS_30_S, part.seconds, "usd"),
            "quality.acceptance": self._of(mine.right, part.requests, "fraction"),
            "escalation.rate": self._of(mine.escalated, part.requests, "fraction"),
        }
        if name != self.baseline:
            found["cost.saving"] = self._of(base.cost - mine.cost, base.cost, "fraction", self.baseline)
            lost = (base.right - mine.right) * _POINTS
            found["quality.loss"] = self._of(lost, part.requests, "points", self.baseline)
        else:
            found["quality.loss"] = Estimate(0.0, 0.0, 0.0, "points", self.baseline)
        return found

    def dearer(self, name: str, than: str) -> Estimate:
        """Give by which share of the other's cost a pattern costs more, request by request."""
        part = self.of(name, than)
        mine, other = part.sums[name].cost, part.sums[than].cost
        return self._of(mine - other, other, "fraction", than)

    def worse(self, name: str, than: str) -> Estimate:
        """Give how many points more a pattern loses than another, request by request."""
        part = self.of(name, than)
        lost = (part.sums[than].right - part.sums[name].right) * _POINTS
        return self._of(lost, part.requests, "points", than)

    def saved_per_answer(self, name: str) -> Estimate | None:
        """Give USD saved for each acceptable answer that is lost against the baseline.

        The pattern pays where one is worth less. None where none is lost for sure.
        """
        part = self.of(name)
        mine, base = part.sums[name], part.sums[self.baseline]
        found = self._of((base.cost - mine.cost) / _NANO, base.right - mine.right, "usd", self.baseline)
        loss = self.estimates(name)["quality.loss"]
        sure = loss.lower is not None and loss.lower > 0
        return found if sure and not found.few_data else None

    def losses(self, name: str) -> Floats:
        """Give the points lost in each block, float64[blocks]."""
        part = self.of(name)
        found: Floats = (part.sums[self.baseline].right - part.sums[name].right) * _POINTS / part.requests
        return found

    def fresh_seeds(self, name: str, budget: float) -> FreshSeeds | None:
        """Say how each block by itself keeps to a budget of points; None for fewer than two."""
        losses = self.losses(name)
        if len(losses) < _FEWEST:
            return None
        around = student_t(len(losses) - 1, self.level) * float(losses.std(ddof=1))
        within, over = (losses <= budget).sum(), (losses - around > budget).sum()
        return FreshSeeds(len(losses), int(within), int(over), around)

    def _of(self, numerator: Floats, denominator: Floats, unit: str, baseline: str = "") -> Estimate:
        found = ratio_interval(numerator, denominator, self.level)
        if found is None:
            return Estimate(0.0, None, None, unit, baseline, few_data=True)
        return Estimate(found.value, found.lower, found.upper, unit, baseline, found.few_data)


def ledger(
    scene: Scene,
    main: Sequence[Pattern],
    baseline: str,
    *,
    beside: Sequence[Pattern] = (),
    requests: int,
    first: int,
    level: float,
) -> Ledger:
    """Route fresh requests by every pattern of `main`, the baseline among them, and a part of them by those `beside`.

    Replications are dealt out to the blocks in turn. Only for patterns of which no call may be refused: what others
    cost, playing shows.
    """
    every = Part({one.name: Sums() for one in main})
    shared = Part({one.name: Sums() for one in (*main, *beside)})
    for number, answers in enumerate(drawn(scene, first, requests)):
        is_shared = number % SHARED == 0
        rows, seconds = measured_from(scene, answers.requests)
        parts = [(every, number % BLOCKS)] + ([(shared, number // SHARED % BLOCKS)] if is_shared else [])
        for part, block in parts:
            part.requests[block] += len(answers.requests.arrival_ns[rows])
            part.seconds[block] += seconds
        for pattern in (*main, *beside) if is_shared else main:
            found = _found(scene.plan(pattern, answers), answers, rows)
            for part, block in parts:
                if pattern.name in part.sums:
                    part.sums[pattern.name].add(block, found)
    for part in (every, shared):
        for pattern in (*main, *beside):
            if pattern.name in part.sums:
                part.sums[pattern.name].cost += _fixed_nano(scene, pattern) * part.seconds
    filled = [part.of_blocks(np.flatnonzero(part.requests)) for part in (every, shared)]
    return Ledger(filled[0], filled[1], level, baseline)


def _found(plan: Plan, answers: Answers, rows: slice) -> tuple[int, int, int]:
    """Give nano-dollars, acceptable answers and escalations of the requests that count."""
    start, cost, right = rows.start or 0, 0, 0
    for group in plan.groups:
        costs = leg_costs(group, plan, answers)
        cost += int(costs[int(np.searchsorted(group.request, start)) :].sum())
    for number, model in enumerate(plan.models):
        mine = plan.answer_model[rows] == number
        if mine.any():
            right += int((answers.acceptable(model)[rows] & mine).sum())
    return cost, right, int(plan.escalated[rows].sum())


def _fixed_nano(scene: Scene, pattern: Pattern) -> float:
    """Give nano-dollars a second of the replicas that a pattern keeps, as many as there are at the start."""
    hourly = sum(
        scene.spec.fleet[name].price.replica_hour_usd * replicas_of(scene.spec.fleet[name].capacity)
        for name in scene.models_of(pattern)
    )
    return hourly / 3600 * _NANO
