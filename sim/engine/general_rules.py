"""What may become of a leg at its station, for the general loop: limits, lines, joining and start.

Once a server takes a leg, it is settled when the leg will end and how. So only events that will matter are scheduled: a
completion that a timeout comes before frees a server at most, and a timeout is scheduled only if it comes before the
completion. What may come too late are the timers of those who wait and the turns of heads of lines; those that do find
it out.
"""

# numba compiles what is here; it supports no keyword-only arguments and no annotations of its own types.
# mypy: disable-error-code="no-untyped-def, misc"

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from sim.engine import kernel
from sim.engine.general_world import (
    AS_USUAL,
    BALANCE,
    BUDGET,
    BUDGET_MOST,
    BURST,
    BUSY,
    BY_TOKENS,
    CANCELS,
    DENIED,
    FAILED,
    FROM,
    GIVING_UP,
    IN_LINE,
    IN_QUEUE,
    IS_DOWN,
    LEVEL,
    LIMITS,
    LIMITS_END,
    LINE,
    NEVER,
    NO_LIMIT,
    NOT_TRIED,
    OFFSET,
    PER,
    PERIOD,
    QUEUE,
    REJECTED,
    REJECTS,
    SERVERS,
    SINCE,
    SIZE,
    SLOWDOWN,
    TIMED_OUT,
    TURN,
    TURNS,
    WAITING,
    WEATHER,
    WEATHER_END,
    WELL,
)
from sim.engine.kernel import FIRST_RANK, LATEST

