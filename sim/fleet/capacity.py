"""How many calls a model serves at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from sim.fleet.batching import Batched, Batching, check_segments_are_below
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
        check_segments_are_below(self.queue, self.queue_by_segment)
        return self

    @property
    def servers(self) -> int:
        """Number of calls served at once by all replicas."""
        return self.concurrency * self.replicas


def _form(value: Any) -> str:
    if isinstance(value, Batched):
        return "batching"
    return "batching" if isinstance(value, dict) and "batching" in value else "concurrency"


Pool = Annotated[Annotated[Concurrency, Tag("concurrency")] | Annotated[Batched, Tag("batching")], Discriminator(_form)]
Capacity = Literal["unlimited"] | Pool
"""`unlimited`, or `{concurrency: 64}`, or `{concurrency: 16, replicas: 4}`, or `{batching: {slots: 32, ...}}`."""


def batching_of(capacity: Capacity) -> Batching | None:
    """Give how the replicas of a model serve in batches, or None."""
    return capacity.batching if isinstance(capacity, Batched) else None


def servers_of(capacity: Capacity) -> int:
    """Give the number of calls that may be served at once, by all replicas there may be; 0 if they never queue."""
    if capacity == "unlimited":
        return UNLIMITED_SERVERS
    if isinstance(capacity, Batched):
        return capacity.batching.slots * capacity.batching.most_replicas()
    return capacity.servers


def slots_of(capacity: Capacity) -> int:
    """Give how many calls each replica serves at once where they serve in batches, and else 0."""
    return capacity.batching.slots if isinstance(capacity, Batched) else 0


def fewest_scheduled(capacity: Capacity) -> int | None:
    """Give the smallest number of replicas that a schedule ever wants, or None where none come and go by one."""
    batching = batching_of(capacity)
    return None if batching is None else batching.fewest_scheduled()


def replicas_of(capacity: Capacity) -> int:
    """Give the number of replicas that are billed by the hour (at the start, where it changes)."""
    if capacity == "unlimited":
        return 1
    return capacity.batching.replicas if isinstance(capacity, Batched) else capacity.replicas


def needed(capacity: Capacity, prefill: float, service: float) -> float:
    """Give the time of a server that work needs at least which takes so long alone, `prefill` of it to the first token.

    In full batches a call takes longer and has only a part of its replica.
    """
    batching = batching_of(capacity)
    return service if batching is None else batching.slots * batching.least_replica_time(prefill, service - prefill)


def queue_of(capacity: Capacity) -> int | None:
    """Give how many calls wait at most; None for any number."""
    if capacity == "unlimited":
        return None
    return capacity.batching.queue if isinstance(capacity, Batched) else capacity.queue


def queues_by_segment(capacity: Capacity) -> Mapping[str, int]:
    """Give how many calls of a segment wait at most, where that is limited."""
    if capacity == "unlimited":
        return {}
    return capacity.batching.queue_by_segment if isinstance(capacity, Batched) else capacity.queue_by_segment
