"""What the general loop of the compiled engine works on: arrays, and the meaning of their columns."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.columns import Bools, Ints
from sim.engine.kernel import Pending

GROW: Final = 1
"""There may not be room in the heap for what the next event schedules."""
STEPS: Final = 2**59
GIVING_UP: Final = 2**60
JOINING: Final = 2**61
TURNS: Final = 2**61 + 2**60
"""Ranks as in `sim.engine.order`: constants, since numba freezes what it finds."""
NO_LIMIT: Final = 2**62
AS_USUAL: Final = 1000
NEVER: Final = -(2**63)

NOT_TRIED: Final = 0
WELL: Final = 1
FAILED: Final = 2
TIMED_OUT: Final = 3
ABANDONED: Final = 4
REJECTED: Final = 5
DENIED: Final = 6
SKIPPED: Final = 7
CANCELLED: Final = 8
WITHDRAWN: Final = 9
"""Outcomes as in `sim.routing.conditions`. A leg that a server has taken has the outcome that it will have."""
IN_LINE: Final = 100
IN_QUEUE: Final = 101
IN_LANE: Final = 102
IN_BATCH: Final = 103
"""Meanwhile: a leg waits for its turn at the limits of its station, for a server, or at the limits of its lane; or is
in a slot, and so not settled yet."""

NUMBER, ROW, SIZE, MOST, NEED, OFFSET, REQUESTS, UNDER_WAY = range(8)
AT_FIELDS: Final = 8
"""Where the loop is: next request to arrive and its row; size of the heap; most legs of one request; room that the heap
should have; what to add to a new leg's row for its number in the run; requests carried; requests that are not over."""

SERVERS, BUSY, WAITING, BALANCE, BUDGET, BUDGET_MOST, CANCELS, REJECTS, WEATHER, WEATHER_END = range(10)
STATION_FIELDS: Final = 10
"""Of a station: servers, how many are busy, legs that wait; its retry balance; where its outages are."""

TURN, LIMITS, LIMITS_END = range(3)
GATE_FIELDS: Final = 3
"""Of a gate: when its next turn is, and where its limits are."""

BAND, BAND_END, IS_FAIR = range(3)
PLACE_FIELDS: Final = 3
"""Of a place where legs wait: where its bands are, in the order in which they go first, or whether by their leads."""

HEAD, TAIL, LEAD, STRIDE = range(4)
BAND_FIELDS: Final = 4
"""Of a band: its first and last leg, how far it is ahead of virtual time, and what a cost is multiplied by."""

LANE_WAITING, LANE_MOST, LANE_BAND = range(3)
LANE_FIELDS: Final = 3
"""Of a lane: legs that wait, how many may; and which of the bands of its station's places its legs wait in."""

BY_TOKENS, PERIOD, PER, BURST, LEVEL, SINCE = range(6)
LIMIT_FIELDS: Final = 6
"""Of a limit: `level` is how far full_ns lay ahead of time `since`, which fits where full_ns might not."""

FROM, IS_DOWN, SLOWDOWN = range(3)
WEATHER_FIELDS: Final = 3
"""A stretch of time in which the outages of a station do not change: its start, and what holds in it."""

OPEN, MET = range(2)
OVER: Final = -1
"""Of a request: how many chains of its stage have not ended (`OVER`: nothing will come of it any more), and, in bits,
whether any of those that have was answered (1) and whether any answer ends the request (2)."""


class Legs(NamedTuple):
    """Columns of legs; `request` and `after` count within these."""

    request: Ints
    stage: Ints
    station: Ints
    service: Ints
    after: Ints
    delay: Ints
    heeds: Bools
    patience: Ints
    timeout: Ints
    queue_most: Ints
    fails: Bools
    tokens: Ints
    ends: Bools
    stops: Bools
    lane: Ints


class Log(NamedTuple):
    """Columns of their log."""

    joined: Ints
    started: Ints
    ended: Ints
    outcome: NDArray[np.int8]


