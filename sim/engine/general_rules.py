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

from sim.engine import general_batches as batches
from sim.engine import general_callers as callers
from sim.engine import general_lanes as lanes
from sim.engine.general_lanes import call, part
from sim.engine.general_parts import band_of, count, is_down, schedule, weather_at
from sim.engine.general_world import (
    AS_USUAL,
    BALANCE,
    BAND,
    BUDGET,
    BUDGET_MOST,
    BURST,
    BUSY,
    BY_TOKENS,
    CANCELS,
    DENIED,
    ENDED,
    FAILED,
    FAILS,
    FLAGS,
    FOLLOWS,
    GIVING_UP,
    HEDGING,
    IN_QUEUE,
    IN_RUN,
    IS_FAIR,
    JOINED,
    LANE_BIT,
    LANE_MOST,
    LANE_WAITING,
    LEVEL,
    LIMITS,
    LIMITS_END,
    NEVER,
    NO_LIMIT,
    NOT_TRIED,
    OF_STATION,
    OUTCOME,
    PATIENCE,
    PAYS,
    PER,
    PERIOD,
    QUEUE_MOST,
    REJECTED,
    REJECTS,
    SERVERS,
    SERVICE,
    SINCE,
    SKIPPED,
    SLOWDOWN,
    STARTED,
    TIMED_OUT,
    TIMEOUT,
    TOKENS,
    TURN,
    TURNS,
    WAITING,
    WEATHER_END,
    WELL,
)
from sim.engine.kernel import FIRST_RANK, LATEST

_at: Any = np.uintp
"""Marks an index that is not negative, as in the other loop."""


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
def wait_for_room(world, gate, tokens, now):
    """Say for how long some limit of a gate will not have room for a leg if nobody else comes; 0 if all have it."""
    limits, wait = world.limits, 0
    for place in range(world.places[gate, LIMITS], world.places[gate, LIMITS_END]):
        limit = _at(world.limits_of[_at(place)])
        wait = max(wait, _level(limits, limit, now) + _cost(limits, limit, tokens) - limits[limit, BURST])
    return wait


@part
def take(world, gate, tokens, now):
    """Take from all limits of a gate what a leg costs; give the most that it takes from any."""
    limits, most = world.limits, 0
    for place in range(world.places[gate, LIMITS], world.places[gate, LIMITS_END]):
        limit = _at(world.limits_of[_at(place)])
        cost = _cost(limits, limit, tokens)
        limits[limit, LEVEL] = _level(limits, limit, now) + cost
        limits[limit, SINCE] = now
        most = max(most, cost)
    return most


@part
def has_limits(world, gate):
    """Say whether a gate has any limits."""
    return world.places[gate, LIMITS] < world.places[gate, LIMITS_END]


@call
def look(world, gate, now):
    """Schedule the turn of the head of a gate's line."""
    places = world.places
    leg = lanes.head(world, gate)
    if leg < 0:
        places[gate, TURN] = NEVER
        return
    wait = wait_for_room(world, gate, world.legs[_at(leg), TOKENS], now)
    if now > LATEST - wait:
        places[gate, TURN] = NEVER
    elif places[gate, TURN] != now + wait:  # else it is scheduled: for one who was the head before
        places[gate, TURN] = now + wait
        schedule(world.events, world.at, now, wait, TURNS + np.int64(gate), np.int64(gate))


@part
def pass_station(world, station, lane, tokens, now):
    """Let a leg take from the limits of its station."""
    cost = take(world, station, tokens, now)
    if world.places[station, IS_FAIR]:
        lanes.pay(world, station, band_of(world, station, lane), cost)


@part
def queue_up(world, station, lane, leg):
    """Let a leg wait for a server."""
    world.legs[_at(leg), OUTCOME] = IN_QUEUE
    lanes.append(world, band_of(world, lanes.queue_of(world, station), lane), leg)


@part
def stand_in_line(world, gate, band, leg, now):
    """Let a leg wait before limits."""
    waits = lanes.waits_in(world, gate)
    world.legs[_at(leg), OUTCOME] = waits
    lanes.append(world, band, leg)
    if lanes.head(world, gate) == leg:
        look(world, gate, now)


@call
def stand_in_station_line(world, station, lane, leg, now):
    """Let a leg wait before the limits of its station."""
    stand_in_line(world, station, band_of(world, station, lane), leg, now)


@call
def stand_in_lane(world, lane, leg, now):
    """Let a leg wait before the limits of its lane."""
    stand_in_line(world, lane, _at(world.places[lane, BAND]), leg, now)


