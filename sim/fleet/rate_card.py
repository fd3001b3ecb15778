"""Prices of models over time: what a call costs at an instant, in exact integers.

A price of USD per million tokens that is a whole number of nano-dollars is a whole number of femto-dollars per token,
so that the price of a call, and any sum of them, is an integer and never rounded. Money here is in femto-units of the
currency of the book (10**-15).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from typing import Annotated, TypeAlias

from pydantic import Field, ValidationInfo, model_validator

from sim.fleet.instants import Clock, Instant, show_instant
from sim.fleet.prices import RateCard
from sim.fleet.token_rates import PER_TOKEN, Tier, TokenRates, Usage, rising, token_rates
from sim.schema import Spec
from sim.units import Usd, UsdPerMtok

STANDARD = "standard"
"""The service that a call gets where no other is asked for."""

HOURS_LACK = "prices at other hours of the day"
"""What a card at one instant lacks where prices depend on the hour."""

Currency = Annotated[str, Field(pattern="^[A-Z]{3}$")]
"""Label of a currency, such as USD. Nothing is ever converted."""

Place: TypeAlias = tuple[str | int, ...]


class Tariff(Spec):
    """Prices at one time for one service."""

    input_mtok: UsdPerMtok
    """Per million input tokens."""
    output_mtok: UsdPerMtok
    """Per million output tokens."""
    cache_read_mtok: UsdPerMtok | None = None
    """Per million input tokens read from the prompt cache; the input price where not given."""
    cache_write_mtok: UsdPerMtok | None = None
    """Per million input tokens written to the prompt cache; the input price where not given."""
    per_call_usd: Usd = 0.0
    """Per started call, in the currency of the book."""
    above: list[Tier] = Field(default_factory=list)
    """Dearer or cheaper prices of calls with long prompts, by rising `input_tokens`."""

    def rates(self, input_tokens: int = 0) -> TokenRates:
        """Give the prices of a call with so many input tokens."""
        return token_rates(self, input_tokens)


class ServicedTariff(Tariff):
    """Standard prices, and those of other services."""

    services: dict[str, Tariff] = Field(default_factory=dict)
    """All prices of other services, by name: batch, flex, priority."""

    def of(self, service: str) -> Tariff | None:
        """Give the prices of a service; None if there are none."""
        return self if service == STANDARD else self.services.get(service)


class Hours(ServicedTariff):
    """Prices during some hours of each day, in UTC; may go past midnight."""

    after: Clock
    """First minute of these prices, such as "16:30"."""
    before: Clock
    """First minute that no longer has them."""

    def at(self, clock: time) -> bool:
        """Tell whether these prices hold at a time of day."""
        if self.before < self.after:
            return clock >= self.after or clock < self.before
        return self.after <= clock < self.before


class PricePeriod(ServicedTariff):
    """Prices from an instant on, until another."""

    since: Instant | None = None
    """First instant of these prices; where not given, they have held as long as anybody asks."""
    until: Instant | None = None
    """First instant that no longer has them (the end of a promotion); the start of the next period where not given."""
    hours: list[Hours] = Field(default_factory=list)
    """Other prices at some times of day; the first that holds counts."""

    def at(self, instant: datetime) -> ServicedTariff:
        """Give the prices at an instant of this period."""
        return next((hours for hours in self.hours if hours.at(instant.time())), self)


class DatedPrices(Spec):
    """Prices of one model over time."""

    periods: Annotated[list[PricePeriod], Field(min_length=1)]
    """Prices by time, the earliest first, without gaps; future ones that are announced too."""
    currency: Currency | None = None
    """Must be that of the book, where given."""
    retires: Instant | None = None
    """First instant at which the model does not answer any more."""
    successor: str | None = None
    """Model of this book that calls go to from then on."""

    def problems(self) -> Iterator[tuple[Place, str]]:
        """Yield what does not fit together, and where."""
        for index, (one, following) in enumerate(pairwise(self.periods), 1):
            yield from (((*("periods", index), *place), text) for place, text in _seam(one, following))
        for index, period in enumerate(self.periods):
            if period.since and period.until and period.until <= period.since:
                yield ("periods", index, "until"), f"ends at {show_instant(period.until)}, before it begins"
            yield from ((("periods", index, *place), text) for place, text in _tier_problems(period))
        if self.successor is not None and self.retires is None:
            yield ("successor",), "a model that does not retire has no successor; add for example retires: 2027-03-01"


def _seam(one: PricePeriod, following: PricePeriod) -> Iterator[tuple[Place, str]]:
    """Yield what is wrong between a period and the next."""
    if following.since is None:
        yield ("since",), "only the first period may begin at no date; write one such as since: 2026-03-01"
        return
    begins = show_instant(following.since)
    if one.until is not None and one.until > following.since:
        yield ("since",), f"overlap: begins at {begins}, but the period before ends at {show_instant(one.until)}"
    elif one.until is not None and one.until < following.since:
        yield ("since",), f"gap: nothing is priced from {show_instant(one.until)} until {begins}"
    elif one.since is not None and one.since >= following.since:
        yield ("since",), f"overlap: begins at {begins}, but the period before only at {show_instant(one.since)}"


def _tier_problems(period: PricePeriod) -> Iterator[tuple[Place, str]]:
    tariffs: list[tuple[Place, ServicedTariff]] = [((), period)]
    tariffs += [(("hours", index), hours) for index, hours in enumerate(period.hours)]
    for place, serviced in tariffs:
        if STANDARD in serviced.services:
            yield (*place, "services", STANDARD), "the prices beside services are the standard ones already"
        named = {f"services.{name}": tariff for name, tariff in serviced.services.items()}
        for name, tariff in {"": serviced, **named}.items():
            if not rising(tariff):
                yield (*place, *(name.split(".", 1) if name else ()), "above"), "tiers must rise by input_tokens"


@dataclass(frozen=True, slots=True)
class Period:
    """A time [start, end) with one price: that of `model`, which is a successor after a retirement."""

    start: datetime
    end: datetime
    model: str
    tariff: Tariff

    @property
    def rates(self) -> TokenRates:
        """Prices of calls below any tier."""
        return self.tariff.rates()


class Source(Spec):
    """Where the numbers of a book come from."""

    package: str
    """Package that had the prices."""
    version: str
    """Version of the package."""
    frozen: Instant
    """Day on which they were taken over."""


class RateBook(Spec):
    """Prices of models over time, in one currency."""

    currency: Currency = "USD"
    """Label of the currency of all prices."""
    source: Source | None = None
    """Where the prices were taken from, if from a package."""
    models: Annotated[dict[str, DatedPrices], Field(min_length=1)]
    """Prices by model."""

    @model_validator(mode="after")
    def _fits_together(self, info: ValidationInfo) -> RateBook:
        if not info.context:  # who reads a file tells every problem at its place
            for place, text in self.problems():
                raise ValueError(f"{'.'.join(map(str, place))}: {text}")
        return self

    def problems(self) -> Iterator[tuple[Place, str]]:
        """Yield all that does not fit together, and where."""
        for name, model in self.models.items():
            yield from ((("models", name, *place), text) for place, text in model.problems())
            if model.currency not in {None, self.currency}:
                text = (
                    f"{model.currency} in a book of {self.currency}; a book has one currency, and nothing is converted"
                )
                yield ("models", name, "currency"), text
            if model.successor is not None and model.successor not in self.models:
                yield ("models", name, "successor"), f"'{model.successor}' is no model of this book"
            elif self._in_circle(name):
                yield ("models", name, "successor"), "the successors lead in a circle"

    def price_at(self, model: str, at: datetime, usage: Usage, *, service: str = STANDARD) -> int:
        """Give what one call costs at an instant, in femto-units of the currency, exactly.

        ValueError where the book does not say: an unknown model or service, or a time that has no price.
        """
        return self.tariff_at(model, at, service=service).rates(usage.input_tokens).femto(usage)

    def tariff_at(self, model: str, at: datetime, *, service: str = STANDARD) -> Tariff:
        """Give the prices of a service at an instant; ValueError as for `price_at`."""
        serviced = self.serviced_at(model, at)
        tariff = serviced.of(service)
        if tariff is None:
            known = ", ".join((STANDARD, *serviced.services))
            raise ValueError(f"{model} has no service '{service}' at {show_instant(at)}; it has {known}")
        return tariff

    def serviced_at(self, model: str, at: datetime) -> ServicedTariff:
        """Give the prices of all services at an instant; ValueError as for `price_at`."""
        utc = _aware(at)
        name = self.answering(model, utc)
        for period in reversed(self.models[name].periods):
            if (period.since is None or period.since <= utc) and (period.until is None or utc < period.until):
                return period.at(utc)
        raise ValueError(f"{name} has no price at {show_instant(utc)}")

    def answering(self, model: str, at: datetime) -> str:
        """Give the model that answers calls to `model` at an instant: itself, or a successor."""
        name, utc = model, _aware(at)
        while True:
            if name not in self.models:
                raise ValueError(f"'{name}' is no model of this book; it has {', '.join(sorted(self.models))}")
            retires = self.models[name].retires
            if retires is None or utc < retires:
                return name
            following = self.models[name].successor
            if following is None:
                raise ValueError(f"{name} retires at {show_instant(retires)} and has no successor")
            name = following

    def periods(self, model: str, start: datetime, end: datetime, *, service: str = STANDARD) -> tuple[Period, ...]:
        """Cut [start, end) at every change of price: steps, retirements, hours of the day; ValueError as `price_at`."""
        first, last = _aware(start), _aware(end)
        cuts = sorted({first, last, *(cut for cut in self._changes(model, first, last) if first < cut < last)})
        return tuple(
            Period(one, following, self.answering(model, one), self.tariff_at(model, one, service=service))
            for one, following in pairwise(cuts)
        )

    def card_at(self, model: str, at: datetime, *, service: str = STANDARD) -> tuple[RateCard, tuple[str, ...]]:
        """Give the prices at an instant as the card of a model of a fleet, and words for what such a card lacks.

        Prices of other hours of the day are left out: those at this instant are given.
        """
        tariff, now = self.tariff_at(model, at, service=service), self.serviced_at(model, at)
        dated = self.models[self.answering(model, at)]
        by_hour = (period.at(_aware(at)) is now for period in dated.periods if period.hours)
        hourly = isinstance(now, Hours) or any(by_hour)
        given = {name: price for name in PER_TOKEN if (price := getattr(tariff, name)) is not None}
        if tariff.per_call_usd:
            given["per_call_usd"] = tariff.per_call_usd
        if tariff.above:
            given["above"] = tariff.above
        return RateCard(**given), (HOURS_LACK,) if hourly else ()

    def dated_changes(self, model: str, start: datetime, end: datetime) -> tuple[datetime, ...]:
        """Give the instants between these at which periods begin or end, or a model retires; hours of the day apart."""
        found: set[datetime] = set()
        name: str | None = model
        while name is not None and name in self.models:
            dated = self.models[name]
            ends = [at for period in dated.periods for at in (period.since, period.until)]
            found |= {at for at in (dated.retires, *ends) if at is not None and start < at < end}
            name = dated.successor
        return tuple(sorted(found))

    def _changes(self, model: str, start: datetime, end: datetime) -> Iterator[datetime]:
        """Yield instants at which a price of a model or its successors may change."""
        name: str | None = model
        while name is not None and name in self.models:
            dated = self.models[name]
            yield from (at for at in (dated.retires,) if at is not None)
            for period in dated.periods:
                yield from (at for at in (period.since, period.until) if at is not None)
                clocks = {clock for hours in period.hours for clock in (hours.after, hours.before)}
                days = (end.date() - start.date()).days + 1 if clocks else 0
                for day in range(days):
                    date = start.date() + timedelta(days=day)
                    yield from (datetime.combine(date, clock, UTC) for clock in clocks)
            name = dated.successor

    def _in_circle(self, name: str) -> bool:
        seen: set[str] = set()
        step: str | None = name
        while step in self.models and step not in seen:
            seen.add(step)
            step = self.models[step].successor
        return step == name


def _aware(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return at.astimezone(UTC)
