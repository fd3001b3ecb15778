"""The loop of the compiled engine: who joins which station when, and when a server takes and releases it.

Service times are known when a leg joins and queues are first come first served, so a leg's start and end are known at
its joining: it starts when the first of the station's c servers is free of all who joined before (Kiefer & Wolfowitz
1955). So completions are no events. What is left are the instants at which somebody *joins*: arrivals, taken from their
sorted column, and requests that move on to a stage with a queue, kept in a heap. Both are taken in the order of
`sim.engine.order`, so a queue fills in the order in which the reference engine fills it, ties included. (This needs
every leg at a station with servers to hold its server for some time, which the itinerary's contract says: a leg that
waits and then takes no time would be known before the completion that lets it move on.)

A stage whose legs all go to unlimited stations touches nobody else and is passed at once.
"""

# numba compiles what is here; it supports no keyword-only arguments and no annotations of its own types.
# mypy: disable-error-code="no-untyped-def, misc"

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numba import njit

from sim.columns import Ints

DONE: Final = 0
GROW_HEAP: Final = 1
GROW_PENDING: Final = 2
TOO_LATE: Final = 3

ENDED: Final = 0
ONWARD: Final = 1
OVERFLOW: Final = 2
"""What has become of a request that joined: it has ended, has a stage with a queue before it, or leaves the clock."""
LATEST: Final = 2**63 - 1
FIRST_RANK: Final = 16
FIRST_ARRIVAL: Final = 2**62
"""Ranks of the completion of leg 0 and of the arrival of request 0, as in `sim.engine.order`: constants, since numba
freezes what it finds."""


class Legs(NamedTuple):
    """Columns of the legs of an itinerary, sorted by request and stage."""

    request: Ints
    stage: Ints
    station: Ints
    service: Ints


class Times(NamedTuple):
    """Columns of their log."""

    joined: Ints
    started: Ints
    ended: Ints


class Carried(NamedTuple):
    """Legs still to come of requests of earlier itineraries.

    `legs.request` counts the requests that are carried, `number` is the leg's in the whole run; `part` and `row` say
    which itinerary it belongs to, and where there.
    """

    legs: Legs
    number: Ints
    part: Ints
    row: Ints


class Stations(NamedTuple):
    """Per station: number of servers, and where in `heap` its servers' free times are (a binary heap each)."""

    servers: Ints
    first: Ints
    used: Ints
    room: Ints
    heap: Ints


class Pending(NamedTuple):
    """A binary heap of those who will join a queue: by time, then rank; `row` is the leg they come with.

    Rows of legs carried over from earlier itineraries are written as -1 - row.
    """

    time: Ints
    rank: Ints
    row: Ints


def options() -> dict[str, bool]:
    """Say how the loop is compiled: with the cache, without the lock, and without counting references where it can be.

    Nothing here makes or returns an array, but with numba's counts each look into a tuple of columns counts up and
    down, which takes longer than the work itself. The option that leaves them out is not documented, so it is used only
    if this numba knows it: an unknown one would be refused at the first call.
    """
    known = {"cache": True, "nogil": True}
    try:
        from numba.core.cpu import CPUTargetOptions  # noqa: PLC0415 - not a documented place either
    except ImportError:
        return known
    return {**known, "_nrt": False} if hasattr(CPUTargetOptions, "_nrt") else known


