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
from sim.engine.general_parts import band_of, count, is_down, number_of, pick, schedule, weather_at
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
    FAILED,
    GIVING_UP,
    IN_LANE,
    IN_LINE,
    IN_QUEUE,
    IS_FAIR,
    LANE_MOST,
    LANE_WAITING,
    LEVEL,
    LIMITS,
    LIMITS_END,
    NEVER,
    NO_LIMIT,
    NOT_TRIED,
    PER,
    PERIOD,
    REJECTED,
    REJECTS,
    SERVERS,
    SINCE,
    SKIPPED,
    SLOWDOWN,
    TIMED_OUT,
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
    for place in range(world.gates[gate, LIMITS], world.gates[gate, LIMITS_END]):
        limit = _at(world.limits_of[_at(place)])
        wait = max(wait, _level(limits, limit, now) + _cost(limits, limit, tokens) - limits[limit, BURST])
    return wait


@part
def take(world, gate, tokens, now):
    """Take from all limits of a gate what a leg costs; give the most that it takes from any."""
    limits, most = world.limits, 0
    for place in range(world.gates[gate, LIMITS], world.gates[gate, LIMITS_END]):
        limit = _at(world.limits_of[_at(place)])
        cost = _cost(limits, limit, tokens)
        limits[limit, LEVEL] = _level(limits, limit, now) + cost
        limits[limit, SINCE] = now
        most = max(most, cost)
    return most


@part
def has_limits(world, gate):
    """Say whether a gate has any limits."""
    return world.gates[gate, LIMITS] < world.gates[gate, LIMITS_END]


@call
def look(world, gate, now):
    """Schedule the turn of the head of a gate's line."""
    old, new, gates = world.carried, world.legs, world.gates
    leg = lanes.head(world, gate, lanes.waits_in(world, gate))
    if leg < 0:
        gates[gate, TURN] = NEVER
        return
    wait = wait_for_room(world, gate, pick(old.tokens, new.tokens, leg), now)
    if now > LATEST - wait:
        gates[gate, TURN] = NEVER
    elif gates[gate, TURN] != now + wait:  # else it is scheduled: for one who was the head before
        gates[gate, TURN] = now + wait
        schedule(world.pending, world.at, now, wait, TURNS + np.int64(gate), np.int64(gate))


@part
def pass_station(world, station, lane, tokens, now):
    """Let a leg take from the limits of its station."""
    cost = take(world, station, tokens, now)
    if world.places[station, IS_FAIR]:
        lanes.pay(world, station, band_of(world, station, lane), cost)


@part
def queue_up(world, station, lane, leg):
    """Let a leg wait for a server."""
    world.log.outcome[_at(leg)] = IN_QUEUE
    lanes.append(world, band_of(world, lanes.queue_of(world, station), lane), leg)


@part
def stand_in_line(world, gate, band, leg, now):
    """Let a leg wait before limits."""
    waits = lanes.waits_in(world, gate)
    world.log.outcome[_at(leg)] = waits
    lanes.append(world, band, leg)
    if lanes.head(world, gate, waits) == leg:
        look(world, gate, now)


@call
def stand_in_station_line(world, station, lane, leg, now):
    """Let a leg wait before the limits of its station."""
    stand_in_line(world, station, band_of(world, station, lane), leg, now)


@call
def stand_in_lane(world, lane, leg, now):
    """Let a leg wait before the limits of its lane."""
    gate = lanes.gate_of(world, lane)
    stand_in_line(world, gate, _at(world.places[gate, BAND]), leg, now)


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
    queue = lanes.queue_of(world, station)
    if world.places[queue, IS_FAIR]:
        lanes.pay(world, queue, band_of(world, queue, _at(pick(old.lane, new.lane, leg))), service)
    if stations[station, WEATHER_END] > 0:
        service = service * world.weather[weather_at(stations, world.weather, station, now), SLOWDOWN] // AS_USUAL
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
    if callers.is_open(world.callers.desks, station, now):
        outcome = SKIPPED
    budget = stations[station, BUDGET]
    if outcome == NOT_TRIED and budget < NO_LIMIT:
        after = pick(old.after, new.after, leg)
        if callers.hedged_by(world, leg) >= 0:
            pass
        elif after < 0:
            stations[station, BALANCE] = min(stations[station, BALANCE] + budget, stations[station, BUDGET_MOST])
        elif pick(old.station, new.station, after if leg < len(old.after) else after + len(old.after)) == pick(
            old.station, new.station, leg
        ):
            if stations[station, BALANCE] < AS_USUAL:
                outcome = DENIED
            else:
                stations[station, BALANCE] -= AS_USUAL
    lane = _at(pick(old.lane, new.lane, leg))
    gate = lanes.gate_of(world, lane)
    tokens = pick(old.tokens, new.tokens, leg)
    is_limited = has_limits(world, station)
    batched, replica = batches.has_replicas(world.batches, station), -1
    enters, passes, starts = True, True, True
    if outcome == NOT_TRIED and is_down(stations, world.weather, station, now):
        outcome = FAILED
    if outcome == NOT_TRIED:
        if has_limits(world, gate):
            wait = wait_for_room(world, gate, tokens, now)
            enters = wait == 0 and lanes.head(world, gate, IN_LANE) < 0
        passes = enters
        if is_limited:
            ahead = wait_for_room(world, station, tokens, now)
            passes = enters and ahead == 0 and lanes.head(world, station, IN_LINE) < 0
            wait = max(wait, ahead)
        servers = stations[station, SERVERS]
        if batched:
            replica = batches.picked(world.batches, station, leg, now)
            starts = passes and batches.has_room(world.batches, replica)
        else:
            starts = passes and (servers == 0 or stations[station, BUSY] < servers)
        if not starts and (
            stations[station, WAITING] >= pick(old.queue_most, new.queue_most, leg)
            or world.lanes[lane, LANE_WAITING] >= world.lanes[lane, LANE_MOST]
        ):
            outcome, wait = REJECTED, 0
        elif not passes and stations[station, REJECTS]:
            outcome = REJECTED
    if outcome != NOT_TRIED:
        log.started[row] = now
        log.ended[row] = now
        log.outcome[row] = outcome
        return wait
    if enters:
        take(world, gate, tokens, now)
    if passes and is_limited:
        pass_station(world, station, lane, tokens, now)
    if passes and batched:
        batches.send(world.batches, station, replica, leg, now)
    if starts:
        if batched:
            batches.enter(world, leg, replica, now)
        else:
            start(world, leg, now)
        return -1
    count(world, station, lane, 1)
    span = min(pick(old.patience, new.patience, leg), pick(old.timeout, new.timeout, leg))
    if span < NO_LIMIT:
        schedule(world.pending, at, now, span, GIVING_UP + number_of(world.numbers, at, leg), leg)
    if passes and batched:
        batches.wait(world, replica, lane, leg)
    elif passes:
        queue_up(world, station, lane, leg)
    elif enters:
        stand_in_station_line(world, station, lane, leg, now)
    else:
        stand_in_lane(world, lane, leg, now)
    return -1
