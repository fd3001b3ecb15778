"""What each leg costs: integer nano-dollars, so that any split of the bill adds up exactly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from sim.columns import Ints
from sim.engine.log import LegLog
from sim.fleet import Model
from sim.routing.answers import Answers
from sim.routing.conditions import LegOutcome
from sim.routing.plan import LegGroup, Plan
from sim.units import as_int64

_MOST: Final = 2**63 - 1


def leg_costs(
    group: LegGroup, plan: Plan, answers: Answers, fleet: Mapping[str, Model], log: LegLog | None = None
) -> Ints:
    """Give the cost of every leg of a group in nano-dollars, int64; every answer is billed, used or not.

    Where calls may be refused, `log` says what became of them. A call that the caller gave up while it was served is
    billed whole if the server worked on, and else for its prompt and the part of the answer that was made. Nothing is
    billed for calls that no server took and for errors, as providers bill them.
    """
    if log is not None and log.outcome is not None:
        return _costs_by_outcome(group, plan, answers, fleet, log)
    if group.model < 0:
        return np.full(len(group.leg), plan.steps[group.step].nano_usd, dtype=np.int64)
    name, requests, rows = plan.models[group.model], answers.requests, group.request
    price = fleet[name].price
    return price.call_nano(requests.input_tokens[rows], requests.cached_tokens[rows], answers.output_tokens(name)[rows])


def _costs_by_outcome(group: LegGroup, plan: Plan, answers: Answers, fleet: Mapping[str, Model], log: LegLog) -> Ints:
    outcome = log.outcome[group.leg] if log.outcome is not None else np.empty(0, dtype=np.int8)
    done, late = outcome == LegOutcome.DONE, outcome == LegOutcome.TIMED_OUT
    if group.model < 0:
        return np.where(done, plan.steps[group.step].nano_usd, 0).astype(np.int64)
    name, requests, rows = plan.models[group.model], answers.requests, group.request
    output = answers.output_tokens(name)[rows]
    if fleet[name].client.cancel_on_timeout and late.any():
        service_ns = plan.itinerary.leg_service_ns[group.leg]
        served = (log.ended_ns - log.started_ns)[group.leg] / np.maximum(service_ns, 1)
        output = np.where(late, as_int64(np.floor(output * np.minimum(served, 1.0))), output)
    price = fleet[name].price
    whole = price.call_nano(requests.input_tokens[rows], requests.cached_tokens[rows], output)
    return np.where(done | late, whole, 0)


def total(values: Ints) -> int:
    """Give the exact sum, as a Python integer: nanoseconds and nano-dollars of a long run exceed 64 bits together."""
    if not len(values) or max(int(values.max()), -int(values.min())) <= _MOST // len(values):
        return int(values.sum())
    low = int((values & 0xFFFFFFFF).sum())
    return (int((values >> 32).sum()) << 32) + low
