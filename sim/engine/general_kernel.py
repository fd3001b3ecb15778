"""The loop of the compiled engine where there are conditions: one event after the other, by time and then rank.

With limits, patience and timeouts it is no longer known at its joining when a leg will start, so this loop takes the
events as `sim.engine.order` puts them, and does at each what `sim.routing.conditions` says. Arrivals are taken from
their sorted column, and all other events from a heap.

Events beyond the 64-bit clock are not scheduled. A request that needs one is not over when no event is left.
"""

# numba compiles what is here; it supports no keyword-only arguments and no annotations of its own types.
# mypy: disable-error-code="no-untyped-def, misc"

from __future__ import annotations

from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numba import njit

from sim.engine import general_batches as batches
from sim.engine import general_callers as callers
from sim.engine import general_events as events
from sim.engine import general_lanes as lanes
from sim.engine import general_parts as parts
from sim.engine import general_rules as rules
from sim.engine import general_scaling as scaling
from sim.engine import kernel
from sim.engine.general_lanes import call, part
from sim.engine.general_world import (
    CANCELLED,
    GIVING_UP,
    GROW,
    JOINING,
    MET,
    MOST,
    NEED,
    NUMBER,
    OPEN,
    OVER,
    REJECTED,
    REQUESTS,
    ROW,
    SERVERS,
    SIZE,
    SKIPPED,
    STEPS,
    TURN,
    TURNS,
    UNDER_WAY,
    WELL,
)
from sim.engine.kernel import DONE, FIRST_ARRIVAL, LATEST

_njit: Any = njit  # its types do not know `_nrt`
_at: Any = np.uintp
"""Marks an index that is not negative, as in the other loop."""


@part
def _behind_request(legs, row):
    """Find the first row behind the request at `row`."""
    request = legs.request[_at(row)]
    while row < len(legs.request) and legs.request[_at(row)] == request:
        row += 1
    return row


@part
def _behind(request, stage, row):
    """Find the first row behind the stage at `row`."""
    number, here = request[_at(row)], stage[_at(row)]
    while row < len(request) and request[_at(row)] == number and stage[_at(row)] == here:
        row += 1
    return row


@part
def _behind_stage(world, row):
    """Find the first row behind the stage at `row`, and say whether the request goes on there."""
    old, new = world.carried, world.legs
    carried = len(world.numbers)
    if row < carried:
        end = _behind(old.request, old.stage, row)
        return end, end < carried and old.request[_at(end)] == old.request[_at(row)]
    end = _behind(new.request, new.stage, row - carried)
    onward = end < len(new.request) and new.request[_at(end)] == new.request[_at(row - carried)]
    return end + carried, onward


@part
def _begin(world, row):
    """Begin with the stage at `row`: count its chains, and note who follows whom. Gives the row behind it."""
    old, new = world.carried, world.legs
    end, _ = _behind_stage(world, row)
    before = 0 if row < len(world.numbers) else len(world.numbers)
    chains = 0
    for leg in range(row, end):
        world.follower[_at(leg)] = -1
        after = parts.pick(old.after, new.after, leg)
        if callers.begin(world, leg):
            continue
        if after < 0:
            chains += 1
        else:
            world.follower[_at(before + after)] = leg
    request = _request(world, row)
    world.requests[request, OPEN] = chains
    world.requests[request, MET] = 0
    return end


@part
def _request(world, row):
    """Give the request of a row."""
    request = parts.pick(world.carried.request, world.legs.request, row)
    return _at(request if row < len(world.numbers) else request + world.at[REQUESTS])


@part
def _move_on(world, ended, joining, row, now):
    """Let a client go on whose leg has ended, or joins after its delay, or whose stage at `row` begins (else: -1)."""
    old, new, requests, at = world.carried, world.legs, world.requests, world.at
    last = max(ended, joining, row)
    request = _request(world, last)
    end = _begin(world, row) if row >= 0 else row
    wait = 0
    while True:
        if ended >= 0:
            last = ended
            outcome = world.log.outcome[_at(ended)]
            done = outcome == WELL
            station = parts.pick(old.station, new.station, ended)
            callers.note(world, ended, _at(station), outcome, now)
            rival, hedged = callers.part_from_rival(world, ended), callers.hedged_by(world, ended)
            if rival >= 0 and done:
                events.cancel(world, rival, now)
            follower = world.follower[_at(ended if hedged < 0 else hedged)]
            if outcome == SKIPPED:
                while follower >= 0 and parts.pick(old.station, new.station, follower) == station:
                    follower = world.follower[_at(follower)]
            if rival >= 0 and not done:
                pass  # the other one goes on
            elif follower < 0 or done or (outcome == REJECTED and parts.pick(old.stops, new.stops, ended)):
                requests[request, OPEN] -= 1
                if done:
                    requests[request, MET] |= 2 if parts.pick(old.ends, new.ends, ended) else 1
            else:
                delay = parts.pick(old.delay, new.delay, follower)
                if parts.pick(old.heeds, new.heeds, follower):
                    delay = max(delay, wait)
                if delay == 0:
                    joining = follower
                else:
                    number = parts.number_of(world.numbers, at, follower)
                    parts.schedule(world.pending, at, now, delay, JOINING + number, follower)
            ended = -1
        while joining < 0 and row < end:  # the next chain of a stage that begins
            if parts.pick(old.after, new.after, row) < 0 and callers.hedged_by(world, row) < 0:
                joining = row
            row += 1
        if joining >= 0:
            wait = rules.join(world, joining, now)
            if wait >= 0:
                ended = joining
            else:
                callers.schedule_hedge(world, joining, now)
            joining = -1
        elif requests[request, OPEN] > 0:
            return
        else:
            row, onward = _behind_stage(world, last)
            if not onward or requests[request, MET] != 1:
                requests[request, OPEN] = OVER
                at[UNDER_WAY] -= 1
                return
            end = _begin(world, row)


