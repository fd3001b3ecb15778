"""The total order of events, written once: every engine takes the pending event with the smallest (time, rank).

At one instant completions come first, in the order of their legs' rows (which is request, then leg), and arrivals last,
in the order of their requests. Where there are conditions, those who give up come after the completions, then those who
join after a delay, each in the order of their legs, then the turns at limits: of stations in their order, then of
lanes. Steps of replicas, in the order of these, stand between the completions and those who give up, and before the
arrivals it is decided how many replicas are wanted, station by station. The rank is computed from data alone: never
from insertion order, chance or an address, so engines that schedule in different orders still agree, and a seed gives
one log on any machine.

On a completion the freed server goes to the next waiter of its station first; only then does the request that freed it
move on, and so joins a queue behind those who were there.
"""

from __future__ import annotations

from typing import Final

FIRST: Final = 16
"""Lowest rank of an event of the model; smaller ones belong to the engine's own bookkeeping (SimPy uses 0 and 1)."""
STEPS: Final = 2**59
"""Rank of the steps of replica 0: beyond every completion, however many legs a run has."""
GIVING_UP: Final = 2**60
"""Rank of leg 0 giving up: beyond every step."""
JOINING: Final = 2**61
"""Rank of leg 0 joining after a delay: beyond all who give up."""
TURNS: Final = 2**61 + 2**60
"""Rank of the turn at the first limits, those of station 0: beyond all who join after a delay."""
SCALING: Final = 2**61 + 2**60 + 2**59
"""Rank of deciding how many replicas are wanted: beyond all turns."""
ARRIVALS: Final = 2**62
"""Rank of the first arrival: beyond all else."""


def completion(row: int) -> int:
    """Rank of the end of leg number `row`, counted over all itineraries of a run."""
    return FIRST + row


def step(replica: int) -> int:
    """Rank of a phase of a call ending at replica number `replica`, counted over all stations."""
    return STEPS + replica


def giving_up(row: int) -> int:
    """Rank of the patience or the timeout of leg number `row` running out, counted as above."""
    return GIVING_UP + row


def joining(row: int) -> int:
    """Rank of leg number `row` joining after its delay, counted as above."""
    return JOINING + row


def turn(gate: int) -> int:
    """Rank of the moment at which limits may have room for the head of their line: of stations first, then of lanes."""
    return TURNS + gate


def scaling(station: int) -> int:
    """Rank of deciding how many replicas a station is to have."""
    return SCALING + station


def arrival(request: int) -> int:
    """Rank of the arrival of request number `request`, counted over all itineraries of a run."""
    return ARRIVALS + request
