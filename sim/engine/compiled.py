"""The compiled engine: what the reference engine does, by a loop over joinings that numba compiles."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from sim.columns import Ints
from sim.engine import kernel, order
from sim.engine.kernel import Legs, Pending, Stations, Times
from sim.engine.log import LegLog
from sim.engine.parts import Intake
from sim.routing.itinerary import UNLIMITED, Itinerary

_ROOM = 64
_NOT_JOINED = np.iinfo(np.int64).min


@dataclass(slots=True)
class _Part:
    """An itinerary in play: its number in the run, its log, and how many of its requests have a queue before them."""

    number: int
    log: LegLog
    to_come: int


@dataclass(slots=True)
class _Carried:
    """Legs still to come of requests of earlier itineraries.

    `legs.request` counts the requests that are carried, `number` is the leg's in the whole run; `part` and `row` say
    which itinerary it belongs to, and where there.
    """

    legs: Legs
    number: Ints
    part: Ints
    row: Ints


class Compiled:
    """Plays with numba; what is under way is kept between itineraries."""

    def __init__(self) -> None:
        self._intake = Intake()
        self._stations: Stations | None = None
        self._pending = Pending(*(np.empty(_ROOM, dtype=np.int64) for _ in range(3)))
        self._size = 0
        none = np.empty(0, dtype=np.int64)
        self._carried = _Carried(Legs(none, none, none, none), none, none, none)
        self._open: deque[_Part] = deque()
        self._parts = 0

    def advance(self, itinerary: Itinerary, until_ns: int | None) -> list[LegLog]:
        """Take in the next requests and play all that joins before `until_ns`, or all there is."""
        first_leg, first_request = self._intake.take(itinerary, until_ns)
        if self._stations is None:
            self._stations = _stations(itinerary.servers)
        arrival = _plain(itinerary.arrival_ns)
        columns = (itinerary.leg_request, itinerary.leg_stage, itinerary.leg_station, itinerary.leg_service_ns)
        legs = Legs(*map(_plain, columns))
        times = Times(*(np.empty(itinerary.legs, dtype=np.int64) for _ in range(3)))
        self._open.append(_Part(self._parts, LegLog(*times), 0))
        self._parts += 1
        request, row = self._play(arrival, legs, times, until_ns, first_leg)
        self._postpone(arrival[request:], legs, row, request, first_request)
        if self._size and until_ns is None:
            raise ValueError("a request arrives after the last nanosecond of a 64-bit clock")
        self._carry(legs, first_leg)
        return self._complete()

    def _play(self, arrival: Ints, legs: Legs, times: Times, until_ns: int | None, first_leg: int) -> tuple[int, int]:
        """Run the loop, with room where it lacks it; give the first request that has not arrived, and its row."""
        carried = self._carried
        carried_times = Times(*(np.full(len(carried.number), _NOT_JOINED) for _ in range(3)))
        at = np.array([0, 0, self._size, 0], dtype=np.int64)
        before = kernel.LATEST if until_ns is None else until_ns
        state = -1
        while state != kernel.DONE:
            stations = self._stations
            state = kernel.advance(
                arrival,
                legs,
                times,
                carried.legs,
                carried.number,
                carried_times,
                stations,
                self._pending,
                at,
                before,
                first_leg,
            )
            if state == kernel.TOO_LATE:
                raise ValueError("a leg would end after the last nanosecond of a 64-bit clock")
            if state == kernel.GROW_PENDING:
                self._pending = _wider(self._pending, 2 * len(self._pending.time))
            elif state == kernel.GROW_HEAP and stations is not None:
                self._stations = _roomier(stations, int(at[3]))
        self._size = int(at[2])
        joined = carried_times.joined != _NOT_JOINED
        for part in self._open:
            mine = joined & (carried.part == part.number)
            rows = carried.row[mine]
            part.log.joined_ns[rows] = carried_times.joined[mine]
            part.log.started_ns[rows] = carried_times.started[mine]
            part.log.ended_ns[rows] = carried_times.ended[mine]
        return int(at[0]), int(at[1])

    def _postpone(self, arrival: Ints, legs: Legs, row: int, request: int, first_request: int) -> None:
        """Let the requests that have not arrived wait among the pending ones; those without legs are forgotten."""
        if not len(arrival):
            return
        first = row + np.searchsorted(legs.request[row:], np.arange(request, request + len(arrival) + 1))
        self._pending = _wider(self._pending, self._size + len(arrival))
        for number, time_ns in enumerate(arrival.tolist()):
            if first[number] < first[number + 1]:
                rank = order.arrival(first_request + request + number)
                kernel.push(self._pending, self._size, time_ns, rank, int(first[number]))
                self._size += 1

    def _carry(self, legs: Legs, first_leg: int) -> None:
        """Copy the legs that pending requests still have before them, so that this itinerary can be let go of."""
        old, size = self._carried, self._size
        came = self._pending.row[:size]
        is_old = came < 0
        begin = np.where(is_old, -1 - came, came)
        length = np.empty(size, dtype=np.int64)
        for mask, source in ((is_old, old.legs), (~is_old, legs)):
            first = begin[mask]
            length[mask] = np.searchsorted(source.request, source.request[first], side="right") - first
        start = np.cumsum(length) - length
        rows = np.arange(int(length.sum())) - np.repeat(start - begin, length)
        from_old = np.repeat(is_old, length)
        rows_old, rows_new = rows[from_old], rows[~from_old]

        def both(old_values: Ints, new_values: Ints | int) -> Ints:
            values = np.empty(len(rows), dtype=np.int64)
            values[from_old], values[~from_old] = old_values, new_values
            return values

        columns = [both(a[rows_old], b[rows_new]) for a, b in zip(old.legs[1:], legs[1:], strict=True)]
        self._carried = _Carried(
            legs=Legs(np.repeat(np.arange(size, dtype=np.int64), length), *columns),
            number=both(old.number[rows_old], rows_new + first_leg),
            part=both(old.part[rows_old], self._parts - 1),
            row=both(old.row[rows_old], rows_new),
        )
        self._pending.row[:size] = -1 - start
        for part in self._open:
            part.to_come = int(np.sum(self._carried.part[start] == part.number))

    def _complete(self) -> list[LegLog]:
        """Hand over the logs, from the oldest on, that no pending request will add to."""
        done = []
        while self._open and self._open[0].to_come == 0:
            done.append(self._open.popleft().log)
        return done


def _plain(column: Ints) -> Ints:
    """Give the column contiguous and writeable, as the loop was compiled for; copied only where it is not."""
    column = np.ascontiguousarray(column)
    return column if column.flags.writeable else column.copy()


def _stations(servers: Ints) -> Stations:
    """Lay out the heaps of the stations' servers, each with room for a few to begin with."""
    room = np.where(servers == UNLIMITED, 0, np.minimum(servers, _ROOM)).astype(np.int64)
    return Stations(
        servers=servers.copy(),
        first=np.cumsum(room) - room,
        used=np.zeros_like(room),
        room=room,
        heap=np.empty(int(room.sum()), dtype=np.int64),
    )


def _roomier(old: Stations, station: int) -> Stations:
    """Double the room of one station."""
    room = old.room.copy()
    room[station] = min(2 * int(room[station]), int(old.servers[station]))
    first = np.cumsum(room) - room
    heap = np.empty(int(room.sum()), dtype=np.int64)
    for number, used in enumerate(old.used.tolist()):
        heap[first[number] : first[number] + used] = old.heap[old.first[number] : old.first[number] + used]
    return Stations(old.servers, first, old.used, room, heap)


def _wider(pending: Pending, room: int) -> Pending:
    """Give the heap at least this much room."""
    if room <= len(pending.time):
        return pending
    wide = Pending(*(np.empty(room, dtype=np.int64) for _ in range(3)))
    for new, old in zip(wide, pending, strict=True):
        new[: len(old)] = old
    return wide
