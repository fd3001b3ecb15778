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
def is_up(batches, replica, now):
    """Say whether a replica may be sent legs."""
    replicas = batches.replicas
    return (
        replicas[_at(replica), PAID_SINCE] != NEVER
        and replicas[_at(replica), DRAINS] == 0
        and replicas[_at(replica), READY] <= now
    )


@part
def note(batches, station, more, now):
    """Note that legs come to the replicas of a station, or leave them."""
    stations = batches.stations
    if stations[station, SCALES] > 0:
        there = min(stations[station, THERE], MOST_COUNTED)
        stations[station, LOAD] += there * (now - stations[station, LOAD_SINCE])
        stations[station, LOAD_SINCE] = now
        stations[station, THERE] += more


@part
def let_go(batches, replica, now):
    """Let a replica go that drains and has no legs."""
    replicas, window = batches.replicas, batches.window
    if replicas[replica, DRAINS] > 0 and replicas[replica, INSIDE] == 0 and replicas[replica, PAID_SINCE] != NEVER:
        paid = min(now, window[1]) - max(replicas[replica, PAID_SINCE], window[0])
        replicas[replica, PAID] += max(paid, 0)
        replicas[replica, PAID_SINCE] = NEVER


@part
def _number_wanted(batches, station, now):
    """Say how many replicas are wanted from now on."""
    stations = batches.stations
    wanted = stations[station, WANTED]
    row = stations[station, PLAN]
    if row < stations[station, PLAN_END] and batches.plan[_at(row), 0] == now:
        wanted = batches.plan[_at(row), 1]
        stations[station, PLAN] = row + 1
    if stations[station, EVERY] > 0 and stations[station, TICK] == now:
        stations[station, TICK] = now + stations[station, EVERY] if now <= LATEST - stations[station, EVERY] else LATEST
        note(batches, station, 0, now)
        each = stations[station, LOAD_EACH]
        needed = (stations[station, LOAD] + (each - 1)) // each
        needed = max(stations[station, LEAST], min(needed, stations[station, MOST_WANTED]))
        stations[station, LOAD] = 0
        if needed > wanted or now - stations[station, CHANGED] >= stations[station, COOLDOWN]:
            wanted = needed
    return wanted


@part
def _decide(batches, station, now):
    """Decide how many replicas of a station are wanted, and let them start, drain or go."""
    stations, replicas = batches.stations, batches.replicas
    wanted = _number_wanted(batches, station, now)
    if wanted != stations[station, WANTED]:
        stations[station, WANTED] = wanted
        stations[station, CHANGED] = now
        first = stations[station, REPLICAS]
        for number in range(first, stations[station, REPLICAS_END]):
            replica = _at(number)
            if number - first < wanted:
                if replicas[replica, PAID_SINCE] == NEVER:
                    replicas[replica, PAID_SINCE] = now
                    startup = stations[station, STARTUP]
                    replicas[replica, READY] = now + startup if now <= LATEST - startup else LATEST
                replicas[replica, DRAINS] = 0
            else:
                replicas[replica, DRAINS] = 1
                let_go(batches, replica, now)
    row = stations[station, PLAN]
    decides = stations[station, TICK] if stations[station, EVERY] > 0 else LATEST
    if row < stations[station, PLAN_END]:
        decides = min(decides, batches.plan[_at(row), 0])
    stations[station, DECIDES] = decides


@part
def is_used(batches):
    """Say whether the number of replicas of any station changes."""
    used = False
    for station in range(len(batches.stations)):
        used = used or batches.stations[_at(station), SCALES] > 0
    return used


@call
def decide(batches, latest):
    """Let the station decide that does so next, if that is no later than `latest`; say whether one did."""
    stations, first, when = batches.stations, -1, LATEST
    for station in range(len(stations)):
        if stations[_at(station), DECIDES] < when:
            first, when = station, stations[_at(station), DECIDES]
    if first < 0 or when > latest:
        return False
    _decide(batches, _at(first), when)
    return True
