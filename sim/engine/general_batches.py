"""Stations with replicas, for the general loop: dispatch, batches, steps.

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
from sim.engine.general_parts import band_of, count, number_of, pick, schedule, weather_at
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
    FAILED,
    GIVING_UP,
    IN_BATCH,
    IN_QUEUE,
    INSIDE,
    IS_FAIR,
    LAST,
    LEG,
    LOW_BITS,
    NEVER,
    NEXT,
    NO_LIMIT,
    NOT_TRIED,
    NUMBERED,
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
    SERVING,
    SINCE_NS,
    SLOT_FIELDS,
    SLOWDOWN,
    STATION,
    STEPS,
    WEATHER_END,
    WELL,
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
def has_replicas(batches, station):
    """Say whether a station has replicas."""
    return batches.stations[station, REPLICAS_END] > 0


@part
def has_room(batches, replica):
    """Say whether a slot is free."""
    return batches.replicas[_at(replica), INSIDE] < batches.replicas[_at(replica), ROOM]


@part
def _load(replicas, replica):
    """Count the legs of a replica."""
    return replicas[_at(replica), INSIDE] + replicas[_at(replica), QUEUEING]


@part
def _up(batches, first, end, now):
    """Count the replicas that are up."""
    many = 0
    for replica in range(first, end):
        many += scaling.is_up(batches, replica, now)
    return many


@part
def _of_up(batches, first, all_up, number, now):
    """Find the replica that is number `number` (from 0) of those that are up, which may be all."""
    if all_up:
        return first + number
    while True:
        if scaling.is_up(batches, first, now):
            if number == 0:
                return first
            number -= 1
        first += 1


@call
def picked(batches, station, leg, now):
    """Pick the replica that a leg would be sent to now."""
    replicas = batches.replicas
    first, end = batches.stations[station, REPLICAS], batches.stations[station, REPLICAS_END]
    how, all_up = batches.stations[station, BALANCE_BY], batches.stations[station, SCALES] == 0
    if how == ROUND_ROBIN:
        following = batches.stations[station, LAST] + 1
        while following < end and not (all_up or scaling.is_up(batches, following, now)):
            following += 1
        return following if following < end else _of_up(batches, first, all_up, 0, now)
    if how == LEAST_LOADED:
        best = -1
        for other in range(first, end):
            if not (all_up or scaling.is_up(batches, other, now)):
                continue
            if best < 0 or _load(replicas, other) < _load(replicas, best):
                best = other
        return best
    lot = pick(batches.carried.lot, batches.prompts.lot, leg)
    many = end - first if all_up else _up(batches, first, end, now)
    one = (lot >> HALF_BITS) * many >> HALF_BITS
    if how == RANDOM or many == 1:
        return _of_up(batches, first, all_up, one, now)
    other = (lot & ((1 << HALF_BITS) - 1)) * (many - 1) >> HALF_BITS
    if other >= one:
        other += 1
    low, high = (
        _of_up(batches, first, all_up, min(one, other), now),
        _of_up(batches, first, all_up, max(one, other), now),
    )
    return high if _load(replicas, high) < _load(replicas, low) else low


@part
def send(batches, station, replica, leg, now):
    """Note that a leg is sent to a replica."""
    scaling.note(batches, station, 1, now)
    batches.stations[station, LAST] = replica
    batches.where[_at(leg)] = replica - batches.stations[station, REPLICAS]


@part
def _queue_of(world, replica):
    """Give the place of a replica's queue: behind those of all stations."""
    return _at(len(world.gates) + len(world.stations)) + _at(replica)


@part
def wait(world, replica, lane, leg):
    """Let a leg wait for a slot."""
    world.log.outcome[_at(leg)] = IN_QUEUE
    lanes.append(world, band_of(world, _queue_of(world, replica), lane), leg)
    world.batches.replicas[_at(replica), QUEUEING] += 1


@part
def _work_off(batches, replica, now):
    """Let all legs of a replica work until now."""
    replicas, speeds, window = batches.replicas, batches.speeds, batches.window
    since = replicas[replica, SINCE_NS]
    inside, prefilling = replicas[replica, INSIDE], replicas[replica, PREFILLING]
    measured = min(now, window[1]) - max(since, window[0])
    if inside > 0 and measured > 0:
        replicas[replica, SERVED_LOW] += inside * (measured & ((1 << LOW_BITS) - 1))
        replicas[replica, SERVED_HIGH] += inside * (measured >> LOW_BITS)
        replicas[replica, SERVING] += measured
    entry = batches.stations[_at(replicas[replica, STATION]), CURVE] - 1
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
def _rebase(batches, replica, counter, prefills):
    """Count from here on, before the counter of a phase leaves 64 bits."""
    far = batches.replicas[replica, counter]
    if far >= _FAR:
        base = batches.replicas[replica, BASE]
        for slot in range(base, base + batches.replicas[replica, INSIDE]):
            if batches.slots[_at(slot), PREFILLS] == prefills:
                batches.slots[_at(slot), END] -= far
        batches.replicas[replica, counter] = 0


@part
def _next_end(batches, replica):
    """Find the slots of the legs that end to prefill and to decode next; -1 where there is none."""
    slots, base = batches.slots, batches.replicas[replica, BASE]
    prefills, decodes = -1, -1
    for slot in range(base, base + batches.replicas[replica, INSIDE]):
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
def _look_at_next(world, replica, now):
    """Schedule the next step, if there is one and no earlier event that will."""
    replicas = world.batches.replicas
    then, earliest = replicas[replica, NEXT], replicas[replica, SCHEDULED]
    if then != NEVER and (earliest == NEVER or earliest > then):
        replicas[replica, SCHEDULED] = then
        schedule(world.pending, world.at, now, then - now, STEPS + np.int64(replica), np.int64(replica))


