"""What queues, limits and faults add to what requests say by themselves: the difference that playing makes.

Of a million fresh requests it is known what a pattern costs and loses if every call is answered at its first try. Only
a play shows what becomes of calls that are refused, and one may play far fewer requests. So the difference between both
is taken on the requests that were played, and added to what the fresh ones say (a control variate whose factor is
known to be one). Where no call was refused the difference is nothing, and the fresh requests alone count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from sim.experiment.headroom import first_tries
from sim.fleet.capacity import replicas_of
from sim.fleet.token_rates import FEMTO_PER_NANO
from sim.outcome.bill import leg_costs
from sim.outcome.intervals import ratio_interval
from sim.routing.conditions import LegOutcome

if TYPE_CHECKING:
    from sim.columns import Bools, Floats
    from sim.experiment.scene import Scene
    from sim.outcome.outcomes import Outcome
    from sim.routing.answers import Answers
    from sim.routing.patterns import Pattern
    from sim.routing.plan import Plan

COST, RIGHT, ESCALATED = range(3)
"""Places in sums of a pattern: nano-dollars, acceptable answers, escalated requests."""

_NANO: Final = 1e9
_NS: Final = 1e9
_CALLS: Final = 8


@dataclass(frozen=True, slots=True)
class Effect:
    """By how much more a request costs, is right and escalates as played: float64[3], and half the intervals of each.

    In nano-dollars and shares. `requests` were played, 0 where nothing can make a difference; `is_seen` says whether
    any was made to answers or escalations.
    """

    more: Floats
    half: Floats
    requests: int
    is_seen: bool


NO_EFFECT: Final = Effect(np.zeros(3), np.zeros(3), requests=0, is_seen=False)


def as_if_answered(plan: Plan) -> Plan:
    """Give what comes about if every first try of a plan is answered."""
    if plan.tries is None:
        return plan
    outcome = np.where(first_tries(plan), LegOutcome.DONE, LegOutcome.NOT_TRIED).astype(np.int8)
    return plan.tries.settle(plan, outcome)


def summed(plan: Plan, answers: Answers, rows: slice) -> tuple[int, int, int]:
    """Give nano-dollars, acceptable answers and escalations of the requests that count, all first tries answered."""
    of = as_if_answered(plan)
    start, cost = rows.start or 0, 0
    for group in of.groups:
        costs = leg_costs(group, of, answers)
        cost += int(costs[int(np.searchsorted(group.request, start)) :].sum())
    return cost, int(_rights(of, answers)[rows].sum()), int(of.escalated[rows].sum())


def rights(plan: Plan, answers: Answers) -> Bools:
    """Say of every request whether its answer is acceptable, all first tries answered."""
    return _rights(as_if_answered(plan), answers)


def _rights(plan: Plan, answers: Answers) -> Bools:
    right = np.zeros(len(plan.answer_model), dtype=np.bool_)
    for number, model in enumerate(plan.models):
        mine = plan.answer_model == number
        if mine.any():
            right |= answers.acceptable(model) & mine
    return right


def fixed_nano(scene: Scene, pattern: Pattern) -> float:
    """Give nano-dollars a second of the replicas that a pattern keeps, as many as there are at the start."""
    hourly = sum(
        scene.spec.fleet[name].price.replica_hour_usd * replicas_of(scene.spec.fleet[name].capacity)
        for name in scene.models_of(pattern)
    )
    return hourly / 3600 * _NANO


def effects_of(
    scene: Scene, outcomes: Mapping[str, Sequence[Outcome]], patterns: Sequence[Pattern], level: float, first: int = 0
) -> dict[str, Effect]:
    """Give the effect of playing on each pattern; `outcomes` are those of the replications from `first` on.

    Raises ValueError if these are not the requests that were played.
    """
    some = [pattern for pattern in patterns if scene.may_refuse(pattern)]
    if not some:
        return {}
    replications = len(outcomes[some[0].name])
    expected = {pattern.name: np.zeros((replications, 3)) for pattern in some}
    counts = np.zeros(replications)
    for replication in range(replications):
        window = scene.window(first + replication)
        for requests in scene.chunks(first + replication):
            rows = slice(int(np.searchsorted(requests.arrival_ns, window.start_ns)), None)
            answers = scene.answers(requests)
            counts[replication] += len(requests.arrival_ns[rows])
            for pattern in some:
                expected[pattern.name][replication] += summed(scene.plan(pattern, answers, window), answers, rows)
        for pattern in some:
            expected[pattern.name][replication, COST] += fixed_nano(scene, pattern) * window.length_ns / _NS
    return {one.name: _effect(outcomes[one.name], expected[one.name], counts, level) for one in some}


def _effect(outcomes: Sequence[Outcome], expected: Floats, counts: Floats, level: float) -> Effect:
    played = np.array([[float(one.requests), *_of(one)] for one in outcomes])
    if not np.array_equal(played[:, 0], counts):
        raise ValueError("other requests were played than were drawn")
    more, half, difference = np.zeros(3), np.zeros(3), played[:, 1:] - expected
    # calls are rounded to a nano-dollar one by one in the one and all together in the other: that is no difference
    difference[:, COST] = np.where(abs(difference[:, COST]) <= _CALLS * counts, 0.0, difference[:, COST])
    for column in (COST, RIGHT, ESCALATED):
        found = ratio_interval(difference[:, column], counts, level)
        if found is not None:
            more[column] = found.value
            half[column] = ((found.upper or 0.0) - (found.lower or 0.0)) / 2
    return Effect(more, half, requests=int(counts.sum()), is_seen=bool(difference[:, RIGHT:].any()))


def _of(outcome: Outcome) -> tuple[float, float, float]:
    spent = sum(outcome.spent()) + outcome.replica_cost()
    return spent / FEMTO_PER_NANO, float(sum(outcome.sum("acceptable"))), float(sum(outcome.sum("escalated")))
