"""Callers: what those who call a station do of their own accord, beside the rules of `sim.routing.conditions`.

They stand beside conditions. An itinerary without callers is played as if all columns held what stands in nobody's way.

**Breaker.** A station has one, for all who call it. It opens at the instant t at which more than `allowed_fails` of the
station's legs have failed within `within_ns`, that is after t - `within_ns`, and is open for `cooldown_ns`, the instant
t + `cooldown_ns` not included. A leg counts at the instant at which it ends FAILED, TIMED_OUT, ABANDONED or, unless it
is `lenient`, REJECTED: when a server that it frees has gone to the next waiter, and before the next leg of its chain
joins. Nothing counts while the breaker is open, and when it opens all that has counted is forgotten. A leg that is DONE
changes nothing.

A leg that joins while the breaker is open is SKIPPED at that instant, before rule 1: it takes no retry from the balance
and adds none. The legs of its chain that follow it at the same station are passed over, and the next one at another
station joins after its `delay_ns`. Those who joined before are served as if nothing had happened.

**Hedges.** A leg that `hedges` another one is not part of a chain, but stands beside a leg that is. If the leg that it
hedges has not ended `hedge_ns` after it joined, the hedge joins at that time, as one of those who join after a delay;
else it is not tried. It joins by the rules of all legs, but leaves the balance of retries alone. From then on the two
are rivals:

- When one of them is DONE, the other is given up at that instant: after a server that the first one frees has gone to
  the next waiter, and before the client moves on. If a server had taken the other it is CANCELLED, and that server is
  free at once if its station `cancels` (and goes to the next waiter), and else works on to the end that it would have
  had; if it still waited it leaves: WITHDRAWN.
- When one of them has ended in another way, nothing follows while the other is under way. When that has ended in
  another way too, the chain goes on, with what follows the hedged leg, as if that had been the only one.

The leg of the two that is DONE is the one that its chain ends with.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final, Self

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sim.routing.itinerary import Itinerary

_NO_LIMIT: Final = 2**62
_NONE: Final = -1  # both as in `sim.routing.conditions`
MOST_ALLOWED: Final = 10_000
"""How many failures a breaker may allow, as each is remembered."""


@dataclass(frozen=True, slots=True)
class Callers:
    """Columns beside the conditions of an itinerary, as explained above.

    Legs: `lenient` bool[m]; `hedges` int64[m], a row above, of the same request and stage, hedged by one leg at most,
    and no hedge itself, or -1; `hedge_ns` int64[m], 1 or more and less than `NO_LIMIT`. A hedge has no `after` and is
    not named by one.
    Stations: `allowed_fails` int64[k], `MOST_ALLOWED` at most, or `NO_LIMIT` for no breaker; `within_ns` and
    `cooldown_ns` int64[k], 1 or more and less than `NO_LIMIT`.
    """

    lenient: NDArray[np.bool_]
    hedges: NDArray[np.int64]
    hedge_ns: NDArray[np.int64]
    allowed_fails: NDArray[np.int64]
    within_ns: NDArray[np.int64]
    cooldown_ns: NDArray[np.int64]

    def check(self, itinerary: Itinerary) -> None:
        """Raise ValueError if the columns break the contract above; those of the itinerary are known to keep theirs."""
        for field in fields(self):
            column, kind = getattr(self, field.name), np.bool_ if field.name == "lenient" else np.int64
            length = itinerary.legs if field.name in LEG_COLUMNS else len(itinerary.servers)
            if column.dtype != kind:
                raise ValueError(f"callers: {field.name} must be {np.dtype(kind).name}, not {column.dtype}")
            if column.shape != (length,):
                raise ValueError(f"callers: {field.name} has the shape {column.shape}, not ({length},)")
        allowed = self.allowed_fails
        if np.any((allowed < 0) | ((allowed > MOST_ALLOWED) & (allowed != _NO_LIMIT))):
            raise ValueError(f"callers: allowed_fails must lie between 0 and {MOST_ALLOWED}, or be NO_LIMIT")
        for name in ("hedge_ns", "within_ns", "cooldown_ns"):
            column = getattr(self, name)
            if np.any((column < 1) | (column >= _NO_LIMIT)):
                raise ValueError(f"callers: {name} must lie between 1 and {_NO_LIMIT - 1}")
        self._check_hedges(itinerary)

    def _check_hedges(self, itinerary: Itinerary) -> None:
        conditions = itinerary.conditions
        hedge = np.flatnonzero(self.hedges != _NONE)
        if conditions is None or not len(hedge):
            return
        hedged = self.hedges[hedge]
        if np.any((hedged < 0) | (hedged >= hedge)):
            raise ValueError("callers: `hedges` is neither -1 nor a row above")
        for column in (itinerary.leg_request, itinerary.leg_stage):
            if np.any(column[hedge] != column[hedged]):
                raise ValueError("callers: a leg hedges one that is not of the same request and stage")
        if len(np.unique(hedged)) != len(hedged) or np.any(self.hedges[hedged] != _NONE):
            raise ValueError("callers: a leg is hedged twice, or is a hedge itself")
        if np.any(conditions.after[hedge] != _NONE) or np.any(np.isin(conditions.after, hedge)):
            raise ValueError("callers: a hedge is part of a chain")

    def of(self, legs: slice) -> Self:
        """Give the callers of some legs, all those of some requests."""
        columns = {field.name: getattr(self, field.name) for field in fields(self)}
        mine = {name: columns[name][legs] for name in LEG_COLUMNS}
        mine["hedges"] = np.where(mine["hedges"] == _NONE, _NONE, mine["hedges"] - legs.start)
        return type(self)(**columns | mine)


LEG_COLUMNS: Final = ("lenient", "hedges", "hedge_ns")
SHARED_COLUMNS: Final = ("allowed_fails", "within_ns", "cooldown_ns")
"""Those that are the same in all itineraries of a run."""


def plain_callers(legs: int, stations: int) -> Callers:
    """Give callers that do nothing of their own accord."""
    number = np.zeros(stations, dtype=np.int64)
    return Callers(
        lenient=np.zeros(legs, dtype=np.bool_),
        hedges=np.full(legs, _NONE, dtype=np.int64),
        hedge_ns=np.ones(legs, dtype=np.int64),
        allowed_fails=number + _NO_LIMIT,
        within_ns=number + 1,
        cooldown_ns=number + 1,
    )


def callers_of(itinerary: Itinerary) -> Callers:
    """Give the callers of an itinerary, or where it has none, such as do nothing."""
    given = itinerary.callers
    return plain_callers(itinerary.legs, len(itinerary.servers)) if given is None else given
