"""Which limit of a fleet a pattern reaches first as more requests come, worked out from its plan and not by playing it.

Each request brings so many calls, tokens and seconds of service on average, so that a limit is reached at the arrival
rate at which what all requests bring is what the limit allows. Only first tries are counted: retries, fallbacks, hedges
and calls that spill over come on top.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from sim.columns import Bools, Floats
from sim.fleet import Model, Provider
from sim.fleet.capacity import fewest_scheduled, needed, servers_of, slots_of
from sim.fleet.limits import MINUTE_NS, Limits
from sim.routing.plan import Plan
from sim.workload.arrivals.trace import TraceReplay
from sim.workload.requests import Requests
from sim.workload.sources import processes_of
from sim.workload.workload import Workload

SERVERS: Final = "servers"
REPLICAS: Final = "replicas"
REQUESTS: Final = "requests/min"
TOKENS: Final = "tokens/min"

_NS: Final = 1e9
_MINUTE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What one limit allows and what a pattern asks of it.

    `owner` is a model, or ``provider NAME``; `limit` is ``servers``, ``replicas`` (that batch, the most there may be),
    ``requests/min`` or ``tokens/min``, of one segment ``requests/min of NAME``. `allowed` and `offered` are in that
    unit (of servers: Erlang, the mean number that would be busy; of replicas: how many would be, their batches full);
    `used` is offered over allowed; `reached_at_per_s` is the arrival rate of requests at which that is 1.
    """

    pattern: str
    owner: str
    limit: str
    allowed: float
    offered: float
    used: float
    reached_at_per_s: float


def first_tries(plan: Plan) -> Bools:
    """Say of each leg whether it is tried if nothing goes wrong, bool[legs]."""
    conditions, callers = plan.itinerary.conditions, plan.itinerary.callers
    first = np.ones(plan.itinerary.legs, dtype=np.bool_) if conditions is None else conditions.after < 0
    return first if callers is None else first & (callers.hedges < 0)


def weights(requests: Requests, workload: Workload) -> Floats:
    """Give what each of the first requests stands for: of a segment so many of all as its rate says, float64.

    The first requests alone may be of a burst of one segment, or of a break between two. What a trace will say of
    segments is not known; there each request stands for itself.
    """
    traced = any(isinstance(process, TraceReplay) for process in processes_of(workload).values())
    rates = {} if traced else workload.segment_rates()
    found = np.ones(len(requests))
    total = sum(rates.values())
    counts = np.bincount(requests.segment, minlength=len(requests.segments))
    if set(rates) != set(requests.segments) or not total or not counts.all():
        return found
    for number, name in enumerate(requests.segments):
        found[requests.segment == number] = rates[name] / total * len(requests) / counts[number]
    return found


def ceilings(
    pattern: str,
    plan: Plan,
    requests: Requests,
    weight: Floats,
    *,
    fleet: Mapping[str, Model],
    providers: Mapping[str, Provider],
    rate_per_s: float,
) -> list[Ceiling]:
    """Give every limit that the plan's first tries count against, the one that is reached first in front.

    A request counts with its `weight`.
    """
    found = [
        Ceiling(
            pattern=pattern,
            owner=owner,
            limit=limit,
            allowed=allowed,
            offered=rate_per_s * per_request,
            used=rate_per_s * per_request / allowed,
            reached_at_per_s=allowed / per_request,
        )
        for owner, limit, allowed, per_request in _demands(plan, requests, weight, fleet, providers)
        if per_request > 0
    ]
    return sorted(found, key=lambda ceiling: ceiling.reached_at_per_s)


def in_words(pattern: str, found: Sequence[Ceiling], rate_per_s: float) -> str:
    """Say which limit of a pattern breaks first, at which rate, and which one would be next."""
    if not found:
        return f"{pattern}: nothing it calls has a limit"
    first, *others = found
    times = first.reached_at_per_s / rate_per_s if rate_per_s else 0.0
    how = f", {times:.3g} times the present rate" if times else ""
    text = f"{pattern}: {_named(first)} breaks first, at {first.reached_at_per_s:.3g} requests/s{how}"
    return f"{text}; then {_named(others[0])}, at {others[0].reached_at_per_s:.3g}" if others else text


def at_the_fewest(found: Sequence[Ceiling], fleet: Mapping[str, Model]) -> Iterator[str]:
    """Say of replicas that come and go by a schedule what the fewest of them can bear: it counts whenever they do."""
    for one in found:
        fewest = fewest_scheduled(fleet[one.owner].capacity) if one.limit == REPLICAS else None
        if fewest is not None and fewest < one.allowed:
            rate = one.reached_at_per_s * fewest / one.allowed
            yield (
                f"{one.pattern}: {one.owner} is full at {rate:.3g} requests/s while its schedule has only {fewest} of "
                f"{one.allowed:.0f} replicas"
            )


def _named(ceiling: Ceiling) -> str:
    return f"{ceiling.owner} ({ceiling.limit})"


def _demands(
    plan: Plan, requests: Requests, weight: Floats, fleet: Mapping[str, Model], providers: Mapping[str, Provider]
) -> Iterator[tuple[str, str, float, float]]:
    """Yield (owner, limit, what it allows, what a request asks of it on average; per minute where a limit is)."""
    first = first_tries(plan)
    of_leg = weight[plan.itinerary.leg_request]
    legs = {name: (plan.leg_model == number) & first for number, name in enumerate(plan.models)}
    for name, mine in legs.items():
        servers = servers_of(fleet[name].capacity)
        if servers:
            prefill, service = (
                float((column * of_leg)[mine].sum()) for column in (plan.leg_ttft_ns, plan.itinerary.leg_service_ns)
            )
            work_s = needed(fleet[name].capacity, prefill, service) / _NS / max(len(requests), 1)
            slots = slots_of(fleet[name].capacity)
            if slots:
                yield name, REPLICAS, float(servers // slots), work_s / slots
            else:
                yield name, SERVERS, float(servers), work_s
        yield from _of_limits(name, fleet[name].limits, plan, requests, of_leg * mine)
    for name, provider in providers.items():
        of = [mine for model, mine in legs.items() if fleet[model].provider == name]
        if of:
            yield from _of_limits(
                f"provider {name}", provider.limits, plan, requests, of_leg * np.logical_or.reduce(of)
            )


def _of_limits(
    owner: str, limits: Limits | None, plan: Plan, requests: Requests, weight: Floats
) -> Iterator[tuple[str, str, float, float]]:
    """Yield the limits of one owner; `weight` is 0 for legs that do not count against them."""
    conditions = plan.itinerary.conditions
    if limits is None or conditions is None:
        return
    segment = requests.segment[plan.itinerary.leg_request]
    for name, of_tokens, most in limits.buckets():
        if name is not None and name not in requests.segments:
            continue  # a recorded segment that none of the first requests is of
        of = weight if name is None else weight * (segment == requests.segments.index(name))
        # a call counts for what the bucket holds at most, as in the engine: else it would never be let in
        each = np.minimum(conditions.tokens, most * limits.burst / MINUTE_NS) if of_tokens else 1
        asked = float((of * each).sum())
        limit = (TOKENS if of_tokens else REQUESTS) + (f" of {name}" if name is not None else "")
        yield owner, limit, float(most), asked * _MINUTE_S / max(len(requests), 1)
