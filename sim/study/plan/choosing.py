"""Which of the confirmed options is taken, which are as good, which nothing beats, and which comes nearest."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sim.study.plan.goal import LOSS, P95, PER_1K, Goal
from sim.study.plan.options import Named, Option, named
from sim.study.until import UNSTABLE, Standing

if TYPE_CHECKING:
    from sim.study.plan.candidates import Candidate
    from sim.study.plan.sample import Means
    from sim.study.plan.search import Found

FRONT: Final = "front-"
"""How the names of options begin that show what other losses cost."""

LEAST_LOSS: Final = f"{FRONT}least-loss"
"""Name of the one that loses least, where nothing keeps to the budget."""

_AT_BUDGETS: Final = (0.25, 0.5, 2.0, 4.0)


def objective(goal: Goal, option: Option) -> float:
    """Give what is to be least."""
    return option.value({"cost": PER_1K, "latency": P95, "quality": LOSS}[goal.minimise])


def of_front(found: Found, best: Sequence[Named], goal: Goal, means: Means) -> list[Named]:
    """Give the cheapest candidates at other losses, so that the price of quality shows.

    A twin that was taken in the best of a kind stands in them too. If nothing keeps to the limits, the one that loses
    least is among them: what can be had at most.
    """
    budget = goal.quality_budget or 1.0
    taken = {(one.candidate.rules, one.candidate.body) for one in best if one.candidate is not None}
    swapped = [one.swap for one in best if one.swap is not None]
    some = list[Named]()

    def take(candidate: Candidate, name: str) -> None:
        key = (candidate.rules, candidate.body)
        if key not in taken and candidate.kind != "single":
            taken.add(key)
            one = named(candidate, means, name)
            swaps = [swap for swap in swapped if swap[0] in candidate.models]
            pattern = candidate.swapped(*swaps[0]).pattern(name, means) if swaps else one.pattern
            some.append(replace(one, pattern=pattern))

    if not best and found.front:
        take(min(found.front, key=lambda one: one.point.loss), LEAST_LOSS)
    for factor in _AT_BUDGETS:
        within = [one for one in found.front if one.point.loss <= factor * budget]
        if within:
            take(min(within, key=lambda one: one.point.usd), f"{FRONT}{factor * budget:g}")
    return some


def ranked(goal: Goal, options: Sequence[Option], best: Sequence[Named]) -> list[Option]:
    """Give the best of each kind in the order that search and shortlist say: confirmation only says yes or no."""
    by_name = {one.name: one for one in options}
    order = sorted((by_name[one.name] for one in best), key=lambda one: _searched(goal, one))
    if goal.minimise == "quality" or not order:
        return order
    # what is no better than another by more than the indifference is not worth its rules
    most = _searched(goal, order[0])[0] * (1 + goal.indifference)
    near = [one for one in order if _searched(goal, one)[0] <= most]
    return [*sorted(near, key=_parts), *order[len(near) :]]


def _searched(goal: Goal, option: Option) -> tuple[float, float]:
    """Give what the search (and, of times, the play) said of the objective: nothing that the confirmation adds."""
    point = option.candidate.point if option.candidate is not None else None
    if point is None:
        return (float("inf"), float("inf"))
    first = {"cost": point.usd, "quality": point.loss, "latency": option.value(P95)}[goal.minimise]
    return first, point.usd


def _parts(option: Option) -> int:
    """Give of how many rules and models an option is made."""
    return 0 if option.candidate is None else len(option.candidate.rules) + len(option.candidate.models)


def at_hand(goal: Goal, options: Sequence[Option], chosen: Option | None) -> Option | None:
    """Give the best pattern of the experiment, as it is written, if it is better than the choice by more than nothing.

    What differs by no more than the indifference is left to the choice, whose thresholds and assumptions are known.
    """
    some = [one for one in options if one.candidate is None and one.judgement.standing is Standing.MEETS]
    best = min(some, key=lambda one: objective(goal, one), default=None)
    if best is None or chosen is None:
        return best
    mine, other = objective(goal, chosen), objective(goal, best)
    band = goal.indifference * (100 if goal.minimise == "quality" else abs(mine))
    return best if other < mine - band else None


def alike(goal: Goal, options: Sequence[Option], chosen: Option, without: Collection[str] = ()) -> Iterator[str]:
    """Name options that meet the conditions and cannot be told from the choice in the objective.

    None of those `without`: what cannot be built, or has no air, is no alternative.
    """
    for one in options:
        if one.name in (chosen.name, *without) or one.judgement.standing is not Standing.MEETS:
            continue
        difference = one.worse if goal.minimise == "quality" else one.dearer
        if goal.minimise == "latency" or difference is None or difference.lower is None:
            mine, other = objective(goal, chosen), objective(goal, one)
            close = abs(other - mine) <= goal.indifference * abs(mine)
        else:
            close = difference.lower <= 0 or difference.value <= goal.indifference * (
                1 if goal.minimise == "cost" else 100
            )
        if close:
            yield one.name


def undominated(options: Sequence[Option]) -> Iterator[str]:
    """Name the options that no other one beats in cost, loss and P95; an unstable one is none of them."""

    def worth(one: Option) -> tuple[float, float, float]:
        return one.value(PER_1K), one.value(LOSS), one.value(P95)

    stable = [one for one in options if one.status != UNSTABLE]
    for one in stable:
        if not any(
            worth(other) != worth(one) and all(a <= b for a, b in zip(worth(other), worth(one), strict=True))
            for other in stable
        ):
            yield one.name


def nearest(options: Sequence[Option]) -> Option:
    """Give the option that comes nearest to the conditions: with the fewest broken, then with the least loss."""
    return min(
        options,
        key=lambda one: (
            one.status == UNSTABLE,
            one.judgement.standing is Standing.FAILS,
            len(one.judgement.broken),
            one.value(LOSS),
        ),
    )