_njit: Any = njit  # its types know neither `_nrt` nor `forceinline`
_loop = _njit(**options())
INSIDE: Final = {**options(), "cache": False, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""How functions are compiled that only compiled ones call: without what Python would need to call them, which takes as
long to compile as they do, and kept with those that call them."""
_call = _njit(**INSIDE)
_part = _njit(**INSIDE, forceinline=True)
"""What the loop is put together from: a call would hand over each column as seven words."""

_at: Any = np.uintp
"""Marks an index that is not negative. A signed one may count from the end, and looking whether it does takes a quarter
of the loop's time."""


@_part
def _sift_down(heap, first, size, value):
    """Put `value` in place of the smallest entry of a heap of times."""
    at, child = 0, 1
    while child < size:
        if child + 1 < size and heap[_at(first + child + 1)] < heap[_at(first + child)]:
            child += 1
        if heap[_at(first + child)] >= value:
            break
        heap[_at(first + at)] = heap[_at(first + child)]
        at = child
        child = 2 * at + 1
    heap[_at(first + at)] = value


@_part
def _sift_up(heap, first, size, value):
    """Add `value` to a heap of times that holds `size` entries."""
    at = size
    while at > 0:
        parent = (at - 1) >> 1
        if heap[_at(first + parent)] <= value:
            break
        heap[_at(first + at)] = heap[_at(first + parent)]
        at = parent
    heap[_at(first + at)] = value


@_call
def push(pending, size, time, rank, row):
    """Add to a heap of `size` of those who will join."""
    at = _at(size)
    while at > 0:
        parent = _at((at - _at(1)) >> _at(1))
        other = pending.time[parent]
        if other < time or (other == time and pending.rank[parent] < rank):
            break
        pending.time[at] = other
        pending.rank[at] = pending.rank[parent]
        pending.row[at] = pending.row[parent]
        at = parent
    pending.time[at] = time
    pending.rank[at] = rank
    pending.row[at] = row


@_call
def replace(pending, size, time, rank, row):
    """Put somebody in place of the first in a heap of `size` of those who will join."""
    at, child = _at(0), 1
    while child < size:
        low = _at(child)
        if child + 1 < size:
            high = _at(child + 1)
            less = pending.time[high] < pending.time[low]
            if less or (pending.time[high] == pending.time[low] and pending.rank[high] < pending.rank[low]):
                child += 1
                low = high
        other = pending.time[low]
        if other > time or (other == time and pending.rank[low] > rank):
            break
        pending.time[at] = other
        pending.rank[at] = pending.rank[low]
        pending.row[at] = pending.row[low]
        at = low
        child = 2 * child + 1
    pending.time[at] = time
    pending.rank[at] = rank
    pending.row[at] = row


@_part
def _behind(request, row):
    """Find the first row behind those of the request at `row`."""
    number = request[_at(row)]
    while row < len(request) and request[_at(row)] == number:
        row += 1
    return row


@_call
def _fits(legs, row, stations):
    """Say whether the heaps have room for what the stage at `row` may add; the station without room is -1 - k."""
    request = legs.request[_at(row)]
    stage = legs.stage[_at(row)]
    last = row
    while last < len(legs.request) and legs.request[_at(last)] == request and legs.stage[_at(last)] == stage:
        station = legs.station[_at(last)]
        room = stations.room[_at(station)]
        if stations.servers[_at(station)] > room and stations.used[_at(station)] + (last - row + 1) > room:
            return -1 - station
        last += 1
    return 0


@_part
def _join(legs, log, row, now, stations):
    """Let the stage at `row` join now, and go on through stages without queues.

    Returns what has become of the request, the row behind the legs that have joined, the time at which it ended or
    will join there, and the row of the leg whose end lets it.
    """
    rows = len(legs.request)
    request = legs.request[_at(row)]
    while True:
        stage = legs.stage[_at(row)]
        until, slowest = now, row
        while row < rows and legs.request[_at(row)] == request and legs.stage[_at(row)] == stage:
            station = _at(legs.station[_at(row)])
            service = legs.service[_at(row)]
            servers = stations.servers[station]
            first = stations.first[station]
            used = stations.used[station]
            again = used > 0 and (used == servers or stations.heap[_at(first)] <= now)  # a server that served before
            start = max(now, stations.heap[_at(first)]) if again else now
            if start > LATEST - service:
                return OVERFLOW, row, until, slowest
            end = start + service
            if again:
                _sift_down(stations.heap, first, used, end)
            elif servers > 0:
                _sift_up(stations.heap, first, used, end)
                stations.used[station] = used + 1
            log.joined[_at(row)] = now
            log.started[_at(row)] = start
            log.ended[_at(row)] = end
            if end >= until:
                until, slowest = end, row
            row += 1
        if row == rows or legs.request[_at(row)] != request:
            return ENDED, row, until, slowest
        stage = legs.stage[_at(row)]
        look = row
        while look < rows and legs.request[_at(look)] == request and legs.stage[_at(look)] == stage:
            if stations.servers[_at(legs.station[_at(look)])] > 0:
                return ONWARD, row, until, slowest
            look += 1
        now = until


@_loop
def advance(arrival, legs, log, carried, carried_log, stations, pending, at, before, first):
    """Play all that joins before time `before`; `at` holds (request, row, size of pending, station without room).

    `at` is where to go on: returns `DONE`, or what is lacking, with nothing of the next event done. `first` are the
    numbers of the first leg and of the first request in the whole run.
    """
    first_leg, first_request = first
    requests = len(arrival)
    rows = len(legs.request)
    tight = False  # whether any heap of servers may have to grow
    for station in range(len(stations.servers)):
        tight = tight or stations.servers[station] > stations.room[station]
    number, row, size = at[0], at[1], at[2]
    state = DONE
    while True:
        fresh = number < requests and (size == 0 or arrival[_at(number)] < pending.time[0])
        if fresh:
            now = arrival[_at(number)]
        elif size > 0:
            now = pending.time[0]
        else:
            break
        if now >= before:
            break
        if fresh:
            if row == rows or legs.request[_at(row)] != number:  # a request without legs
                number += 1
                continue
            lacking = _fits(legs, row, stations) if tight else 0
            if lacking != 0 or size == len(pending.time):
                state = GROW_HEAP if lacking != 0 else GROW_PENDING
                at[3] = -1 - lacking
                break
            became, row, until, slowest = _join(legs, log, row, now, stations)
            if became == ONWARD:
                push(pending, size, until, FIRST_RANK + first_leg + slowest, row)
                size += 1
                row = _behind(legs.request, row)
            number += 1
        else:
            came = pending.row[0]
            if tight:
                lacking = _fits(legs, came, stations) if came >= 0 else _fits(carried.legs, -1 - came, stations)
                if lacking != 0:
                    state = GROW_HEAP
                    at[3] = -1 - lacking
                    break
            if came >= 0:
                became, came, until, slowest = _join(legs, log, came, now, stations)
                leg = first_leg + slowest
            else:
                became, came, until, slowest = _join(carried.legs, carried_log, -1 - came, now, stations)
                leg = carried.number[_at(slowest)]
                came = -1 - came
            if became == ONWARD:
                replace(pending, size, until, FIRST_RANK + leg, came)
            else:
                size -= 1
                last = _at(size)
                replace(pending, size, pending.time[last], pending.rank[last], pending.row[last])
        if became == OVERFLOW:
            state = TOO_LATE
            break
    # Who arrives at the cut itself waits for those who come later and may go before, as do all who are pending.
    while state == DONE and number < requests:
        if row < rows and legs.request[_at(row)] == number:
            if size == len(pending.time):
                state = GROW_PENDING
                break
            push(pending, size, arrival[_at(number)], FIRST_ARRIVAL + first_request + number, row)
            size += 1
            row = _behind(legs.request, row)
        number += 1
    at[0], at[1], at[2] = number, row, size
    return state


@_loop
def carry(pending, size, legs, first_leg, part, old, new):
    """Copy the legs that pending requests still have before them to `new`, and let the requests come with those.

    They are in `legs`, which belong to itinerary `part`, or were carried in `old`. Returns their number; if there is
    not room for so many, nothing is done.
    """
    room = 0
    for number in range(size):
        came = pending.row[number]
        first = came if came >= 0 else -1 - came
        room += _behind(legs.request if came >= 0 else old.legs.request, first) - first
    if room > len(new.row):
        return room
    to = 0
    for number in range(size):
        came = pending.row[number]
        pending.row[number] = -1 - to
        source = legs if came >= 0 else old.legs
        first = came if came >= 0 else -1 - came
        for row in range(first, _behind(source.request, first)):
            new.legs.request[_at(to)] = number
            new.legs.stage[_at(to)] = source.stage[_at(row)]
            new.legs.station[_at(to)] = source.station[_at(row)]
            new.legs.service[_at(to)] = source.service[_at(row)]
            new.number[_at(to)] = first_leg + row if came >= 0 else old.number[_at(row)]
            new.part[_at(to)] = part if came >= 0 else old.part[_at(row)]
            new.row[_at(to)] = row if came >= 0 else old.row[_at(row)]
            to += 1
    return room


@_loop
def valid(arrival, servers, legs):
    """Say in one pass that the columns keep the contract that `Itinerary.check` spells out; False leaves it to that."""
    sound = True
    for number in range(1, len(arrival)):
        sound = sound and arrival[_at(number)] >= arrival[_at(number - 1)]
    for number in range(len(servers)):
        sound = sound and servers[_at(number)] >= 0
    before, stage_before = -1, 0
    for row in range(len(legs.request)):
        request, stage = legs.request[_at(row)], legs.stage[_at(row)]
        station, service = legs.station[_at(row)], legs.service[_at(row)]
        same = request == before and (stage == stage_before or (stage > 0 and stage - 1 == stage_before))
        sound = sound and before <= request < len(arrival) and request >= 0
        sound = sound and (same or (request != before and stage == 0))
        sound = sound and 0 <= station < len(servers) and service >= 0
        sound = sound and (service > 0 or servers[_at(station)] == 0)
        before, stage_before = request, stage
    return sound


def forget_cache() -> None:
    """Empty numba's cache of this file, so that the next call compiles; nothing to do where numba is told not to."""
    functions: tuple[Any, ...] = (advance, carry, valid)
    for function in functions:
        if hasattr(function, "_cache"):
            function._cache.flush()  # noqa: SLF001 - numba offers no other way
