"""What the callers of a station keep of it in the reference engine: the breaker."""

from __future__ import annotations

from collections import deque
from typing import Final

from sim.routing.callers import callers_of
from sim.routing.conditions import NO_LIMIT, LegOutcome
from sim.routing.itinerary import Itinerary

FAILURES: Final = frozenset({LegOutcome.FAILED, LegOutcome.TIMED_OUT, LegOutcome.ABANDONED, LegOutcome.REJECTED})


class Desk:
    """The callers' side of one station: counts failures, and after too many of them in a time asks for nothing."""

    def __init__(self, allowed: int, within_ns: int, cooldown_ns: int) -> None:
        self._allowed = allowed
        self._within_ns = within_ns
        self._cooldown_ns = cooldown_ns
        self._failed_ns: deque[int] = deque()
        self._opened_ns: int | None = None

    def is_open(self, now_ns: int) -> bool:
        """Say whether the breaker is open."""
        return self._opened_ns is not None and now_ns - self._opened_ns < self._cooldown_ns

    def note(self, outcome: LegOutcome, now_ns: int, *, lenient: bool) -> None:
        """Count what became of a leg, now."""
        is_failure = outcome in FAILURES and not (lenient and outcome == LegOutcome.REJECTED)
        if self._allowed == NO_LIMIT or not is_failure or self.is_open(now_ns):
            return
        self._failed_ns.append(now_ns)
        while now_ns - self._failed_ns[0] >= self._within_ns:
            self._failed_ns.popleft()
        if len(self._failed_ns) > self._allowed:
            self._failed_ns.clear()
            self._opened_ns = now_ns


def desks(itinerary: Itinerary) -> list[Desk]:
    """Make the callers' side of each station of a run, from its first itinerary."""
    callers = callers_of(itinerary)
    columns = (callers.allowed_fails, callers.within_ns, callers.cooldown_ns)
    return [Desk(*numbers) for numbers in zip(*(column.tolist() for column in columns), strict=True)]
