"""What a call costs: a rate card, applied in integer nano-dollars."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from sim.columns import Ints
from sim.fleet.token_rates import (
    FEMTO_PER_NANO,
    Tier,
    Tiered,
    TokenRates,
    rates_by_band,
    rising,
    starts_of,
    token_rates,
)
from sim.schema import Spec
from sim.units import Usd, UsdPerMtok, nano_usd

_TOKENS_PER_PRICE = 1_000_000
_HOUR_NS = 3_600 * 10**9


@dataclass(frozen=True, slots=True)
class Rates:
    """A rate card as integers: prices of calls by the length of their prompts, and nano-dollars per replica and hour.

    `bands[0]` are the prices of prompts of up to `starts[0]` input tokens, `bands[1]` those of longer ones, and so on.
    """

    bands: tuple[TokenRates, ...]
    starts: tuple[int, ...]
    replica_hour_nano: int

    def replica_nano(self, replica_ns: int) -> int:
        """Give the fixed cost of replicas that are paid for this long together, in nano-dollars."""
        return (self.replica_hour_nano * replica_ns + _HOUR_NS // 2) // _HOUR_NS


class RateCard(Spec):
    """Prices of one model. Token prices are USD per million tokens, as providers quote them.

    Instead of numbers, the name of a model of the book under `rate_card`: `price: openai/gpt-5`.
    """

    model: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """Model of the book under `rate_card` whose prices these are; its name must be exact."""
    service: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    """Service of the book, such as batch, flex or priority; the standard one where left out."""
    input_mtok: UsdPerMtok = 0.0
    """USD per million input tokens that were neither read from the prompt cache nor written to it."""
    output_mtok: UsdPerMtok = 0.0
    """USD per million output tokens."""
    cache_read_mtok: UsdPerMtok | None = None
    """USD per million input tokens read from the prompt cache; the input price where not given."""
    cache_write_mtok: UsdPerMtok | None = None
    """USD per million input tokens written to the prompt cache; the input price where not given."""
    above: list[Tier] = Field(default_factory=list)
    """Dearer or cheaper prices of calls with long prompts, by rising `input_tokens`."""
    per_call_usd: Usd = 0.0
    """USD per started call."""
    replica_hour_usd: Usd = 0.0
    """USD per replica and hour, for self-hosted models; idle hours cost as much as busy ones."""

    @model_validator(mode="after")
    def _something_is_priced(self) -> Self:
        if not self.model_fields_set - {"model", "service"}:
            raise ValueError("no price given; write for example {input_mtok: 0.25, output_mtok: 1.25}")
        if self.service is not None and self.model is None:
            raise ValueError(
                "a service needs a model of the book; write for example {model: openai/gpt-5, service: batch}"
            )
        return self

    @model_validator(mode="after")
    def _tiers_rise(self) -> Self:
        if not rising(self):
            raise ValueError("the tiers of above must rise by input_tokens")
        return self

    def call_nano(
        self, input_tokens: Ints, cached_tokens: Ints, output_tokens: Ints, cache_write_tokens: Ints | None = None
    ) -> Ints:
        """Give the bill of each call in nano-dollars (int64); cached and written tokens are part of the input tokens.

        Each meter (uncached, cached and written input, output) is rounded half up to a nano-dollar once per call: so a
        single request is said to cost. Sums over requests are priced from their tokens, and not rounded (see `rates`).
        """
        calls, prompt, answer = self.parts_nano(input_tokens, cached_tokens, output_tokens, cache_write_tokens)
        return calls + prompt + answer

    def parts_nano(
        self, input_tokens: Ints, cached_tokens: Ints, output_tokens: Ints, cache_write_tokens: Ints | None = None
    ) -> tuple[Ints, Ints, Ints]:
        """Give the same bill as three parts: per call, for the input and for the output."""
        starts = starts_of(self)
        size = len(input_tokens)
        if not starts:
            return _parts(token_rates(self), input_tokens, cached_tokens, output_tokens, cache_write_tokens)
        bands, found = band_of(input_tokens, starts), tuple(np.zeros(size, dtype=np.int64) for _ in range(3))
        for band, rates in enumerate(rates_by_band(self, starts)):
            rows = np.flatnonzero(bands == band)
            written = None if cache_write_tokens is None else cache_write_tokens[rows]
            parts = _parts(rates, input_tokens[rows], cached_tokens[rows], output_tokens[rows], written)
            for whole, part in zip(found, parts, strict=True):
                whole[rows] = part
        return found[0], found[1], found[2]

    def rates(self, starts: Sequence[int] | None = None) -> Rates:
        """Give the prices as integers: a price per million tokens in nano-dollars is one per token in femto-dollars.

        By the lengths of prompts at which calls were counted, where `starts` gives them. ValueError if those are not
        all at which the prices change.
        """
        starts = starts_of(self) if starts is None else tuple(starts)
        return Rates(rates_by_band(self, starts), starts, nano_usd(self.replica_hour_usd))

    def blended_mtok(self) -> float:
        """Give USD per million tokens at three input tokens to one output token, the usual way to rank models."""
        return (3 * self.input_mtok + self.output_mtok) / 4


def band_of(input_tokens: Ints, starts: Sequence[int]) -> Ints:
    """Give the number of lengths that each prompt is longer than, int64: which of the prices by length a call pays."""
    return np.searchsorted(np.asarray(starts, dtype=np.int64), input_tokens, side="left")


def price_starts(prices: Iterable[Tiered]) -> tuple[int, ...]:
    """Give all lengths of a prompt, in input tokens, at which any of these prices changes, rising."""
    return tuple(sorted({start for one in prices for start in starts_of(one)}))


def _parts(
    rates: TokenRates, input_tokens: Ints, cached_tokens: Ints, output_tokens: Ints, written: Ints | None
) -> tuple[Ints, Ints, Ints]:
    """Give the bill of calls that pay the same prices: per call, for the input, for the output."""
    calls = np.full(len(input_tokens), rates.call_femto // FEMTO_PER_NANO, dtype=np.int64)
    prompt, answer = np.zeros_like(calls), np.zeros_like(calls)
    uncached = input_tokens
    for tokens, femto in ((cached_tokens, rates.cached_femto), (written, rates.cache_write_femto)):
        if tokens is not None and tokens.any():
            uncached = uncached - tokens
            _add_meter(prompt, tokens, femto)
    _add_meter(prompt, uncached, rates.uncached_femto)
    _add_meter(answer, output_tokens, rates.output_femto)
    return calls, prompt, answer


def _add_meter(total: Ints, tokens: Ints, femto: int) -> None:
    """Add what these tokens cost at so many femto-dollars each, every entry rounded half up to a nano-dollar."""
    if not len(tokens) or not femto:
        return
    if int(tokens.max()) > (2**62) // femto:
        raise ValueError(f"a call of {int(tokens.max())} tokens is too dear to count in nano-dollars")
    nano = tokens * femto
    nano += _TOKENS_PER_PRICE // 2
    nano //= _TOKENS_PER_PRICE
    total += nano
