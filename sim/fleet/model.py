"""A model of the fleet, and which one is the cheap tier and which the frontier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sim.fleet.capacity import Capacity, batching_of, queue_of, queues_by_segment
from sim.fleet.client import Client
from sim.fleet.faults import Faults
from sim.fleet.limits import Limits
from sim.fleet.order import Order
from sim.fleet.prices import RateCard
from sim.fleet.service import Service, TokenService
from sim.schema import Spec

Tier = Literal["cheap", "balanced", "frontier"]
_CALLS_PER_MTOK = 1_000  # calls of 750 input and 250 output tokens


class Model(Spec):
    """One model that requests can be sent to."""

    tier: Tier | None = None
    """Place in the ladder; the lowest blended price is cheap and the highest frontier where no model says so."""
    price: RateCard
    """What a call costs."""
    service: Service
    """How long a call takes once it is taken up."""
    capacity: Capacity = "unlimited"
    """How many calls are served at once."""
    order: Order = "fifo"
    """Who goes first where calls wait, for a server or at limits that queue: `fifo` as they come, or by segment."""
    limits: Limits | None = None
    """Requests and tokens accepted a minute."""
    provider: str | None = None
    """Name of the provider (see `providers`) whose limits and faults this model shares with others."""
    faults: Faults = Faults()
    """Errors, outages and slow periods."""
    client: Client = Client()
    """What the caller does when a call takes long, fails or is rejected."""
    verbosity: Annotated[float, Field(gt=0, le=1000)] = 1.0
    """Output tokens relative to the law of the task class (1.3 = 30 % longer answers)."""

    def may_refuse(self) -> bool:
        """Say whether a call may end in anything but an answer, wait at a limit, be overtaken, or be in a batch."""
        return (
            self._may_fail()
            or batching_of(self.capacity) is not None
            or self.order != "fifo"
            or self.client.hedge is not None
        )

    def bounds_waits(self) -> bool:
        """Say whether what waits for this model cannot grow without end: its queue is full, or those in it give up."""
        client = self.client
        return queue_of(self.capacity) is not None or client.queue_timeout is not None or client.timeout is not None

    def _may_fail(self) -> bool:
        """Say whether a call may be rejected, end in an error, or be given up."""
        return (
            queue_of(self.capacity) is not None
            or bool(queues_by_segment(self.capacity))
            or self.limits is not None
            or self.provider is not None
            or self.faults != Faults()
            or self.client.queue_timeout is not None
            or self.client.timeout is not None
        )

    @model_validator(mode="after")
    def _breaker_has_failures(self) -> Self:
        if self.client.breaker is not None and not self._may_fail():
            raise ValueError("a breaker counts failures, and no call to this model can fail; write a client.timeout")
        return self

    @model_validator(mode="after")
    def _replicas_need_a_pool(self) -> Self:
        if self.price.replica_hour_usd and self.capacity == "unlimited":
            raise ValueError(
                "a price per replica-hour needs a number of replicas; write capacity: {concurrency: 16, replicas: 2}"
            )
        return self

    @model_validator(mode="after")
    def _batches_need_tokens(self) -> Self:
        if batching_of(self.capacity) is not None and not isinstance(self.service, TokenService):
            raise ValueError(
                "a batch slows reading the prompt and decoding apart; write service: {ttft: 60ms, inter_token: 30ms}"
            )
        return self


def reached(fleet: Mapping[str, Model], called: Sequence[str]) -> tuple[str, ...]:
    """Give the models that may be asked where these are called: they, those they fall back to, and those of hedges.

    Names that the fleet does not have are let through.
    """
    clients = [fleet[name].client for name in called if name in fleet]
    asked = [*called, *(other for client in clients for other in client.fallback)]
    hedges = (fleet[name].client.hedge for name in asked if name in fleet)
    return tuple(dict.fromkeys((*asked, *(hedge.model for hedge in hedges if hedge is not None and hedge.model))))


def cheap_and_frontier(fleet: Mapping[str, Model]) -> tuple[str, str]:
    """Give the names of the cheap and the frontier model: by `tier` where declared, else by price.

    Among equals the first in the file is cheap and the last is frontier. A model declared balanced is neither, unless
    no other is left.
    """
    ranked = sorted(fleet, key=lambda name: _usd_per_mtok(fleet[name]))
    cheap = next((name for name in fleet if fleet[name].tier == "cheap"), None)
    frontier = next((name for name in reversed(list(fleet)) if fleet[name].tier == "frontier"), None)
    return cheap or _pick(fleet, ranked, frontier), frontier or _pick(fleet, ranked[::-1], cheap)


def _pick(fleet: Mapping[str, Model], ranked: Sequence[str], taken: str | None) -> str:
    """Give the first name that is not taken, one not declared balanced before others; the taken one if it is alone."""
    free = [name for name in ranked if name != taken] or list(ranked)
    return next((name for name in free if fleet[name].tier != "balanced"), free[0])


def _usd_per_mtok(model: Model) -> float:
    """Give the price of a million tokens in calls of a usual size, to rank models by."""
    return model.price.blended_mtok() + _CALLS_PER_MTOK * model.price.per_call_usd
