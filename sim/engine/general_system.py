"""The stations of a run with conditions, their limits and their outages, as the general loop takes them."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import NamedTuple

import numpy as np

from sim.columns import Bools, Ints
from sim.engine import general_world as of
from sim.routing.conditions import AS_USUAL, Conditions
from sim.routing.itinerary import Itinerary
from sim.routing.lanes import Lanes, lanes_of


class System(NamedTuple):
    """Tables of a run as `World` has them."""

    stations: Ints
    lanes: Ints
    gates: Ints
    places: Ints
    bands: Ints
    limits: Ints
    limits_of: Ints
    weather: Ints


def laid_out(itinerary: Itinerary, conditions: Conditions) -> System:
    """Lay out the stations and the weather there, limits, and where legs wait."""
    limits = np.zeros((len(conditions.limit_burst_ns), of.LIMIT_FIELDS), dtype=np.int64)
    limits[:, of.BY_TOKENS] = conditions.limit_of_tokens
    limits[:, of.PERIOD] = conditions.limit_period_ns
    limits[:, of.PER] = conditions.limit_per_period
    limits[:, of.BURST] = conditions.limit_burst_ns
    stations = np.zeros((len(itinerary.servers), of.STATION_FIELDS), dtype=np.int64)
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
    lanes = lanes_of(itinerary)
    gates, limits_of = _gates(conditions, lanes, len(stations))
    return System(
        stations,
        *_places(lanes, len(stations), gates),
        limits=limits,
        limits_of=limits_of,
        weather=np.array(weather, dtype=np.int64).reshape(-1, of.WEATHER_FIELDS),
    )


def _gates(conditions: Conditions, lanes: Lanes, stations: int) -> tuple[Ints, Ints]:
    """Lay out the gates, those of lanes behind those of stations; and their limits."""
    station, of_station = conditions.station_limit.T
    lane, of_lane = lanes.lane_limit.T
    where = np.concatenate((station, lane + stations))
    number = np.arange(stations + len(lanes.lane_station))
    gates = np.zeros((len(number), of.GATE_FIELDS), dtype=np.int64)
    gates[:, of.TURN] = of.NEVER
    gates[:, of.LIMITS] = np.searchsorted(where, number)
    gates[:, of.LIMITS_END] = np.searchsorted(where, number, side="right")
    return gates, np.concatenate((of_station, of_lane))


def _places(lanes: Lanes, stations: int, gates: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """Lay out the lanes, give the gates as they are, and lay out the places where legs wait and their bands."""
    table = np.zeros((len(lanes.lane_station), of.LANE_FIELDS), dtype=np.int64)
    table[:, of.LANE_MOST] = lanes.lane_most
    strides: list[list[int]] = []  # of the bands of each station
    for station in range(stations):
        mine = np.flatnonzero(lanes.lane_station == station)
        if lanes.fair[station]:
            table[mine, of.LANE_BAND] = np.arange(len(mine))
            strides.append(lanes.lane_stride[mine].tolist())
        else:
            ranks, table[mine, of.LANE_BAND] = np.unique(lanes.lane_rank[mine], return_inverse=True)
            strides.append([1] * len(ranks))
    of_places = [*strides, *([1] for _ in lanes.lane_station), *strides]
    ends = np.cumsum([len(bands) for bands in of_places])
    places = np.zeros((len(of_places), of.PLACE_FIELDS), dtype=np.int64)
    places[:, of.BAND], places[:, of.BAND_END] = np.concatenate(([0], ends[:-1])), ends
    places[:stations, of.IS_FAIR] = lanes.fair
    places[len(gates) :, of.IS_FAIR] = lanes.fair
    bands = np.full((int(ends[-1]), of.BAND_FIELDS), -1, dtype=np.int64)
    bands[:, of.LEAD] = 0
    bands[:, of.STRIDE] = np.concatenate(of_places)
    return table, gates, places, bands


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
