"""What each leg costs: integer nano-dollars, so that any split of the bill adds up exactly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from sim.columns import Ints
from sim.errors import RunError
from sim.fleet import Model
from sim.routing.answers import Answers
from sim.routing.plan import Plan

_MOST: Final = 2**63 - 1


def leg_costs(plan: Plan, answers: Answers, fleet: Mapping[str, Model]) -> Ints:
    """Give the cost of every leg in nano-dollars, int64; every started leg is billed, used or not."""
    requests = answers.requests
    cost = np.zeros(len(plan.leg_model), dtype=np.int64)
    for number, name in enumerate(plan.models):
        legs = np.flatnonzero(plan.leg_model == number)
        if len(legs):
            rows = plan.itinerary.leg_request[legs]
            cost[legs] = fleet[name].price.call_nano(
                requests.input_tokens[rows], requests.cached_tokens[rows], answers.output_tokens(name)[rows]
            )
    for number, step in enumerate(plan.steps):
        cost[plan.leg_step == number] = step.nano_usd
    return cost


def total(values: Ints) -> int:
    """Give the exact sum, as a Python integer: nanoseconds and nano-dollars of a long run exceed 64 bits together."""
    low = int((values & 0xFFFFFFFF).sum())
    return (int((values >> 32).sum()) << 32) + low


def sum_by(keys: Ints, values: Ints, size: int) -> Ints:
    """Give the exact integer sum of `values` for each key from 0 to size - 1. RunError if it may not fit 64 bits."""
    if abs(total(values)) > _MOST:
        raise RunError("the bill exceeds nine billion USD, the most that is counted in 64-bit nano-dollars")
    totals = np.zeros(size, dtype=np.int64)
    np.add.at(totals, keys, values)
    return totals
