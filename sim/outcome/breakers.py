"""For how long a breaker was open, worked out from the failures that it counted."""

from __future__ import annotations

import numpy as np

from sim.columns import Ints
from sim.engine.log import LegLog
from sim.fleet.breaker import Breaker
from sim.outcome.outcomes import Window
from sim.routing.conditions import NO_LIMIT, LegOutcome
from sim.routing.plan import LegGroup, Plan

_ALWAYS = (LegOutcome.FAILED, LegOutcome.TIMED_OUT, LegOutcome.ABANDONED)


def failures(group: LegGroup, plan: Plan, log: LegLog) -> Ints:
    """Give when the legs of a group ended that are failures to a breaker, int64 ns; see `sim.routing.callers`.

    None where the model has no breaker. Station 0 is that of steps; the models follow.
    """
    callers = plan.itinerary.callers
    if log.outcome is None or callers is None or callers.allowed_fails[group.model + 1] == NO_LIMIT:
        return np.empty(0, dtype=np.int64)
    outcome = log.outcome[group.leg]
    counts = np.isin(outcome, _ALWAYS) | ((outcome == LegOutcome.REJECTED) & ~callers.lenient[group.leg])
    failed: Ints = log.ended_ns[group.leg[counts]]
    return failed


def open_ns(breaker: Breaker, failed_ns: Ints, window: Window) -> int:
    """Give the part of the window in which a breaker was open that counted these failures, in any order."""
    times, allowed = np.sort(failed_ns), breaker.allowed_fails
    later = np.arange(allowed, len(times))
    openers = later[times[later] - times[later - allowed] < breaker.within]  # if none before is forgotten
    total, place = 0, 0
    while place < len(openers):
        opened = int(times[openers[place]])
        closed = opened + breaker.cooldown
        total += max(min(closed, window.end_ns) - max(opened, window.start_ns), 0)
        counted = int(np.searchsorted(times, closed))  # the first failure that counts again
        place = int(np.searchsorted(openers, counted + allowed))
    return total
