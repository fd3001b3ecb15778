"""A circuit breaker: whether callers stop asking a model for a while after it has failed too often."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sim.schema import Spec
from sim.units import PositiveDurationNs


class Breaker(Spec):
    """Leaves a model alone for some time when calls to it fail too often; one breaker for all its callers.

    As a gateway's cooldown: when it is over, all calls go to the model again, without a trial call before.
    """

    allowed_fails: Annotated[int, Field(ge=0, le=10_000)] = 3
    """Failures that are let pass within the time `within`; one more opens the breaker. Calls that end in an error, are
    given up or rejected count, but not those that a pattern would rather not let wait."""
    within: PositiveDurationNs = Field("1m", validate_default=True)
    """Time in which failures are counted, back from each of them."""
    cooldown: PositiveDurationNs = Field("60s", validate_default=True)
    """How long no call goes to the model: each goes to the next of its fallback models at once, or has no answer."""
