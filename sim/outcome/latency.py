"""What the user waits for: latency, time to first token and queueing, read off the leg log."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.columns import Ints
from sim.engine.log import LegLog
from sim.routing.conditions import LegOutcome
from sim.routing.plan import LegGroup, Plan


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
    arrival = plan.itinerary.arrival_ns
    answered = arrival.copy()
    first_token = arrival.copy()
    for group in plan.groups:
        if group.awaited:
            answered[group.request] = np.maximum(answered[group.request], log.ended_ns[group.leg])
        first_token[group.request[group.is_answer]] = first_tokens(group, plan, log)[group.is_answer]
    shown = np.where(plan.answer_held, answered, first_token)
    return Waits(answered - arrival, shown - arrival, _queueing(plan, log))


def first_tokens(group: LegGroup, plan: Plan, log: LegLog) -> Ints:
    """Give when each leg of a group has its first token, int64 ns: in a batch as it came, and else as it was drawn.

    In a brown-out it comes later by as much as the whole answer. Of legs that were not answered it says nothing.
    """
    started = log.started_ns[group.leg]
    drawn = started + group.ttft_ns
    if log.outcome is not None:
        drawn_ns, took_ns = plan.itinerary.leg_service_ns[group.leg], log.ended_ns[group.leg] - started
        slowed = (log.outcome[group.leg] == LegOutcome.DONE) & (took_ns > drawn_ns)
        if slowed.any():
            later = np.rint(group.ttft_ns * (took_ns / np.maximum(drawn_ns, 1))).astype(np.int64)
            drawn = np.where(slowed, started + later, drawn)
    if log.first_ns is None:
        return drawn
    came = log.first_ns[group.leg]
    return np.where(came < 0, drawn, came)


def _queueing(plan: Plan, log: LegLog) -> Ints:
    """Sum over the stages of the queueing of the leg that ended last: the one the stage waited for.

    A leg that was tried because others had failed brings their waits with it. Groups come in the order of stages. Of
    legs that end together the one further down the itinerary counts, but none that was given up for its rival.
    """
    summed = np.zeros(plan.itinerary.requests, dtype=np.int64)
    if not np.any(log.started_ns != log.joined_ns):
        return summed
    stage = np.full(len(summed), -1, dtype=np.int64)
    ended, waited = np.zeros_like(summed), np.zeros_like(summed)  # of the leg that ended last in that stage so far
    for group in plan.groups:
        if not group.awaited:
            continue
        rows, leg, in_stage = group.request, group.leg, group.stage
        if log.outcome is not None:
            counts = ~np.isin(log.outcome[leg], (LegOutcome.CANCELLED, LegOutcome.WITHDRAWN))
            rows, leg, in_stage = rows[counts], leg[counts], in_stage[counts]
        own_end = log.ended_ns[leg]
        before, last = waited[rows], ended[rows]
        onward = in_stage > stage[rows]
        summed[rows] += np.where(onward, before, 0)
        latest = onward | (own_end >= last)
        own = log.started_ns[leg] - log.joined_ns[leg] + (before if group.retry else 0)
        waited[rows] = np.where(latest, own, before)
        ended[rows] = np.where(latest, own_end, last)
        stage[rows] = in_stage
    return summed + waited
