"""Task classes: how long prompts and answers are, and how both go with difficulty."""

from __future__ import annotations

import math
from typing import Annotated, Self

from pydantic import Field, model_validator

from sim.chance.laws import TokenLaw
from sim.schema import Spec
from sim.units import Fraction

Correlation = Annotated[float, Field(ge=-1, le=1)]
Factor = Annotated[float, Field(gt=0, le=1000)]


class Lengths(Spec):
    """How lengths go with the latent difficulty, and with each other between models; correlations of normal latents.

    Whatever is set here, the token laws themselves stay exactly as written (a Gaussian copula).
    """

    input_with_difficulty: Correlation = 0.0
    """Correlation of prompt length with difficulty."""
    output_with_difficulty: Correlation = 0.0
    """Correlation of answer length with difficulty."""
    output_between_models: Annotated[float, Field(ge=0, le=1)] = 0.7
    """Correlation of the answer lengths of two models on one request; .56 to .85 was measured within tasks."""

    @model_validator(mode="after")
    def _difficulty_explains_no_more_than_is_shared(self) -> Self:
        if self.output_with_difficulty**2 > self.output_between_models:
            least = math.ceil(1000 * self.output_with_difficulty**2) / 1000
            raise ValueError(
                f"output_with_difficulty {self.output_with_difficulty} makes the answers of two models correlate by "
                f"its square at least; write output_between_models: {least} or more"
            )
        return self


class TaskClass(Spec):
    """One kind of request. Token laws may be left out only where a trace or an outcome table gives the tokens."""

    input_tokens: TokenLaw | None = None
    """Prompt tokens, cached ones included."""
    output_tokens: TokenLaw | None = None
    """Answer tokens of a model of verbosity 1."""
    cached_share: Fraction = 0.0
    """Share of the prompt tokens that are read from the provider's prompt cache."""
    cache_write_share: Fraction = 0.0
    """Share of the other prompt tokens that are written to it, at the price of cache writes."""
    lengths: Lengths = Lengths()
    """How lengths go with difficulty and between models."""
    input_factor: Factor = 1.0
    """Multiplies the prompt tokens, drawn or recorded: what drift moves where prompts grow longer."""
    output_factor: Factor = 1.0
    """Multiplies the answer tokens, drawn or recorded."""
    difficulty_shift: Annotated[float, Field(ge=-10, le=10)] = 0.0
    """How much harder requests are for every model than where acceptance was measured, in standard deviations of the
    latent; confidence sees it as far as it reads that latent."""
