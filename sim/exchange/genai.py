"""Prices of the package genai-prices, taken over into a book. Nothing is fetched: the package carries its prices."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sim.errors import InvalidInput, Issue
from sim.fleet.rate_card import DatedPrices, Hours, PricePeriod, RateBook, Source, Tariff
from sim.fleet.token_rates import PER_TOKEN, Tier

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, Provider

_SERVICE_KEYS = ("processing", "service_tier")
_MOST_NAMES = 5


def catalogue() -> dict[str, tuple[Provider, ModelInfo]]:
    """Give all models by name, ``provider/model``. InvalidInput where the package is missing."""
    try:
        from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415 - an extra, and a second to load
    except ImportError as error:
        hint = "pip install 'tiercast[prices]'"
        raise InvalidInput([Issue("prices by name need the package genai-prices", hint=hint)]) from error
    return {f"{one.id}/{model.id}": (one, model) for one in get_snapshot().providers for model in one.models}


def freeze(names: Sequence[str], at: datetime) -> RateBook:
    """Take the prices of these models over, as they are dated, announced ones included; `at` is the day to note.

    Names must be exact. InvalidInput names all that are unknown, not priced by token, or priced finer than we count.
    """
    known = catalogue()
    from genai_prices import __version__  # noqa: PLC0415 - as above

    models, issues = {}, []
    for name in dict.fromkeys(names):
        if name not in known:
            issues.append(Issue(f"is no model of genai-prices {__version__}", name, hint=_near(name, known)))
            continue
        try:
            models[name] = _dated(known[name][1])
        except ValueError as error:
            issues.append(Issue(f"cannot be taken over: {error}", name, hint="write its prices by hand"))
    if issues:
        raise InvalidInput(issues)
    return RateBook(models=models, source=Source(package="genai-prices", version=__version__, frozen=at))


def _near(name: str, known: dict[str, tuple[Provider, ModelInfo]]) -> str:
    provider, _, model = name.partition("/")
    for one, _ in known.values():
        if one.id == provider:
            taken = one.find_model(model)
            if taken is not None:
                return f"it would be taken for {provider}/{taken.id}; write that if it is meant"
            break
    near = difflib.get_close_matches(name, known, n=_MOST_NAMES, cutoff=0.6)
    if not near:
        near = [full for full in known if full.endswith(f"/{name}")][:_MOST_NAMES]
    return f"near names: {', '.join(near)}" if near else "write provider/model; `tiercast prices list` names them"


def _dated(model: ModelInfo) -> DatedPrices:
    """Give the prices of a model by period: from each date on at which one of them starts."""
    prices = model.prices if isinstance(model.prices, list) else []
    dates = {_start(one.constraint) for one in (*prices, *(model.price_variants or ()))} - {None}
    starts = [None, *(datetime.combine(date, time(), UTC) for date in sorted(d for d in dates if d is not None))]
    periods = [_period(model, start) for start in starts]
    kept = [one for index, one in enumerate(periods) if not index or _content(one) != _content(periods[index - 1])]
    return DatedPrices(periods=kept)


def _start(constraint: Any) -> Any:
    return getattr(constraint, "start_date", None)


def _content(period: PricePeriod) -> dict[str, Any]:
    return period.model_dump(exclude={"since"})


def _period(model: ModelInfo, start: datetime | None) -> PricePeriod:
    """Give the prices that hold from a date on, the last of the list that is active first."""
    instant = start or datetime(1970, 1, 1, tzinfo=UTC)
    listed = list(model.prices) if isinstance(model.prices, list) else []
    base: ModelPrice = listed[0].prices if listed else model.prices  # type: ignore[assignment]
    hours: list[Any] = []
    for one in reversed(listed):
        if hasattr(one.constraint, "start_time"):
            hours.append(one)
        elif one.constraint is None or one.constraint.active(instant):
            base = one.prices
            break
    return PricePeriod(
        since=start,
        hours=[
            Hours(
                after=_utc(one.constraint.start_time),
                before=_utc(one.constraint.end_time),
                services=dict(_services(model, one.prices, instant)),
                **_prices(one.prices),
            )
            for one in hours
        ],
        services=dict(_services(model, base, instant)),
        **_prices(base),
    )


def _utc(clock: time) -> time:
    """Give a time of day in UTC without its zone; the package means UTC where it names none."""
    aware = clock if clock.tzinfo else clock.replace(tzinfo=UTC)
    return datetime.combine(datetime(1970, 1, 1, tzinfo=UTC).date(), aware).astimezone(UTC).time()


def _services(model: ModelInfo, standard: ModelPrice, instant: datetime) -> Iterator[tuple[str, Tariff]]:
    """Yield all prices of services that have their own at an instant; the first variant that names a price counts."""
    found: dict[str, dict[str, Any]] = {}
    for variant in model.price_variants or ():
        key, value = next(iter(variant.when.items()))
        if len(variant.when) > 1 or key not in _SERVICE_KEYS or value in {"default", "standard"}:
            continue
        if hasattr(variant.constraint, "start_time"):
            raise ValueError(f"its service {value} is priced by the time of day, which a book does not hold")
        if variant.constraint is not None and not variant.constraint.active(instant):
            continue
        for name, price in vars(variant.prices).items():
            if price is not None:
                found.setdefault(value, {}).setdefault(name, price)
    for service, prices in found.items():
        yield service, Tariff(**_prices(standard, prices))


def _prices(price: ModelPrice, instead: dict[str, Any] | None = None) -> dict[str, Any]:
    """Give the fields of a tariff: numbers, and tiers where any price has them."""
    values = {name: (instead or {}).get(name, getattr(price, name)) for name in PER_TOKEN}
    if values["input_mtok"] is None and values["output_mtok"] is None:
        raise ValueError("it is not priced by token")
    calls = (instead or {}).get("requests_kcount", price.requests_kcount)
    if hasattr(calls, "tiers"):
        raise ValueError("its price of a call depends on the prompt, which a book does not hold")
    base = {name: _exact(getattr(value, "base", value)) for name, value in values.items()}
    starts = sorted({tier.start for value in values.values() for tier in getattr(value, "tiers", ())})
    tiers = []
    for start in starts:
        dearer = {
            name: _exact(tier.price)
            for name, value in values.items()
            for tier in getattr(value, "tiers", ())
            if tier.start == start
        }
        tiers.append(Tier(input_tokens=start, **dearer))
    return {
        **base,
        "input_mtok": base["input_mtok"] or 0.0,
        "output_mtok": base["output_mtok"] or 0.0,
        "per_call_usd": 0.0 if calls is None else _exact(Decimal(calls) / 1000),
        "above": tiers,
    }


def _exact(price: Decimal | None) -> Any:
    """Give a price as a number; ValueError if it is finer than nano-dollars, so that a sum would not be exact."""
    if price is None:
        return None
    if price.scaleb(9) != int(price.scaleb(9)):
        raise ValueError(f"a price of {price} is finer than a nano-dollar")
    return float(price)
