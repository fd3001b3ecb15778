"""What the general loop of the compiled engine works on: arrays, and the meaning of their columns."""

from __future__ import annotations

from typing import Final, NamedTuple

from sim.columns import Ints

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

NUMBER, ROW, SIZE, MOST, NEED, CARRIED, UNDER_WAY, STATIONS, GATES = range(9)
AT_FIELDS: Final = 9
"""Where the loop is: next request to arrive and its row; size of the heap; most legs of one request; room that the heap
should have; requests carried; requests that are not over. And how many stations there are, and gates."""

TIME, RANK, OF_ROW = range(3)
EVENT_FIELDS: Final = 3
"""Of an event: when it comes, in which order at one instant, and what with."""

FLAGS, OF_REQUEST, OF_STATION, IN_RUN, FOLLOWER, DELAY, TOKENS, QUEUE_MOST = range(8)
PATIENCE, TIMEOUT, SERVICE, OUTCOME, JOINED, STARTED, ENDED, BEHIND = range(8, 16)
LEG_FIELDS: Final = 16
"""Of a leg: its flags, request and station; its number in the run; the next leg of its chain; what
`sim.routing.conditions` says of it; what has become of it; and who waits behind it, while it waits.

What refers to other legs, or to a request, counts the rows that the loop works on; -1 stands for nobody."""

HEEDS, FAILS, ENDS, STOPS, LENIENT = 1, 2, 4, 8, 16
NEW_STAGE, FOLLOWS, PAYS, HEDGING, HEDGED = 32, 64, 128, 256, 512
LANE_BIT: Final = 16
"""The flags of a leg: those of `sim.routing.conditions` and of `callers`; whether its stage begins with it; whether it
follows another one in a chain, and one at the same station, so that it is a retry; whether it hedges another one, or is
hedged. From `LANE_BIT` on stands the place of its lane."""

PREFILL, LOT, FIRST, WHERE, HEDGES, HEDGE_NS, HEDGE, RIVAL = range(8)
BESIDE_FIELDS: Final = 8
"""Of a leg beside that, where there are replicas or callers: its prefill, and what its replica is picked by; when it
had its first token, and on which replica it is; which leg it hedges and after how long; which one is its hedge, and the
other one of the two while both are under way."""

SERVERS, BUSY, WAITING, BALANCE, BUDGET, BUDGET_MOST, CANCELS, REJECTS, WEATHER, WEATHER_END = range(10)
"""Of a station: servers, how many are busy, legs that wait; its retry balance; where its outages are."""

TURN, LIMITS, LIMITS_END = range(38, 41)
"""Of a gate: when its next turn is, and where its limits are."""

BAND, BAND_END, IS_FAIR = range(41, 44)
"""Of a place where legs wait: where its bands are, in the order in which they go first, or whether by their leads."""

HEAD, TAIL, LEAD, STRIDE = range(4)
BAND_FIELDS: Final = 4
"""Of a band: its first and last leg, how far it is ahead of virtual time, and what a cost is multiplied by."""

LANE_WAITING, LANE_MOST, LANE_BAND = range(44, 47)
PLACE_FIELDS: Final = 47
"""Of a lane: legs that wait, how many may; and which of the bands of its station's places its legs wait in."""

BY_TOKENS, PERIOD, PER, BURST, LEVEL, SINCE = range(6)
LIMIT_FIELDS: Final = 6
"""Of a limit: `level` is how far full_ns lay ahead of time `since`, which fits where full_ns might not."""

FROM, IS_DOWN, SLOWDOWN = range(3)
WEATHER_FIELDS: Final = 3
"""A stretch of time in which the outages of a station do not change: its start, and what holds in it."""

OPEN, MET = range(2)
REQUEST_FIELDS: Final = 2
OVER: Final = -1
"""Of a request: how many chains of its stage have not ended (`OVER`: nothing will come of it any more), and, in bits,
whether any of those that have was answered (1) and whether any answer ends the request (2)."""


REPLICAS, REPLICAS_END, LAST, BALANCE_BY, CURVE = range(10, 15)
SCALES, WANTED, MOST_WANTED, LEAST, STARTUP, COOLDOWN, CHANGED = range(15, 22)
DECIDES, TICK, EVERY, LOAD_EACH, THERE, LOAD, LOAD_SINCE, PLAN, PLAN_END = range(22, 31)
"""Of a station too: where its replicas are, the one picked last, how one is picked, where its speeds are. Whether their
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


ALLOWED, WITHIN, OPEN_FOR, OPENED, RING, COUNTED, PLACE = range(31, 38)
"""And what callers keep of it: failures that its breaker allows, within which time, and for how long it is open; when
it opened (`NEVER`: it has not); where the times of the last failures are kept, how many count, and which place in that
ring is the next."""


class World(NamedTuple):
    """All that the loop works on, beside what only some runs have.

    Few tables with many columns rather than many arrays: each array is some more arguments of everything that numba
    compiles. Rows of `legs` are first the legs carried over from earlier itineraries, then the new ones. `places` are
    explained in `sim.engine.general_lanes`.

    An event of the heap `events` comes with a leg, or with -1 - station if it frees a server and is nobody's end; a
    turn comes with its gate, a step with its replica, and the arrival of a carried request with its first leg (-1 if it
    has none).
    """

    legs: Ints
    requests: Ints
    places: Ints
    bands: Ints
    limits: Ints
    limits_of: Ints
    weather: Ints
    events: Ints
    at: Ints


class Extra(NamedTuple):
    """What only runs with replicas or callers have; the loop is compiled without any of it where there is none.

    `beside` has a row for each leg. `plan` has rows of (time, replicas wanted), `window` is the start and the end of
    what is measured, `failed` holds when legs failed that breakers count.
    """

    beside: Ints
    replicas: Ints
    slots: Ints
    speeds: Ints
    plan: Ints
    window: Ints
    failed: Ints
