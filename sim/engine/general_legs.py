"""Legs of itineraries as rows of the tables that the general loop works on, and what has become of them as columns.

The loop looks at many things of one leg at a time, so these stand side by side. To put them there and to take them out
is one compiled pass each, on the way in with the check of what `sim.routing.conditions` asks of legs.
"""

# mypy: disable-error-code="no-untyped-def, misc"

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numba import njit

from sim.columns import Bools, Ints
from sim.engine import general_world as of
from sim.engine import kernel
from sim.engine.general_world import (
    BEHIND,
    DELAY,
    ENDED,
    ENDS,
    FAILS,
    FLAGS,
    FOLLOWER,
    FOLLOWS,
    HEEDS,
    IN_RUN,
    JOINED,
    LANE_BIT,
    NEW_STAGE,
    NO_LIMIT,
    NOT_TRIED,
    OF_REQUEST,
    OF_STATION,
    OUTCOME,
    PATIENCE,
    PAYS,
    QUEUE_MOST,
    SERVICE,
    STARTED,
    STOPS,
    TIMEOUT,
    TOKENS,
)
from sim.engine.log import LegLog
from sim.engine.parts import plain
from sim.engine.sources import sources_of
from sim.routing.callers import Callers
from sim.routing.itinerary import Itinerary
from sim.routing.lanes import lanes_of
from sim.routing.replicas import Replicas

_FLAG_COLUMNS: Final = frozenset({"heeds", "fails", "ends", "stops"})
_njit: Any = njit  # its types do not know `_nrt`
_at: Any = np.uintp
"""Marks an index that is not negative, as in the other loop."""


class Columns(NamedTuple):
    """Columns of the legs of an itinerary."""

    request: Ints
    stage: Ints
    station: Ints
    lane: Ints
    service: Ints
    after: Ints
    delay: Ints
    patience: Ints
    timeout: Ints
    queue_most: Ints
    tokens: Ints
    heeds: Bools
    fails: Bools
    ends: Bools
    stops: Bools


def columns_of(itinerary: Itinerary) -> Columns | None:
    """Give the columns of the legs, plain; None if one has another type or length than it should."""
    conditions = itinerary.conditions
    assert conditions is not None  # noqa: S101 - the caller plays those without
    columns = Columns(
        request=itinerary.leg_request,
        stage=itinerary.leg_stage,
        station=itinerary.leg_station,
        lane=lanes_of(itinerary).lane,
        service=itinerary.leg_service_ns,
        after=conditions.after,
        delay=conditions.delay_ns,
        patience=conditions.patience_ns,
        timeout=conditions.timeout_ns,
        queue_most=conditions.queue_most,
        tokens=conditions.tokens,
        heeds=conditions.heeds,
        fails=conditions.fails,
        ends=conditions.ends,
        stops=conditions.stops,
    )
    kinds = [np.bool_ if name in _FLAG_COLUMNS else np.int64 for name in Columns._fields]
    shape = (len(itinerary.leg_request),)
    if any(column.dtype != kind or column.shape != shape for column, kind in zip(columns, kinds, strict=True)):
        return None
    return Columns._make(map(plain, columns))


