"""What would change the decision: each assumption moved by itself, the plan kept, and the plan made anew.

Thresholds are scores that were set while the experiment was believed: where its qualities turn out otherwise, the same
scores mean something else. All is read off the same requests with the same luck.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from sim.experiment.scene import Scene
from sim.study.plan.assumptions import Assumption, assumptions_of
from sim.study.plan.bodies import Ladder
from sim.study.plan.means import means_of
from sim.study.plan.sample import draw
from sim.study.plan.search import MONTH_S, Searcher

if TYPE_CHECKING:
    from sim.study.plan.candidates import Candidate, Point
    from sim.study.plan.goal import Effort, Goal
    from sim.study.plan.sample import Means

REQUESTS: Final = 25_000
"""Requests that each assumption is tried on, at most."""

SENSITIVITY_FROM: Final = 1 << 23
_HALVINGS: Final = 4
_BEYOND: Final = 3.0
_WEIGHTS: Final = (0.25, 0.5, 0.25)
_STEP: Final = 0.02


@dataclass(frozen=True, slots=True)
class End:
    """An assumption at one end of its range: what becomes of the plan as it is, and which kind would be best there.

    `usd` of 1,000 requests and `loss` in points are the plan's; `best` is the kind of the cheapest plan within the
    limits, at `best_usd`; empty where none is.
    """

    words: str
    usd: float
    loss: float
    best: str
    best_usd: float


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """One assumption. `flips_at` says where another kind becomes better by more than the indifference, if it does.

    `worth` is what knowing it for sure would save on average, USD in 30 days with a point lost at its present price,
    if it lies low, as assumed and high with chances of 1/4, 1/2 and 1/4; None where a point has no price.
    """

    name: str
    low: End
    high: End
    flips_at: str
    flips_to: str
    worth: float | None


@dataclass(frozen=True, slots=True)
class Tornado:
    """All assumptions, the one that moves the plan most in front.

    `point_usd` is what a point less lost costs in 1,000 requests; `usd` and `loss` are the plan's if all is as assumed.
    """

    point_usd: float | None
    usd: float
    loss: float
    entries: tuple[Sensitivity, ...]

    def starting_at(self, now: tuple[float, float] | None) -> Tornado:
        """Give the same with cost and loss of the plan as they were confirmed: costs by the same factors."""
        if now is None or not self.usd:
            return self
        factor, more = now[0] / self.usd, now[1] - self.loss

        def moved(end: End) -> End:
            return replace(end, usd=end.usd * factor, loss=end.loss + more, best_usd=end.best_usd * factor)

        entries = tuple(replace(one, low=moved(one.low), high=moved(one.high)) for one in self.entries)
        return replace(self, usd=now[0], loss=now[1], entries=entries)


def tornado(
    scene: Scene,
    goal: Goal,
    effort: Effort,
    *,
    chosen: Candidate,
    rivals: Sequence[Candidate],
    hard: tuple[str, ...],
    now: tuple[float, float] | None = None,
) -> Tornado:
    """Move every assumption. `rivals` are the best of other kinds; plans that are made anew set thresholds anew.

    `now` is what was confirmed of the plan, USD of 1,000 requests and points lost: what is told of each end starts from
    there, and only the change is of the requests that are looked at here.
    """
    few = replace(effort, requests=min(effort.requests, REQUESTS), margin=0.0)
    return _Mover(scene, goal, few, chosen, rivals).all(hard).starting_at(now)


class _Mover:
    """Moves assumptions and looks at the plan."""

    def __init__(
        self, scene: Scene, goal: Goal, effort: Effort, chosen: Candidate, rivals: Sequence[Candidate]
    ) -> None:
        self._scene, self._effort, self._chosen, self._rivals = scene, effort, chosen, list(rivals)
        self._means = means_of(scene, goal.signals, goal.segments)
        # on other requests the plan loses a little more or less; it is held against what it loses there
        self._nominal = here = self._searcher(scene, goal)
        self._here = here.point(chosen)
        self._seen: dict[tuple[str, float], tuple[Searcher, Mapping[str, Candidate]]] = {}
        budget, own = goal.quality_budget, here.segment_losses(chosen)
        self._goal = replace(
            goal,
            quality_budget=None if budget is None else max(budget, self._here.loss),
            segment_budgets=tuple(
                (name, max(most, loss)) for (name, most), loss in zip(goal.segment_budgets, own, strict=True)
            ),
        )
        self._price = self._price_of_a_point(here)
        self._rate = here.rate_per_s

    def all(self, hard: tuple[str, ...]) -> Tornado:
        """Move every assumption to both ends."""
        found = list[Sensitivity]()
        for assumption in assumptions_of(self._scene, self._means, hard):
            found.append(self._moved(assumption))
            self._seen.clear()
        found.sort(key=lambda one: -max(self._swing(one.low), self._swing(one.high)))
        return Tornado(self._price, self._here.usd, self._here.loss, tuple(found))

    def _moved(self, assumption: Assumption) -> Sensitivity:
        ends, designs, searchers = [], {self._chosen: None}, []
        for x in (-1.0, 1.0):
            searcher, best = self._at(assumption, x)
            point = searcher.point(self._chosen)
            cheapest = _cheapest(best)
            designs |= dict.fromkeys([] if cheapest is None else [cheapest])
            searchers.append(searcher)
            ends.append(
                End(
                    assumption.words(x),
                    point.usd,
                    point.loss,
                    "" if cheapest is None else cheapest.kind,
                    0.0 if cheapest is None else cheapest.point.usd,
                )
            )
        flips_at, flips_to = self._flip(assumption)
        low, high = ends
        return Sensitivity(assumption.name, low, high, flips_at, flips_to, self._worth(list(designs), searchers))

    def _flip(self, assumption: Assumption) -> tuple[str, str]:
        """Find where another kind becomes better, by halving; nothing if none does as far as three times the range."""
        for inner, outer in ((0.0, -1.0), (0.0, 1.0), (-1.0, -_BEYOND), (1.0, _BEYOND)):
            if not self._is_flipped(assumption, outer):
                continue
            low, high = inner, outer
            for _ in range(_HALVINGS):
                middle = (low + high) / 2
                low, high = (low, middle) if self._is_flipped(assumption, middle) else (middle, high)
            cheapest = _cheapest(self._at(assumption, high)[1])
            return assumption.words(high), "" if cheapest is None else cheapest.kind
        return "", ""

    def _is_flipped(self, assumption: Assumption, x: float) -> bool:
        """Say whether another kind is better than the chosen one by more than the indifference."""
        _, best = self._at(assumption, x)
        cheapest, mine = _cheapest(best), best.get(self._chosen.kind)
        if cheapest is None or cheapest.kind == self._chosen.kind:
            return False
        return mine is None or cheapest.point.usd < mine.point.usd * (1 - self._goal.indifference)

    def _worth(self, designs: Sequence[Candidate], searchers: Sequence[Searcher]) -> float | None:
        """Give the expected value of perfect information in USD of 30 days."""
        if self._price is None:
            return None
        worlds = [searchers[0], self._nominal, searchers[1]]
        net = np.array([[self._net(world.point(design)) for world in worlds] for design in designs])
        weights = np.array(_WEIGHTS)
        now, knowing = float((net @ weights).min()), float(net.min(axis=0) @ weights)
        return max(now - knowing, 0.0) / 1000 * self._rate * MONTH_S

    def _net(self, point: Point) -> float:
        return point.usd + (self._price or 0.0) * point.loss

    def _swing(self, end: End) -> float:
        return abs(end.usd - self._here.usd) + (self._price or 0.0) * abs(end.loss - self._here.loss)

    def _price_of_a_point(self, here: Searcher) -> float | None:
        """Give what a point less lost costs: the slope along the thresholds of the chosen cascade."""
        body = self._chosen.body
        if not isinstance(body, Ladder):
            return None
        first = body.shares[0]
        shares = [share for share in (first - _STEP, first + _STEP) if 0 < share < 1]
        points = [
            here.point(replace(self._chosen, body=replace(body, shares=(share, *body.shares[1:])))) for share in shares
        ]
        lost = points[0].loss - points[-1].loss
        return (points[-1].usd - points[0].usd) / lost if lost > 0 else None

    def _at(self, assumption: Assumption, x: float) -> tuple[Searcher, Mapping[str, Candidate]]:
        """Give a search where an assumption is moved, and the best of each kind there."""
        key = (assumption.name, x)
        if key not in self._seen:
            spec = assumption.change(self._scene.spec, x)
            moved = Scene(spec, self._scene.line_up, self._scene.inputs)
            # readings are made in the world as it is, and understood as the experiment had it
            vars(moved)["quality"] = dataclasses.replace(moved.quality, calibrated=self._scene.quality)
            searcher = self._searcher(moved, self._goal)
            searcher.sample.judged_by(self._nominal.sample)
            self._seen[key] = searcher, searcher.among([self._chosen, *self._rivals])
        return self._seen[key]

    def _searcher(self, scene: Scene, goal: Goal) -> Searcher:
        own = means_of(scene, goal.signals, goal.segments)
        means: Means = replace(own, models=self._means.models, pairs=self._means.pairs)
        sample = draw(scene, means, self._effort.requests, SENSITIVITY_FROM)
        return Searcher(scene, sample, means, goal, self._effort)


def _cheapest(best: Mapping[str, Candidate]) -> Candidate | None:
    return min(best.values(), key=lambda one: one.point.usd, default=None)
