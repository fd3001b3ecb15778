"""The stations of a run with conditions, their limits and their outages, as the general loop takes them."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Final, Literal, NamedTuple

import numpy as np

from sim.columns import Bools, Ints
from sim.engine import general_world as of
from sim.engine.general_world import Extra
from sim.engine.kernel import LATEST
from sim.routing.callers import Callers, callers_of
from sim.routing.conditions import AS_USUAL, NO_LIMIT, Conditions
from sim.routing.itinerary import Itinerary
from sim.routing.lanes import Lanes, lanes_of
from sim.routing.replicas import Replicas, Usage

_SIDES: Final[tuple[Literal["left", "right"], ...]] = ("left", "right")


class System(NamedTuple):
    """Tables of a run as `World` has them, and how many of its places are stations, and gates."""

    places: Ints
    bands: Ints
    limits: Ints
    limits_of: Ints
    weather: Ints
    stations: int
    gates: int


def laid_out(itinerary: Itinerary, conditions: Conditions) -> System:
    """Lay out the stations and the weather there, limits, and where legs wait."""
    limits = np.zeros((len(conditions.limit_burst_ns), of.LIMIT_FIELDS), dtype=np.int64)
    limits[:, of.BY_TOKENS] = conditions.limit_of_tokens
    limits[:, of.PERIOD] = conditions.limit_period_ns
    limits[:, of.PER] = conditions.limit_per_period
    limits[:, of.BURST] = conditions.limit_burst_ns
    lanes, number = lanes_of(itinerary), len(itinerary.servers)
    places, bands = _places(lanes, number, _stations_of_replicas(itinerary.replicas))
    stations = places[:number]
    stations[:, of.SERVERS] = itinerary.servers
    stations[:, of.BALANCE] = conditions.budget_most
    stations[:, of.BUDGET] = conditions.budget
    stations[:, of.BUDGET_MOST] = conditions.budget_most
    stations[:, of.CANCELS] = conditions.cancels
    stations[:, of.REJECTS] = conditions.rejects
    weather: list[tuple[int, int, int]] = []
    for station in np.unique(conditions.outage_station).tolist():
        stations[station, of.WEATHER] = len(weather)
        weather += _stretches(conditions, conditions.outage_station == station)
        stations[station, of.WEATHER_END] = len(weather)
    gates = number + len(lanes.lane_station)
    return System(
        places,
        bands,
        limits,
        _limits_of(conditions, lanes, places[:gates]),
        np.array(weather, dtype=np.int64).reshape(-1, of.WEATHER_FIELDS),
        number,
        gates,
    )


def extra_of(itinerary: Itinerary, places: Ints) -> Extra | None:
    """Lay out replicas and callers, of stations in their rows of `places`; None where there is neither."""
    if itinerary.replicas is None and itinerary.callers is None:
        return None
    stations = places[: len(itinerary.servers)]
    return Extra(
        beside=np.empty((0, of.BESIDE_FIELDS), dtype=np.int64),
        **_batched(stations, itinerary.replicas),
        failed=_desks(stations, callers_of(itinerary)),
    )


def _limits_of(conditions: Conditions, lanes: Lanes, gates: Ints) -> Ints:
    """Say where the limits of each gate are, those of lanes behind those of stations; give them one after the other."""
    station, of_station = conditions.station_limit.T
    lane, of_lane = lanes.lane_limit.T
    where = np.concatenate((station, lane + len(conditions.budget)))
    number = np.arange(len(gates))
    gates[:, of.TURN] = of.NEVER
    gates[:, of.LIMITS] = np.searchsorted(where, number)
    gates[:, of.LIMITS_END] = np.searchsorted(where, number, side="right")
    return np.concatenate((of_station, of_lane))


def _stations_of_replicas(replicas: Replicas | None) -> Ints:
    """Give the station of each replica that there may be."""
    if replicas is None:
        return np.empty(0, dtype=np.int64)
    return np.repeat(np.arange(len(replicas.slots)), np.where(replicas.slots > 0, replicas.most, 0))


def _places(lanes: Lanes, stations: int, of_replicas: Ints) -> tuple[Ints, Ints]:
    """Lay out the places where legs wait, with what is known of lanes, and their bands.

    Behind the lines of stations and of lanes come the queues of stations, and then those of replicas.
    """
    number = len(lanes.lane_station)
    band_of = np.zeros(number, dtype=np.int64)
    strides: list[list[int]] = []  # of the bands of each station
    for station in range(stations):
        mine = np.flatnonzero(lanes.lane_station == station)
        if lanes.fair[station]:
            band_of[mine] = np.arange(len(mine))
            strides.append(lanes.lane_stride[mine].tolist())
        else:
            ranks, band_of[mine] = np.unique(lanes.lane_rank[mine], return_inverse=True)
            strides.append([1] * len(ranks))
    of_places = [*strides, *([1] for _ in range(number)), *strides, *(strides[one] for one in of_replicas)]
    ends = np.cumsum([len(bands) for bands in of_places])
    places = np.zeros((len(of_places), of.PLACE_FIELDS), dtype=np.int64)
    places[:, of.BAND], places[:, of.BAND_END] = np.concatenate(([0], ends[:-1])), ends
    fair = (lanes.fair, np.zeros(number, dtype=np.bool_), lanes.fair, lanes.fair[of_replicas])
    places[:, of.IS_FAIR] = np.concatenate(fair)
    of_lanes = places[stations : stations + number]
    of_lanes[:, of.LANE_MOST], of_lanes[:, of.LANE_BAND] = lanes.lane_most, band_of
    bands = np.full((int(ends[-1]), of.BAND_FIELDS), -1, dtype=np.int64)
    bands[:, of.LEAD] = 0
    bands[:, of.STRIDE] = np.concatenate(of_places)
    return places, bands


def _batched(table: Ints, replicas: Replicas | None) -> dict[str, Ints]:
    """Lay out what serves in batches, of stations in their `table`; without rows where there are no replicas."""
    if replicas is None:
        none = np.empty(0, dtype=np.int64)
        return {
            "replicas": none.reshape(0, of.REPLICA_FIELDS),
            "slots": none.reshape(0, of.SLOT_FIELDS),
            "speeds": none.reshape(0, 3),
            "plan": none.reshape(0, 2),
            "window": np.zeros(2, dtype=np.int64),
        }
    number = np.where(replicas.slots > 0, replicas.most, 0)
    end = np.cumsum(number)
    table[:, of.REPLICAS] = end - number
    table[:, of.REPLICAS_END] = np.where(number > 0, end, 0)
    table[:, of.LAST] = end - 1
    table[:, of.BALANCE_BY] = replicas.balance
    table[:, of.CURVE] = np.cumsum(replicas.slots) - replicas.slots
    _lay_out_scaling(table, replicas)
    each = np.zeros((int(number.sum()), of.REPLICA_FIELDS), dtype=np.int64)
    each[:, of.STATION] = _stations_of_replicas(replicas)
    each[:, of.ROOM] = replicas.slots[each[:, of.STATION]]
    each[:, of.BASE] = np.cumsum(each[:, of.ROOM]) - each[:, of.ROOM]
    each[:, [of.NEXT, of.SCHEDULED]] = of.NEVER
    own = np.arange(len(each)) - table[each[:, of.STATION], of.REPLICAS]
    each[:, of.PAID_SINCE] = np.where(own < replicas.number[each[:, of.STATION]], 0, of.NEVER)
    return {
        "replicas": each,
        "slots": np.full((int(each[:, of.ROOM].sum()), of.SLOT_FIELDS), -1, dtype=np.int64),
        "speeds": np.stack((replicas.prefill_speed, replicas.decode_speed, replicas.beside_speed), axis=1),
        "plan": np.stack((replicas.plan_at_ns, replicas.plan_replicas), axis=1),
        "window": replicas.window_ns.copy(),
    }


def _lay_out_scaling(table: Ints, replicas: Replicas) -> None:
    """Say how the number of replicas changes."""
    station = np.arange(len(table))
    first, end = (np.searchsorted(replicas.plan_station, station, side=side) for side in _SIDES)
    scales = (replicas.slots > 0) & ((replicas.every_ns > 0) | (end > first) | (replicas.most > replicas.number))
    table[:, of.SCALES] = scales
    table[:, of.WANTED] = replicas.number
    table[:, of.MOST_WANTED] = replicas.most
    table[:, of.LEAST] = replicas.least
    table[:, of.STARTUP] = replicas.startup_ns
    table[:, of.COOLDOWN] = replicas.cooldown_ns
    table[:, of.EVERY] = table[:, of.TICK] = np.where(scales, replicas.every_ns, 0)
    table[:, of.LOAD_EACH] = replicas.load_ns
    table[:, of.PLAN], table[:, of.PLAN_END] = first, end
    ticks = np.where(table[:, of.EVERY] > 0, table[:, of.TICK], LATEST)
    planned = np.full(len(table), LATEST)
    planned[end > first] = replicas.plan_at_ns[first[end > first]]
    table[:, of.DECIDES] = np.where(scales, np.minimum(ticks, planned), LATEST)


def _desks(table: Ints, callers: Callers) -> Ints:
    """Lay out what callers keep of each station in its `table`; give where failures are kept."""
    table[:, of.ALLOWED] = callers.allowed_fails
    table[:, of.WITHIN] = callers.within_ns
    table[:, of.OPEN_FOR] = callers.cooldown_ns
    table[:, of.OPENED] = of.NEVER
    kept = np.where(callers.allowed_fails < NO_LIMIT, callers.allowed_fails, 0)
    table[:, of.RING] = np.cumsum(kept) - kept
    return np.zeros(int(kept.sum()), dtype=np.int64)


def used(stations: Ints, extra: Extra | None) -> list[Usage]:
    """Sum up what the replicas of each station did within the window."""
    if extra is None:
        return [Usage()] * len(stations)
    start, end = extra.window.tolist()
    found = []
    for station in stations.tolist():
        mine = extra.replicas[station[of.REPLICAS] : max(station[of.REPLICAS], station[of.REPLICAS_END])]
        low, high, busy = (sum(mine[:, field].tolist()) for field in (of.SERVED_LOW, of.SERVED_HIGH, of.SERVING))
        since = mine[:, of.PAID_SINCE]
        running = np.where(since == of.NEVER, 0, np.maximum(end - np.maximum(since, start), 0))
        paid = sum(mine[:, of.PAID].tolist()) + sum(running.tolist())
        found.append(Usage((high << of.LOW_BITS) + low, busy, paid))
    return found


def _stretches(conditions: Conditions, mine: Bools) -> list[tuple[int, int, int]]:
    """Cut time where an outage of a station starts or ends: what holds from there on, of those that overlap."""
    start, end = conditions.outage_start_ns[mine].tolist(), conditions.outage_end_ns[mine].tolist()
    slowdown = conditions.outage_slowdown[mine].tolist()
    stretches = [(of.NEVER, 0, AS_USUAL)]
    down_until = of.NEVER
    slow: list[tuple[int, int, int]] = []  # (-row, end, slowdown) of the brown-outs: the last comes first
    begun = 0
    for now in sorted({*start, *end}):
        while begun < len(start) and start[begun] <= now:
            if slowdown[begun] == 0:
                down_until = max(down_until, end[begun])
            else:
                heappush(slow, (-begun, end[begun], slowdown[begun]))
            begun += 1
        while slow and slow[0][1] <= now:
            heappop(slow)
        stretches.append((now, int(now < down_until), slow[0][2] if slow else AS_USUAL))
    return stretches
