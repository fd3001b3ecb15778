"""What happens at one station, for the general loop: legs leave, have their turn at limits, and free their servers."""

# numba compiles what is here; it supports no keyword-only arguments and no annotations of its own types.
# mypy: disable-error-code="no-untyped-def, misc"

from __future__ import annotations

from typing import Any

import numpy as np

from sim.engine import general_batches as batches
from sim.engine import general_lanes as lanes
from sim.engine import general_parts as parts
from sim.engine import general_rules as rules
from sim.engine.general_lanes import call, part
from sim.engine.general_world import (
    ABANDONED,
    BUSY,
    CANCELLED,
    CANCELS,
    ENDED,
    FLAGS,
    IN_BATCH,
    IN_LANE,
    IN_LINE,
    IN_QUEUE,
    IN_RUN,
    JOINED,
    LANE_BIT,
    NEVER,
    OF_STATION,
    OUTCOME,
    SERVERS,
    STARTED,
    TIMED_OUT,
    TIMEOUT,
    TOKENS,
    TURN,
    WITHDRAWN,
)
from sim.engine.kernel import FIRST_RANK

_at: Any = np.uintp
"""Marks an index that is not negative, as in the other loop."""


@call
def give_up(world, extra, leg, now):
    """Let a leg leave that waits, or whose timeout has come. Gives the station whose server is free by that, or -1.

    A second -1 says that nothing has happened, as the leg had moved on before.
    """
    legs, places = world.legs, world.places
    row = _at(leg)
    number = legs[row, OF_STATION]
    station = _at(number)
    outcome = legs[row, OUTCOME]
    if outcome == TIMED_OUT and legs[row, ENDED] == now:
        return number if places[station, CANCELS] and places[station, SERVERS] > 0 else -1, leg
    if extra is not None:
        if outcome == IN_BATCH and now - legs[row, JOINED] == legs[row, TIMEOUT]:
            legs[row, ENDED] = now
            legs[row, OUTCOME] = TIMED_OUT
            batches.hang_up(world, extra, station, leg, places[station, CANCELS] > 0, now)
            return -1, leg
    if outcome not in (IN_LANE, IN_LINE, IN_QUEUE):
        return -1, -1
    _leave(world, extra, station, leg, np.int64(ABANDONED), now)
    return -1, leg


@call
def _leave(world, extra, station, leg, outcome, now):
    """Let a leg leave where it waits."""
    legs, row = world.legs, _at(leg)
    waits = legs[row, OUTCOME]
    lane = _at(legs[row, FLAGS] >> LANE_BIT)
    gate = station if waits == IN_LINE else lane
    was_head = waits != IN_QUEUE and lanes.head(world, gate) == leg
    legs[row, STARTED] = now
    legs[row, ENDED] = now
    legs[row, OUTCOME] = outcome
    parts.count(world, station, lane, np.int64(-1))
    if extra is not None:
        if waits == IN_QUEUE:
            batches.leave(world, extra, station, leg, now)
    if was_head:
        rules.look(world, gate, now)


@call
def cancel(world, extra, leg, now):
    """Give up a leg whose rival was done first. What it had scheduled finds it out, but for a server that works on."""
    legs, places = world.legs, world.places
    row = _at(leg)
    number = legs[row, OF_STATION]
    station = _at(number)
    outcome, ended = legs[row, OUTCOME], legs[row, ENDED]
    if outcome in (IN_LANE, IN_LINE, IN_QUEUE):
        _leave(world, extra, station, leg, np.int64(WITHDRAWN), now)
        return
    legs[row, ENDED] = now
    legs[row, OUTCOME] = CANCELLED
    if outcome == IN_BATCH:
        batches.hang_up(world, extra, station, leg, places[station, CANCELS] > 0, now)
    elif places[station, SERVERS] > 0:
        if places[station, CANCELS]:
            starts = free(world, station)
            if starts >= 0:
                rules.start(world, starts, now)
        elif outcome != TIMED_OUT and ended >= 0:
            rank = FIRST_RANK + legs[row, IN_RUN]
            parts.schedule(world.events, world.at, now, ended - now, rank, -1 - number)


@call
def turn(world, extra, gate, now):
    """Let the head of a line pass if all limits have room, and look when the next will. Gives who starts, or -1."""
    starts = -1
    world.places[gate, TURN] = NEVER
    leg = lanes.head(world, gate)
    tokens = world.legs[_at(leg), TOKENS]
    if rules.wait_for_room(world, gate, tokens, now) == 0:
        lanes.pop(world, gate)
        starts = _through(world, extra, gate, leg, tokens, now)
    rules.look(world, gate, now)
    return starts


@part
def _through(world, extra, gate, leg, tokens, now):
    """Let a leg go through a gate at which it waited, and on as far as it comes. Gives it if a server takes it."""
    station = _at(world.legs[_at(leg), OF_STATION])
    lane = _at(world.legs[_at(leg), FLAGS] >> LANE_BIT)
    if gate != station:
        rules.take(world, gate, tokens, now)
        if rules.has_limits(world, station) and (
            lanes.head(world, station) >= 0 or rules.wait_for_room(world, station, tokens, now) > 0
        ):
            rules.stand_in_station_line(world, station, lane, leg, now)
            return -1
    rules.pass_station(world, station, lane, tokens, now)
    if extra is not None:
        if batches.has_replicas(world, station):
            replica = batches.picked(world, extra, station, leg, now)
            batches.send(world, extra, station, replica, leg, now)
            if batches.has_room(extra, replica):
                parts.count(world, station, lane, np.int64(-1))
                batches.enter(world, extra, leg, replica, now)
            else:
                batches.wait(world, extra, replica, lane, leg)
            return -1
    servers = world.places[station, SERVERS]
    if servers == 0 or world.places[station, BUSY] < servers:
        world.legs[_at(leg), OUTCOME] = IN_QUEUE
        parts.count(world, station, lane, np.int64(-1))
        return leg
    rules.queue_up(world, station, lane, leg)
    return -1


@part
def free(world, station):
    """Let a server of a station go to the next waiter. Gives who that is, or -1."""
    world.places[station, BUSY] -= 1
    leg = lanes.pop(world, lanes.queue_of(world, station))
    if leg >= 0:
        parts.count(world, station, _at(world.legs[_at(leg), FLAGS] >> LANE_BIT), np.int64(-1))
    return leg
