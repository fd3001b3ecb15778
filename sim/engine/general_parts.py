"""What the rules of the general loop are put together from: looking into columns, scheduling, counting."""

# numba compiles what is here; it supports no keyword-only arguments and no annotations of its own types.
# mypy: disable-error-code="no-untyped-def, misc"

from __future__ import annotations

from typing import Any

import numpy as np

from sim.engine import kernel
from sim.engine.general_lanes import part
from sim.engine.general_world import (
    BAND,
    FROM,
    IS_DOWN,
    LANE_BAND,
    LANE_WAITING,
    OFFSET,
    SIZE,
    WAITING,
    WEATHER,
    WEATHER_END,
)
from sim.engine.kernel import LATEST

_at: Any = np.uintp
"""Marks an index that is not negative, as in the other loop."""


@part
def schedule(pending, at, now, span, rank, row):
    """Let something happen in `span` from now, if the clock goes so far."""
    if now <= LATEST - span:
        size = at[SIZE]
        kernel.push(pending, size, now + span, rank, row)
        at[SIZE] = size + 1


@part
def pick(carried, new, row):
    """Give what stands at a row of a column whose first part is carried over, and whose second is new."""
    return carried[_at(row)] if row < len(carried) else new[_at(row - len(carried))]


@part
def number_of(numbers, at, leg):
    """Give the number of a leg in the whole run."""
    return numbers[_at(leg)] if leg < len(numbers) else leg + at[OFFSET]


@part
def weather_at(stations, weather, station, now):
    """Find the stretch of time of a station that now lies in; time never goes back."""
    place, end = stations[station, WEATHER], stations[station, WEATHER_END]
    while place + 1 < end and weather[_at(place + 1), FROM] <= now:
        place += 1
    stations[station, WEATHER] = place
    return _at(place)


@part
def is_down(stations, weather, station, now):
    """Say whether a station is down."""
    return stations[station, WEATHER_END] > 0 and weather[weather_at(stations, weather, station, now), IS_DOWN] > 0


@part
def count(world, station, lane, by):
    """Count who waits at a station and by a lane."""
    world.stations[station, WAITING] += by
    world.lanes[lane, LANE_WAITING] += by


@part
def band_of(world, place, lane):
    """Give the band of a place at a station in which the legs of a lane wait."""
    return _at(world.places[place, BAND] + world.lanes[lane, LANE_BAND])
