"""What callers do of their own accord, for the general loop: breakers, and hedges up to the end of one of two legs."""

# numba compiles what is here; it supports no keyword-only arguments and no annotations of its own types.
# mypy: disable-error-code="no-untyped-def, misc"

from __future__ import annotations

from typing import Any

import numpy as np

from sim.engine.general_lanes import call, part
from sim.engine.general_parts import number_of, pick, schedule
from sim.engine.general_world import (
    ABANDONED,
    ALLOWED,
    COUNTED,
    FAILED,
    IN_LINE,
    JOINING,
    NEVER,
    NO_LIMIT,
    OPEN_FOR,
    OPENED,
    PLACE,
    REJECTED,
    RING,
    TIMED_OUT,
    WITHIN,
)
from sim.engine.kernel import LATEST

_at: Any = np.uintp
"""Marks an index that is not negative, as in the other loop."""


@part
def is_open(desks, station, now):
    """Say whether the breaker of a station is open."""
    opened = desks[station, OPENED]
    return opened != NEVER and now - opened < desks[station, OPEN_FOR]


@part
def hedged_by(world, leg):
    """Find the leg that a leg hedges, or -1."""
    callers = world.callers
    if len(callers.hedge) == 0:
        return -1
    hedged = pick(callers.carried.hedges, callers.wishes.hedges, leg)
    return hedged if hedged < 0 or leg < len(world.numbers) else hedged + len(world.numbers)


@part
def begin(world, leg):
    """Note, as a stage begins, which leg this one hedges; say whether it hedges any."""
    callers = world.callers
    if len(callers.hedge) == 0:
        return False
    callers.hedge[_at(leg)] = -1
    callers.rival[_at(leg)] = -1
    hedged = hedged_by(world, leg)
    if hedged >= 0:
        callers.hedge[_at(hedged)] = leg
    return hedged >= 0


@part
def _is_under_way_until(log, leg, time):
    """Say whether a leg that has joined will not have ended when the completions of a time are through."""
    outcome, ended = log.outcome[_at(leg)], log.ended[_at(leg)]
    return outcome >= IN_LINE or ended < 0 or ended > time


@part
def schedule_hedge(world, leg, now):
    """Schedule the hedge of a leg that has joined, if it has one that is known to matter."""
    if len(world.callers.hedge) > 0:
        hedge = world.callers.hedge[_at(leg)]
        if hedge >= 0:
            span = pick(world.callers.carried.hedge_ns, world.callers.wishes.hedge_ns, hedge)
            if now <= LATEST - span and _is_under_way_until(world.log, leg, now + span):
                schedule(world.pending, world.at, now, span, JOINING + number_of(world.numbers, world.at, hedge), hedge)


@part
def may_join(world, leg, now):
    """Say whether a leg joins whose time has come: a hedge only if the leg that it hedges is under way; then rivals."""
    hedged = hedged_by(world, leg)
    if hedged < 0:
        return True
    if not _is_under_way_until(world.log, hedged, now):
        return False
    world.callers.rival[_at(hedged)] = leg
    world.callers.rival[_at(leg)] = hedged
    return True


@part
def part_from_rival(world, leg):
    """Take a leg that has ended from its rival. Gives that one if it is under way, or -1."""
    rivals = world.callers.rival
    if len(rivals) == 0:
        return -1
    rival = rivals[_at(leg)]
    if rival >= 0:
        rivals[_at(leg)] = -1
        rivals[_at(rival)] = -1
    return rival


@part
def note(world, leg, station, outcome, now):
    """Count for the breaker what became of a leg, if the station has one and that was a failure."""
    if world.callers.desks[station, ALLOWED] < NO_LIMIT and (
        outcome in (FAILED, TIMED_OUT, ABANDONED)
        or (outcome == REJECTED and not pick(world.callers.carried.lenient, world.callers.wishes.lenient, leg))
    ):
        _fail(world.callers.desks, world.callers.failed, station, now)


@call
def _fail(desks, failed, station, now):
    """Count a failure at a station; open its breaker if there are too many.

    The last failures that are allowed stand in a ring: the new one takes the place of the first of them.
    """
    if is_open(desks, station, now):
        return
    allowed, count, place = desks[station, ALLOWED], desks[station, COUNTED], desks[station, PLACE]
    if allowed > 0:
        slot = _at(desks[station, RING] + place)
        first = failed[slot]
        failed[slot] = now
        desks[station, PLACE] = place + 1 if place + 1 < allowed else 0
        if count < allowed:
            desks[station, COUNTED] = count + 1
            return
        if now - first >= desks[station, WITHIN]:
            return
    desks[station, COUNTED] = 0
    desks[station, PLACE] = 0
    desks[station, OPENED] = now
