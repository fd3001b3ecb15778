"""Stations with replicas, for the general loop: dispatch, world, steps.

What a leg has left to do is not written down but measured against a counter of its replica: how much a leg in that
phase has worked off since there was last none. So a leg that enters notes once where the counter will be when it is
done, and only the speed of the counter changes with the batch.

When a phase ends is known only while the batch stays as it is. A replica has an event at the earliest time at which one
may end; if it turns out that none does, the event moves on, and those that were replaced by an earlier one find it out.
"""

# numba compiles what is here; it supports no keyword-only arguments and no annotations of its own types.
# mypy: disable-error-code="no-untyped-def, misc"

from __future__ import annotations

from typing import Any, Final

import numpy as np

from sim.engine import general_lanes as lanes
from sim.engine import general_scaling as scaling
from sim.engine.general_lanes import call, part
from sim.engine.general_parts import band_of, count, schedule, weather_at
from sim.engine.general_world import (
    AS_USUAL,
    BALANCE_BY,
    BASE,
    BESIDE_SPEED,
    CURVE,
    DECODE,
    DECODE_SPEED,
    DECODED,
    END,
    ENDED,
    FAILED,
    FAILS,
    FIRST,
    FLAGS,
    GATES,
    GIVING_UP,
    IN_BATCH,
    IN_QUEUE,
    IN_RUN,
    INSIDE,
    IS_FAIR,
    JOINED,
    LANE_BIT,
    LAST,
    LEG,
    LOT,
    LOW_BITS,
    NEVER,
    NEXT,
    NO_LIMIT,
    NOT_TRIED,
    NUMBERED,
    OUTCOME,
    PATIENCE,
    PREFILL,
    PREFILL_SPEED,
    PREFILLED,
    PREFILLING,
    PREFILLS,
    QUEUEING,
    REPLICAS,
    REPLICAS_END,
    ROOM,
    SCALES,
    SCHEDULED,
    SERVED_HIGH,
    SERVED_LOW,
    SERVICE,
    SERVING,
    SINCE_NS,
    SLOT_FIELDS,
    SLOWDOWN,
    STARTED,
    STATION,
    STATIONS,
    STEPS,
    TIMEOUT,
    WEATHER_END,
    WELL,
    WHERE,
)
from sim.engine.kernel import LATEST

FULL_SPEED: Final = 1 << 16
HALF_BITS: Final = 26
ROUND_ROBIN: Final = 0
LEAST_LOADED: Final = 1
RANDOM: Final = 2
"""As in `sim.routing.replicas`: constants, since numba freezes what it finds."""
_FAR: Final = 2**61

_at: Any = np.uintp
"""Marks an index that is not negative, as in the other loop."""


@part
def has_replicas(world, station):
    """Say whether a station has replicas."""
    return world.places[station, REPLICAS_END] > 0


@part
def has_room(extra, replica):
    """Say whether a slot is free."""
    return extra.replicas[_at(replica), INSIDE] < extra.replicas[_at(replica), ROOM]


@part
def _load(replicas, replica):
    """Count the legs of a replica."""
    return replicas[_at(replica), INSIDE] + replicas[_at(replica), QUEUEING]


@part
def _up(extra, first, end, now):
    """Count the replicas that are up."""
    many = 0
    for replica in range(first, end):
        many += scaling.is_up(extra, replica, now)
    return many


@part
def _of_up(extra, first, all_up, number, now):
    """Find the replica that is number `number` (from 0) of those that are up, which may be all."""
    if all_up:
        return first + number
    while True:
        if scaling.is_up(extra, first, now):
            if number == 0:
                return first
            number -= 1
        first += 1


@call
def picked(world, extra, station, leg, now):
    """Pick the replica that a leg would be sent to now."""
    replicas = extra.replicas
    first, end = world.places[station, REPLICAS], world.places[station, REPLICAS_END]
    how, all_up = world.places[station, BALANCE_BY], world.places[station, SCALES] == 0
    if how == ROUND_ROBIN:
        following = world.places[station, LAST] + 1
        while following < end and not (all_up or scaling.is_up(extra, following, now)):
            following += 1
        return following if following < end else _of_up(extra, first, all_up, np.int64(0), now)
    if how == LEAST_LOADED:
        best: Any = np.int64(-1)
        for other in range(first, end):
            if not (all_up or scaling.is_up(extra, other, now)):
                continue
            if best < 0 or _load(replicas, other) < _load(replicas, best):
                best = other
        return best
    lot = extra.beside[_at(leg), LOT]
    many = end - first if all_up else _up(extra, first, end, now)
    one = (lot >> HALF_BITS) * many >> HALF_BITS
    if how == RANDOM or many == 1:
        return _of_up(extra, first, all_up, one, now)
    other = (lot & ((1 << HALF_BITS) - 1)) * (many - 1) >> HALF_BITS
    if other >= one:
        other += 1
    low, high = (
        _of_up(extra, first, all_up, min(one, other), now),
        _of_up(extra, first, all_up, max(one, other), now),
    )
    return high if _load(replicas, high) < _load(replicas, low) else low


