"""The loop of the compiled engine where there are conditions: one event after the other, by time and then rank.

With limits, patience and timeouts it is no longer known at its joining when a leg will start, so this loop takes the
events as `sim.engine.order` puts them, and does at each what `sim.routing.conditions` says. What can be known early is:
once a server takes a leg, it is settled when the leg will end and how. So only events that will matter are scheduled:
a completion that a timeout comes before frees a server at most, and a timeout is scheduled only if it comes before the
completion. What may come too late are the timers of those who wait and the turns of heads of lines; those that do find
it out.

Events beyond the 64-bit clock are not scheduled. A request that needs one is not over when no event is left.
"""

# numba compiles what is here; it supports no keyword-only arguments and no annotations of its own types.
# mypy: disable-error-code="no-untyped-def, misc"

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from sim.engine import kernel
from sim.engine.general_world import *
from sim.engine.kernel import DONE, FIRST_ARRIVAL, FIRST_RANK, LATEST

_njit: Any = njit  # its types know neither `_nrt` nor `forceinline`
_loop = _njit(**kernel.options())
_part = _njit(**kernel.options(), forceinline=True)
_at: Any = np.uintp
"""Marks an index that is not negative, as in the other loop."""


@_part
def _schedule(pending, at, now, span, rank, row):
    """Let something happen in `span` from now, if the clock goes so far."""
    if now <= LATEST - span:
        size = at[SIZE]
        kernel.push(pending, size, now + span, rank, row)
        at[SIZE] = size + 1


@_part
def _number(numbers, at, leg):
    """Give the number of a leg in the whole run."""
    return numbers[_at(leg)] if leg < len(numbers) else leg + at[OFFSET]