_njit: Any = njit  # its types know neither `_nrt` nor `forceinline`
call = _njit(**kernel.INSIDE)
part = _njit(**kernel.INSIDE, forceinline=True)
"""Parts are put where they are used; what happens less often is called, as it takes long to compile in place."""

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
def _cost(limits, limit, tokens):
    """Say what a leg takes from a limit, in nanoseconds."""
    many = tokens if limits[limit, BY_TOKENS] else 1
    per = limits[limit, PER]
    return min((many * limits[limit, PERIOD] + (per - 1)) // per, limits[limit, BURST])


@part
def _level(limits, limit, now):
    """Say how far ahead of now a limit is taken."""
    level = limits[limit, LEVEL]
    return max(0, level - (now - limits[limit, SINCE])) if level > 0 else 0


@part
def wait_for_room(limits, limits_of, first, end, tokens, now):
    """Say for how long some limit will not have room for a leg if nobody else comes; 0 if all have it."""
    wait = 0
    for place in range(first, end):
        limit = _at(limits_of[_at(place)])
        wait = max(wait, _level(limits, limit, now) + _cost(limits, limit, tokens) - limits[limit, BURST])
    return wait


@part
def take(limits, limits_of, first, end, tokens, now):
    """Take from all limits what a leg costs."""
    for place in range(first, end):
        limit = _at(limits_of[_at(place)])
        limits[limit, LEVEL] = _level(limits, limit, now) + _cost(limits, limit, tokens)
        limits[limit, SINCE] = now


@part
def _weather(stations, weather, station, now):
    """Find the stretch of time of a station that now lies in; time never goes back."""
    place, end = stations[station, WEATHER], stations[station, WEATHER_END]
    while place + 1 < end and weather[_at(place + 1), FROM] <= now:
        place += 1
    stations[station, WEATHER] = place
    return _at(place)


@part
def _is_down(stations, weather, station, now):
    """Say whether a station is down."""
    return stations[station, WEATHER_END] > 0 and weather[_weather(stations, weather, station, now), IS_DOWN] > 0


@part
def append(stations, behind, first, station, leg):
    """Put a leg at the end of the line or queue of a station, whose first is in field `first` and whose last behind."""
    behind[_at(leg)] = -1
    if stations[station, first] < 0:
        stations[station, first] = leg
    else:
        behind[_at(stations[station, first + 1])] = leg
    stations[station, first + 1] = leg


@part
def next_of(leg, behind, outcome, waits):
    """Find who waits from `leg` on: those who left are passed over."""
    while leg >= 0 and outcome[_at(leg)] != waits:
        leg = behind[_at(leg)]
    return leg


@call
def look(world, station, now):
    """Schedule the turn of the head of a line."""
    old, new, stations, at = world.carried, world.legs, world.stations, world.at
    leg = stations[station, LINE]
    if leg < 0:
        stations[station, TURN] = NEVER
        return
    first, end = stations[station, LIMITS], stations[station, LIMITS_END]
    wait = wait_for_room(world.limits, world.limits_of, first, end, pick(old.tokens, new.tokens, leg), now)
    if now > LATEST - wait:
        stations[station, TURN] = NEVER
    elif stations[station, TURN] != now + wait:  # else it is scheduled: for the head that has just left
        stations[station, TURN] = now + wait
        schedule(world.pending, at, now, wait, TURNS + np.int64(station), np.int64(station))


@part
def start(world, leg, now):
    """Let a server take a leg, which settles when it ends and how."""
    old, new, log, stations = world.carried, world.legs, world.log, world.stations
    pending, at = world.pending, world.at
    row = _at(leg)
    station = _at(pick(old.station, new.station, leg))
    limited = stations[station, SERVERS] > 0
    if limited:
        stations[station, BUSY] += 1
    service = pick(old.service, new.service, leg)
    if stations[station, WEATHER_END] > 0:
        service = service * world.weather[_weather(stations, world.weather, station, now), SLOWDOWN] // AS_USUAL
    number = number_of(world.numbers, at, leg)
    timeout = pick(old.timeout, new.timeout, leg)
    left = timeout - (now - log.joined[row])
    waited = log.outcome[row] != NOT_TRIED
    log.started[row] = now
    if timeout < NO_LIMIT and service > left:
        log.outcome[row] = TIMED_OUT
        if now <= LATEST - left:
            log.ended[row] = now + left
        if not waited or timeout > pick(
            old.patience, new.patience, leg
        ):  # else its timer while it waited is that of the timeout
            schedule(pending, at, now, left, GIVING_UP + number, leg)
        if limited and not stations[station, CANCELS]:
            schedule(pending, at, now, service, FIRST_RANK + number, -1 - pick(old.station, new.station, leg))
    else:
        log.outcome[row] = FAILED if pick(old.fails, new.fails, leg) else WELL
        if now <= LATEST - service:
            log.ended[row] = now + service
        schedule(pending, at, now, service, FIRST_RANK + number, leg)


@part
def join(world, leg, now):
    """Let a leg join its station; -1, or if it has ended already, for how long it has to wait for another try."""
    old, new, log, stations, at = world.carried, world.legs, world.log, world.stations, world.at
    row = _at(leg)
    station = _at(pick(old.station, new.station, leg))
    log.joined[row] = now
    outcome, wait = NOT_TRIED, 0
    budget = stations[station, BUDGET]
    if budget < NO_LIMIT:
        after = pick(old.after, new.after, leg)
        if after < 0:
            stations[station, BALANCE] = min(stations[station, BALANCE] + budget, stations[station, BUDGET_MOST])
        elif pick(old.station, new.station, after if leg < len(old.after) else after + len(old.after)) == pick(
            old.station, new.station, leg
        ):
            if stations[station, BALANCE] < AS_USUAL:
                outcome = DENIED
            else:
                stations[station, BALANCE] -= AS_USUAL
    passes, starts = True, True
    if outcome == NOT_TRIED and _is_down(stations, world.weather, station, now):
        outcome = FAILED
    first, end = stations[station, LIMITS], stations[station, LIMITS_END]
    if outcome == NOT_TRIED:
        if first < end:
            wait = wait_for_room(world.limits, world.limits_of, first, end, pick(old.tokens, new.tokens, leg), now)
            passes = wait == 0 and stations[station, LINE] < 0
        servers = stations[station, SERVERS]
        starts = passes and (servers == 0 or stations[station, BUSY] < servers)
        if not starts and stations[station, WAITING] >= pick(old.queue_most, new.queue_most, leg):
            outcome, wait = REJECTED, 0
        elif not passes and stations[station, REJECTS]:
            outcome = REJECTED
    if outcome != NOT_TRIED:
        log.started[row] = now
        log.ended[row] = now
        log.outcome[row] = outcome
        return wait
    if passes and first < end:
        take(world.limits, world.limits_of, first, end, pick(old.tokens, new.tokens, leg), now)
    if starts:
        start(world, leg, now)
        return -1
    stations[station, WAITING] += 1
    span = min(pick(old.patience, new.patience, leg), pick(old.timeout, new.timeout, leg))
    if span < NO_LIMIT:
        schedule(world.pending, at, now, span, GIVING_UP + number_of(world.numbers, at, leg), leg)
    if passes:
        log.outcome[row] = IN_QUEUE
        append(stations, world.behind, QUEUE, station, leg)
    else:
        log.outcome[row] = IN_LINE
        append(stations, world.behind, LINE, station, leg)
        if stations[station, LINE] == leg:
            look(world, station, now)
    return -1
