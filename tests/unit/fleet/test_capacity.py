"""How many calls a station serves at once."""

from __future__ import annotations

from sim.fleet.capacity import Concurrency, replicas_of, servers_of
from sim.routing.itinerary import UNLIMITED


def test_servers_are_concurrency_times_replicas() -> None:
    """Four replicas that serve 16 calls each serve 64, and four are billed."""
    pool = Concurrency(concurrency=16, replicas=4)
    assert (servers_of(pool), replicas_of(pool)) == (64, 4)


def test_unlimited_is_what_the_engine_takes_for_no_queue() -> None:
    """A station without a limit has the engine's number for it, and counts as one replica."""
    assert (servers_of("unlimited"), replicas_of("unlimited")) == (UNLIMITED, 1)