@part
def send(world, extra, station, replica, leg, now):
    """Note that a leg is sent to a replica."""
    scaling.note(world, station, np.int64(1), now)
    world.places[station, LAST] = replica
    extra.beside[_at(leg), WHERE] = replica - world.places[station, REPLICAS]


@part
def _queue_of(world, replica):
    """Give the place of a replica's queue: behind those of all stations."""
    return _at(world.at[GATES] + world.at[STATIONS] + replica)


@part
def wait(world, extra, replica, lane, leg):
    """Let a leg wait for a slot."""
    world.legs[_at(leg), OUTCOME] = IN_QUEUE
    lanes.append(world, band_of(world, _queue_of(world, replica), lane), leg)
    extra.replicas[_at(replica), QUEUEING] += 1


@part
def _work_off(world, extra, replica, now):
    """Let all legs of a replica work until now."""
    replicas, speeds, window = extra.replicas, extra.speeds, extra.window
    since = replicas[replica, SINCE_NS]
    inside, prefilling = replicas[replica, INSIDE], replicas[replica, PREFILLING]
    measured = min(now, window[1]) - max(since, window[0])
    if inside > 0 and measured > 0:
        replicas[replica, SERVED_LOW] += inside * (measured & ((1 << LOW_BITS) - 1))
        replicas[replica, SERVED_HIGH] += inside * (measured >> LOW_BITS)
        replicas[replica, SERVING] += measured
    entry = world.places[_at(replicas[replica, STATION]), CURVE] - 1
    curve = DECODE_SPEED
    if prefilling > 0:
        replicas[replica, PREFILLED] += speeds[_at(entry + prefilling), PREFILL_SPEED] * (now - since)
        curve = BESIDE_SPEED
    else:
        replicas[replica, PREFILLED] = 0
    if inside > prefilling:
        replicas[replica, DECODED] += speeds[_at(entry + inside - prefilling), curve] * (now - since)
    else:
        replicas[replica, DECODED] = 0
    replicas[replica, SINCE_NS] = now


@part
def _rebase(extra, replica, counter, prefills):
    """Count from here on, before the counter of a phase leaves 64 bits."""
    far = extra.replicas[replica, counter]
    if far >= _FAR:
        base = extra.replicas[replica, BASE]
        for slot in range(base, base + extra.replicas[replica, INSIDE]):
            if extra.slots[_at(slot), PREFILLS] == prefills:
                extra.slots[_at(slot), END] -= far
        extra.replicas[replica, counter] = 0


@part
def _next_end(extra, replica):
    """Find the slots of the legs that end to prefill and to decode next; -1 where there is none."""
    slots, base = extra.slots, extra.replicas[replica, BASE]
    prefills, decodes = -1, -1
    for slot in range(base, base + extra.replicas[replica, INSIDE]):
        here = _at(slot)
        best = prefills if slots[here, PREFILLS] else decodes
        if best >= 0:
            end, least = slots[here, END], slots[_at(best), END]
            if end > least or (end == least and slots[here, NUMBERED] > slots[_at(best), NUMBERED]):
                continue
        if slots[here, PREFILLS]:
            prefills = slot
        else:
            decodes = slot
    return prefills, decodes


@part
def _span(left, speed):
    """Say in how many nanoseconds nothing is left."""
    return (left + (speed - 1)) // speed if left > 0 else 0


@part
def _look_at_next(world, extra, replica, now):
    """Schedule the next step, if there is one and no earlier event that will."""
    replicas = extra.replicas
    then, earliest = replicas[replica, NEXT], replicas[replica, SCHEDULED]
    if then != NEVER and (earliest == NEVER or earliest > then):
        replicas[replica, SCHEDULED] = then
        schedule(world.events, world.at, now, then - now, STEPS + np.int64(replica), np.int64(replica))


@call
def _look(world, extra, replica, now):
    """See when the next phase ends, and let that be looked at then."""
    replicas, slots, speeds = extra.replicas, extra.slots, extra.speeds
    prefills, decodes = _next_end(extra, replica)
    prefilling = replicas[replica, PREFILLING]
    entry = world.places[_at(replicas[replica, STATION]), CURVE] - 1
    span, curve = LATEST, DECODE_SPEED
    if prefills >= 0:
        left = slots[_at(prefills), END] - replicas[replica, PREFILLED]
        span, curve = _span(left, speeds[_at(entry + prefilling), PREFILL_SPEED]), BESIDE_SPEED
    if decodes >= 0:
        left = slots[_at(decodes), END] - replicas[replica, DECODED]
        decoding = replicas[replica, INSIDE] - prefilling
        span = min(span, _span(left, speeds[_at(entry + decoding), curve]))
    ends = (prefills >= 0 or decodes >= 0) and now <= LATEST - span
    replicas[replica, NEXT] = now + span if ends else NEVER
    _look_at_next(world, extra, replica, now)


