"""How many replicas are wanted, for the general loop: by a plan, or by what they have to do.

Times at which that is decided stand with the stations, not in the heap: there is always a next one, also when nothing
will come of it any more.
"""

# numba compiles what is here; it supports no keyword-only arguments and no annotations of its own types.
# mypy: disable-error-code="no-untyped-def, misc"

from __future__ import annotations

from typing import Any, Final

import numpy as np

from sim.engine.general_lanes import call, part
from sim.engine.general_world import (
    CHANGED,
    COOLDOWN,
    DECIDES,
    DRAINS,
    EVERY,
    INSIDE,
    LEAST,
    LOAD,
    LOAD_EACH,
    LOAD_SINCE,
    MOST_WANTED,
    NEVER,
    PAID,
    PAID_SINCE,
    PLAN,
    PLAN_END,
    READY,
    REPLICAS,
    REPLICAS_END,
    SCALES,
    STARTUP,
    STATIONS,
    THERE,
    TICK,
    WANTED,
)
from sim.engine.kernel import LATEST

MOST_COUNTED: Final = 1 << 20
"""As in `sim.routing.replicas`: a constant, since numba freezes what it finds."""

_at: Any = np.uintp
"""Marks an index that is not negative, as in the other loop."""


@part
def is_up(extra, replica, now):
    """Say whether a replica may be sent legs."""
    replicas = extra.replicas
    return (
        replicas[_at(replica), PAID_SINCE] != NEVER
        and replicas[_at(replica), DRAINS] == 0
        and replicas[_at(replica), READY] <= now
    )


@part
def note(world, station, more, now):
    """Note that legs come to the replicas of a station, or leave them."""
    places = world.places
    if places[station, SCALES] > 0:
        there = min(places[station, THERE], MOST_COUNTED)
        places[station, LOAD] += there * (now - places[station, LOAD_SINCE])
        places[station, LOAD_SINCE] = now
        places[station, THERE] += more


@part
def let_go(extra, replica, now):
    """Let a replica go that drains and has no legs."""
    replicas, window = extra.replicas, extra.window
    if replicas[replica, DRAINS] > 0 and replicas[replica, INSIDE] == 0 and replicas[replica, PAID_SINCE] != NEVER:
        paid = min(now, window[1]) - max(replicas[replica, PAID_SINCE], window[0])
        replicas[replica, PAID] += max(paid, 0)
        replicas[replica, PAID_SINCE] = NEVER


@part
def _number_wanted(world, extra, station, now):
    """Say how many replicas are wanted from now on."""
    places = world.places
    wanted = places[station, WANTED]
    row = places[station, PLAN]
    if row < places[station, PLAN_END] and extra.plan[_at(row), 0] == now:
        wanted = extra.plan[_at(row), 1]
        places[station, PLAN] = row + 1
    if places[station, EVERY] > 0 and places[station, TICK] == now:
        places[station, TICK] = now + places[station, EVERY] if now <= LATEST - places[station, EVERY] else LATEST
        note(world, station, np.int64(0), now)
        each = places[station, LOAD_EACH]
        needed = (places[station, LOAD] + (each - 1)) // each
        needed = max(places[station, LEAST], min(needed, places[station, MOST_WANTED]))
        places[station, LOAD] = 0
        if needed > wanted or now - places[station, CHANGED] >= places[station, COOLDOWN]:
            wanted = needed
    return wanted


@part
def _decide(world, extra, station, now):
    """Decide how many replicas of a station are wanted, and let them start, drain or go."""
    places, replicas = world.places, extra.replicas
    wanted = _number_wanted(world, extra, station, now)
    if wanted != places[station, WANTED]:
        places[station, WANTED] = wanted
        places[station, CHANGED] = now
        first = places[station, REPLICAS]
        for number in range(first, places[station, REPLICAS_END]):
            replica = _at(number)
            if number - first < wanted:
                if replicas[replica, PAID_SINCE] == NEVER:
                    replicas[replica, PAID_SINCE] = now
                    startup = places[station, STARTUP]
                    replicas[replica, READY] = now + startup if now <= LATEST - startup else LATEST
                replicas[replica, DRAINS] = 0
            else:
                replicas[replica, DRAINS] = 1
                let_go(extra, replica, now)
    row = places[station, PLAN]
    decides = places[station, TICK] if places[station, EVERY] > 0 else LATEST
    if row < places[station, PLAN_END]:
        decides = min(decides, extra.plan[_at(row), 0])
    places[station, DECIDES] = decides


@part
def is_used(world):
    """Say whether the number of replicas of any station changes."""
    used = False
    for station in range(world.at[STATIONS]):
        used = used or world.places[_at(station), SCALES] > 0
    return used


@call
def decide(world, extra, latest):
    """Let the station decide that does so next, if that is no later than `latest`; say whether one did."""
    places, first, when = world.places, -1, np.int64(LATEST)
    for station in range(world.at[STATIONS]):
        if places[_at(station), DECIDES] < when:
            first, when = station, places[_at(station), DECIDES]
    if first < 0 or when > latest:
        return False
    _decide(world, extra, _at(first), when)
    return True
