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

from numba import njit

from sim.columns import Ints

DONE: Final = 0
GROW_HEAP: Final = 1
GROW_PENDING: Final = 2
TOO_LATE: Final = 3

ENDED: Final = -1
"""Instead of a row: the request has ended."""
OVERFLOW: Final = -2
"""Instead of a row: the clock would overflow."""
LATEST: Final = 2**63 - 1
FIRST_RANK: Final = 16
"""Rank of the completion of leg 0, as in `sim.engine.order`: a constant, since numba freezes what it finds."""


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


@njit(cache=True, nogil=True, inline="always")
def _sift_down(heap, first, size, value):
    """Put `value` in place of the smallest entry of a heap of times."""
    at = 0
    child = 1
    while child < size:
        if child + 1 < size and heap[first + child + 1] < heap[first + child]:
            child += 1
        if heap[first + child] >= value:
            break
        heap[first + at] = heap[first + child]
        at = child
        child = 2 * at + 1
    heap[first + at] = value


@njit(cache=True, nogil=True, inline="always")
def _sift_up(heap, first, size, value):
    """Add `value` to a heap of times that holds `size` entries."""
    at = size
    while at > 0:
        parent = (at - 1) >> 1
        if heap[first + parent] <= value:
            break
        heap[first + at] = heap[first + parent]
        at = parent
    heap[first + at] = value


@njit(cache=True, nogil=True)
def push(pending, size, time, rank, row):
    """Add to the heap of those who will join."""
    at = size
    while at > 0:
        parent = (at - 1) >> 1
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


@njit(cache=True, nogil=True)
def _pop(pending, size):
    """Remove the first of those who will join from a heap of `size`."""
    last = size - 1
    time = pending.time[last]
    rank = pending.rank[last]
    row = pending.row[last]
    at = 0
    child = 1
    while child < last:
        if child + 1 < last and (
            pending.time[child + 1] < pending.time[child]
            or (pending.time[child + 1] == pending.time[child] and pending.rank[child + 1] < pending.rank[child])
        ):
            child += 1
        if pending.time[child] > time or (pending.time[child] == time and pending.rank[child] > rank):
            break
        pending.time[at] = pending.time[child]
        pending.rank[at] = pending.rank[child]
        pending.row[at] = pending.row[child]
        at = child
        child = 2 * at + 1
    pending.time[at] = time
    pending.rank[at] = rank
    pending.row[at] = row


@njit(cache=True, nogil=True)
def _fits(legs, row, stations):
    """Say whether the heaps have room for what the stage at `row` may add; the station without room is -1 - k."""
    request = legs.request[row]
    stage = legs.stage[row]
    last = row
    while last < len(legs.request) and legs.request[last] == request and legs.stage[last] == stage:
        station = legs.station[last]
        room = stations.room[station]
        if stations.servers[station] > room and stations.used[station] + (last - row + 1) > room:
            return -1 - station
        last += 1
    return 0


@njit(cache=True, nogil=True)
def _join(legs, log, row, now, stations):
    """Let the stage at `row` join now, and go on through stages without queues.

    Returns the row of the next stage with a queue (or `ENDED`, or `OVERFLOW`), its time,
    and the row of the leg whose end lets the request move on.
    """
    while True:
        request = legs.request[row]
        stage = legs.stage[row]
        until = now
        slowest = row
        while row < len(legs.request) and legs.request[row] == request and legs.stage[row] == stage:
            station = legs.station[row]
            service = legs.service[row]
            servers = stations.servers[station]
            start = now
            if servers > 0:
                first = stations.first[station]
                used = stations.used[station]
                if used > 0 and (stations.heap[first] <= now or used == servers):
                    if stations.heap[first] > now:
                        start = stations.heap[first]
                    if service > LATEST - start:
                        return OVERFLOW, until, slowest
                    _sift_down(stations.heap, first, used, start + service)
                else:
                    if service > LATEST - start:
                        return OVERFLOW, until, slowest
                    _sift_up(stations.heap, first, used, start + service)
                    stations.used[station] = used + 1
            elif service > LATEST - start:
                return OVERFLOW, until, slowest
            end = start + service
            log.joined[row] = now
            log.started[row] = start
            log.ended[row] = end
            if end >= until:
                until = end
                slowest = row
            row += 1
        if row == len(legs.request) or legs.request[row] != request:
            return ENDED, until, slowest
        stage = legs.stage[row]
        look = row
        while look < len(legs.request) and legs.request[look] == request and legs.stage[look] == stage:
            if stations.servers[legs.station[look]] > 0:
                return row, until, slowest
            look += 1
        now = until


@njit(cache=True, nogil=True)
def advance(arrival, legs, log, carried, carried_number, carried_log, stations, pending, at, before, first_leg):
    """Play all that joins before time `before`; `at` holds (request, row, size of pending, station without room).

    `at` is where to go on: returns `DONE`, or what is lacking, with nothing of the next event done.
    """
    requests = len(arrival)
    number = at[0]
    row = at[1]
    size = at[2]
    state = DONE
    while True:
        fresh = number < requests and (size == 0 or arrival[number] < pending.time[0])
        if fresh:
            now = arrival[number]
        elif size > 0:
            now = pending.time[0]
        else:
            break
        if now >= before:
            break
        if fresh:
            if row == len(legs.request) or legs.request[row] != number:  # a request without legs
                number += 1
                continue
            lacking = _fits(legs, row, stations)
            if lacking != 0 or size == len(pending.time):
                state = GROW_HEAP if lacking != 0 else GROW_PENDING
                at[3] = -1 - lacking
                break
            onward, until, slowest = _join(legs, log, row, now, stations)
            if onward >= 0:
                push(pending, size, until, FIRST_RANK + first_leg + slowest, onward)
                size += 1
            while row < len(legs.request) and legs.request[row] == number:
                row += 1
            number += 1
        else:
            came = pending.row[0]
            if came >= 0:
                lacking = _fits(legs, came, stations)
                if lacking != 0:
                    state = GROW_HEAP
                    at[3] = -1 - lacking
                    break
                _pop(pending, size)
                onward, until, slowest = _join(legs, log, came, now, stations)
                if onward >= 0:
                    push(pending, size - 1, until, FIRST_RANK + first_leg + slowest, onward)
                else:
                    size -= 1
            else:
                came = -1 - came
                lacking = _fits(carried, came, stations)
                if lacking != 0:
                    state = GROW_HEAP
                    at[3] = -1 - lacking
                    break
                _pop(pending, size)
                onward, until, slowest = _join(carried, carried_log, came, now, stations)
                if onward >= 0:
                    push(pending, size - 1, until, FIRST_RANK + carried_number[slowest], -1 - onward)
                else:
                    size -= 1
        if onward == OVERFLOW:
            state = TOO_LATE
            break
    at[0] = number
    at[1] = row
    at[2] = size
    return state


def forget_cache() -> None:
    """Empty numba's cache of this file, so that the next call compiles."""
    functions: tuple[Any, ...] = (_sift_down, _sift_up, push, _pop, _fits, _join, advance)
    for function in functions:
        function._cache.flush()  # noqa: SLF001 - numba offers no other way
