"""The stations of a run with conditions, their limits and their outages, as the general loop takes them."""

from __future__ import annotations

from heapq import heappop, heappush

import numpy as np

from sim.columns import Bools, Ints
from sim.engine import general_world as of
from sim.routing.conditions import AS_USUAL, Conditions
from sim.routing.itinerary import Itinerary


def laid_out(itinerary: Itinerary, conditions: Conditions) -> tuple[Ints, Ints, Ints, Ints]:
    """Lay out the stations, the limits, those of each station, and the weather there."""
    limits = np.zeros((len(conditions.limit_burst_ns), of.LIMIT_FIELDS), dtype=np.int64)
    limits[:, of.BY_TOKENS] = conditions.limit_of_tokens
    limits[:, of.PERIOD] = conditions.limit_period_ns
    limits[:, of.PER] = conditions.limit_per_period
    limits[:, of.BURST] = conditions.limit_burst_ns
    stations = np.zeros((len(itinerary.servers), of.STATION_FIELDS), dtype=np.int64)
    number = np.arange(len(stations))
    stations[:, of.SERVERS] = itinerary.servers
    for field in (of.LINE, of.LINE_END, of.QUEUE, of.QUEUE_END):
        stations[:, field] = -1
    stations[:, of.TURN] = of.NEVER
    stations[:, of.BALANCE] = conditions.budget_most
    stations[:, of.BUDGET] = conditions.budget
    stations[:, of.BUDGET_MOST] = conditions.budget_most
    stations[:, of.CANCELS] = conditions.cancels
    stations[:, of.REJECTS] = conditions.rejects
    where, which = conditions.station_limit.T
    stations[:, of.LIMITS] = np.searchsorted(where, number)
    stations[:, of.LIMITS_END] = np.searchsorted(where, number, side="right")
    weather: list[tuple[int, int, int]] = []
    for station in np.unique(conditions.outage_station).tolist():
        stations[station, of.WEATHER] = len(weather)
        weather += _stretches(conditions, conditions.outage_station == station)
        stations[station, of.WEATHER_END] = len(weather)
    return stations, limits, which.copy(), np.array(weather, dtype=np.int64).reshape(-1, of.WEATHER_FIELDS)


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
