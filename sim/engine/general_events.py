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
    IN_BATCH,
    IN_LANE,
    IN_LINE,
    IN_QUEUE,
    NEVER,
    SERVERS,
    TIMED_OUT,
    TURN,
    WITHDRAWN,
)
from sim.engine.kernel import FIRST_RANK

_at: Any = np.uintp
"""Marks an index that is not negative, as in the other loop."""


@call
def give_up(world, leg, now):
    """Let a leg leave that waits, or whose timeout has come. Gives the station whose server is free by that, or -1.

    A second -1 says that nothing has happened, as the leg had moved on before.
    """
    log, stations = world.log, world.stations
    row = _at(leg)
    number = parts.pick(world.carried.station, world.legs.station, leg)
    station = _at(number)
    outcome = log.outcome[row]
    if outcome == TIMED_OUT and log.ended[row] == now:
        return number if stations[station, CANCELS] and stations[station, SERVERS] > 0 else -1, leg
    if outcome == IN_BATCH and now - log.joined[row] == parts.pick(world.carried.timeout, world.legs.timeout, leg):
        log.ended[row] = now
        log.outcome[row] = TIMED_OUT
        batches.hang_up(world, station, leg, stations[station, CANCELS] > 0, now)
        return -1, leg
    if outcome not in (IN_LANE, IN_LINE, IN_QUEUE):
        return -1, -1
    _leave(world, station, leg, ABANDONED, now)
    return -1, leg


@call
def _leave(world, station, leg, outcome, now):
    """Let a leg leave where it waits."""
    log, row = world.log, _at(leg)
    waits = log.outcome[row]
    lane = _at(parts.pick(world.carried.lane, world.legs.lane, leg))
    gate = station if waits == IN_LINE else lanes.gate_of(world, lane)
    was_head = waits != IN_QUEUE and lanes.head(world, gate, waits) == leg
    log.started[row] = now
    log.ended[row] = now
    log.outcome[row] = outcome
    parts.count(world, station, lane, -1)
    if waits == IN_QUEUE:
        batches.leave(world.batches, station, leg, now)
    if was_head:
        rules.look(world, gate, now)


@call
def cancel(world, leg, now):
    """Give up a leg whose rival was done first. What it had scheduled finds it out, but for a server that works on."""
    log, stations = world.log, world.stations
    row = _at(leg)
    number = parts.pick(world.carried.station, world.legs.station, leg)
    station = _at(number)
    outcome, ended = log.outcome[row], log.ended[row]
    if outcome in (IN_LANE, IN_LINE, IN_QUEUE):
        _leave(world, station, leg, WITHDRAWN, now)
        return
    log.ended[row] = now
    log.outcome[row] = CANCELLED
    if outcome == IN_BATCH:
        batches.hang_up(world, station, leg, stations[station, CANCELS] > 0, now)
    elif stations[station, SERVERS] > 0:
        if stations[station, CANCELS]:
            starts = free(world, station)
            if starts >= 0:
                rules.start(world, starts, now)
        elif outcome != TIMED_OUT and ended >= 0:
            rank = FIRST_RANK + parts.number_of(world.numbers, world.at, leg)
            parts.schedule(world.pending, world.at, now, ended - now, rank, -1 - number)


@call
def turn(world, gate, now):
    """Let the head of a line pass if all limits have room, and look when the next will. Gives who starts, or -1."""
    starts = -1
    world.gates[gate, TURN] = NEVER
    waits = lanes.waits_in(world, gate)
    leg = lanes.head(world, gate, waits)
    tokens = parts.pick(world.carried.tokens, world.legs.tokens, leg)
    if rules.wait_for_room(world, gate, tokens, now) == 0:
        lanes.pop(world, gate, waits)
        starts = _through(world, gate, leg, tokens, now)
    rules.look(world, gate, now)
    return starts


@part
def _through(world, gate, leg, tokens, now):
    """Let a leg go through a gate at which it waited, and on as far as it comes. Gives it if a server takes it."""
    station = _at(parts.pick(world.carried.station, world.legs.station, leg))
    lane = _at(parts.pick(world.carried.lane, world.legs.lane, leg))
    if gate != station:
        rules.take(world, gate, tokens, now)
        if rules.has_limits(world, station) and (
            lanes.head(world, station, IN_LINE) >= 0 or rules.wait_for_room(world, station, tokens, now) > 0
        ):
            rules.stand_in_station_line(world, station, lane, leg, now)
            return -1
    rules.pass_station(world, station, lane, tokens, now)
    if batches.has_replicas(world.batches, station):
        replica = batches.picked(world.batches, station, leg, now)
        batches.send(world.batches, station, replica, leg, now)
        if batches.has_room(world.batches, replica):
            parts.count(world, station, lane, -1)
            batches.enter(world, leg, replica, now)
        else:
            batches.wait(world, replica, lane, leg)
        return -1
    servers = world.stations[station, SERVERS]
    if servers == 0 or world.stations[station, BUSY] < servers:
        world.log.outcome[_at(leg)] = IN_QUEUE
        parts.count(world, station, lane, -1)
        return leg
    rules.queue_up(world, station, lane, leg)
    return -1


@part
def free(world, station):
    """Let a server of a station go to the next waiter. Gives who that is, or -1."""
    world.stations[station, BUSY] -= 1
    leg = lanes.pop(world, lanes.queue_of(world, station), IN_QUEUE)
    if leg >= 0:
        parts.count(world, station, _at(parts.pick(world.carried.lane, world.legs.lane, leg)), -1)
    return leg
