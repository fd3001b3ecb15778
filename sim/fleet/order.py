"""Who goes first where calls wait for a model: for a server, and at limits that queue."""

from __future__ import annotations

import math
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from sim.schema import Spec

_LARGEST_MULTIPLE: Final = 10_080


class PriorityOrder(Spec):
    """Some segments go before others. A call that is being served is not interrupted for one that goes before it."""

    kind: Literal["priority"]
    """Kind of order."""
    segments: Annotated[dict[str, Annotated[int, Field(ge=0, le=1_000_000)]], Field(min_length=1)]
    """Priority of each segment, the lowest number first; equal ones are served as they come. Segments that are not
    named come after all that are."""

    def rank(self, segment: str) -> int:
        """Give the rank of a segment, the lowest first."""
        return self.segments.get(segment, 1 + max(self.segments.values()))


class FairOrder(Spec):
    """Segments that wait share the servers in proportion to their weights, by start-time fair queueing.

    At a limit that queues they share what it lets through. What a segment does not use goes to the others, and nobody
    saves anything up.
    """

    kind: Literal["fair"]
    """Kind of order."""
    weights: Annotated[dict[str, Annotated[int, Field(ge=1, le=1_000)]], Field(min_length=1)]
    """Weight of each segment; 1 for segments that are not named. With 3 and 1, three quarters and one quarter of the
    time of the servers, however long the calls of either are."""

    def stride(self, segment: str) -> int:
        """Give what a segment's cost is multiplied by: inverse to its weight, and whole."""
        return math.lcm(*self.weights.values()) // self.weights.get(segment, 1)

    @model_validator(mode="after")
    def _weights_are_round(self) -> Self:
        multiple = math.lcm(*self.weights.values())
        if multiple > _LARGEST_MULTIPLE:
            raise ValueError(
                f"the weights have the least common multiple {multiple:,}; {_LARGEST_MULTIPLE:,} at most is played: "
                "use rounder ones, such as 1, 2, 3, 5 or 10"
            )
        return self


Order = Literal["fifo"] | Annotated[PriorityOrder | FairOrder, Field(discriminator="kind")]
"""`fifo`, or `{kind: priority, segments: {enterprise: 0, free: 1}}`, or `{kind: fair, weights: {enterprise: 3}}`."""