@call
def enter(world, extra, leg, replica, now):
    """Let a leg have a slot of a replica."""
    legs, replicas, at = world.legs, extra.replicas, world.at
    row, here = _at(leg), _at(replica)
    station = _at(replicas[here, STATION])
    _work_off(world, extra, here, now)
    prefill, service = extra.beside[_at(leg), PREFILL], legs[row, SERVICE]
    queue = _queue_of(world, replica)
    if world.places[queue, IS_FAIR]:
        lanes.pay(world, queue, band_of(world, queue, _at(legs[row, FLAGS] >> LANE_BIT)), service)
    if world.places[station, WEATHER_END] > 0:
        slowdown = world.weather[weather_at(world.places, world.weather, station, now), SLOWDOWN]
        prefill, service = prefill * slowdown // AS_USUAL, service * slowdown // AS_USUAL
    _rebase(extra, here, PREFILLED, 1)
    number = legs[row, IN_RUN]
    slot = _at(replicas[here, BASE] + replicas[here, INSIDE])
    extra.slots[slot, END] = replicas[here, PREFILLED] + prefill * FULL_SPEED
    extra.slots[slot, NUMBERED] = number
    extra.slots[slot, LEG] = leg
    extra.slots[slot, DECODE] = (service - prefill) * FULL_SPEED
    extra.slots[slot, PREFILLS] = 1
    replicas[here, INSIDE] += 1
    replicas[here, PREFILLING] += 1
    timeout = legs[row, TIMEOUT]
    # one who waited may have a timer that is that of the timeout
    if timeout < NO_LIMIT and (legs[row, OUTCOME] == NOT_TRIED or timeout > legs[row, PATIENCE]):
        schedule(world.events, at, now, timeout - (now - legs[row, JOINED]), GIVING_UP + number, leg)
    legs[row, STARTED] = now
    legs[row, OUTCOME] = IN_BATCH
    _look(world, extra, here, now)


@part
def _free(world, extra, replica, slot, now):
    """Free a slot; it goes to the next waiter."""
    replicas, slots = extra.replicas, extra.slots
    replicas[replica, INSIDE] -= 1
    replicas[replica, PREFILLING] -= slots[slot, PREFILLS]
    last = _at(replicas[replica, BASE] + replicas[replica, INSIDE])
    for field in range(SLOT_FIELDS):
        slots[slot, _at(field)] = slots[last, _at(field)]
    slots[last, LEG] = -1
    scaling.note(world, _at(replicas[replica, STATION]), np.int64(-1), now)
    leg = lanes.pop(world, _queue_of(world, replica))
    if leg < 0:
        _look(world, extra, replica, now)
        scaling.let_go(extra, replica, now)
        return
    replicas[replica, QUEUEING] -= 1
    lane = _at(world.legs[_at(leg), FLAGS] >> LANE_BIT)
    count(world, _at(replicas[replica, STATION]), lane, np.int64(-1))
    enter(world, extra, leg, np.int64(replica), now)


@call
def step(world, extra, replica, now):
    """End a phase at a replica if it is time. Gives the leg whose last one it was and who is still there, or -1."""
    replicas, slots = extra.replicas, extra.slots
    if replicas[replica, SCHEDULED] != now:
        return -1
    replicas[replica, SCHEDULED] = NEVER
    if replicas[replica, NEXT] != now:
        _look_at_next(world, extra, replica, now)
        return -1
    _work_off(world, extra, replica, now)
    prefills, decodes = _next_end(extra, replica)
    if prefills >= 0 and slots[_at(prefills), END] <= replicas[replica, PREFILLED]:
        slot = _at(prefills)
        _rebase(extra, replica, DECODED, 0)
        replicas[replica, PREFILLING] -= 1
        slots[slot, PREFILLS] = 0
        slots[slot, END] = replicas[replica, DECODED] + slots[slot, DECODE]
        if slots[slot, LEG] >= 0:
            extra.beside[_at(slots[slot, LEG]), FIRST] = now
        _look(world, extra, replica, now)
        return -1
    leg = slots[_at(decodes), LEG]
    _free(world, extra, replica, _at(decodes), now)
    if leg >= 0:
        world.legs[_at(leg), ENDED] = now
        world.legs[_at(leg), OUTCOME] = FAILED if world.legs[_at(leg), FLAGS] & FAILS else WELL
    return leg


@part
def _replica_of(world, extra, station, leg):
    """Give the replica that a leg was sent to."""
    return _at(world.places[station, REPLICAS] + extra.beside[_at(leg), WHERE])


@call
def hang_up(world, extra, station, leg, cancels, now):
    """Let the client of a leg in a slot go; the slot is free if the station cancels."""
    replica = _replica_of(world, extra, station, leg)
    slot = extra.replicas[replica, BASE]
    while extra.slots[_at(slot), LEG] != leg:
        slot += 1
    if cancels:
        _work_off(world, extra, replica, now)
        _free(world, extra, replica, _at(slot), now)
    else:
        extra.slots[_at(slot), LEG] = -1


@part
def leave(world, extra, station, leg, now):
    """Note that a leg no longer waits for a slot."""
    if has_replicas(world, station):
        scaling.note(world, station, np.int64(-1), now)
        extra.replicas[_replica_of(world, extra, station, leg), QUEUEING] -= 1
        extra.beside[_at(leg), WHERE] = -1
