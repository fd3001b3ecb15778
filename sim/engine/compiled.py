"""The compiled engine: what the reference engine does, by a loop over joinings that numba compiles."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim.columns import Ints
from sim.engine import kernel
from sim.engine.kernel import Carried, Legs, Pending, Stations, Times
from sim.engine.log import LegLog
from sim.engine.parts import Intake, plain
from sim.routing.itinerary import UNLIMITED, Itinerary
from sim.routing.replicas import Usage

if TYPE_CHECKING:
    from sim.engine.general import General

_ROOM = 64
_NOT_JOINED = np.iinfo(np.int64).min


@dataclass(slots=True)
class _Part:
    """An itinerary in play: its number in the run, and its log."""

    number: int
    log: LegLog


class Compiled:
    """Plays with numba; what is under way is kept between itineraries."""

    def __init__(self) -> None:
        self._intake = Intake()
        self._stations: Stations | None = None
        self._pending = Pending(*_empty(_ROOM, 3))
        self._size = 0
        self._carried = _room_to_carry(0)
        self._open: deque[_Part] = deque()
        self._parts = 0
        self._general: General | None = None

    def advance(self, itinerary: Itinerary, until_ns: int | None) -> list[LegLog]:
        """Take in the next requests and play all that joins before `until_ns`, or all there is."""
        if itinerary.conditions is not None:
            return self._with_conditions().advance(itinerary, until_ns)
        arrival = plain(itinerary.arrival_ns)
        columns = (itinerary.leg_request, itinerary.leg_stage, itinerary.leg_station, itinerary.leg_service_ns)
        legs = Legs(*map(plain, columns))
        valid = _valid(arrival, plain(itinerary.servers), legs)
        first = self._intake.take(itinerary, until_ns, checked=valid)
        if self._stations is None:
            self._stations = _stations(itinerary.servers)
        times = Times(*_empty(itinerary.legs, 3))
        self._open.append(_Part(self._parts, LegLog(*times)))
        self._play(arrival, legs, times, until_ns, first)
        if self._size and until_ns is None:
            raise ValueError("a request arrives after the last nanosecond of a 64-bit clock")
        self._carry(legs, first[0])
        self._parts += 1
        return self._complete()

    def usage(self) -> list[Usage]:
        """Give what the replicas of each station did within the window."""
        return [] if self._general is None else self._general.usage()

    def _with_conditions(self) -> General:
        """Give the engine that plays conditions, which is loaded only by those who simulate with some."""
        if self._general is None:
            from sim.engine.general import General  # noqa: PLC0415

            self._general = General(self._intake)
        return self._general

    def _play(self, arrival: Ints, legs: Legs, times: Times, until_ns: int | None, first: tuple[int, int]) -> None:
        """Run the loop, with room where it lacks it."""
        carried = self._carried
        carried_times = Times(np.full(len(carried.row), _NOT_JOINED), *_empty(len(carried.row), 2))
        at = np.array([0, 0, self._size, 0], dtype=np.int64)
        before = kernel.LATEST if until_ns is None else until_ns
        state = -1
        while state != kernel.DONE:
            stations = self._stations
            state = kernel.advance(
                arrival,
                legs,
                times,
                carried,
                carried_times,
                stations,
                self._pending,
                at,
                before,
                first,
            )
            if state == kernel.TOO_LATE:
                raise ValueError("a leg would end after the last nanosecond of a 64-bit clock")
            if state == kernel.GROW_PENDING:
                self._pending = _wider(self._pending)
            elif state == kernel.GROW_HEAP and stations is not None:
                self._stations = _roomier(stations, int(at[3]))
        self._size = int(at[2])
        joined = np.flatnonzero(carried_times.joined != _NOT_JOINED)
        part_of = carried.part[joined]
        for number in set(part_of.tolist()):
            mine = joined[part_of == number]
            log, rows = self._open[number - self._open[0].number].log, carried.row[mine]
            log.joined_ns[rows] = carried_times.joined[mine]
            log.started_ns[rows] = carried_times.started[mine]
            log.ended_ns[rows] = carried_times.ended[mine]

    def _carry(self, legs: Legs, first_leg: int) -> None:
        """Copy the legs that pending requests still have before them, so that this itinerary can be let go of."""
        room = 2 * self._size
        while True:
            new = _room_to_carry(room)
            needed = kernel.carry(self._pending, self._size, legs, first_leg, self._parts, self._carried, new)
            if needed <= room:
                break
            room = needed
        used = slice(needed)
        self._carried = Carried(
            Legs(*(column[used] for column in new.legs)), new.number[used], new.part[used], new.row[used]
        )

    def _complete(self) -> list[LegLog]:
        """Hand over the logs, from the oldest on, that no pending request will add to."""
        oldest = int(self._carried.part.min(initial=self._parts))
        done = []
        while self._open and self._open[0].number < oldest:
            done.append(self._open.popleft().log)
        return done


def _empty(rows: int, columns: int) -> list[Ints]:
    return [np.empty(rows, dtype=np.int64) for _ in range(columns)]


def _room_to_carry(legs: int) -> Carried:
    return Carried(Legs(*_empty(legs, 4)), *_empty(legs, 3))


def _valid(arrival: Ints, servers: Ints, legs: Legs) -> bool:
    """Check in one compiled pass; where it fails, or the columns are not even such, the slow check says why."""
    if any(column.dtype != np.int64 for column in (arrival, servers, *legs)) or len(set(map(len, legs))) != 1:
        return False
    return bool(kernel.valid(arrival, servers, legs))


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


def _wider(pending: Pending) -> Pending:
    """Double the room of the heap."""
    wide = Pending(*_empty(2 * len(pending.time), 3))
    for new, old in zip(wide, pending, strict=True):
        new[: len(old)] = old
    return wide
