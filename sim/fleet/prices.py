"""What a call costs: a rate card, applied in integer nano-dollars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from sim.columns import Ints
from sim.schema import Spec
from sim.units import Usd, UsdPerMtok, nano_usd

FEMTO_PER_NANO = 1_000_000
"""Femto-dollars per nano-dollar. A token costs a whole number of them, so that nothing is rounded in a sum."""

_TOKENS_PER_PRICE = 1_000_000
_HOUR_NS = 3_600 * 10**9


@dataclass(frozen=True, slots=True)
class Rates:
    """A rate card as integers: femto-dollars per call and per token, and nano-dollars per replica and hour."""

    call_femto: int
    uncached_femto: int
    cached_femto: int
    output_femto: int
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
    """USD per million input tokens that were not read from the prompt cache."""
    output_mtok: UsdPerMtok = 0.0
    """USD per million output tokens."""
    cache_read_mtok: UsdPerMtok | None = None
    """USD per million input tokens read from the prompt cache; the input price where not given."""
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

    def call_nano(self, input_tokens: Ints, cached_tokens: Ints, output_tokens: Ints) -> Ints:
        """Give the bill of each call in nano-dollars (int64); cached tokens are part of the input tokens.

        Each meter (uncached input, cached input, output) is rounded half up to a nano-dollar once per call: so a single
        request is said to cost. Sums over requests are priced from their tokens, and not rounded (see `rates`).
        """
        cached_price = self.input_mtok if self.cache_read_mtok is None else self.cache_read_mtok
        total = np.full(len(input_tokens), nano_usd(self.per_call_usd), dtype=np.int64)
        if cached_tokens.any():
            _add_meter(total, input_tokens - cached_tokens, self.input_mtok)
            _add_meter(total, cached_tokens, cached_price)
        else:
            _add_meter(total, input_tokens, self.input_mtok)
        _add_meter(total, output_tokens, self.output_mtok)
        return total

    def rates(self) -> Rates:
        """Give the prices as integers: a price per million tokens in nano-dollars is one per token in femto-dollars."""
        cached = self.input_mtok if self.cache_read_mtok is None else self.cache_read_mtok
        return Rates(
            call_femto=nano_usd(self.per_call_usd) * FEMTO_PER_NANO,
            uncached_femto=nano_usd(self.input_mtok),
            cached_femto=nano_usd(cached),
            output_femto=nano_usd(self.output_mtok),
            replica_hour_nano=nano_usd(self.replica_hour_usd),
        )

    def blended_mtok(self) -> float:
        """Give USD per million tokens at three input tokens to one output token, the usual way to rank models."""
        return (3 * self.input_mtok + self.output_mtok) / 4


def _add_meter(total: Ints, tokens: Ints, usd_per_mtok: float) -> None:
    """Add what these tokens cost, each entry rounded half up to a nano-dollar."""
    nano_per_mtok = nano_usd(usd_per_mtok)
    if not len(tokens) or not nano_per_mtok:
        return
    if int(tokens.max()) > (2**62) // nano_per_mtok:
        raise ValueError(f"a call of {int(tokens.max())} tokens is too dear to count in nano-dollars")
    nano = tokens * nano_per_mtok
    nano += _TOKENS_PER_PRICE // 2
    nano //= _TOKENS_PER_PRICE
    total += nano
