"""How the caller of a model behaves: how long it waits, how often it tries again, and whom it asks instead."""

from __future__ import annotations

from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from sim.columns import Floats, Ints
from sim.fleet.breaker import Breaker
from sim.fleet.hedge import Hedge
from sim.schema import Spec
from sim.units import Fraction, PositiveDurationNs, as_int64

_MOST_RETRIES = 10


class Backoff(Spec):
    """The pause before the k-th retry: `first` x `factor`^(k - 1), `most` at most, less a random part."""

    first: PositiveDurationNs = Field("500ms", validate_default=True)
    """Pause before the first retry."""
    factor: Annotated[float, Field(ge=1, le=100)] = 2.0
    """What each pause is multiplied by for the next."""
    most: PositiveDurationNs = Field("30s", validate_default=True)
    """Longest pause."""
    jitter: Fraction = 1.0
    """Share of the pause that is random, even from nothing to all of it; 1 is "full jitter", 0 none."""

    def pause_ns(self, retry: int, uniform: Floats) -> Ints:
        """Give the pause before a retry (1 is the first), int64 ns."""
        longest = min(self.first * self.factor ** (retry - 1), self.most)
        return as_int64(longest * (1 - self.jitter * uniform))


class Client(Spec):
    """What the caller does when a call takes long, fails or is rejected; by default it waits and does not try again."""

    queue_timeout: PositiveDurationNs | None = None
    """Longest wait before the call begins to be served; then the caller gives this try up."""
    timeout: PositiveDurationNs | None = None
    """Longest time from asking to the end of the answer; then the caller gives this try up."""
    cancel_on_timeout: bool = False
    """Whether giving up frees the server at once. Hosted models mostly work on, and bill the whole answer."""
    retries: Annotated[int, Field(ge=0, le=_MOST_RETRIES)] = 0
    """How often a call that failed, was rejected or given up is tried again."""
    backoff: Backoff = Backoff()
    """Pause before a retry."""
    heed_retry_after: bool = True
    """Whether a pause is at least as long as a rejection says (a 429's retry-after)."""
    retry_budget: Fraction | None = None
    """Retries allowed as a share of first tries, over all callers; any number where not given."""
    retry_burst: Annotated[int, Field(ge=1, le=10**6)] = 10
    """Retries that the budget holds at most, and at the start."""
    breaker: Breaker | None = None
    """When to leave the model alone for a while; never where not given."""
    hedge: Hedge | None = None
    """When to send a second call beside one that takes long; never where not given."""
    fallback: list[str] = Field(default_factory=list)
    """Models that are asked, one after the other, when all tries are used up; each by its own client's rules, and its
    answer counts as it is."""

    @model_validator(mode="after")
    def _budget_has_retries(self) -> Self:
        if self.retry_budget is not None and not self.retries:
            raise ValueError("retry_budget limits retries, and there are none; write for example retries: 2")
        return self

    def patience_ns(self, without: int) -> int:
        """Give the longest wait before service, or `without` where there is none."""
        return without if self.queue_timeout is None else self.queue_timeout

    def budget_permille(self, without: int) -> int:
        """Give the thousandths of a retry that a first try adds to the budget, or `without` where there is none."""
        return without if self.retry_budget is None else int(np.rint(1000 * self.retry_budget))
