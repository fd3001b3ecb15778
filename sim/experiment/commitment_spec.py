"""What the YAML may say about buying ahead: committed spend, and throughput that is paid for by the month."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sim.routing.patterns.pattern import PatternName
from sim.schema import Spec
from sim.units import OpenFraction, Usd

Weight = Annotated[float, Field(ge=0, le=100)]


class Throughput(Spec):
    """Capacity that is paid for whether it is used or not; what does not fit into it is paid by use."""

    tokens_per_minute: Annotated[float, Field(gt=0, le=1e12)]
    """Tokens that it serves a minute, counted by the weights below; those of all units that are bought."""
    usable: OpenFraction
    """Share of it that traffic fills before its peaks spill over, such as 60%: what is idle at night serves no peak."""
    output_weight: Weight = 1.0
    """Input tokens that an output token counts for."""
    cached_weight: Weight = 1.0
    """Input tokens that one read from the prompt cache counts for."""


class Commitment(Spec):
    """A purchase ahead, held against paying the calls of some models by use."""

    models: Annotated[list[str], Field(min_length=1)]
    """Models of the fleet whose calls it covers."""
    usd_per_month: Annotated[Usd, Field(gt=0)]
    """USD paid every month of the forecast, used or not."""
    discount: OpenFraction | None = None
    """Committed spend: calls cost less by this share until what was committed is used up."""
    beyond: Literal["list", "discounted"] | None = None
    """What calls beyond committed spend cost: the `list` price (where left out), or the `discounted` one too."""
    throughput: Throughput | None = None
    """Provisioned throughput, instead of a discount."""
    patterns: list[PatternName] = Field(default_factory=list)
    """Patterns that are asked about; all that call these models where left out."""

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Self:
        if (self.discount is None) == (self.throughput is None):
            raise ValueError("a commitment has either a discount or a throughput; write for example discount: 25%")
        if self.beyond is not None and self.discount is None:
            raise ValueError("beyond says what follows committed spend; what exceeds a throughput is paid by use")
        return self
