"""How many calls a model serves at once."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sim.schema import Spec

UNLIMITED_SERVERS = 0


class Concurrency(Spec):
    """A pool of servers with one queue: first come, first served where the model has no other `order`."""

    concurrency: Annotated[int, Field(ge=1, le=10_000_000)]
    """Calls served at once by one replica."""
    replicas: Annotated[int, Field(ge=1, le=100_000)] = 1
    """Replicas behind the one queue; each is billed by the hour if the rate card says so."""
    queue: Annotated[int, Field(ge=0, le=10**9)] | None = None
    """Calls that wait at most; one more is rejected (a 429). Any number where not given."""
    queue_by_segment: dict[str, Annotated[int, Field(ge=0, le=10**9)]] = Field(default_factory=dict)
    """Calls of a segment that wait at most, beside `queue`: so that no segment fills the queue for all."""

    @model_validator(mode="after")
    def _segments_are_below_the_whole(self) -> Self:
        for segment, most in self.queue_by_segment.items():
            if self.queue is not None and most >= self.queue:
                raise ValueError(
                    f"queue_by_segment.{segment} does nothing: no more than {self.queue} calls wait at all; "
                    "write a smaller number"
                )
        return self

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
