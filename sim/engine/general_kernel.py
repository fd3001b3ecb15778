"""The loop of the compiled engine where there are conditions: one event after the other, by time and then rank.

With limits, patience and timeouts it is no longer known at its joining when a leg will start, so this loop takes the
events as `sim.engine.order` puts them, and does at each what `sim.routing.conditions` says. Arrivals are taken from
their sorted column, and all other events from a heap.

Events beyond the 64-bit clock are not scheduled. A request that needs one is not over when no event is left.

`extra` is None in runs without replicas and callers. numba leaves out what stands below a bare `if extra is not None:`
and so compiles a loop half as long for them.
"""

# numba compiles what is here; it supports no keyword-only arguments and no annotations of its own types.
# mypy: disable-error-code="no-untyped-def, misc"

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from sim.engine import general_batches as batches
from sim.engine import general_callers as callers
from sim.engine import general_events as happen
from sim.engine import general_lanes as lanes
from sim.engine import general_parts as parts
from sim.engine import general_rules as rules
from sim.engine import general_scaling as scaling
from sim.engine import kernel
from sim.engine.general_lanes import part
from sim.engine.general_world import (
    CANCELLED,
    CARRIED,
    DELAY,
    ENDS,
    FLAGS,
    FOLLOWER,
    FOLLOWS,
    GIVING_UP,
    GROW,
    HEDGING,
    HEEDS,
    IN_RUN,
    JOINING,
    MET,
    MOST,
    NEED,
    NEW_STAGE,
    NUMBER,
    OF_REQUEST,
    OF_ROW,
    OF_STATION,
    OPEN,
    OUTCOME,
    OVER,
    RANK,
    REJECTED,
    ROW,
    SERVERS,
    SIZE,
    SKIPPED,
    STEPS,
    STOPS,
    TIME,
    TURN,
    TURNS,
    UNDER_WAY,
    WELL,
)
from sim.engine.kernel import DONE, FIRST_ARRIVAL, LATEST
from sim.engine.sources import sources_of

_njit: Any = njit  # its types do not know `_nrt`
_at: Any = np.uintp
"""Marks an index that is not negative, as in the other loop."""


@part
def _behind_request(legs, row):
    """Find the first row behind the request at `row`."""
    request = legs[_at(row), OF_REQUEST]
    while row < len(legs) and legs[_at(row), OF_REQUEST] == request:
        row += 1
    return row


@part
def _behind_stage(legs, row):
    """Find the first row behind the stage at `row`."""
    row += 1
    while row < len(legs) and not legs[_at(row), FLAGS] & NEW_STAGE:
        row += 1
    return row


@part
def _begin(world, row):
    """Begin with the stage at `row`: count its chains. Gives the row behind it."""
    legs = world.legs
    end = _behind_stage(legs, row)
    chains = 0
    for leg in range(row, end):
        chains += not legs[_at(leg), FLAGS] & (FOLLOWS | HEDGING)
    request = _at(legs[_at(row), OF_REQUEST])
    world.requests[request, OPEN] = chains
    world.requests[request, MET] = 0
    return end


@part
def _move_on(world, extra, ended, joining, row, now):
    """Let a client go on whose leg has ended, or joins after its delay, or whose stage at `row` begins (else: -1)."""
    legs, requests, at = world.legs, world.requests, world.at
    last = max(ended, joining, row)
    request = _at(legs[_at(last), OF_REQUEST])
    end = _begin(world, row) if row >= 0 else row
    wait = 0
    while True:
        if ended >= 0:
            last = ended
            outcome = legs[_at(ended), OUTCOME]
            done = outcome == WELL
            station = legs[_at(ended), OF_STATION]
            rival, hedged = -1, -1
            if extra is not None:
                callers.note(world, extra, ended, _at(station), outcome, now)
                rival, hedged = callers.part_from_rival(world, extra, ended), callers.hedged_by(world, extra, ended)
                if rival >= 0 and done:
                    happen.cancel(world, extra, rival, now)
            follower = legs[_at(ended if hedged < 0 else hedged), FOLLOWER]
            if outcome == SKIPPED:
                while follower >= 0 and legs[_at(follower), OF_STATION] == station:
                    follower = legs[_at(follower), FOLLOWER]
            if rival >= 0 and not done:
                pass  # the other one goes on
            elif follower < 0 or done or (outcome == REJECTED and legs[_at(ended), FLAGS] & STOPS):
                requests[request, OPEN] -= 1
                if done:
                    requests[request, MET] |= 2 if legs[_at(ended), FLAGS] & ENDS else 1
            else:
                delay = legs[_at(follower), DELAY]
                if legs[_at(follower), FLAGS] & HEEDS:
                    delay = max(delay, wait)
                if delay == 0:
                    joining = follower
                else:
                    number = legs[_at(follower), IN_RUN]
                    parts.schedule(world.events, at, now, delay, JOINING + number, follower)
            ended = -1
        while joining < 0 and row < end:  # the next chain of a stage that begins
            if not legs[_at(row), FLAGS] & (FOLLOWS | HEDGING):
                joining = row
            row += 1
        if joining >= 0:
            wait = rules.join(world, extra, joining, now)
            if wait >= 0:
                ended = joining
            elif extra is not None:
                callers.schedule_hedge(world, extra, joining, now)
            joining = -1
        elif requests[request, OPEN] > 0:
            return
        else:
            row = _behind_stage(legs, last)
            onward = row < len(legs) and legs[_at(row), OF_REQUEST] == legs[_at(last), OF_REQUEST]
            if not onward or requests[request, MET] != 1:
                requests[request, OPEN] = OVER
                at[UNDER_WAY] -= 1
                return
            end = _begin(world, row)


