"""The compiled engine where there are conditions: what is under way between itineraries, around the general loop."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from sim.columns import Bools, Ints
from sim.engine import general_check, general_kernel, kernel
from sim.engine import general_world as of
from sim.engine.general_check import Check
from sim.engine.general_system import System, batched, desks, laid_out, used
from sim.engine.general_world import Batches, Desks, Legs, Log, Prompts, Wishes, World
from sim.engine.kernel import DONE, FIRST_ARRIVAL, Pending
from sim.engine.log import LegLog
from sim.engine.parts import Intake, plain
from sim.routing.callers import callers_of
from sim.routing.conditions import Conditions
from sim.routing.itinerary import Itinerary
from sim.routing.lanes import lanes_of
from sim.routing.replicas import Usage

T = TypeVar("T", bound=np.generic)

_ROOM = 256
_GROWTH = 2
_SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")


@dataclass(slots=True)
class _UnderWay:
    """Legs of the requests that are not over: what is known of them, and which row of which itinerary they are."""

    legs: Legs
    prompts: Prompts
    wishes: Wishes
    hedge: Ints
    rival: Ints
    log: Log
    first: Ints
    where: Ints
    follower: Ints
    behind: Ints
    requests: Ints
    numbers: Ints
    part: Ints
    row: Ints


class General:
    """Plays itineraries with conditions; what is under way is kept between them."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._system: System | None = None
        self._batched: dict[str, Ints] = {}
        self._desks: dict[str, Ints] = {}
        self._pending = Pending(*(np.empty(_ROOM, dtype=np.int64) for _ in range(3)))
        self._size = 0
        self._under_way = _nothing()
        self._open: deque[tuple[int, LegLog]] = deque()
        self._parts = 0
        self._longest = 0
        self._not_over = 0
        self._check = Check()

    def advance(self, itinerary: Itinerary, until_ns: int | None) -> list[LegLog]:
        """Take in the next requests and play all that happens before `until_ns`, or all there is."""
        conditions = itinerary.conditions
        assert conditions is not None  # noqa: S101 - the caller plays those without
        arrival, legs = plain(itinerary.arrival_ns), _legs(itinerary, conditions)
        longest = self._check.longest(itinerary, arrival, plain(itinerary.servers), legs)
        first = self._intake.take(itinerary, until_ns, checked=longest is not None)
        for columns in (itinerary.replicas, itinerary.callers) if longest is not None else ():
            if columns is not None:
                columns.check(itinerary)
        self._longest = max(self._longest, _longest_run(legs.request) if longest is None else longest)
        if self._system is None:
            self._system = laid_out(itinerary, conditions)
            self._batched = batched(itinerary.replicas, len(itinerary.servers))
            self._desks = desks(callers_of(itinerary))
        beside = (_prompts(itinerary), _wishes(itinerary))
        world = self._play(self._world(legs, beside, itinerary.requests, first[0]), arrival, until_ns, first[1])
        carried = len(self._under_way.row)
        self._open.append((self._parts, _log(world, carried, beside=itinerary.replicas is not None)))
        self._note(world)
        self._carry(world, first[0])
        if until_ns is None and len(self._under_way.row):
            raise ValueError("a leg would end after the last nanosecond of a 64-bit clock")
        self._parts += 1
        oldest = int(self._under_way.part.min(initial=self._parts))
        done = []
        while self._open and self._open[0][0] < oldest:
            done.append(self._open.popleft()[1])
        return done

    def usage(self) -> list[Usage]:
        """Give what the replicas of each station did within the window."""
        return used(self._batched) if self._batched else []

    def _world(self, new: Legs, beside: tuple[Prompts, Wishes], arriving: int, first_leg: int) -> World:
        """Put all together that the loop works on; the new legs stand behind those under way."""
        old, size = self._under_way, len(new.request)
        prompts, wishes = beside
        carried = len(old.row)
        at = np.zeros(of.AT_FIELDS, dtype=np.int64)
        at[of.SIZE], at[of.OFFSET], at[of.REQUESTS] = self._size, first_leg - carried, len(old.requests)
        at[of.MOST], at[of.UNDER_WAY] = self._longest, self._not_over
        joined, started, ended = (np.full(carried + size, -1, dtype=np.int64) for _ in range(3))
        log = Log(joined, started, ended, np.zeros(carried + size, dtype=np.int8))
        for name in Log._fields:
            getattr(log, name)[:carried] = getattr(old.log, name)
        follower, behind = (np.empty(carried + size, dtype=np.int64) for _ in range(2))
        follower[:carried], behind[:carried] = old.follower, old.behind
        state = np.concatenate((old.requests, np.zeros((arriving, 2), dtype=np.int64)))
        assert self._system is not None  # noqa: S101 - laid out by the caller
        first, where = (np.full(len(old.first) + len(prompts.lot), -1, dtype=np.int64) for _ in range(2))
        first[: len(old.first)], where[: len(old.first)] = old.first, old.where
        batches = Batches(carried=old.prompts, prompts=prompts, first=first, where=where, **self._batched)
        hedge, rival = (np.full(len(old.hedge) + len(wishes.hedges), -1, dtype=np.int64) for _ in range(2))
        hedge[: len(old.hedge)], rival[: len(old.rival)] = old.hedge, old.rival
        callers = Desks(carried=old.wishes, wishes=wishes, hedge=hedge, rival=rival, **self._desks)
        system = (*self._system, self._pending)
        return World(old.legs, new, log, follower, behind, state, *system, old.numbers, batches, callers, at)

    def _play(self, world: World, arrival: Ints, until_ns: int | None, first_request: int) -> World:
        """Run the loop, with room where it lacks it."""
        before, is_last = (0, True) if until_ns is None else (until_ns, False)
        while general_kernel.advance(arrival, world, before, is_last, first_request) != DONE:
            world = _roomier(world)
        self._pending, self._size = world.pending, int(world.at[of.SIZE])
        self._not_over = int(world.at[of.UNDER_WAY])
        return world

    def _note(self, world: World) -> None:
        """Write what is known of the legs that were under way into the logs of their itineraries."""
        part, row = self._under_way.part, self._under_way.row
        for begin, end in pairwise(_edges(part)):
            mine = self._open[int(part[begin]) - self._open[0][0]][1]
            to = row[begin:end]
            for name in Log._fields:
                getattr(mine, _LOG_NAMES[name])[to] = getattr(world.log, name)[begin:end]
            if mine.first_ns is not None and mine.replica is not None:
                mine.first_ns[to], mine.replica[to] = world.batches.first[begin:end], world.batches.where[begin:end]

    def _carry(self, world: World, first_leg: int) -> None:
        """Keep the legs of requests that are not over, and let go of the others."""
        old, new, carried = self._under_way, world.legs, len(self._under_way.row)
        still = np.flatnonzero(world.requests[:, of.OPEN] != of.OVER)
        requests = int(np.searchsorted(still, len(old.requests)))
        before = _rows_of(still[:requests], old.legs.request)
        came = _rows_of(still[requests:] - len(old.requests), new.request)
        kept = np.concatenate((before, came + carried))
        legs = Legs._make(np.concatenate((one[before], two[came])) for one, two in zip(old.legs, new, strict=True))
        request = np.concatenate((legs.request[: len(before)], legs.request[len(before) :] + len(old.requests)))
        after = np.concatenate((old.legs.after[before], new.after[came] + carried * (new.after[came] >= 0)))
        edges = _edges(request)
        self._under_way = _UnderWay(
            legs=legs._replace(request=np.repeat(np.arange(len(edges) - 1), np.diff(edges)), after=_place(after, kept)),
            prompts=Prompts._make(
                np.concatenate((_those(one, before), _those(two, came)))
                for one, two in zip(old.prompts, world.batches.prompts, strict=True)
            ),
            wishes=self._carried_wishes(world.callers, before, came, kept),
            hedge=_place(_those(world.callers.hedge, kept), kept),
            rival=_place(_those(world.callers.rival, kept), kept),
            log=Log._make(column[kept] for column in world.log),
            first=_those(world.batches.first, kept),
            where=_those(world.batches.where, kept),
            follower=_place(world.follower[kept], kept),
            behind=_place(world.behind[kept], kept),
            requests=world.requests[request[edges[:-1]]],
            numbers=np.concatenate((old.numbers[before], came + first_leg)),
            part=np.concatenate((old.part[before], np.full(len(came), self._parts, dtype=np.int64))),
            row=np.concatenate((old.row[before], came)),
        )
        ends = [of.HEAD, of.TAIL]
        world.bands[:, ends] = _place(world.bands[:, ends], kept)
        world.batches.slots[:, of.LEG] = _place(world.batches.slots[:, of.LEG], kept)
        self._size = _sift(world)
        rank, row = self._pending.rank[: self._size], self._pending.row[: self._size]
        steps, turns = (rank >= of.STEPS) & (rank < of.GIVING_UP), (rank >= of.TURNS) & (rank < FIRST_ARRIVAL)
        of_leg = (row >= 0) & ~steps & ~turns
        row[of_leg] = _place(row[of_leg], kept)

    def _carried_wishes(self, callers: Desks, before: Ints, came: Ints, kept: Ints) -> Wishes:
        """Give the columns beside the legs that are kept: those `before`, and those that `came`."""
        old, new, carried = callers.carried, callers.wishes, len(self._under_way.row)
        if not len(old.hedges) + len(new.hedges):
            return old
        both = Wishes._make(np.concatenate((one[before], two[came])) for one, two in zip(old, new, strict=True))
        hedges = np.concatenate((old.hedges[before], new.hedges[came] + carried * (new.hedges[came] >= 0)))
        return both._replace(hedges=_place(hedges, kept))


