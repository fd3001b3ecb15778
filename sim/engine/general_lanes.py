"""Where legs wait in the general loop: lines at limits and queues for servers, and who is next in them.

A *place* is where legs wait, a row of the table `places`. First come the lines at the limits of each station, then
those at the limits of each lane: these are *gates*, and their rows say also what else is known of the station, or lane.
Behind them come the queue of each station and of each replica. In a place there are *bands*, linked lists that legs
leave as they came: one for each rank, or for each lane where the station is fair. A lane goes by the number of its
gate.
"""

# numba compiles what is here; it supports no keyword-only arguments and no annotations of its own types.
# mypy: disable-error-code="no-untyped-def, misc"

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from sim.engine import kernel
from sim.engine.general_world import (
    BAND,
    BAND_END,
    BEHIND,
    GATES,
    HEAD,
    IN_LANE,
    IN_LINE,
    IN_QUEUE,
    IS_FAIR,
    LEAD,
    OUTCOME,
    STATIONS,
    STRIDE,
    TAIL,
)

_njit: Any = njit  # its types know neither `_nrt` nor `forceinline`
call = _njit(**kernel.INSIDE)
part = _njit(**kernel.INSIDE, forceinline=True)
"""Parts are put where they are used; what happens less often is called, as it takes long to compile in place.

numba compiles each anew for each literal number that it is called with, so those are written as `np.int64(1)`.
"""

_at: Any = np.uintp
"""Marks an index that is not negative, as in the other loop."""


@part
def queue_of(world, station):
    """Give the place of a station's queue."""
    return _at(world.at[GATES]) + station


@part
def waits_in(world, place):
    """Say what legs in a place are marked with as long as they wait there."""
    if place < world.at[STATIONS]:
        return IN_LINE
    return IN_LANE if place < world.at[GATES] else IN_QUEUE


@part
def append(world, band, leg):
    """Put a leg at the end of a band."""
    bands, legs = world.bands, world.legs
    legs[_at(leg), BEHIND] = -1
    if bands[band, HEAD] < 0:
        bands[band, HEAD] = leg
    else:
        legs[_at(bands[band, TAIL]), BEHIND] = leg
    bands[band, TAIL] = leg


@part
def next_of(legs, leg):
    """Find who waits from `leg` on: those who left are passed over."""
    while leg >= 0 and legs[_at(leg), OUTCOME] < IN_LINE:
        leg = legs[_at(leg), BEHIND]
    return leg


@part
def first_band(world, place):
    """Find the band whose head is next in a place, or -1; those who left it before are taken out."""
    places, bands = world.places, world.bands
    best, fair = -1, places[place, IS_FAIR] > 0
    for number in range(places[place, BAND], places[place, BAND_END]):
        band = _at(number)
        leg = next_of(world.legs, bands[band, HEAD])
        bands[band, HEAD] = leg
        if leg >= 0 and (best < 0 or bands[band, LEAD] < bands[_at(best), LEAD]):
            best = number
            if not fair:
                break
    return best


@part
def head(world, place):
    """Find who is next in a place, or -1."""
    band = first_band(world, place)
    return world.bands[_at(band), HEAD] if band >= 0 else -1


@part
def pop(world, place):
    """Take who is next out of a place; -1 if nobody waits there."""
    band = first_band(world, place)
    if band < 0:
        return -1
    leg = world.bands[_at(band), HEAD]
    world.bands[_at(band), HEAD] = world.legs[_at(leg), BEHIND]
    return leg


@call
def pay(world, place, band, cost):
    """Let virtual time go on to where a band is, and the band be ahead of it by what one of it is given."""
    places, bands = world.places, world.bands
    gone = bands[band, LEAD]
    if gone > 0:
        for number in range(places[place, BAND], places[place, BAND_END]):
            other = _at(number)
            bands[other, LEAD] = max(0, bands[other, LEAD] - gone)
    bands[band, LEAD] = cost * bands[band, STRIDE]


@call
def forget_who_left(world, place):
    """Take those who left out of a place, so that the rest of what is known of them can be let go of."""
    places, bands, legs = world.places, world.bands, world.legs
    for number in range(places[place, BAND], places[place, BAND_END]):
        band = _at(number)
        leg = next_of(legs, bands[band, HEAD])
        bands[band, HEAD] = leg
        while leg >= 0:
            then = next_of(legs, legs[_at(leg), BEHIND])
            legs[_at(leg), BEHIND] = then
            bands[band, TAIL] = leg
            leg = then