def _made_of(sources: int) -> Any:
    """Give the loop that these sources make."""

    @_njit(**kernel.options())
    def advance(arrival, world, extra, before, is_last, first_request):
        """Play all events before time `before`, or all there are if nobody comes after these.

        Returns `DONE`, or `GROW` with nothing of the next event done; `world.at` says where to go on.
        """
        if sources < 0:
            return DONE
        legs, at, heap = world.legs, world.at, world.events
        number, row = at[NUMBER], at[ROW]
        scales = False
        if extra is not None:
            scales = scaling.is_used(world)
        while True:
            size = at[SIZE]
            fresh = number < len(arrival) and (size == 0 or arrival[_at(number)] < heap[0, TIME])
            if fresh:
                now = arrival[_at(number)]
            elif size > 0:
                now = heap[0, TIME]
            else:
                now = LATEST
            if extra is not None:
                if scales:
                    # decisions come before arrivals, and after all else that happens at an instant
                    latest = now if fresh or size == 0 or heap[0, RANK] >= FIRST_ARRIVAL else now - 1
                    latest = latest if is_last else min(latest, before - 1)
                    goes_on = not is_last or number < len(arrival) or at[UNDER_WAY] > 0
                    if goes_on and scaling.decide(world, extra, latest):
                        continue
            if not fresh and size == 0:
                break
            if now >= before and not is_last:
                break
            # Each leg of the request schedules two events at most and its hedge one, and so do two waiters who may get
            # a server or slot; a turn may bring two more, and a server that works on for nobody one.
            at[NEED] = size + 3 * at[MOST] + 8
            if at[NEED] > len(heap):
                at[NUMBER], at[ROW] = number, row
                return GROW
            freed, starts, ended, joins, begins = -1, -1, -1, -1, -1
            if fresh:
                if row < len(legs) and legs[_at(row), OF_REQUEST] == number + at[CARRIED]:
                    begins = row
                    row = _behind_request(legs, row)
                    at[UNDER_WAY] += 1
                number += 1
            else:
                rank, came = heap[0, RANK], heap[0, OF_ROW]
                size -= 1
                at[SIZE] = size
                parts.take_first(heap, size)
                if rank < STEPS:
                    if came < 0:
                        freed = -1 - came
                    elif world.legs[_at(came), OUTCOME] != CANCELLED:
                        ended = came
                        freed = world.legs[_at(came), OF_STATION]
                        if world.places[_at(freed), SERVERS] == 0:
                            freed = -1
                elif rank < GIVING_UP:
                    if extra is not None:
                        ended = batches.step(world, extra, _at(came), now)
                elif rank < JOINING:
                    freed, ended = happen.give_up(world, extra, came, now)
                elif rank < TURNS:
                    joins = came
                    if extra is not None:
                        joins = came if callers.may_join(world, extra, came, now) else -1
                elif rank < FIRST_ARRIVAL:
                    if world.places[_at(came), TURN] == now:
                        starts = happen.turn(world, extra, _at(came), now)
                else:
                    begins = came
                    if came < 0:
                        at[UNDER_WAY] -= 1
            if freed >= 0:
                starts = happen.free(world, _at(freed))
            if starts >= 0:
                rules.start(world, starts, now)
            if ended >= 0 or joins >= 0 or begins >= 0:
                _move_on(world, extra, ended, joins, begins, now)
        # Who arrives at the cut itself waits for those who come later and may go before.
        while number < len(arrival):
            if row < len(legs) and legs[_at(row), OF_REQUEST] == number + at[CARRIED]:
                size = at[SIZE]
                at[NEED] = size + 1
                if size == len(heap):
                    at[NUMBER], at[ROW] = number, row
                    return GROW
                parts.push(heap, size, arrival[_at(number)], FIRST_ARRIVAL + first_request + number, row)
                at[SIZE] = size + 1
                at[UNDER_WAY] += 1
                row = _behind_request(legs, row)
            elif scales:  # one without legs: nothing is to be done for it but to wait for it
                size = at[SIZE]
                at[NEED] = size + 1
                if size == len(heap):
                    at[NUMBER], at[ROW] = number, row
                    return GROW
                parts.push(heap, size, arrival[_at(number)], FIRST_ARRIVAL + first_request + number, np.int64(-1))
                at[SIZE] = size + 1
                at[UNDER_WAY] += 1
            number += 1
        at[NUMBER], at[ROW] = number, row
        for place in range(len(world.places)):
            lanes.forget_who_left(world, _at(place))
        return DONE

    return advance


FILES = (
    *("kernel", "general_world", "general_lanes", "general_parts", "general_scaling", "general_batches"),
    *("general_callers", "general_rules", "general_events", "general_kernel"),
)


advance = _made_of(sources_of(FILES))


def forget_cache() -> None:
    """Empty numba's cache of the loop, so that the next call compiles; nothing to do where numba is told not to."""
    if hasattr(advance, "_cache"):
        advance._cache.flush()  # noqa: SLF001 - numba offers no other way