def _made_of(sources: int) -> tuple[Any, Any]:
    """Give the way in and the way out that these sources make."""

    @_njit(**kernel.options())
    def take_in(columns, legs, begin, lane_station, is_named, most):
        """Put legs into the table behind the rows carried over.

        `begin` is how many rows, requests, and legs of the run come before. Counts the legs of the request that has
        most; gives -1 if their conditions do not keep the contract. Notes the most tokens and the longest time that a
        leg of each station has.
        """
        if sources < 0:
            return -1
        first, requests, numbered = begin
        sound = True
        longest, begun, before = 0, 0, -1
        for row in range(len(columns.request)):
            here = _at(row)
            to = _at(first + row)
            request, stage, station = columns.request[here], columns.stage[here], columns.station[here]
            after, lane = columns.after[here], columns.lane[here]
            flags = (len(most) + lane) << LANE_BIT
            if -1 < after < row:
                above = _at(after)
                sound = sound and not is_named[above]
                sound = sound and columns.request[above] == request and columns.stage[above] == stage
                is_named[above] = True
                legs[_at(first + after), FOLLOWER] = first + row
                flags |= FOLLOWS | PAYS if columns.station[above] == station else FOLLOWS
            else:
                sound = sound and after == -1
            delay, patience, timeout = columns.delay[here], columns.patience[here], columns.timeout[here]
            queue_most, tokens, service = columns.queue_most[here], columns.tokens[here], columns.service[here]
            sound = sound and 0 <= delay < NO_LIMIT and 1 <= patience <= NO_LIMIT and 1 <= timeout <= NO_LIMIT
            sound = sound and 0 <= queue_most <= NO_LIMIT and 0 <= tokens <= NO_LIMIT
            sound = sound and 0 <= lane < len(lane_station) and lane_station[_at(lane)] == station
            most[_at(station), 0] = max(most[_at(station), 0], tokens)
            most[_at(station), 1] = max(most[_at(station), 1], service)
            if request != columns.request[_at(begun)]:
                begun = row
            if begun == row or stage != before:
                flags |= NEW_STAGE
            before = stage
            longest = max(longest, row - begun + 1)
            flags |= HEEDS if columns.heeds[here] else 0
            flags |= FAILS if columns.fails[here] else 0
            flags |= ENDS if columns.ends[here] else 0
            flags |= STOPS if columns.stops[here] else 0
            legs[to, OF_REQUEST] = requests + request
            legs[to, OF_STATION] = station
            legs[to, IN_RUN] = numbered + row
            legs[to, SERVICE] = service
            legs[to, DELAY] = delay
            legs[to, PATIENCE] = patience
            legs[to, TIMEOUT] = timeout
            legs[to, QUEUE_MOST] = queue_most
            legs[to, TOKENS] = tokens
            legs[to, FLAGS] = flags
            legs[to, OUTCOME] = NOT_TRIED
            legs[to, JOINED] = -1
            legs[to, STARTED] = -1
            legs[to, ENDED] = -1
            legs[to, FOLLOWER] = -1
            legs[to, BEHIND] = -1
        return longest if sound else -1

    @_njit(**kernel.options())
    def take_out(legs, joined, started, ended, outcome):
        """Give what has become of legs."""
        for row in range(len(legs) if sources >= 0 else 0):
            here = _at(row)
            joined[here] = legs[here, JOINED]
            started[here] = legs[here, STARTED]
            ended[here] = legs[here, ENDED]
            outcome[here] = legs[here, OUTCOME]

    return take_in, take_out


take_in, _take_out = _made_of(sources_of(("general_world", "general_legs")))


def beside_behind(carried: Ints, legs: Ints, replicas: Replicas | None, callers: Callers | None) -> Ints:
    """Put what is known of new `legs` beside that behind what is known of those that are carried over.

    Flags are set of legs that hedge others, that are hedged, and whose rejection is no failure.
    """
    if replicas is None and callers is None:
        return carried
    first = len(carried)
    beside = np.full((first + len(legs), of.BESIDE_FIELDS), -1, dtype=np.int64)
    beside[:first] = carried
    new = beside[first:]
    if replicas is not None:
        new[:, of.PREFILL], new[:, of.LOT] = replicas.prefill_ns, replicas.lot
    if callers is not None:
        hedge = np.flatnonzero(callers.hedges >= 0)
        hedged = callers.hedges[hedge]
        new[hedge, of.HEDGES], new[hedged, of.HEDGE] = first + hedged, first + hedge
        new[:, of.HEDGE_NS] = callers.hedge_ns
        legs[:, of.FLAGS] |= callers.lenient * of.LENIENT
        legs[hedge, of.FLAGS] |= of.HEDGING
        legs[hedged, of.FLAGS] |= of.HEDGED
    return beside


def log_of(legs: Ints, beside: Ints | None) -> LegLog:
    """Give the log of these legs, `beside` it what replicas did."""
    joined, started, ended = (np.empty(len(legs), dtype=np.int64) for _ in range(3))
    outcome = np.empty(len(legs), dtype=np.int8)
    _take_out(legs, joined, started, ended, outcome)
    if beside is None:
        return LegLog(joined, started, ended, outcome)
    return LegLog(joined, started, ended, outcome, beside[:, of.FIRST].copy(), beside[:, of.WHERE].copy())


def write(log: LegLog, rows: Ints, legs: Ints, beside: Ints) -> None:
    """Write what has become of legs into these rows of a log."""
    fields = (of.JOINED, of.STARTED, of.ENDED, of.OUTCOME)
    for column, field in zip((log.joined_ns, log.started_ns, log.ended_ns, log.outcome), fields, strict=True):
        if column is not None:
            column[rows] = legs[:, field]
    if log.first_ns is not None and log.replica is not None:
        log.first_ns[rows], log.replica[rows] = beside[:, of.FIRST], beside[:, of.WHERE]


def forget_cache() -> None:
    """Empty numba's cache of this file, so that the next call compiles; nothing to do where numba is told not to."""
    for function in (take_in, _take_out):
        if hasattr(function, "_cache"):
            function._cache.flush()  # noqa: SLF001 - numba offers no other way