@call
def _look(world, replica, now):
    """See when the next phase ends, and let that be looked at then."""
    batches = world.batches
    replicas, slots, speeds = batches.replicas, batches.slots, batches.speeds
    prefills, decodes = _next_end(batches, replica)
    prefilling = replicas[replica, PREFILLING]
    entry = batches.stations[_at(replicas[replica, STATION]), CURVE] - 1
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
    _look_at_next(world, replica, now)


@call
def enter(world, leg, replica, now):
    """Let a leg have a slot of a replica."""
    batches, log, numbers, at = world.batches, world.log, world.numbers, world.at
    old, new, replicas = world.carried, world.legs, batches.replicas
    row, here = _at(leg), _at(replica)
    station = _at(replicas[here, STATION])
    _work_off(batches, here, now)
    prefill, service = pick(batches.carried.prefill, batches.prompts.prefill, leg), pick(old.service, new.service, leg)
    queue = _queue_of(world, replica)
    if world.places[queue, IS_FAIR]:
        lanes.pay(world, queue, band_of(world, queue, _at(pick(old.lane, new.lane, leg))), service)
    if world.stations[station, WEATHER_END] > 0:
        slowdown = world.weather[weather_at(world.stations, world.weather, station, now), SLOWDOWN]
        prefill, service = prefill * slowdown // AS_USUAL, service * slowdown // AS_USUAL
    _rebase(batches, here, PREFILLED, 1)
    number = number_of(numbers, at, leg)
    slot = _at(replicas[here, BASE] + replicas[here, INSIDE])
    batches.slots[slot, END] = replicas[here, PREFILLED] + prefill * FULL_SPEED
    batches.slots[slot, NUMBERED] = number
    batches.slots[slot, LEG] = leg
    batches.slots[slot, DECODE] = (service - prefill) * FULL_SPEED
    batches.slots[slot, PREFILLS] = 1
    replicas[here, INSIDE] += 1
    replicas[here, PREFILLING] += 1
    timeout = pick(old.timeout, new.timeout, leg)
    # one who waited may have a timer that is that of the timeout
    if timeout < NO_LIMIT and (log.outcome[row] == NOT_TRIED or timeout > pick(old.patience, new.patience, leg)):
        schedule(world.pending, at, now, timeout - (now - log.joined[row]), GIVING_UP + number, leg)
    log.started[row] = now
    log.outcome[row] = IN_BATCH
    _look(world, here, now)


@part
def _free(world, replica, slot, now):
    """Free a slot; it goes to the next waiter."""
    batches = world.batches
    replicas, slots = batches.replicas, batches.slots
    replicas[replica, INSIDE] -= 1
    replicas[replica, PREFILLING] -= slots[slot, PREFILLS]
    last = _at(replicas[replica, BASE] + replicas[replica, INSIDE])
    for field in range(SLOT_FIELDS):
        slots[slot, _at(field)] = slots[last, _at(field)]
    slots[last, LEG] = -1
    scaling.note(batches, _at(replicas[replica, STATION]), -1, now)
    leg = lanes.pop(world, _queue_of(world, replica), IN_QUEUE)
    if leg < 0:
        _look(world, replica, now)
        scaling.let_go(batches, replica, now)
        return
    replicas[replica, QUEUEING] -= 1
    lane = _at(pick(world.carried.lane, world.legs.lane, leg))
    count(world, _at(replicas[replica, STATION]), lane, -1)
    enter(world, leg, replica, now)


@call
def step(world, replica, now):
    """End a phase at a replica if it is time. Gives the leg whose last one it was and who is still there, or -1."""
    batches = world.batches
    replicas, slots = batches.replicas, batches.slots
    if replicas[replica, SCHEDULED] != now:
        return -1
    replicas[replica, SCHEDULED] = NEVER
    if replicas[replica, NEXT] != now:
        _look_at_next(world, replica, now)
        return -1
    _work_off(batches, replica, now)
    prefills, decodes = _next_end(batches, replica)
    if prefills >= 0 and slots[_at(prefills), END] <= replicas[replica, PREFILLED]:
        slot = _at(prefills)
        _rebase(batches, replica, DECODED, 0)
        replicas[replica, PREFILLING] -= 1
        slots[slot, PREFILLS] = 0
        slots[slot, END] = replicas[replica, DECODED] + slots[slot, DECODE]
        if slots[slot, LEG] >= 0:
            batches.first[_at(slots[slot, LEG])] = now
        _look(world, replica, now)
        return -1
    leg = slots[_at(decodes), LEG]
    _free(world, replica, _at(decodes), now)
    if leg >= 0:
        world.log.ended[_at(leg)] = now
        world.log.outcome[_at(leg)] = FAILED if pick(world.carried.fails, world.legs.fails, leg) else WELL
    return leg


@part
def _replica_of(batches, station, leg):
    """Give the replica that a leg was sent to."""
    return _at(batches.stations[station, REPLICAS] + batches.where[_at(leg)])


@call
def hang_up(world, station, leg, cancels, now):
    """Let the client of a leg in a slot go; the slot is free if the station cancels."""
    batches = world.batches
    replica = _replica_of(batches, station, leg)
    slot = batches.replicas[replica, BASE]
    while batches.slots[_at(slot), LEG] != leg:
        slot += 1
    if cancels:
        _work_off(batches, replica, now)
        _free(world, replica, _at(slot), now)
    else:
        batches.slots[_at(slot), LEG] = -1


@part
def leave(batches, station, leg, now):
    """Note that a leg no longer waits for a slot."""
    if has_replicas(batches, station):
        scaling.note(batches, station, -1, now)
        batches.replicas[_replica_of(batches, station, leg), QUEUEING] -= 1
        batches.where[_at(leg)] = -1
