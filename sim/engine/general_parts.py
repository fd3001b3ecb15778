"""What the rules of the general loop are put together from: looking into columns, scheduling, counting."""

# numba compiles what is here; it supports no keyword-only arguments and no annotations of its own types.
# mypy: disable-error-code="no-untyped-def, misc"

from __future__ import annotations

from typing import Any

import numpy as np

from sim.engine.general_lanes import call, part
from sim.engine.general_world import (
    BAND,
    FROM,
    IS_DOWN,
    LANE_BAND,
    LANE_WAITING,
    OF_ROW,
    RANK,
    SIZE,
    TIME,
    WAITING,
    WEATHER,
    WEATHER_END,
)
from sim.engine.kernel import LATEST

_at: Any = np.uintp
"""Marks an index that is not negative, as in the other loop."""


@call
def push(events, size, time, rank, row):
    """Add to a heap of `size` events."""
    at = _at(size)
    while at > 0:
        parent = _at((at - _at(1)) >> _at(1))
        other = events[parent, TIME]
        if other < time or (other == time and events[parent, RANK] < rank):
            break
        events[at, TIME] = other
        events[at, RANK] = events[parent, RANK]
        events[at, OF_ROW] = events[parent, OF_ROW]
        at = parent
    events[at, TIME] = time
    events[at, RANK] = rank
    events[at, OF_ROW] = row


@part
def take_first(events, size):
    """Take the first out of a heap that has `size` others: the last one takes its place."""
    last = _at(size)
    time, rank, row = events[last, TIME], events[last, RANK], events[last, OF_ROW]
    at, child = _at(0), 1
    while child < size:
        low = _at(child)
        if child + 1 < size:
            high = _at(child + 1)
            less = events[high, TIME] < events[low, TIME]
            if less or (events[high, TIME] == events[low, TIME] and events[high, RANK] < events[low, RANK]):
                child += 1
                low = high
        other = events[low, TIME]
        if other > time or (other == time and events[low, RANK] > rank):
            break
        events[at, TIME] = other
        events[at, RANK] = events[low, RANK]
        events[at, OF_ROW] = events[low, OF_ROW]
        at = low
        child = 2 * child + 1
    events[at, TIME] = time
    events[at, RANK] = rank
    events[at, OF_ROW] = row


@part
def schedule(events, at, now, span, rank, row):
    """Let something happen in `span` from now, if the clock goes so far."""
    if now <= LATEST - span:
        size = at[SIZE]
        push(events, size, now + span, rank, row)
        at[SIZE] = size + 1


@part
def weather_at(places, weather, station, now):
    """Find the stretch of time of a station that now lies in; time never goes back."""
    place, end = places[station, WEATHER], places[station, WEATHER_END]
    while place + 1 < end and weather[_at(place + 1), FROM] <= now:
        place += 1
    places[station, WEATHER] = place
    return _at(place)


@part
def is_down(places, weather, station, now):
    """Say whether a station is down."""
    return places[station, WEATHER_END] > 0 and weather[weather_at(places, weather, station, now), IS_DOWN] > 0


@part
def count(world, station, lane, by):
    """Count who waits at a station and by a lane."""
    world.places[station, WAITING] += by
    world.places[lane, LANE_WAITING] += by


@part
def band_of(world, place, lane):
    """Give the band of a place at a station in which the legs of a lane wait."""
    return _at(world.places[place, BAND] + world.places[lane, LANE_BAND])
