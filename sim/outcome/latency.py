"""What the user waits for: latency, time to first token and queueing, read off the leg log."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.columns import Ints
from sim.engine.log import LegLog
from sim.routing.plan import Plan


@dataclass(frozen=True, slots=True)
class Waits:
    """Per request, int64 nanoseconds from its arrival.

    `latency_ns` to the end of the last leg the user waits for; `ttft_ns` to the first visible token; `queueing_ns` the
    queueing on the way: of each stage, that of the leg the stage waited for.
    """

    latency_ns: Ints
    ttft_ns: Ints
    queueing_ns: Ints


def waits(plan: Plan, log: LegLog) -> Waits:
    """Read latency, TTFT and queueing off the leg log.

    An answer that nobody checks streams: its first token is visible at once. One that is looked at as a whole first (by
    a confidence check, a verifier, a judge) is visible when that has ended.
    """
    itinerary = plan.itinerary
    arrival = itinerary.arrival_ns
    request = itinerary.leg_request
    awaited = np.flatnonzero(plan.leg_awaited)
    answered = arrival.copy()
    np.maximum.at(answered, request[awaited], log.ended_ns[awaited])
    answer = plan.answer_leg
    first_token = np.where(plan.answer_held, answered, log.started_ns[answer] + plan.leg_ttft_ns[answer])
    return Waits(answered - arrival, first_token - arrival, _queueing(plan, log, awaited, len(arrival)))


def _queueing(plan: Plan, log: LegLog, awaited: Ints, requests: int) -> Ints:
    """Sum over the stages of the queueing of the leg that ended last: the one the stage waited for."""
    request, stage = plan.itinerary.leg_request[awaited], plan.itinerary.leg_stage[awaited]
    waited = log.started_ns[awaited] - log.joined_ns[awaited]
    order = np.lexsort((log.ended_ns[awaited], stage, request))
    request, stage, waited = request[order], stage[order], waited[order]
    last = np.ones(len(order), dtype=np.bool_)
    last[:-1] = (request[1:] != request[:-1]) | (stage[1:] != stage[:-1])
    total = np.zeros(requests, dtype=np.int64)
    np.add.at(total, request[last], waited[last])
    return total
