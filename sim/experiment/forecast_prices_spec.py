"""What the YAML may say about prices in a forecast: changes nobody announced, falling prices, a model taken up."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Final, Self

from pydantic import Discriminator, Field, Tag, model_validator

from sim.fleet.prices import RateCard
from sim.schema import Spec
from sim.units import Fraction
from sim.workload.traffic import Date, number_or_range

MOST_TIMES: Final = 10.0
"""A single change makes no price dearer or cheaper than this many times."""


class PriceSteps(Spec):
    """Prices of named models stay for long, and then step up or down; every model for itself, by a Poisson process.

    The numbers are those of 57 changes in 382 model-years of the dated history of public price lists, 2025-06 to
    2026-10.
    """

    per_year: Annotated[float, Field(gt=0, le=12)] = 0.15
    """Changes of one model in a year."""
    up: Fraction = 0.54
    """Share of changes that make it dearer."""
    up_times: Annotated[float, Field(gt=1, le=MOST_TIMES)] = 1.67
    """Median of what a price is multiplied by when it rises."""
    down_times: Annotated[float, Field(ge=1 / MOST_TIMES, lt=1)] = 0.5
    """Median of what a price is multiplied by when it falls."""
    spread: Annotated[float, Field(ge=0, le=2)] = 0.6
    """How unequal changes are: the logarithm of a change is lognormal around that of its median, with this standard
    deviation. At 0.6 one rise in ten is above 3.0 times, one cut in ten below 0.22; none is beyond 10 times."""
    models: list[str] = Field(default_factory=list)
    """Models of the fleet that it concerns; all where left out."""


class TimesRange(Spec):
    """A factor that is not known: between these with a probability of 80 %, by a lognormal law."""

    p10: Annotated[float, Field(ge=1, le=1000)]
    """It is below this with a probability of 10 %."""
    p90: Annotated[float, Field(ge=1, le=1000)]
    """It is above this with a probability of 10 %."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.p10 > self.p90:
            raise ValueError(f"p10 {self.p10:g} is above p90 {self.p90:g}")
        return self


Times = Annotated[
    Annotated[float, Field(ge=1, le=1000), Tag("number")] | Annotated[TimesRange, Tag("range")],
    Discriminator(number_or_range),
]
"""A factor: a number, or {p10: 2.8, p90: 3.3} where it is not known."""


class PriceDecline(Spec):
    """Prices of a quality that stays: whoever always takes the cheapest model that is as good pays less and less."""

    times_per_year: Times = TimesRange(p10=2.8, p90=3.3)
    """How many times cheaper in a year. 2.8 to 3.3 is "from $20 to $0.40" over the 3.25 to 3.75 years that it took;
    often quoted is 10 (a16z 2024), and 5 to 10 are measured in arXiv 2511.23455."""
    models: list[str] = Field(default_factory=list)
    """Models of the fleet that are replaced so; all where left out."""


class Adoption(Spec):
    """Another model that is taken up in the place of one of the fleet; it answers as long, as fast and as well."""

    model: str
    """Model of the fleet that it takes the place of."""
    on: Date
    """First day, in the time zone of the traffic."""
    price: RateCard
    """What its calls cost from then on."""

    @model_validator(mode="after")
    def _is_paid_by_use(self) -> Self:
        if self.price.replica_hour_usd:
            raise ValueError("replicas are those of the fleet; the price of one taken up is per token or per call")
        return self


class SpendPrices(Spec):
    """How prices develop beyond what the fleet and its book say."""

    steps: PriceSteps | None = None
    """Changes that nobody announced; `{}` takes the measured numbers."""
    decline: PriceDecline | None = None
    """Falling prices at a quality that stays; `{}` takes 2.8 to 3.3 times a year."""
    adopt: list[Adoption] = Field(default_factory=list)
    """Cheaper or dearer models that are taken up on a day."""

    @model_validator(mode="after")
    def _one_law_per_model(self) -> Self:
        if self.steps is not None and self.decline is not None:
            both = set(self.steps.models) & set(self.decline.models)
            if both or not self.steps.models or not self.decline.models:
                raise ValueError("a price steps or declines: write models under both, and none of them twice")
        adopted = {one.model for one in self.adopt}
        if self.decline is not None and adopted and (adopted & set(self.decline.models) or not self.decline.models):
            raise ValueError("a price that declines takes up cheaper models all the time; leave it out of adopt")
        days = [(one.model, one.on) for one in self.adopt]
        if len(set(days)) < len(days):
            raise ValueError("two models are taken up in the place of one on the same day")
        return self


def day_of(adoption: Adoption) -> dt.date:
    """Give the first day of a model that is taken up."""
    return dt.date.fromisoformat(adoption.on)
