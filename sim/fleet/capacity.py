"""How many calls a model serves at once."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sim.schema import Spec

UNLIMITED_SERVERS = 0


class Concurrency(Spec):
    """A pool of servers with one first-in-first-out queue."""

    concurrency: Annotated[int, Field(ge=1, le=10_000_000)]
    """Calls served at once by one replica."""
    replicas: Annotated[int, Field(ge=1, le=100_000)] = 1
    """Replicas behind the one queue; each is billed by the hour if the rate card says so."""
    queue: Annotated[int, Field(ge=0, le=10**9)] | None = None
    """Calls that wait at most; one more is rejected (a 429). Any number where not given."""

    @property
    def servers(self) -> int:
        """Number of calls served at once by all replicas."""
        return self.concurrency * self.replicas


Capacity = Literal["unlimited"] | Concurrency
"""`unlimited`, or `{concurrency: 64}`, or `{concurrency: 16, replicas: 4}`."""


def servers_of(capacity: Capacity) -> int:
    """Give the number of servers of the station; 0 for one that never queues."""
    return UNLIMITED_SERVERS if capacity == "unlimited" else capacity.servers


def replicas_of(capacity: Capacity) -> int:
    """Give the number of replicas that are billed by the hour."""
    return 1 if capacity == "unlimited" else capacity.replicas
