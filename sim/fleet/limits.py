"""How many requests and tokens a provider accepts a minute: token buckets, and what happens to who exceeds them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from sim.columns import Ints
from sim.schema import Spec
from sim.units import PositiveDurationNs

MINUTE_NS: Final = 60_000_000_000

PerMinute = Annotated[int, Field(ge=1, le=10**12)]


class SegmentLimits(Spec):
    """Rate limits of one segment."""

    requests_per_minute: PerMinute | None = None
    """Requests of the segment accepted a minute."""
    tokens_per_minute: PerMinute | None = None
    """Tokens of the segment accepted a minute."""

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.requests_per_minute is None and self.tokens_per_minute is None:
            raise ValueError("limits nothing; write for example {requests_per_minute: 500}")
        return self


class Limits(Spec):
    """Rate limits as providers state them: a bucket that fills at the rate of the limit and holds a `burst` of it."""

    requests_per_minute: PerMinute | None = None
    """Requests accepted a minute."""
    tokens_per_minute: PerMinute | None = None
    """Tokens accepted a minute: those of the prompt and of the answer."""
    by_segment: dict[str, SegmentLimits] = Field(default_factory=dict)
    """What is accepted of one segment, beside the limits for all; `burst` and `on_limit` hold for these too."""
    reserved_output_tokens: Annotated[int, Field(ge=0, le=10**9)] | None = None
    """Tokens that count for an answer when it is asked for (`max_tokens`); the tokens it will have where not given."""
    burst: PositiveDurationNs = Field("1m", validate_default=True)
    """How much may come at once: what the limit accepts in this time. Many providers enforce shorter ones than 1min."""
    on_limit: Literal["reject", "queue"] = "reject"
    """`reject`: a 429 that says when to come again; `queue`: wait for one's turn, first come first served."""

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.requests_per_minute is None and self.tokens_per_minute is None and not self.by_segment:
            raise ValueError(
                "limits nothing; write for example {requests_per_minute: 3000, tokens_per_minute: 2000000}"
            )
        if self.reserved_output_tokens is not None and not self.counts_tokens:
            raise ValueError("reserved_output_tokens count against tokens_per_minute, which is not given")
        return self

    @model_validator(mode="after")
    def _segments_are_below_the_whole(self) -> Self:
        for segment, own in self.by_segment.items():
            for key in ("requests_per_minute", "tokens_per_minute"):
                whole, part = getattr(self, key), getattr(own, key)
                if whole is not None and part is not None and part >= whole:
                    raise ValueError(
                        f"by_segment.{segment}.{key} does nothing: {whole:,} are accepted of all segments together; "
                        "write a smaller number"
                    )
        return self

    @property
    def counts_tokens(self) -> bool:
        """Whether any of the limits counts tokens."""
        own = [segment.tokens_per_minute for segment in self.by_segment.values()]
        return any(most is not None for most in (self.tokens_per_minute, *own))

    def buckets(self) -> Iterator[tuple[str | None, bool, int]]:
        """Yield every limit as (segment or None for all, whether it counts tokens, how many a minute)."""
        rows: list[tuple[str | None, int | None, int | None]] = [
            (None, self.requests_per_minute, self.tokens_per_minute)
        ]
        rows += [(name, own.requests_per_minute, own.tokens_per_minute) for name, own in self.by_segment.items()]
        for segment, requests, tokens in rows:
            if requests is not None:
                yield segment, False, requests
            if tokens is not None:
                yield segment, True, tokens

    def tokens(self, input_tokens: Ints, output_tokens: Ints) -> Ints:
        """Give the tokens that each call counts for, int64."""
        return input_tokens + (output_tokens if self.reserved_output_tokens is None else self.reserved_output_tokens)
