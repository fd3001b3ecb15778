"""Rate limits of the reference engine: token buckets in the form of the generic cell rate algorithm."""

from __future__ import annotations

from typing import Final

from sim.routing.conditions import Conditions
from sim.routing.lanes import Lanes

_LONG_AGO_NS: Final = -(2**63)


class Limit:
    """One limit, which may serve several stations or lanes; it keeps the time at which it would be used up no more.

    Bursts of `burst_ns` are let pass, and in the long run `per_period` legs (or tokens) per `period_ns`.
    """

    def __init__(self, *, of_tokens: bool, period_ns: int, per_period: int, burst_ns: int) -> None:
        self._of_tokens = of_tokens
        self._period_ns = period_ns
        self._per_period = per_period
        self._burst_ns = burst_ns
        self._full_ns = _LONG_AGO_NS

    def room_from(self, tokens: int) -> int:
        """Give the time (ns) from which there is room for a leg of so many tokens, if nobody else comes."""
        return self._full_ns + self.cost_ns(tokens) - self._burst_ns

    def take(self, tokens: int, now_ns: int) -> None:
        """Let a leg of so many tokens take from the limit now."""
        self._full_ns = max(self._full_ns, now_ns) + self.cost_ns(tokens)

    def cost_ns(self, tokens: int) -> int:
        """Give what a leg of so many tokens takes (ns)."""
        number = tokens if self._of_tokens else 1
        return min(-(-number * self._period_ns // self._per_period), self._burst_ns)


def limits_of_gates(conditions: Conditions, lanes: Lanes) -> list[list[Limit]]:
    """Make the limits; give those of each station and, behind these, those of each lane."""
    columns = (
        conditions.limit_of_tokens,
        conditions.limit_period_ns,
        conditions.limit_per_period,
        conditions.limit_burst_ns,
    )
    limits = [
        Limit(of_tokens=of_tokens, period_ns=period_ns, per_period=per_period, burst_ns=burst_ns)
        for of_tokens, period_ns, per_period, burst_ns in zip(*(c.tolist() for c in columns), strict=True)
    ]
    stations = len(conditions.cancels)
    found: list[list[Limit]] = [[] for _ in range(stations + len(lanes.lane_station))]
    for station, limit in conditions.station_limit.tolist():
        found[station].append(limits[limit])
    for lane, limit in lanes.lane_limit.tolist():
        found[stations + lane].append(limits[limit])
    return found
