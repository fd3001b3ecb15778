"""How many requests and tokens a provider accepts a minute: token buckets, and what happens to who exceeds them."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from sim.columns import Ints
from sim.schema import Spec
from sim.units import PositiveDurationNs

MINUTE_NS: Final = 60_000_000_000

PerMinute = Annotated[int, Field(ge=1, le=10**12)]


class Limits(Spec):
    """Rate limits as providers state them: a bucket that fills at the rate of the limit and holds a `burst` of it."""

    requests_per_minute: PerMinute | None = None
    """Requests accepted a minute."""
    tokens_per_minute: PerMinute | None = None
    """Tokens accepted a minute: those of the prompt and of the answer."""
    reserved_output_tokens: Annotated[int, Field(ge=0, le=10**9)] | None = None
    """Tokens that count for an answer when it is asked for (`max_tokens`); the tokens it will have where not given."""
    burst: PositiveDurationNs = Field("1m", validate_default=True)
    """How much may come at once: what the limit accepts in this time. Many providers enforce shorter ones than 1min."""
    on_limit: Literal["reject", "queue"] = "reject"
    """`reject`: a 429 that says when to come again; `queue`: wait for one's turn, first come first served."""

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.requests_per_minute is None and self.tokens_per_minute is None:
            raise ValueError(
                "limits nothing; write for example {requests_per_minute: 3000, tokens_per_minute: 2000000}"
            )
        if self.reserved_output_tokens is not None and self.tokens_per_minute is None:
            raise ValueError("reserved_output_tokens count against tokens_per_minute, which is not given")
        return self

    def tokens(self, input_tokens: Ints, output_tokens: Ints) -> Ints:
        """Give the tokens that each call counts for, int64."""
        return input_tokens + (output_tokens if self.reserved_output_tokens is None else self.reserved_output_tokens)
