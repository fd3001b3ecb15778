"""What callers do of their own accord, for the general loop: breakers, and hedges up to the end of one of two legs."""

# numba compiles what is here; it supports no keyword-only arguments and no annotations of its own types.
# mypy: disable-error-code="no-untyped-def, misc"

from __future__ import annotations

from typing import Any

import numpy as np

from sim.engine.general_lanes import call, part
from sim.engine.general_parts import schedule
from sim.engine.general_world import (
    ABANDONED,
    ALLOWED,
    COUNTED,
    ENDED,
    FAILED,
    FLAGS,
    HEDGE,
    HEDGE_NS,
    HEDGED,
    HEDGES,
    HEDGING,
    IN_LINE,
    IN_RUN,
    JOINING,
    LENIENT,
    NEVER,
    NO_LIMIT,
    OPEN_FOR,
    OPENED,
    OUTCOME,
    PLACE,
    REJECTED,
    RING,
    RIVAL,
    TIMED_OUT,
    WITHIN,
)
from sim.engine.kernel import LATEST

_at: Any = np.uintp
"""Marks an index that is not negative, as in the other loop."""


@part
def is_open(places, station, now):
    """Say whether the breaker of a station is open."""
    opened = places[station, OPENED]
    return opened != NEVER and now - opened < places[station, OPEN_FOR]


@part
def hedged_by(world, extra, leg):
    """Find the leg that a leg hedges, or -1."""
    return extra.beside[_at(leg), HEDGES] if world.legs[_at(leg), FLAGS] & HEDGING else -1


@part
def _is_under_way_until(legs, leg, time):
    """Say whether a leg that has joined will not have ended when the completions of a time are through."""
    outcome, ended = legs[_at(leg), OUTCOME], legs[_at(leg), ENDED]
    return outcome >= IN_LINE or ended < 0 or ended > time


@part
def schedule_hedge(world, extra, leg, now):
    """Schedule the hedge of a leg that has joined, if it has one that is known to matter."""
    if world.legs[_at(leg), FLAGS] & HEDGED:
        hedge = extra.beside[_at(leg), HEDGE]
        span = extra.beside[_at(hedge), HEDGE_NS]
        if now <= LATEST - span and _is_under_way_until(world.legs, leg, now + span):
            schedule(world.events, world.at, now, span, JOINING + world.legs[_at(hedge), IN_RUN], hedge)


@part
def may_join(world, extra, leg, now):
    """Say whether a leg joins whose time has come: a hedge only if the leg that it hedges is under way; then rivals."""
    hedged = hedged_by(world, extra, leg)
    if hedged < 0:
        return True
    if not _is_under_way_until(world.legs, hedged, now):
        return False
    extra.beside[_at(hedged), RIVAL] = leg
    extra.beside[_at(leg), RIVAL] = hedged
    return True


@part
def part_from_rival(world, extra, leg):
    """Take a leg that has ended from its rival. Gives that one if it is under way, or -1."""
    beside = extra.beside
    if not world.legs[_at(leg), FLAGS] & (HEDGING | HEDGED):
        return -1
    rival = beside[_at(leg), RIVAL]
    if rival >= 0:
        beside[_at(leg), RIVAL] = -1
        beside[_at(rival), RIVAL] = -1
    return rival


@part
def note(world, extra, leg, station, outcome, now):
    """Count for the breaker what became of a leg, if the station has one and that was a failure."""
    if world.places[station, ALLOWED] < NO_LIMIT and (
        outcome in (FAILED, TIMED_OUT, ABANDONED) or (outcome == REJECTED and not world.legs[_at(leg), FLAGS] & LENIENT)
    ):
        _fail(world.places, extra.failed, station, now)


@call
def _fail(places, failed, station, now):
    """Count a failure at a station; open its breaker if there are too many.

    The last failures that are allowed stand in a ring: the new one takes the place of the first of them.
    """
    if is_open(places, station, now):
        return
    allowed, count, place = places[station, ALLOWED], places[station, COUNTED], places[station, PLACE]
    if allowed > 0:
        slot = _at(places[station, RING] + place)
        first = failed[slot]
        failed[slot] = now
        places[station, PLACE] = place + 1 if place + 1 < allowed else 0
        if count < allowed:
            places[station, COUNTED] = count + 1
            return
        if now - first >= places[station, WITHIN]:
            return
    places[station, COUNTED] = 0
    places[station, PLACE] = 0
    places[station, OPENED] = now
