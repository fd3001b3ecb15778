"""What the YAML may say about a forecast of spend: months, traffic, drift, budgets and projects."""

from __future__ import annotations

import math
import re
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from sim.experiment.commitment_spec import Commitment
from sim.experiment.forecast_prices_spec import SpendPrices
from sim.routing.patterns.pattern import PatternName
from sim.schema import Spec
from sim.units import Fraction, Usd
from sim.workload.traffic import GrowthRange, Traffic, UncertainGrowth, number_or_range

MOST_MONTHS: Final = 60


_EARLIEST: Final = "1970-01"
_LATEST: Final = "2199-12"


def _month(text: str) -> str:
    if not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", text):
        raise ValueError(f"{text!r} is no month; write for example 2026-12")
    if not _EARLIEST <= text <= _LATEST:
        raise ValueError(f"{text} is not between {_EARLIEST} and {_LATEST}; write for example 2026-12")
    return text


Logits = Annotated[float, Field(ge=-2, le=2)]
"""Change of log-odds per month."""


class LogitRange(Spec):
    """A change of log-odds that is not known: between these with a probability of 80 %, by a normal law."""

    p10: Logits
    """The change is below this with a probability of 10 %."""
    p90: Logits
    """The change is above this with a probability of 10 %."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.p10 > self.p90:
            raise ValueError(f"p10 {self.p10:g} is above p90 {self.p90:g}")
        return self


UncertainLogits = Annotated[
    Annotated[Logits, Tag("number")] | Annotated[LogitRange, Tag("range")], Discriminator(number_or_range)
]
"""Change of log-odds per month: a number, or {p10: 0.05, p90: 0.46} where it is not known."""


class SpendDrift(Spec):
    """How requests change over the months; what is left out is what the pace says."""

    pace: Literal["none", "calm", "base", "fast"] = "none"
    """Rates per month measured in public usage data. Log-odds of hard tasks, input and output tokens: `calm` +.05,
    +2 %, +2 %; `base` +.20, +7 %, +5 %; `fast` +.46, +12 %, +8.5 % (OpenRouter, State of AI, arXiv 2601.10088)."""
    pace_spread: Fraction = 0.0
    """How far the rates of the pace may be off: each lies within this share of itself with a probability of 80 %."""
    hard_tasks: list[str] = Field(default_factory=list)
    """Task classes whose share grows at the cost of all others, in every segment that has both."""
    hard_logit_per_month: UncertainLogits | None = None
    """Change of the log-odds of a request being of a hard task."""
    input_tokens_per_month: UncertainGrowth | None = None
    """Compound growth of input tokens per request."""
    output_tokens_per_month: UncertainGrowth | None = None
    """Compound growth of output tokens per request."""
    escalation_logit_per_month: UncertainLogits = 0.0
    """Change of the log-odds that a request escalates, beyond what the mix of tasks does to it."""

    @model_validator(mode="after")
    def _hard_tasks_are_named(self) -> Self:
        if not self.hard_tasks and (self.hard_logit_per_month is not None or self.pace != "none"):
            raise ValueError("which tasks are hard? write for example hard_tasks: [codegen, math]")
        if self.hard_tasks and self.hard_logit_per_month is None and self.pace == "none":
            raise ValueError("hard_tasks do nothing without a pace or hard_logit_per_month")
        stated = (self.hard_logit_per_month, self.input_tokens_per_month, self.output_tokens_per_month)
        if self.pace != "none" and None not in stated:
            raise ValueError(f"pace {self.pace} does nothing: all of its rates are stated beside it")
        if self.pace_spread and self.pace == "none":
            raise ValueError("pace_spread does nothing without a pace")
        return self

    def hard_logit(self) -> UncertainLogits:
        """Give the change of the log-odds of hard tasks per month."""
        if self.hard_logit_per_month is not None:
            return self.hard_logit_per_month
        rate = _PACES[self.pace][0]
        return LogitRange(p10=rate * (1 - self.pace_spread), p90=rate * (1 + self.pace_spread))

    def input_growth(self) -> UncertainGrowth:
        """Give the growth of input tokens per month."""
        return self._growth(1) if self.input_tokens_per_month is None else self.input_tokens_per_month

    def output_growth(self) -> UncertainGrowth:
        """Give the growth of output tokens per month."""
        return self._growth(2) if self.output_tokens_per_month is None else self.output_tokens_per_month

    def _growth(self, number: int) -> GrowthRange:
        rate = _PACES[self.pace][number]
        return GrowthRange(p10=rate * (1 - self.pace_spread), p90=rate * (1 + self.pace_spread))


_PACES: Final = {
    "none": (0.0, 0.0, 0.0),
    "calm": (0.05, 0.02, 0.02),
    "base": (0.20, 0.07, 0.05),
    "fast": (0.46, 0.12, 0.085),
}
"""Change of log-odds of hard tasks, growth of input and of output tokens, per month."""


class SpendBudget(Spec):
    """A line that a month's spend should stay below."""

    usd_per_month: Annotated[Usd, Field(gt=0)]
    """USD per calendar month."""
    patterns: list[PatternName] = Field(default_factory=list)
    """Patterns that are held against it; all where left out."""


class Project(Spec):
    """What introducing a pattern costs, once and every month."""

    pattern: PatternName
    """Pattern that is introduced."""
    instead_of: PatternName | None = None
    """Pattern that runs without the project; the baseline where left out."""
    engineering_usd: Usd
    """USD spent before it starts."""
    upkeep_usd_per_month: Usd = 0.0
    """USD per month for as long as it runs."""


class Forecast(Spec):
    """A forecast of monthly spend by `tiercast forecast`; a run does not depend on it."""

    start: Annotated[str, AfterValidator(_month)]
    """First month, such as 2026-12; the workload describes a usual week at its start."""
    months: Annotated[int, Field(ge=1, le=MOST_MONTHS)] = 12
    """Number of months."""
    draws: Annotated[int, Field(ge=50, le=20_000)] = 400
    """Futures that are drawn; all patterns live through the same ones."""
    level: Annotated[float, Field(ge=0.5, le=0.98)] = 0.8
    """Level of the prediction intervals that are printed; those at 95 % stand in the files too."""
    traffic: Traffic = Traffic()
    """How traffic develops."""
    drift: SpendDrift = SpendDrift()
    """How requests change."""
    prices: SpendPrices | None = None
    """How prices develop beyond what the fleet and its book say."""
    budgets: dict[PatternName, SpendBudget] = Field(default_factory=dict)
    """Lines that monthly spend should stay below, by name."""
    commitments: dict[PatternName, Commitment] = Field(default_factory=dict)
    """Purchases ahead, of which is asked from where on they pay, by name; they change no bill of a pattern."""
    projects: dict[PatternName, Project] = Field(default_factory=dict)
    """Projects of which the month is asked for in which they have paid for themselves, by name."""

    @model_validator(mode="after")
    def _enough_draws(self) -> Self:
        least = math.ceil(round(2 / (1 - self.level), 6)) - 1
        if self.draws < least:
            raise ValueError(
                f"{self.draws} draws have no interval at a level of {100 * self.level:g}%; it takes {least} of "
                "them, the least and the greatest of which bound it"
            )
        return self


__all__ = ["Forecast", "GrowthRange", "LogitRange", "Project", "SpendBudget", "SpendDrift", "UncertainLogits"]
