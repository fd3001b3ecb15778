"""What the YAML may say about the months ahead: which numbers move, how, and when signals are trained anew."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Field

from sim.chance.paths import AnyPath, Moment
from sim.schema import Spec
from sim.units import PositiveDurationNs

Preset: TypeAlias = Literal["calm", "base", "fast"]

Dotted = Annotated[str, Field(min_length=1, max_length=300)]


class PresetRates(Spec):
    """The monthly rates of a preset."""

    hard_log_odds: float
    """What the log-odds of the share of hard task classes gain a month."""
    input_growth: float
    """Growth of prompt tokens a month."""
    output_growth: float
    """Growth of answer tokens a month."""


PRESETS: Final[dict[Preset, PresetRates]] = {
    "calm": PresetRates(hard_log_odds=0.05, input_growth=0.02, output_growth=0.02),
    "base": PresetRates(hard_log_odds=0.20, input_growth=0.07, output_growth=0.05),
    "fast": PresetRates(hard_log_odds=0.46, input_growth=0.12, output_growth=0.085),
}
"""OpenRouter's State of AI 2025 (arXiv 2601.10088): prompts +6.8 % and answers +4.8 % a month over some 21 months;
programming's share of tokens 11 to 50 % in ten months is +0.21 in log-odds a month, that of reasoning models +0.46."""


class Drift(Spec):
    """How the experiment's numbers move over the months ahead; what is not named here stays as it is."""

    months: Annotated[int, Field(ge=1, le=60)] = 6
    """Calendar months to play forward from `run.start`."""
    epoch: PositiveDurationNs = Field("1d", validate_default=True)
    """Numbers move, gates look and actions take effect between epochs; within one everything stays as it is."""
    thin: Annotated[float, Field(ge=1, le=1e6)] = 1.0
    """One simulated request stands for so many. Queues do not form then: costs, quality and escalation stay true, and
    latencies are those of a fleet with room. Gates that sample see as many answers as they would, where there are so
    many; others see fewer, and notice later than they would."""
    preset: Preset | None = None
    """Rates that were measured on public traffic: the share of `hard` task classes and the lengths of prompts and
    answers grow slowly (calm), as usual (base) or fast."""
    hard: list[str] = Field(default_factory=list)
    """Task classes whose share a preset lets grow."""
    changes: dict[Dotted, AnyPath | Annotated[list[AnyPath], Field(min_length=1, max_length=20)]] = Field(
        default_factory=dict
    )
    """How numbers move, by their place in the experiment, such as `quality.acceptance.codegen.small`. Other shares of
    the same mix make room in proportion. What belongs to `signals` and `quality.confidence` moves from its training on.
    """
    retrain: list[Moment] = Field(default_factory=list)
    """When signals are trained and confidences calibrated anew, whatever gates say."""
