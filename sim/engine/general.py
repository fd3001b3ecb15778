"""The compiled engine where there are conditions: what is under way between itineraries, around the general loop."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

import numpy as np

from sim.columns import Bools, Ints
from sim.engine import general_kernel, general_legs, kernel
from sim.engine import general_world as of
from sim.engine.general_check import Check
from sim.engine.general_legs import beside_behind, log_of, write
from sim.engine.general_system import System, extra_of, laid_out, used
from sim.engine.general_world import Extra, World
from sim.engine.kernel import DONE, FIRST_ARRIVAL
from sim.engine.log import LegLog
from sim.engine.parts import Intake, plain
from sim.routing.itinerary import Itinerary
from sim.routing.replicas import Usage

_ROOM: Final = 256
_GROWTH: Final = 2
_SIDES: Final[tuple[Literal["left", "right"], ...]] = ("left", "right")


@dataclass(slots=True)
class _UnderWay:
    """Legs of the requests that are not over: what is known of them, and which row of which itinerary they are."""

    legs: Ints
    beside: Ints
    requests: Ints
    part: Ints
    row: Ints


class General:
    """Plays itineraries with conditions; what is under way is kept between them."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._system: System | None = None
        self._extra: Extra | None = None
        self._events = np.empty((_ROOM, of.EVENT_FIELDS), dtype=np.int64)
        self._size = 0
        self._under_way = _nothing()
        self._open: deque[tuple[int, LegLog]] = deque()
        self._parts = 0
        self._longest = 0
        self._not_over = 0
        self._check = Check()
        self._room = np.empty((0, of.LEG_FIELDS), dtype=np.int64)

    def advance(self, itinerary: Itinerary, until_ns: int | None) -> list[LegLog]:
        """Take in the next requests and play all that happens before `until_ns`, or all there is."""
        world = self._world(itinerary, until_ns)
        carried, first_request = len(self._under_way.legs), self._intake.requests - itinerary.requests
        world = self._play(world, plain(itinerary.arrival_ns), until_ns, first_request)
        shown = None if itinerary.replicas is None else self._beside()[carried:]
        self._open.append((self._parts, log_of(world.legs[carried:], shown)))
        self._note(world)
        self._carry(world)
        if until_ns is None and len(self._under_way.row):
            raise ValueError("a leg would end after the last nanosecond of a 64-bit clock")
        self._parts += 1
        oldest = int(self._under_way.part.min(initial=self._parts))
        done = []
        while self._open and self._open[0][0] < oldest:
            done.append(self._open.popleft()[1])
        return done

    def _world(self, itinerary: Itinerary, until_ns: int | None) -> World:
        """Put all together that the loop works on; the new legs stand behind those under way."""
        conditions, old = itinerary.conditions, self._under_way
        assert conditions is not None  # noqa: S101 - the caller plays those without
        carried, before = len(old.legs), len(old.requests)
        legs = self._roomy(carried + len(itinerary.leg_request))
        legs[:carried] = old.legs
        longest = self._check.take_in(itinerary, legs, (carried, before, self._intake.legs))
        self._intake.take(itinerary, until_ns, checked=longest is not None)
        for columns in (itinerary.replicas, itinerary.callers) if longest is not None else ():
            if columns is not None:
                columns.check(itinerary)
        self._longest = max(self._longest, _longest_run(itinerary.leg_request) if longest is None else longest)
        if self._system is None:
            self._system = laid_out(itinerary, conditions)
            self._extra = extra_of(itinerary, self._system.places)
        if self._extra is not None:
            beside = beside_behind(old.beside, legs[carried:], itinerary.replicas, itinerary.callers)
            self._extra = self._extra._replace(beside=beside)
        at = np.zeros(of.AT_FIELDS, dtype=np.int64)
        at[of.ROW], at[of.SIZE], at[of.CARRIED] = carried, self._size, before
        at[of.MOST], at[of.UNDER_WAY] = self._longest, self._not_over
        at[of.STATIONS], at[of.GATES] = self._system.stations, self._system.gates
        return World(
            legs=legs,
            requests=np.concatenate((old.requests, np.zeros((itinerary.requests, of.REQUEST_FIELDS), dtype=np.int64))),
            places=self._system.places,
            bands=self._system.bands,
            limits=self._system.limits,
            limits_of=self._system.limits_of,
            weather=self._system.weather,
            events=self._events,
            at=at,
        )

    def _roomy(self, rows: int) -> Ints:
        """Give a table of legs, in memory that was used before where that is enough: to get new pages takes long."""
        if len(self._room) < rows:
            self._room = np.empty((rows + rows // 8, of.LEG_FIELDS), dtype=np.int64)
        return self._room[:rows]

    def usage(self) -> list[Usage]:
        """Give what the replicas of each station did within the window."""
        if self._system is None:
            return []
        return used(self._system.places[: self._system.stations], self._extra)

    def _play(self, world: World, arrival: Ints, until_ns: int | None, first_request: int) -> World:
        """Run the loop, with room where it lacks it."""
        before, is_last = (0, True) if until_ns is None else (until_ns, False)
        while general_kernel.advance(arrival, world, self._extra, before, is_last, first_request) != DONE:
            world = _roomier(world, self._extra)
        self._events, self._size = world.events, int(world.at[of.SIZE])
        self._not_over = int(world.at[of.UNDER_WAY])
        return world

    def _note(self, world: World) -> None:
        """Write what is known of the legs that were under way into the logs of their itineraries."""
        part, row = self._under_way.part, self._under_way.row
        for begin, end in pairwise(_edges(part)):
            log = self._open[int(part[begin]) - self._open[0][0]][1]
            write(log, row[begin:end], world.legs[begin:end], self._beside()[begin:end])

    def _carry(self, world: World) -> None:
        """Keep the legs of requests that are not over, and let go of the others."""
        old, carried = self._under_way, len(self._under_way.legs)
        still = np.flatnonzero(world.requests[:, of.OPEN] != of.OVER)
        kept = _rows_of(still, world.legs[:, of.OF_REQUEST])
        legs, beside = world.legs[kept], self._beside()
        beside = beside[kept] if len(beside) else beside
        edges = _edges(legs[:, of.OF_REQUEST])
        requests = world.requests[legs[edges[:-1], of.OF_REQUEST]]
        legs[:, of.OF_REQUEST] = np.repeat(np.arange(len(edges) - 1), np.diff(edges))
        for field in (of.FOLLOWER, of.BEHIND):
            legs[:, field] = _place(legs[:, field], kept)
        for field in (of.HEDGES, of.HEDGE, of.RIVAL):
            beside[:, field] = _place(beside[:, field], kept)
        before = kept[: int(np.searchsorted(kept, carried))]
        came = kept[len(before) :] - carried
        self._under_way = _UnderWay(
            legs=legs,
            beside=beside,
            requests=requests,
            part=np.concatenate((old.part[before], np.full(len(came), self._parts, dtype=np.int64))),
            row=np.concatenate((old.row[before], came)),
        )
        ends = [of.HEAD, of.TAIL]
        world.bands[:, ends] = _place(world.bands[:, ends], kept)
        if self._extra is not None:
            self._extra.slots[:, of.LEG] = _place(self._extra.slots[:, of.LEG], kept)
        self._size = _sift(world, self._extra)
        _, rank, row = self._events[: self._size].T
        steps, turns = (rank >= of.STEPS) & (rank < of.GIVING_UP), (rank >= of.TURNS) & (rank < FIRST_ARRIVAL)
        of_leg = (row >= 0) & ~steps & ~turns
        row[of_leg] = _place(row[of_leg], kept)

    def _beside(self) -> Ints:
        """Give what is known of legs beside the table of all; without rows where that is nothing."""
        return self._under_way.beside if self._extra is None else self._extra.beside


def _nothing() -> _UnderWay:
    none = np.empty(0, dtype=np.int64)
    legs, beside, requests = (
        np.empty((0, fields), dtype=np.int64) for fields in (of.LEG_FIELDS, of.BESIDE_FIELDS, of.REQUEST_FIELDS)
    )
    return _UnderWay(legs, beside, requests, none, none)


def _rows_of(requests: Ints, request: Ints) -> Ints:
    """Give the rows of some requests, in order."""
    first, end = (np.searchsorted(request, requests, side=side) for side in _SIDES)
    length = end - first
    return np.repeat(first - (np.cumsum(length) - length), length) + np.arange(length.sum())


def _place(rows: Ints, kept: Ints) -> Ints:
    """Say where rows are among those that are kept; -1 stays."""
    return np.where(rows < 0, -1, np.searchsorted(kept, rows))


def _longest_run(request: Ints) -> int:
    """Count the legs of the request that has most."""
    return int(np.diff(_edges(request)).max(initial=0))


def _edges(column: Ints) -> Ints:
    """Give where runs of equal values begin, and where the last ends."""
    inside = np.flatnonzero(column[1:] != column[:-1]) + 1
    return np.concatenate(([0], inside, [len(column)])) if len(column) else np.zeros(1, dtype=np.int64)


def _sift(world: World, extra: Extra | None) -> int:
    """Take events out of the heap that would find out that they come too late; give how many are left."""
    legs, events = world.legs, world.events[: int(world.at[of.SIZE])]
    time, rank, row = events.T
    matters = np.ones(len(events), dtype=np.bool_)
    gives_up = np.flatnonzero((rank >= of.GIVING_UP) & (rank < of.JOINING))
    leg = row[gives_up]
    outcome, ended = legs[leg, of.OUTCOME], legs[leg, of.ENDED]
    matters[gives_up] = (outcome >= of.IN_LINE) | ((outcome == of.TIMED_OUT) & (ended == time[gives_up]))
    turn = np.flatnonzero((rank >= of.TURNS) & (rank < FIRST_ARRIVAL))
    matters[turn] = world.places[row[turn], of.TURN] == time[turn]
    ends = np.flatnonzero((rank < of.STEPS) & (row >= 0))
    matters[ends] = legs[row[ends], of.OUTCOME] != of.CANCELLED
    if extra is not None:
        _sift_extra(world, extra, events, matters)
    left = np.flatnonzero(matters)
    left = left[np.lexsort((rank[left], time[left]))]  # what is sorted is a heap
    world.events[: len(left)] = events[left]
    return len(left)


def _sift_extra(world: World, extra: Extra, events: Ints, matters: Bools) -> None:
    """Mark the steps of replicas that come too late, and joinings of hedges that find that the hedged leg has ended."""
    time, rank, row = events.T
    step = np.flatnonzero((rank >= of.STEPS) & (rank < of.GIVING_UP))
    matters[step] = extra.replicas[row[step], of.SCHEDULED] == time[step]
    join = np.flatnonzero((rank >= of.JOINING) & (rank < of.TURNS))
    hedged = extra.beside[row[join], of.HEDGES]
    join, hedged = join[hedged >= 0], hedged[hedged >= 0]
    ended = world.legs[hedged, of.ENDED]
    matters[join] = (world.legs[hedged, of.OUTCOME] >= of.IN_LINE) | (ended < 0) | (ended > time[join])


def _roomier(world: World, extra: Extra | None) -> World:
    """Make room in the heap: by what does not matter any more, and where that is less than half, by a larger one."""
    size, needed = int(world.at[of.SIZE]), int(world.at[of.NEED])
    world.at[of.SIZE] = _sift(world, extra)
    needed = _GROWTH * (needed - size + int(world.at[of.SIZE]))
    if needed <= len(world.events):
        return world
    wide = np.empty((needed, of.EVENT_FIELDS), dtype=np.int64)
    wide[: len(world.events)] = world.events
    return world._replace(events=wide)


def forget_cache() -> None:
    """Empty numba's caches of all that plays itineraries with conditions, so that the next call compiles."""
    for module in (kernel, general_legs, general_kernel):
        module.forget_cache()