@_part
def _cost(limits, limit, tokens):
    """Say what a leg takes from a limit, in nanoseconds."""
    many = tokens if limits[limit, BY_TOKENS] else 1
    per = limits[limit, PER]
    return min((many * limits[limit, PERIOD] + (per - 1)) // per, limits[limit, BURST])


@_part
def _level(limits, limit, now):
    """Say how far ahead of now a limit is taken."""
    level = limits[limit, LEVEL]
    return max(0, level - (now - limits[limit, SINCE])) if level > 0 else 0


@_part
def _wait_for_room(limits, limits_of, first, end, tokens, now):
    """Say for how long some limit will not have room for a leg if nobody else comes; 0 if all have it."""
    wait = 0
    for place in range(first, end):
        limit = _at(limits_of[_at(place)])
        wait = max(wait, _level(limits, limit, now) + _cost(limits, limit, tokens) - limits[limit, BURST])
    return wait


@_part
def _take(limits, limits_of, first, end, tokens, now):
    """Take from all limits what a leg costs."""
    for place in range(first, end):
        limit = _at(limits_of[_at(place)])
        limits[limit, LEVEL] = _level(limits, limit, now) + _cost(limits, limit, tokens)
        limits[limit, SINCE] = now


@_part
def _weather(stations, weather, station, now):
    """Find the stretch of time of a station that now lies in; time never goes back."""
    place, end = stations[station, WEATHER], stations[station, WEATHER_END]
    while place + 1 < end and weather[_at(place + 1), FROM] <= now:
        place += 1
    stations[station, WEATHER] = place
    return _at(place)


@_part
def _append(stations, behind, first, station, leg):
    """Put a leg at the end of the line or queue of a station, whose first is in field `first` and whose last behind."""
    behind[_at(leg)] = -1
    if stations[station, first] < 0:
        stations[station, first] = leg
    else:
        behind[_at(stations[station, first + 1])] = leg
    stations[station, first + 1] = leg


@_part
def _next(leg, behind, outcome, waits):
    """Find who waits from `leg` on: those who left are passed over."""
    while leg >= 0 and outcome[_at(leg)] != waits:
        leg = behind[_at(leg)]
    return leg


@_part
def _look(world, station, now):
    """Schedule the turn of the head of a line."""
    stations, at = world.stations, world.at
    leg = stations[station, LINE]
    if leg < 0:
        stations[station, TURN] = NEVER
        return
    first, end = stations[station, LIMITS], stations[station, LIMITS_END]
    wait = _wait_for_room(world.limits, world.limits_of, first, end, world.legs.tokens[_at(leg)], now)
    if now > LATEST - wait:
        stations[station, TURN] = NEVER
    elif stations[station, TURN] != now + wait:  # else it is scheduled: for the head that has just left
        stations[station, TURN] = now + wait
        _schedule(world.pending, at, now, wait, TURNS + np.int64(station), np.int64(station))


@_part
def _start(world, leg, now):
    """Let a server take a leg, which settles when it ends and how."""
    legs, log, stations = world.legs, world.log, world.stations
    pending, at = world.pending, world.at
    row = _at(leg)
    station = _at(legs.station[row])
    limited = stations[station, SERVERS] > 0
    if limited:
        stations[station, BUSY] += 1
    service = legs.service[row]
    if stations[station, WEATHER_END] > 0:
        slowdown = world.weather[_weather(stations, world.weather, station, now), SLOWDOWN]
        if slowdown != AS_USUAL:
            service = service * slowdown // AS_USUAL
    number = _number(world.numbers, at, leg)
    timeout = legs.timeout[row]
    left = timeout - (now - log.joined[row])
    waited = log.outcome[row] != NOT_TRIED
    log.started[row] = now
    if timeout < NO_LIMIT and service > left:
        log.outcome[row] = TIMED_OUT
        if now <= LATEST - left:
            log.ended[row] = now + left
        if not waited or timeout > legs.patience[row]:  # else its timer while it waited is that of the timeout
            _schedule(pending, at, now, left, GIVING_UP + number, leg)
        if limited and not stations[station, CANCELS]:
            _schedule(pending, at, now, service, FIRST_RANK + number, -1 - legs.station[row])
    else:
        log.outcome[row] = FAILED if legs.fails[row] else WELL
        if now <= LATEST - service:
            log.ended[row] = now + service
        _schedule(pending, at, now, service, FIRST_RANK + number, leg)


@_part
def _join(world, leg, now):
    """Let a leg join its station; -1, or if it has ended already, for how long it has to wait for another try."""
    legs, log, stations, at = world.legs, world.log, world.stations, world.at
    row = _at(leg)
    station = _at(legs.station[row])
    log.joined[row] = now
    outcome, wait = NOT_TRIED, 0
    budget = stations[station, BUDGET]
    if budget < NO_LIMIT:
        after = legs.after[row]
        if after < 0:
            stations[station, BALANCE] = min(stations[station, BALANCE] + budget, stations[station, BUDGET_MOST])
        elif legs.station[_at(after)] == legs.station[row]:
            if stations[station, BALANCE] < AS_USUAL:
                outcome = DENIED
            else:
                stations[station, BALANCE] -= AS_USUAL
    passes, starts = True, True
    if outcome == NOT_TRIED and stations[station, WEATHER_END] > 0:
        if world.weather[_weather(stations, world.weather, station, now), IS_DOWN]:
            outcome = FAILED
    first, end = stations[station, LIMITS], stations[station, LIMITS_END]
    if outcome == NOT_TRIED:
        if first < end:
            wait = _wait_for_room(world.limits, world.limits_of, first, end, legs.tokens[row], now)
            passes = wait == 0 and stations[station, LINE] < 0
        servers = stations[station, SERVERS]
        starts = passes and (servers == 0 or stations[station, BUSY] < servers)
        if not starts and stations[station, WAITING] >= legs.queue_most[row]:
            outcome, wait = REJECTED, 0
        elif not passes and stations[station, REJECTS]:
            outcome = REJECTED
    if outcome != NOT_TRIED:
        log.started[row] = now
        log.ended[row] = now
        log.outcome[row] = outcome
        return wait
    if passes and first < end:
        _take(world.limits, world.limits_of, first, end, legs.tokens[row], now)
    if starts:
        _start(world, leg, now)
        return -1
    stations[station, WAITING] += 1
    span = min(legs.patience[row], legs.timeout[row])
    if span < NO_LIMIT:
        _schedule(world.pending, at, now, span, GIVING_UP + _number(world.numbers, at, leg), leg)
    if passes:
        log.outcome[row] = IN_QUEUE
        _append(stations, world.behind, QUEUE, station, leg)
    else:
        log.outcome[row] = IN_LINE
        _append(stations, world.behind, LINE, station, leg)
        if stations[station, LINE] == leg:
            _look(world, station, now)
    return -1


@_part
def _behind(legs, row):
    """Find the first row behind the stage at `row`."""
    request, stage = legs.request[_at(row)], legs.stage[_at(row)]
    while row < len(legs.request) and legs.request[_at(row)] == request and legs.stage[_at(row)] == stage:
        row += 1
    return row


@_part
def _behind_request(legs, row):
    """Find the first row behind the request at `row`."""
    request = legs.request[_at(row)]
    while row < len(legs.request) and legs.request[_at(row)] == request:
        row += 1
    return row


@_part
def _forget_who_left(world, station, first, waits):
    """Take those who left out of a line or queue, so that the rest of what is known of them can be let go of."""
    stations, behind, outcome = world.stations, world.behind, world.log.outcome
    leg = _next(stations[station, first], behind, outcome, waits)
    stations[station, first] = leg
    while leg >= 0:
        then = _next(behind[_at(leg)], behind, outcome, waits)
        behind[_at(leg)] = then
        stations[station, first + 1] = leg
        leg = then


@_part
def _begin(world, row):
    """Begin with the stage at `row`: count its chains, and note who follows whom. Gives the row behind it."""
    end = _behind(world.legs, row)
    chains = 0
    for leg in range(row, end):
        after = world.legs.after[_at(leg)]
        if after < 0:
            chains += 1
        else:
            world.follower[_at(after)] = leg
    request = _at(world.legs.request[_at(row)])
    world.requests[request, OPEN] = chains
    world.requests[request, MET] = 0
    return end


@_part
def _move_on(world, ended, joining, row, now):
    """Let a client go on whose leg has ended, or joins after its delay, or whose stage at `row` begins (else: -1)."""
    legs, requests, at = world.legs, world.requests, world.at
    last = max(ended, joining, row)
    request = _at(legs.request[_at(last)])
    end = _begin(world, row) if row >= 0 else row
    wait = 0
    while True:
        if ended >= 0:
            last = ended
            done = world.log.outcome[_at(ended)] == WELL
            follower = world.follower[_at(ended)]
            if follower < 0 or done:
                requests[request, OPEN] -= 1
                if done:
                    requests[request, MET] |= 2 if legs.ends[_at(ended)] else 1
            else:
                delay = legs.delay[_at(follower)]
                if legs.heeds[_at(follower)]:
                    delay = max(delay, wait)
                if delay == 0:
                    joining = follower
                else:
                    number = _number(world.numbers, at, follower)
                    _schedule(world.pending, at, now, delay, JOINING + number, follower)
            ended = -1
        while joining < 0 and row < end:  # the next chain of a stage that begins
            if legs.after[_at(row)] < 0:
                joining = row
            row += 1
        if joining >= 0:
            wait = _join(world, joining, now)
            if wait >= 0:
                ended = joining
            joining = -1
        elif requests[request, OPEN] > 0:
            return
        else:
            row = _behind(legs, last)
            onward = row < len(legs.request) and legs.request[_at(row)] == legs.request[_at(last)]
            if not onward or requests[request, MET] != 1:
                requests[request, OPEN] = OVER
                return
            end = _begin(world, row)


@_part
def _give_up(world, leg, now):
    """Let a leg leave that waits, or whose timeout has come. Gives the station whose server is free by that, or -1.

    A second -1 says that nothing has happened, as the leg had moved on before.
    """
    log, stations = world.log, world.stations
    row = _at(leg)
    number = world.legs.station[row]
    station = _at(number)
    outcome = log.outcome[row]
    if outcome == TIMED_OUT and log.ended[row] == now:
        return number if stations[station, CANCELS] and stations[station, SERVERS] > 0 else -1, leg
    if outcome != IN_LINE and outcome != IN_QUEUE:
        return -1, -1
    log.started[row] = now
    log.ended[row] = now
    log.outcome[row] = ABANDONED
    stations[station, WAITING] -= 1
    if outcome == IN_LINE:
        if stations[station, LINE] == leg:
            stations[station, LINE] = _next(leg, world.behind, log.outcome, IN_LINE)
            _look(world, station, now)
    return -1, leg


@_part
def _turn(world, station, now):
    """Let the head of a line pass if all limits have room, and look when the next has its turn. Gives who starts, or -1."""
    legs, log, stations = world.legs, world.log, world.stations
    starts = -1
    stations[station, TURN] = NEVER
    leg = stations[station, LINE]
    first, end = stations[station, LIMITS], stations[station, LIMITS_END]
    tokens = legs.tokens[_at(leg)]
    if _wait_for_room(world.limits, world.limits_of, first, end, tokens, now) == 0:
        _take(world.limits, world.limits_of, first, end, tokens, now)
        log.outcome[_at(leg)] = IN_QUEUE
        stations[station, LINE] = _next(leg, world.behind, log.outcome, IN_LINE)
        servers = stations[station, SERVERS]
        if servers == 0 or stations[station, BUSY] < servers:
            stations[station, WAITING] -= 1
            starts = leg
        else:
            _append(stations, world.behind, QUEUE, station, leg)
    _look(world, station, now)
    return starts


@_part
def _free(world, station):
    """Let a server of a station go to the next waiter. Gives who that is, or -1."""
    stations = world.stations
    stations[station, BUSY] -= 1
    leg = _next(stations[station, QUEUE], world.behind, world.log.outcome, IN_QUEUE)
    if leg < 0:
        stations[station, QUEUE] = -1
        return leg
    stations[station, QUEUE] = world.behind[_at(leg)]
    stations[station, WAITING] -= 1
    return leg


@_loop
def advance(arrival, world, before, is_last, first_request):
    """Play all events before time `before`, or all there are if nobody comes after these.

    Returns `DONE`, or `GROW` with nothing of the next event done; `world.at` says where to go on.
    """
    legs, at, pending = world.legs, world.at, world.pending
    number, row = at[NUMBER], at[ROW]
    while True:
        size = at[SIZE]
        fresh = number < len(arrival) and (size == 0 or arrival[_at(number)] < pending.time[0])
        if fresh:
            now = arrival[_at(number)]
        elif size > 0:
            now = pending.time[0]
        else:
            break
        if now >= before and not is_last:
            break
        # Each leg of the request schedules two events at most, and so does the waiter who gets the server.
        at[NEED] = size + 2 * at[MOST] + 4
        if at[NEED] > len(pending.time):
            at[NUMBER], at[ROW] = number, row
            return GROW
        freed, starts, ended, joins, begins = -1, -1, -1, -1, -1
        if fresh:
            if row < len(legs.request) and legs.request[_at(row)] == at[REQUESTS] + number:
                begins = row
                row = _behind_request(legs, row)
            number += 1
        else:
            rank, came = pending.rank[0], pending.row[0]
            size -= 1
            last = _at(size)
            at[SIZE] = size
            kernel.replace(pending, size, pending.time[last], pending.rank[last], pending.row[last])
            if rank < GIVING_UP:
                if came < 0:
                    freed = -1 - came
                else:
                    ended = came
                    freed = legs.station[_at(came)]
                    if world.stations[_at(freed), SERVERS] == 0:
                        freed = -1
            elif rank < JOINING:
                freed, ended = _give_up(world, came, now)
            elif rank < TURNS:
                joins = came
            elif rank < FIRST_ARRIVAL:
                if world.stations[_at(came), TURN] == now:
                    starts = _turn(world, _at(came), now)
            else:
                begins = came
        if freed >= 0:
            starts = _free(world, _at(freed))
        if starts >= 0:
            _start(world, starts, now)
        if ended >= 0 or joins >= 0 or begins >= 0:
            _move_on(world, ended, joins, begins, now)
    # Who arrives at the cut itself waits for those who come later and may go before.
    while number < len(arrival):
        if row < len(legs.request) and legs.request[_at(row)] == at[REQUESTS] + number:
            size = at[SIZE]
            at[NEED] = size + 1
            if size == len(pending.time):
                at[NUMBER], at[ROW] = number, row
                return GROW
            kernel.push(pending, size, arrival[_at(number)], FIRST_ARRIVAL + first_request + number, row)
            at[SIZE] = size + 1
            row = _behind_request(legs, row)
        number += 1
    at[NUMBER], at[ROW] = number, row
    for station in range(len(world.stations)):
        _forget_who_left(world, _at(station), LINE, IN_LINE)
        _forget_who_left(world, _at(station), QUEUE, IN_QUEUE)
    return DONE
