"""How much calls ask of limits, and for how long some wait: what shows that a limit cannot keep up."""

from __future__ import annotations

from typing import Final

import numpy as np

from sim.columns import Bools, Ints
from sim.engine.log import LegLog
from sim.outcome.outcomes import Window
from sim.outcome.sums import total
from sim.routing.conditions import Conditions, LegOutcome
from sim.routing.itinerary import Itinerary

_DO_NOT_ASK: Final = (LegOutcome.NOT_TRIED, LegOutcome.DENIED, LegOutcome.SKIPPED, LegOutcome.WITHDRAWN)


class Asked:
    """What the calls that join within the window ask of each limit, in nanoseconds of it.

    A limit that lets n a minute in has a minute for n; so what is asked over the length of the window is its load, as
    that of a server is. A call that is rejected has asked too, and asks again when it is tried again. The limits come
    in the order of the conditions' columns.
    """

    def __init__(self) -> None:
        self.ns: list[int] = []

    def add(self, plan: Itinerary, log: LegLog, window: Window) -> None:
        """Add the calls of some requests."""
        conditions, outcome = plan.conditions, log.outcome
        if conditions is None or outcome is None or not len(conditions.limit_burst_ns):
            return
        self.ns = self.ns or [0] * len(conditions.limit_burst_ns)
        asks = (log.joined_ns >= window.start_ns) & (log.joined_ns < window.end_ns) & ~np.isin(outcome, _DO_NOT_ASK)
        asks &= (outcome != LegOutcome.FAILED) | (log.ended_ns > log.joined_ns)  # one that meets an outage asks nothing
        for station, limit in conditions.station_limit.tolist():
            self._add(conditions, limit, asks & (plan.leg_station == station))
        if conditions.lanes is not None:
            for lane, limit in conditions.lanes.lane_limit.tolist():
                self._add(conditions, limit, asks & (conditions.lanes.lane == lane))

    def _add(self, conditions: Conditions, limit: int, mine: Bools) -> None:
        period, per = int(conditions.limit_period_ns[limit]), int(conditions.limit_per_period[limit])
        burst = int(conditions.limit_burst_ns[limit])
        if not conditions.limit_of_tokens[limit]:
            self.ns[limit] += min(-(-period // per), burst) * int(mine.sum())
            return
        # as the engines count: no product of tokens and period leaves 64 bits, says the contract of conditions
        self.ns[limit] += total(np.minimum(-(-conditions.tokens[mine] * period // per), burst))


class Union:
    """The time within a window that is covered by any of many stretches, which come more or less in order."""

    def __init__(self, window: Window) -> None:
        self.covered_ns = 0
        self._window = window
        self._settled = self._known = window.start_ns
        self._begin = self._end = np.empty(0, dtype=np.int64)

    def add(self, begin: Ints, end: Ints, known_ns: int) -> None:
        """Take in stretches. Those that are added with a later `known_ns` begin no sooner than at this one."""
        if known_ns > self._known:
            self.settle(self._known)
            self._known = known_ns
        some = end > begin
        self._begin = np.concatenate((self._begin, begin[some]))
        self._end = np.concatenate((self._end, end[some]))

    def settle(self, until_ns: int) -> None:
        """Count what is covered before a time, and keep what is left of each stretch."""
        until = min(until_ns, self._window.end_ns)
        begin, end = np.maximum(self._begin, self._settled), self._end
        left = end > begin
        order = np.argsort(begin[left], kind="stable")
        begin, end = begin[left][order], end[left][order]
        if len(begin):
            reached = np.maximum.accumulate(end)
            fresh = np.concatenate(([True], begin[1:] > reached[:-1]))
            last = np.append(np.flatnonzero(fresh)[1:] - 1, len(begin) - 1)
            begin, end = begin[fresh], reached[last]
            self.covered_ns += total(np.maximum(np.minimum(end, until) - begin, 0))
        self._begin, self._end = begin, end
        self._settled = max(self._settled, until)
