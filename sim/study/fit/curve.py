"""The curve of a router: how much of the gap between two models it recovers for each share of strong calls.

Definitions. PGR (performance gap recovered), APGR (its mean over shares) and CPT(x) (the least share of strong calls
that recovers x of the gap) are RouteLLM's (arXiv 2406.18665, section 4). AIQ is the mean height of the non-decreasing
convex hull of cost and quality (RouterBench, arXiv 2403.12031). The arena score is RouterArena's (arXiv 2510.00202).

Prompts with the same score are taken to be sent in random order, so that what is told is the mean over it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from sim.columns import Floats

ARENA_BETA: Final = 0.1
ARENA_DEAREST_USD: Final = 200.0
ARENA_CHEAPEST_USD: Final = 0.0044
"""Costs of 1,000 queries between which RouterArena scales on a log axis, and the weight of cost beside accuracy."""


@dataclass(frozen=True)
class Curve:
    """Points of a router from no strong calls to nothing else, float64[points] each.

    `share` of strong calls, `quality` mean, `cost` per prompt in any unit (the share itself where none is known).
    """

    share: Floats
    quality: Floats
    cost: Floats

    @property
    def gap(self) -> float:
        """How much better the strong model is than the weak one."""
        return float(self.quality[-1] - self.quality[0])

    @cached_property
    def recovered(self) -> Floats:
        """The part of the gap that is recovered at each point."""
        found: Floats = (self.quality - self.quality[0]) / self.gap
        return found

    def pgr(self, share: float) -> float:
        """Give the part of the gap recovered with this share of strong calls."""
        return float(np.interp(share, self.share, self.recovered))

    def apgr(self) -> float:
        """Give the mean of the recovered part over all shares of strong calls."""
        return _area(self.share, self.recovered)

    def cpt(self, part: float) -> float:
        """Give the least share of strong calls that recovers this part of the gap, 0.5 for CPT(50)."""
        at = int(np.argmax(self.recovered >= part - 1e-12))
        if at == 0:
            return 0.0
        low, high = self.recovered[at - 1], self.recovered[at]
        within = (part - low) / (high - low) if high > low else 1.0
        return float(self.share[at - 1] + min(within, 1.0) * (self.share[at] - self.share[at - 1]))

    def hull(self) -> tuple[Floats, Floats]:
        """Give cost and quality of the non-decreasing convex hull: what mixing routers at random can reach."""
        kept: list[tuple[float, float]] = []
        for cost, quality in sorted(zip(self.cost.tolist(), self.quality.tolist(), strict=True)):
            while len(kept) > 1 and _is_below(kept[-2], kept[-1], (cost, quality)):
                kept.pop()
            kept.append((cost, quality))
        best = max(range(len(kept)), key=lambda place: kept[place][1])
        top = [*kept[: best + 1], *((cost, kept[best][1]) for cost, _ in kept[best + 1 :])]
        return np.array([cost for cost, _ in top]), np.array([quality for _, quality in top])

    def aiq(self) -> float:
        """Give the mean height of the hull over the costs from the least to the most."""
        cost, quality = self.hull()
        width = float(cost[-1] - cost[0])
        return _area(cost, quality) / width if width > 0 else float(quality[-1])

    def arena(self) -> tuple[float, float]:
        """Give the best arena score over all points and the share of strong calls there; costs in USD per prompt."""
        scores = [arena_score(1000 * cost, quality) for cost, quality in zip(self.cost, self.quality, strict=True)]
        at = int(np.argmax(scores))
        return scores[at], float(self.share[at])


def curve_of(
    score: Floats,
    weak: Floats,
    strong: Floats,
    costs: tuple[Floats, Floats] | None = None,
    weight: Floats | None = None,
) -> Curve:
    """Send prompts to the strong model by falling score.

    `weak` and `strong` are how good the answers of both models are, `costs` what they cost; a prompt counts `weight`.
    ValueError where the strong model is not better, so that there is no gap to recover.
    """
    return Sorted(score, weak, strong, costs).curve(weight)


class Sorted:
    """Prompts in the order in which they are sent to the strong model: sorted once for many weights."""

    def __init__(self, score: Floats, weak: Floats, strong: Floats, costs: tuple[Floats, Floats] | None = None) -> None:
        self._order = np.argsort(-score, kind="stable")
        ordered = score[self._order]
        self._starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
        self._weak, self._gain = weak[self._order], (strong - weak)[self._order]
        cheap, dear = (np.zeros_like(weak), np.ones_like(weak)) if costs is None else costs
        self._cheap, self._more = cheap[self._order], (dear - cheap)[self._order]

    def curve(self, weight: Floats | None = None) -> Curve:
        """Give the curve of the prompts with these weights."""
        w = np.ones(len(self._order)) if weight is None else weight[self._order]
        total = float(w.sum())

        def up_to(values: Floats) -> Floats:
            return np.concatenate(([0.0], np.cumsum(np.add.reduceat(values, self._starts)))) / total

        found = Curve(
            share=up_to(w),
            quality=float((w * self._weak).sum()) / total + up_to(w * self._gain),
            cost=float((w * self._cheap).sum()) / total + up_to(w * self._more),
        )
        if found.gap <= 0:
            raise ValueError("the strong model is no better than the weak one: there is no gap to recover")
        return found


def arena_score(usd_per_1k: float, accuracy: float) -> float:
    """Give RouterArena's score: a weighted harmonic mean of accuracy and of cost on a log scale, in 0 to 1."""
    dearest, cheapest = math.log2(ARENA_DEAREST_USD), math.log2(ARENA_CHEAPEST_USD)
    cost = (dearest - math.log2(max(usd_per_1k, 1e-12))) / (dearest - cheapest)
    cost = min(max(cost, 0.0), 1.0)
    below = ARENA_BETA * accuracy + cost
    return (1 + ARENA_BETA) * accuracy * cost / below if below > 0 else 0.0


def _area(x: Floats, y: Floats) -> float:
    return float(np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2))


def _is_below(before: tuple[float, float], point: tuple[float, float], after: tuple[float, float]) -> bool:
    """Say whether a point lies on or below the line between its neighbours."""
    return (point[1] - before[1]) * (after[0] - before[0]) <= (after[1] - before[1]) * (point[0] - before[0])