_LOG_NAMES = {"joined": "joined_ns", "started": "started_ns", "ended": "ended_ns", "outcome": "outcome"}


def _nothing() -> _UnderWay:
    none = np.empty(0, dtype=np.int64)
    false = np.empty(0, dtype=np.bool_)
    legs = Legs._make(false if name in {"heeds", "fails", "ends", "stops"} else none for name in Legs._fields)
    log = Log(none, none, none, np.empty(0, dtype=np.int8))
    nobody = np.empty((0, 2), dtype=np.int64)
    return _UnderWay(
        legs,
        Prompts(none, none),
        Wishes(false, none, none),
        none,
        none,
        log,
        none,
        none,
        none,
        none,
        nobody,
        none,
        none,
        none,
    )


def _legs(itinerary: Itinerary, conditions: Conditions) -> Legs:
    return Legs(
        request=plain(itinerary.leg_request),
        stage=plain(itinerary.leg_stage),
        station=plain(itinerary.leg_station),
        service=plain(itinerary.leg_service_ns),
        after=plain(conditions.after),
        delay=plain(conditions.delay_ns),
        heeds=plain(conditions.heeds),
        patience=plain(conditions.patience_ns),
        timeout=plain(conditions.timeout_ns),
        queue_most=plain(conditions.queue_most),
        fails=plain(conditions.fails),
        tokens=plain(conditions.tokens),
        ends=plain(conditions.ends),
        stops=plain(conditions.stops),
        lane=plain(lanes_of(itinerary).lane),
    )


