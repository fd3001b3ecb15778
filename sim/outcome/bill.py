"""What each leg costs: integer nano-dollars, so that any split of the bill adds up exactly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from sim.columns import Ints
from sim.fleet import Model
from sim.routing.answers import Answers
from sim.routing.plan import LegGroup, Plan

_MOST: Final = 2**63 - 1


def leg_costs(group: LegGroup, plan: Plan, answers: Answers, fleet: Mapping[str, Model]) -> Ints:
    """Give the cost of every leg of a group in nano-dollars, int64; every started leg is billed, used or not."""
    if group.model < 0:
        return np.full(len(group.leg), plan.steps[group.step].nano_usd, dtype=np.int64)
    name, requests, rows = plan.models[group.model], answers.requests, group.request
    price = fleet[name].price
    return price.call_nano(requests.input_tokens[rows], requests.cached_tokens[rows], answers.output_tokens(name)[rows])


def total(values: Ints) -> int:
    """Give the exact sum, as a Python integer: nanoseconds and nano-dollars of a long run exceed 64 bits together."""
    if not len(values) or max(int(values.max()), -int(values.min())) <= _MOST // len(values):
        return int(values.sum())
    low = int((values & 0xFFFFFFFF).sum())
    return (int((values >> 32).sum()) << 32) + low