@part
def start(world, leg, now):
    """Let a server take a leg, which settles when it ends and how."""
    legs, places, events, at = world.legs, world.places, world.events, world.at
    row = _at(leg)
    station = _at(legs[row, OF_STATION])
    limited = places[station, SERVERS] > 0
    if limited:
        places[station, BUSY] += 1
    service = legs[row, SERVICE]
    queue = lanes.queue_of(world, station)
    if world.places[queue, IS_FAIR]:
        lanes.pay(world, queue, band_of(world, queue, _at(legs[row, FLAGS] >> LANE_BIT)), service)
    if places[station, WEATHER_END] > 0:
        service = service * world.weather[weather_at(places, world.weather, station, now), SLOWDOWN] // AS_USUAL
    number = legs[row, IN_RUN]
    timeout = legs[row, TIMEOUT]
    left = timeout - (now - legs[row, JOINED])
    waited = legs[row, OUTCOME] != NOT_TRIED
    legs[row, STARTED] = now
    if timeout < NO_LIMIT and service > left:
        legs[row, OUTCOME] = TIMED_OUT
        if now <= LATEST - left:
            legs[row, ENDED] = now + left
        # one who waited may have a timer that is that of the timeout
        if not waited or timeout > legs[row, PATIENCE]:
            schedule(events, at, now, left, GIVING_UP + number, leg)
        if limited and not places[station, CANCELS]:
            schedule(events, at, now, service, FIRST_RANK + number, -1 - legs[row, OF_STATION])
    else:
        legs[row, OUTCOME] = FAILED if legs[row, FLAGS] & FAILS else WELL
        if now <= LATEST - service:
            legs[row, ENDED] = now + service
        schedule(events, at, now, service, FIRST_RANK + number, leg)


@part
def join(world, extra, leg, now):
    """Let a leg join its station; -1, or if it has ended already, for how long it has to wait for another try."""
    legs, places, at = world.legs, world.places, world.at
    row = _at(leg)
    station = _at(legs[row, OF_STATION])
    legs[row, JOINED] = now
    outcome, wait = NOT_TRIED, 0
    if extra is not None:
        if callers.is_open(places, station, now):
            outcome = SKIPPED
    budget = places[station, BUDGET]
    if outcome == NOT_TRIED and budget < NO_LIMIT:
        if not legs[row, FLAGS] & (FOLLOWS | HEDGING):
            places[station, BALANCE] = min(places[station, BALANCE] + budget, places[station, BUDGET_MOST])
        elif legs[row, FLAGS] & PAYS:
            if places[station, BALANCE] < AS_USUAL:
                outcome = DENIED
            else:
                places[station, BALANCE] -= AS_USUAL
    lane = _at(legs[row, FLAGS] >> LANE_BIT)
    tokens = legs[row, TOKENS]
    is_limited = has_limits(world, station)
    batched, replica = False, -1
    if extra is not None:
        batched = batches.has_replicas(world, station)
    enters, passes, starts = True, True, True
    if outcome == NOT_TRIED and is_down(places, world.weather, station, now):
        outcome = FAILED
    if outcome == NOT_TRIED:
        if has_limits(world, lane):
            wait = wait_for_room(world, lane, tokens, now)
            enters = wait == 0 and lanes.head(world, lane) < 0
        passes = enters
        if is_limited:
            ahead = wait_for_room(world, station, tokens, now)
            passes = enters and ahead == 0 and lanes.head(world, station) < 0
            wait = max(wait, ahead)
        servers = places[station, SERVERS]
        starts = passes and (servers == 0 or places[station, BUSY] < servers)
        if extra is not None:
            if batched:
                replica = batches.picked(world, extra, station, leg, now)
                starts = passes and batches.has_room(extra, replica)
        if not starts and (
            places[station, WAITING] >= legs[row, QUEUE_MOST] or places[lane, LANE_WAITING] >= places[lane, LANE_MOST]
        ):
            outcome, wait = REJECTED, 0
        elif not passes and places[station, REJECTS]:
            outcome = REJECTED
    if outcome != NOT_TRIED:
        legs[row, STARTED] = now
        legs[row, ENDED] = now
        legs[row, OUTCOME] = outcome
        return wait
    if enters:
        take(world, lane, tokens, now)
    if passes and is_limited:
        pass_station(world, station, lane, tokens, now)
    if extra is not None:
        if passes and batched:
            batches.send(world, extra, station, replica, leg, now)
            if starts:
                batches.enter(world, extra, leg, replica, now)
                return -1
    if starts:
        start(world, leg, now)
        return -1
    count(world, station, lane, np.int64(1))
    span = min(legs[row, PATIENCE], legs[row, TIMEOUT])
    if span < NO_LIMIT:
        schedule(world.events, at, now, span, GIVING_UP + legs[row, IN_RUN], leg)
    if extra is not None:
        if passes and batched:
            batches.wait(world, extra, replica, lane, leg)
            return -1
    if passes:
        queue_up(world, station, lane, leg)
    elif enters:
        stand_in_station_line(world, station, lane, leg, now)
    else:
        stand_in_lane(world, lane, leg, now)
    return -1
