"""The stations of a fleet as engines see them: who cancels and rejects, retry budgets, limits, outages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.fleet import Model, Provider
from sim.fleet.capacity import queues_by_segment
from sim.fleet.limits import MINUTE_NS, Limits
from sim.fleet.order import FairOrder, PriorityOrder
from sim.routing.conditions import NO_LIMIT

_PERMILLE = 1_000


def station_columns(
    fleet: Mapping[str, Model], providers: Mapping[str, Provider], models: tuple[str, ...]
) -> dict[str, NDArray[Any]]:
    """Give the columns of `Conditions` that belong to stations and limits; station 0 is that of steps."""
    clients = [fleet[name].client for name in models]
    limits, pairs, _ = _limits(fleet, providers, models)
    outages = sorted(_outages(fleet, providers, models))
    columns = np.array(outages, dtype=np.int64).reshape(-1, 4).T
    return {
        "cancels": np.array([False, *(client.cancel_on_timeout for client in clients)]),
        "rejects": np.array([False, *(rejects(fleet[name], providers) for name in models)]),
        "budget": np.array([NO_LIMIT, *(client.budget_permille(NO_LIMIT) for client in clients)], dtype=np.int64),
        "budget_most": np.array([0, *(_PERMILLE * client.retry_burst for client in clients)], dtype=np.int64),
        "limit_of_tokens": np.array([of_tokens for of_tokens, _, _ in limits], dtype=np.bool_),
        "limit_period_ns": np.full(len(limits), MINUTE_NS, dtype=np.int64),
        "limit_per_period": np.array([most for _, most, _ in limits], dtype=np.int64),
        "limit_burst_ns": np.array([burst_ns for *_, burst_ns in limits], dtype=np.int64),
        "station_limit": np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2),
        "outage_station": columns[0].copy(),
        "outage_start_ns": columns[1].copy(),
        "outage_end_ns": columns[2].copy(),
        "outage_slowdown": columns[3].copy(),
    }


def limits_of(model: Model, providers: Mapping[str, Provider]) -> list[Limits]:
    """Give the limits that calls to a model count against: its own, and its provider's."""
    shared = None if model.provider is None else providers[model.provider].limits
    return [limits for limits in (model.limits, shared) if limits is not None]


@dataclass(frozen=True, slots=True)
class NamedLimit:
    """A limit as reports name it: its `owner` (a model, or ``provider NAME``) and `what` it counts.

    `models` are those whose calls count against it; where it `queues`, calls beyond it wait.
    """

    owner: str
    what: str
    models: tuple[str, ...]
    queues: bool


def named_limits(
    fleet: Mapping[str, Model], providers: Mapping[str, Provider], models: tuple[str, ...]
) -> list[NamedLimit]:
    """Name all limits, in the order of `station_columns`."""
    found = []
    for owner, group, of in _groups(fleet, providers, models):
        limited = tuple(models[station - 1] for station in of)
        queues = not any(rejects(fleet[name], providers) for name in limited)
        for segment, of_tokens, _ in group.buckets():
            what = f"{'tokens' if of_tokens else 'requests'}/min" + ("" if segment is None else f" of {segment}")
            found.append(NamedLimit(owner, what, limited, queues))
    return found


def _groups(
    fleet: Mapping[str, Model], providers: Mapping[str, Provider], models: tuple[str, ...]
) -> Iterator[tuple[str, Limits, list[int]]]:
    """Yield the limits of each owner, and the stations that they limit; station 0 is that of steps."""
    stations = list(enumerate(models, 1))
    for station, model in stations:
        own = fleet[model].limits
        if own is not None:
            yield model, own, [station]
    for name, provider in providers.items():
        if provider.limits is not None:
            of = [station for station, model in stations if fleet[model].provider == name]
            yield f"provider {name}", provider.limits, of


def rejects(model: Model, providers: Mapping[str, Provider]) -> bool:
    """Say whether calls beyond the limits are rejected; else they queue."""
    return any(limits.on_limit == "reject" for limits in limits_of(model, providers))


def lane_columns(
    fleet: Mapping[str, Model], providers: Mapping[str, Provider], models: tuple[str, ...], segments: tuple[str, ...]
) -> dict[str, NDArray[Any]] | None:
    """Give the columns of `Lanes` that belong to stations and lanes; None where no model tells segments apart.

    A station that does has one lane for each segment, in their order, and any other has one.
    """
    *_, of_segments = _limits(fleet, providers, models)
    limited = {station for station, _, _ in of_segments}
    lanes: list[tuple[int, int, int, int]] = [(0, 0, 1, NO_LIMIT)]
    first: dict[int, int] = {}
    for station, name in enumerate(models, 1):
        model = fleet[name]
        if station in limited or _tells_apart(model):
            first[station] = len(lanes)
            lanes += [(station, *_lane(model, segment)) for segment in segments]
        else:
            lanes.append((station, 0, 1, NO_LIMIT))
    if not first:
        return None
    pairs = [
        (first[station] + segments.index(segment), limit)
        for station, segment, limit in of_segments
        if segment in segments
    ]
    station, rank, stride, most = (column.copy() for column in np.array(lanes, dtype=np.int64).T)
    return {
        "lane_station": station,
        "lane_rank": rank,
        "lane_stride": stride,
        "lane_most": most,
        "fair": np.array([False, *(isinstance(fleet[name].order, FairOrder) for name in models)]),
        "lane_limit": np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2),
    }


def _tells_apart(model: Model) -> bool:
    """Say whether the queue of a model is not the same for all segments."""
    return model.order != "fifo" or bool(queues_by_segment(model.capacity))


def _lane(model: Model, segment: str) -> tuple[int, int, int]:
    """Give the rank and the stride of a segment, and how many of its calls wait at most."""
    order, capacity = model.order, model.capacity
    most = queues_by_segment(capacity).get(segment, NO_LIMIT)
    rank = order.rank(segment) if isinstance(order, PriorityOrder) else 0
    stride = order.stride(segment) if isinstance(order, FairOrder) else 1
    return rank, stride, most


def _limits(
    fleet: Mapping[str, Model], providers: Mapping[str, Provider], models: tuple[str, ...]
) -> tuple[list[tuple[bool, int, int]], list[tuple[int, int]], list[tuple[int, str, int]]]:
    """Give all limits as (of tokens, how many a minute, burst in ns), and whom they limit.

    That is pairs of a station and a limit, and triples of a station, a segment and a limit.
    """
    limits: list[tuple[bool, int, int]] = []
    pairs: list[tuple[int, int]] = []
    of_segments: list[tuple[int, str, int]] = []
    for _, group, of in _groups(fleet, providers, models):
        for segment, of_tokens, most in group.buckets():
            if segment is None:
                pairs += [(station, len(limits)) for station in of]
            else:
                of_segments += [(station, segment, len(limits)) for station in of]
            limits.append((of_tokens, most, group.burst))
    return limits, pairs, of_segments


def _outages(
    fleet: Mapping[str, Model], providers: Mapping[str, Provider], models: tuple[str, ...]
) -> Iterator[tuple[int, int, int, int]]:
    """Yield (station, start, end, slowdown in thousandths, 0 for down) of every bad time."""
    for station, name in enumerate(models, 1):
        provider = fleet[name].provider
        for faults in (fleet[name].faults, *(() if provider is None else (providers[provider].faults,))):
            for outage in faults.outages:
                yield station, outage.start, outage.start + outage.length, 0
            for slow in faults.brownouts:
                yield station, slow.start, slow.start + slow.length, max(round(_PERMILLE * slow.slowdown), _PERMILLE)
