"""The total order of events, written once: every engine takes the pending event with the smallest (time, rank).

At one instant completions come before arrivals, completions in the order of their legs' rows (which is request, then
leg) and arrivals in the order of their requests. The rank is computed from data alone: never from insertion order,
chance or an address, so engines that schedule in different orders still agree, and a seed gives one log on any machine.

On a completion the freed server goes to the next waiter of its station first; only then does the request that freed it
move on, and so joins a queue behind those who were there.
"""

from __future__ import annotations

from typing import Final

FIRST: Final = 16
"""Lowest rank of an event of the model; smaller ones belong to the engine's own bookkeeping (SimPy uses 0 and 1)."""
ARRIVALS: Final = 2**62
"""Rank of the first arrival: beyond every completion, however many legs a run has."""


def completion(row: int) -> int:
    """Rank of the end of leg number `row`, counted over all itineraries of a run."""
    return FIRST + row


def arrival(request: int) -> int:
    """Rank of the arrival of request number `request`, counted over all itineraries of a run."""
    return ARRIVALS + request
