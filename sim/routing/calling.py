"""What callers of a fleet do of their own accord, as engines see it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from sim.fleet import Model
from sim.routing.callers import Callers, plain_callers


def callers_of_plan(
    fleet: Mapping[str, Model], models: tuple[str, ...], of_legs: Mapping[str, NDArray[Any]]
) -> Callers | None:
    """Give the callers of a plan with these columns of legs; None where they do nothing of their own accord.

    Station 0 is that of steps; the models follow.
    """
    clients = [fleet[name].client for name in models]
    if all(client.breaker is None and client.hedge is None for client in clients):
        return None
    none = plain_callers(0, 1 + len(models))
    for station, client in enumerate(clients, 1):
        breaker = client.breaker
        if breaker is not None:
            none.allowed_fails[station] = breaker.allowed_fails
            none.within_ns[station] = breaker.within
            none.cooldown_ns[station] = breaker.cooldown
    return Callers(allowed_fails=none.allowed_fails, within_ns=none.within_ns, cooldown_ns=none.cooldown_ns, **of_legs)
