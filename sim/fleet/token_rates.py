"""What a call pays for its tokens, in exact integers, and how that depends on the length of its prompt.

A price of USD per million tokens that is a whole number of nano-dollars is a whole number of femto-dollars per token,
so that the price of a call, and any sum of them, is an integer and never rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Final, Protocol

from pydantic import Field

from sim.schema import Spec
from sim.units import Tokens, UsdPerMtok, nano_usd

FEMTO_PER_NANO: Final = 1_000_000
"""Femto-dollars per nano-dollar. A token costs a whole number of them, so that nothing is rounded in a sum."""

METERS: Final = ("calls", "uncached_tokens", "cached_tokens", "cache_write_tokens", "output_tokens")
"""What a call to a model is billed by. Input tokens are uncached, read from the prompt cache, or written to it."""

PER_TOKEN: Final = ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok")
"""Names of the prices per million tokens."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What one call uses. Tokens read from the prompt cache, and those written to it, are parts of the input."""

    input_tokens: int
    output_tokens: int
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0

    def __post_init__(self) -> None:
        apart = self.input_tokens - self.cache_read_tokens - self.cache_write_tokens
        if min(apart, self.output_tokens, self.cache_read_tokens, self.cache_write_tokens) < 0:
            raise ValueError(f"{self} has a negative number of tokens, or more cached ones than input")


@dataclass(frozen=True, slots=True)
class TokenRates:
    """Prices as integers, in femto-units: per call, and per token of each kind."""

    call_femto: int
    uncached_femto: int
    cached_femto: int
    cache_write_femto: int
    output_femto: int

    @property
    def by_meter(self) -> tuple[int, ...]:
        """The prices in the order of `METERS`."""
        return self.call_femto, self.uncached_femto, self.cached_femto, self.cache_write_femto, self.output_femto

    def femto(self, usage: Usage, calls: int = 1) -> int:
        """Give what so many calls cost that use this together."""
        uncached = usage.input_tokens - usage.cache_read_tokens - usage.cache_write_tokens
        return (
            calls * self.call_femto
            + uncached * self.uncached_femto
            + usage.cache_read_tokens * self.cached_femto
            + usage.cache_write_tokens * self.cache_write_femto
            + usage.output_tokens * self.output_femto
        )


class Tier(Spec):
    """Prices of calls with a long prompt, for all of their tokens; what is not given stays as it is below."""

    input_tokens: Annotated[Tokens, Field(gt=0)]
    """Calls with more input tokens than this pay these prices; a call with just as many does not."""
    input_mtok: UsdPerMtok | None = None
    """Per million input tokens."""
    output_mtok: UsdPerMtok | None = None
    """Per million output tokens."""
    cache_read_mtok: UsdPerMtok | None = None
    """Per million input tokens read from the prompt cache."""
    cache_write_mtok: UsdPerMtok | None = None
    """Per million input tokens written to the prompt cache."""


class Tiered(Protocol):
    """Prices as they are written: per million tokens, per call, and above some lengths of a prompt."""

    @property
    def input_mtok(self) -> float: ...  # noqa: D102 - as in `RateCard`
    @property
    def output_mtok(self) -> float: ...  # noqa: D102
    @property
    def cache_read_mtok(self) -> float | None: ...  # noqa: D102
    @property
    def cache_write_mtok(self) -> float | None: ...  # noqa: D102
    @property
    def per_call_usd(self) -> float: ...  # noqa: D102
    @property
    def above(self) -> Sequence[Tier]: ...  # noqa: D102


def token_rates(prices: Tiered, input_tokens: int = 0) -> TokenRates:
    """Give the prices of a call with so many input tokens."""
    found: dict[str, float | None] = {name: getattr(prices, name) for name in PER_TOKEN}
    for tier in prices.above:
        if input_tokens > tier.input_tokens:
            found |= {name: price for name in PER_TOKEN if (price := getattr(tier, name)) is not None}
    per_token = {name: None if price is None else nano_usd(price) for name, price in found.items()}
    uncached = per_token["input_mtok"] or 0
    read, write = per_token["cache_read_mtok"], per_token["cache_write_mtok"]
    return TokenRates(
        call_femto=nano_usd(prices.per_call_usd) * FEMTO_PER_NANO,
        uncached_femto=uncached,
        cached_femto=uncached if read is None else read,
        cache_write_femto=uncached if write is None else write,
        output_femto=per_token["output_mtok"] or 0,
    )


def starts_of(prices: Tiered) -> tuple[int, ...]:
    """Give the lengths of a prompt, in input tokens, above which other prices hold; rising."""
    return tuple(tier.input_tokens for tier in prices.above)


def rates_by_band(prices: Tiered, starts: Sequence[int]) -> tuple[TokenRates, ...]:
    """Give the prices of prompts of up to the first of these lengths, of those above it, and so on.

    ValueError if prices change at a length that is not one of them: what was counted cannot be told apart there.
    """
    if not set(starts_of(prices)) <= set(starts):
        raise ValueError(f"prices change at {starts_of(prices)} input tokens, and calls were counted at {starts}")
    return tuple(token_rates(prices, tokens) for tokens in (0, *(start + 1 for start in starts)))


def rising(prices: Tiered) -> bool:
    """Tell whether the tiers rise by their input tokens, as they must."""
    return all(earlier < later for earlier, later in pairwise(starts_of(prices)))