@call
def _play(arrival, world, before, is_last, first_request):
    """Do what `advance` says."""
    legs, at, pending = world.legs, world.at, world.pending
    number, row = at[NUMBER], at[ROW]
    scales = scaling.is_used(world.batches)
    while True:
        size = at[SIZE]
        fresh = number < len(arrival) and (size == 0 or arrival[_at(number)] < pending.time[0])
        if fresh:
            now = arrival[_at(number)]
        elif size > 0:
            now = pending.time[0]
        else:
            now = LATEST
        if scales:
            # decisions come before arrivals, and after all else that happens at an instant
            latest = now if fresh or size == 0 or pending.rank[0] >= FIRST_ARRIVAL else now - 1
            latest = latest if is_last else min(latest, before - 1)
            if (not is_last or number < len(arrival) or at[UNDER_WAY] > 0) and scaling.decide(world.batches, latest):
                continue
        if not fresh and size == 0:
            break
        if now >= before and not is_last:
            break
        # Each leg of the request schedules two events at most and its hedge one, and so do two waiters who may get a
        # server or slot; a turn may bring two more, and a server that works on for nobody one.
        at[NEED] = size + 3 * at[MOST] + 8
        if at[NEED] > len(pending.time):
            at[NUMBER], at[ROW] = number, row
            return GROW
        freed, starts, ended, joins, begins = -1, -1, -1, -1, -1
        if fresh:
            if row < len(legs.request) and legs.request[_at(row)] == number:
                begins = len(world.numbers) + row
                row = _behind_request(legs, row)
                at[UNDER_WAY] += 1
            number += 1
        else:
            rank, came = pending.rank[0], pending.row[0]
            size -= 1
            last = _at(size)
            at[SIZE] = size
            kernel.replace(pending, size, pending.time[last], pending.rank[last], pending.row[last])
            if rank < STEPS:
                if came < 0:
                    freed = -1 - came
                elif world.log.outcome[_at(came)] != CANCELLED:
                    ended = came
                    freed = parts.pick(world.carried.station, legs.station, came)
                    if world.stations[_at(freed), SERVERS] == 0:
                        freed = -1
            elif rank < GIVING_UP:
                ended = batches.step(world, _at(came), now)
            elif rank < JOINING:
                freed, ended = events.give_up(world, came, now)
            elif rank < TURNS:
                joins = came if callers.may_join(world, came, now) else -1
            elif rank < FIRST_ARRIVAL:
                if world.gates[_at(came), TURN] == now:
                    starts = events.turn(world, _at(came), now)
            else:
                begins = came
                if came < 0:
                    at[UNDER_WAY] -= 1
        if freed >= 0:
            starts = events.free(world, _at(freed))
        if starts >= 0:
            rules.start(world, starts, now)
        if ended >= 0 or joins >= 0 or begins >= 0:
            _move_on(world, ended, joins, begins, now)
    # Who arrives at the cut itself waits for those who come later and may go before.
    while number < len(arrival):
        if row < len(legs.request) and legs.request[_at(row)] == number:
            size = at[SIZE]
            at[NEED] = size + 1
            if size == len(pending.time):
                at[NUMBER], at[ROW] = number, row
                return GROW
            kernel.push(
                pending, size, arrival[_at(number)], FIRST_ARRIVAL + first_request + number, len(world.numbers) + row
            )
            at[SIZE] = size + 1
            at[UNDER_WAY] += 1
            row = _behind_request(legs, row)
        elif scales:  # one without legs: nothing is to be done for it but to wait for it
            size = at[SIZE]
            at[NEED] = size + 1
            if size == len(pending.time):
                at[NUMBER], at[ROW] = number, row
                return GROW
            kernel.push(pending, size, arrival[_at(number)], FIRST_ARRIVAL + first_request + number, -1)
            at[SIZE] = size + 1
            at[UNDER_WAY] += 1
        number += 1
    at[NUMBER], at[ROW] = number, row
    for place in range(len(world.places)):
        lanes.forget_who_left(world, _at(place))
    return DONE


def _made_of(sources: int) -> Any:
    """Give the loop that these sources make.

    numba keeps what it has compiled, and compiles anew if the file with the function has changed, or the value of a
    name from around it; so the sources of all that goes into the loop are made one.
    """

    @_njit(**kernel.options())
    def advance(arrival, world, before, is_last, first_request):
        """Play all events before time `before`, or all there are if nobody comes after these.

        Returns `DONE`, or `GROW` with nothing of the next event done; `world.at` says where to go on.
        """
        return _play(arrival, world, before, is_last, first_request) if sources >= 0 else DONE

    return advance


_FILES = (
    *("kernel", "general_world", "general_lanes", "general_parts", "general_scaling", "general_batches"),
    *("general_callers", "general_rules", "general_events", "general_kernel"),
)


def _sources() -> int:
    """Give a number that changes with any file that goes into the loop."""
    files = [Path(__file__).with_name(f"{name}.py") for name in _FILES]
    return crc32(b"".join(file.read_bytes() for file in files))


advance = _made_of(_sources())


def forget_cache() -> None:
    """Empty numba's cache of the loop, so that the next call compiles; nothing to do where numba is told not to."""
    if hasattr(advance, "_cache"):
        advance._cache.flush()  # noqa: SLF001 - numba offers no other way