REPLICAS, REPLICAS_END, LAST, BALANCE_BY, CURVE = range(5)
SCALES, WANTED, MOST_WANTED, LEAST, STARTUP, COOLDOWN, CHANGED = range(5, 12)
DECIDES, TICK, EVERY, LOAD_EACH, THERE, LOAD, LOAD_SINCE, PLAN, PLAN_END = range(12, 21)
BATCHED_FIELDS: Final = 21
"""Of a station: where its replicas are, the one picked last, how one is picked, where its speeds are. Whether their
number changes, how many are wanted, at most and at least, how long one takes to start, how long so many have to be
wanted until fewer may be, and since when they are; when it is decided next, when that next looks at the load and how
often, the load of each; how many legs are there, the load so far and since when; where its plan goes on and ends."""

STATION, BASE, ROOM, INSIDE, PREFILLING, QUEUEING = range(6)
SINCE_NS, PREFILLED, DECODED, NEXT, SCHEDULED, SERVED_LOW, SERVED_HIGH, SERVING = range(6, 14)
PAID_SINCE, PAID, READY, DRAINS = range(14, 18)
REPLICA_FIELDS: Final = 18
LOW_BITS: Final = 20
"""Of a replica: its station; where its slots are, how many, how many are taken, how many by legs that prefill; how many
wait there. When it was last looked at; how much a leg that prefills, or decodes, had worked off by then since there was
last no such leg; when its next phase ends, and the earliest time at which that is looked at; for how long its slots
were taken (the last `LOW_BITS` bits of each stretch of time, and the rest, as months times slots exceed 64 bits), and
for how long any was. Since when it is paid for (`NEVER` if it is not) and for how long it was before, when it is up,
and whether it drains."""

END, NUMBERED, LEG, DECODE, PREFILLS = range(5)
SLOT_FIELDS: Final = 5
"""Of a slot that is taken: where `PREFILLED` or `DECODED` will be when its phase ends; the number of its leg in the
run, and the leg itself (-1 if its client hung up); the work to decode; whether it prefills."""

PREFILL_SPEED, DECODE_SPEED, BESIDE_SPEED = range(3)


class Prompts(NamedTuple):
    """Columns of legs beside `Legs`, where stations have replicas; else without rows."""

    prefill: Ints
    lot: Ints


class Batches(NamedTuple):
    """What serves in batches. `first` and `where` are columns beside the log: first token, and number of the replica.

    `plan` has rows of (time, replicas wanted), `window` is the start and the end of what is measured.
    """

    carried: Prompts
    prompts: Prompts
    first: Ints
    where: Ints
    stations: Ints
    replicas: Ints
    slots: Ints
    speeds: Ints
    plan: Ints
    window: Ints


ALLOWED, WITHIN, OPEN_FOR, OPENED, RING, COUNTED, PLACE = range(7)
DESK_FIELDS: Final = 7
"""Of what callers keep of a station: failures that its breaker allows, within which time, and for how long it is open;
when it opened (`NEVER`: it has not); where the times of the last failures are kept, how many count, and which place in
that ring is the next."""


class Wishes(NamedTuple):
    """Columns of legs beside `Legs`, where there are callers; else without rows."""

    lenient: Bools
    hedges: Ints
    hedge_ns: Ints


class Desks(NamedTuple):
    """What callers do of their own accord: per station `desks`, and in `failed` when legs failed.

    `hedge` is the hedge of a leg, once its stage has begun, and `rival` the other one of the two while both are under
    way; -1 if there is none. Both are empty where there are no callers.
    """

    carried: Wishes
    wishes: Wishes
    hedge: Ints
    rival: Ints
    desks: Ints
    failed: Ints


class World(NamedTuple):
    """All that the loop works on.

    Rows are counted over the legs `carried` over from earlier itineraries and, behind them, the new `legs`.

    `follower` is the next leg of a leg's chain, once its stage has begun, and `behind` who waits behind it, while it
    waits; -1 if nobody. `numbers` are those of the carried legs in the whole run. An event of `pending` comes with a
    leg, or with -1 - station if it frees a server and is nobody's end; a turn comes with its gate, a step with its
    replica, and the arrival of a carried request with its first leg (-1 if it has none). `gates`, `places` and `bands`
    are explained in `sim.engine.general_lanes`.
    """

    carried: Legs
    legs: Legs
    log: Log
    follower: Ints
    behind: Ints
    requests: Ints
    stations: Ints
    lanes: Ints
    gates: Ints
    places: Ints
    bands: Ints
    limits: Ints
    limits_of: Ints
    weather: Ints
    pending: Pending
    numbers: Ints
    batches: Batches
    callers: Desks
    at: Ints