def _prompts(itinerary: Itinerary) -> Prompts:
    replicas = itinerary.replicas
    if replicas is None:
        return Prompts(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
    return Prompts(plain(replicas.prefill_ns), plain(replicas.lot))


def _wishes(itinerary: Itinerary) -> Wishes:
    callers = itinerary.callers
    if callers is None:
        return Wishes(np.empty(0, dtype=np.bool_), np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
    return Wishes(plain(callers.lenient), plain(callers.hedges), plain(callers.hedge_ns))


def _log(world: World, carried: int, *, beside: bool) -> LegLog:
    """Give the log of the new legs, `beside` it what replicas did, without holding on to much more."""
    columns: tuple[NDArray[Any], ...] = world.log
    new = [column[carried:] for column in (*columns, *((world.batches.first, world.batches.where) if beside else ()))]
    return LegLog(*(new if carried <= len(new[0]) else [column.copy() for column in new]))


def _those(column: NDArray[T], rows: Ints) -> NDArray[T]:
    """Give the rows of a column that is empty where there are no replicas, or callers."""
    return column[rows] if len(column) else column


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


def _sift(world: World) -> int:
    """Take events out of the heap that would find out that they come too late; give how many are left."""
    pending, log, size = world.pending, world.log, int(world.at[of.SIZE])
    time, rank, row = (column[:size] for column in pending)
    matters = np.ones(size, dtype=np.bool_)
    gives_up = np.flatnonzero((rank >= of.GIVING_UP) & (rank < of.JOINING))
    leg = row[gives_up]
    outcome = log.outcome[leg]
    matters[gives_up] = (outcome >= of.IN_LINE) | ((outcome == of.TIMED_OUT) & (log.ended[leg] == time[gives_up]))
    turn = np.flatnonzero((rank >= of.TURNS) & (rank < FIRST_ARRIVAL))
    matters[turn] = world.gates[row[turn], of.TURN] == time[turn]
    step = np.flatnonzero((rank >= of.STEPS) & (rank < of.GIVING_UP))
    matters[step] = world.batches.replicas[row[step], of.SCHEDULED] == time[step]
    ends = np.flatnonzero((rank < of.STEPS) & (row >= 0))
    matters[ends] = log.outcome[row[ends]] != of.CANCELLED
    _sift_hedges(world, matters)
    left = np.flatnonzero(matters)
    left = left[np.lexsort((rank[left], time[left]))]  # what is sorted is a heap
    for column in pending:
        column[: len(left)] = column[left]
    return len(left)


def _sift_hedges(world: World, matters: Bools) -> None:
    """Mark the joinings of hedges that find that the leg they hedge has ended."""
    old, new = world.callers.carried.hedges, world.callers.wishes.hedges
    if not len(old) + len(new):
        return
    time, rank, row = (column[: len(matters)] for column in world.pending)
    hedged = np.concatenate((old, np.where(new < 0, new, new + len(old))))
    join = np.flatnonzero((rank >= of.JOINING) & (rank < of.TURNS))
    join = join[hedged[row[join]] >= 0]
    leg = hedged[row[join]]
    ended = world.log.ended[leg]
    matters[join] = (world.log.outcome[leg] >= of.IN_LINE) | (ended < 0) | (ended > time[join])


def _roomier(world: World) -> World:
    """Make room in the heap: by what does not matter any more, and where that is less than half, by a larger one."""
    size, needed = int(world.at[of.SIZE]), int(world.at[of.NEED])
    world.at[of.SIZE] = _sift(world)
    needed = _GROWTH * (needed - size + int(world.at[of.SIZE]))
    if needed <= len(world.pending.time):
        return world
    wide = Pending(*(np.empty(needed, dtype=np.int64) for _ in range(3)))
    for new, old in zip(wide, world.pending, strict=True):
        new[: len(old)] = old
    return world._replace(pending=wide)


def forget_cache() -> None:
    """Empty numba's caches of all that plays itineraries with conditions, so that the next call compiles."""
    for module in (kernel, general_check, general_kernel):
        module.forget_cache()
