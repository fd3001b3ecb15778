"""A forecast of spend in the shape of FOCUS 1.4, the open format of bills (FinOps Foundation): shaped, not conformant.

A row per pattern, month, model and meter; then verification, classifiers and judges, and the hours of replicas. Ends of
periods are exclusive. Own columns begin with ``x_`` and stand last.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from sim.experiment.parquet_files import write_parquet

if TYPE_CHECKING:
    from sim.study.spend.answers import MonthSpend, PatternForecast, SpendForecast

STEPS: Final = "steps"
REPLICAS: Final = "replicas"

_MILLION: Final = 1e6
_METERS: Final = {
    "calls": ("Requests", "Requests", 1.0),
    "uncached_tokens": ("Input Tokens", "Tokens", _MILLION),
    "cached_tokens": ("Cached Input Tokens", "Tokens", _MILLION),
    "cache_write_tokens": ("Cache Write Tokens", "Tokens", _MILLION),
    "output_tokens": ("Output Tokens", "Tokens", _MILLION),
}
"""By meter: its name as a bill has it, the unit that is consumed, and how many of them are priced together."""

_UNKNOWN: Final = "not stated"


def focus_csv(found: SpendForecast) -> bytes:
    """Give the rows as CSV."""
    text, rows = io.StringIO(newline=""), list(focus_rows(found))
    table = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue().encode("utf-8", "backslashreplace")


def focus_parquet(found: SpendForecast) -> bytes:
    """Give the rows as Parquet."""
    file, rows = io.BytesIO(), list(focus_rows(found))
    write_parquet(file, {name: [row[name] for row in rows] for name in rows[0]})
    return file.getvalue()


def focus_rows(found: SpendForecast) -> Iterator[dict[str, Any]]:
    """Yield every row; those of a pattern and month add up to its mean spend."""
    for pattern in found.patterns.values():
        for month in pattern.months:
            for model, meters in month.metered.items():
                for meter, usd in meters.items():
                    if usd:
                        name, unit, priced = _METERS[meter]
                        quantity = month.tokens[model][meter]
                        yield _row(found, pattern, month, (model, name, unit), (quantity, priced, usd))
            for service, usd in ((STEPS, month.models.get(STEPS, 0.0)), (REPLICAS, month.causes.get(REPLICAS, 0.0))):
                if usd:
                    yield _row(found, pattern, month, (service, service.title(), "Months"), (1.0, 1.0, usd))


def _row(
    found: SpendForecast,
    pattern: PatternForecast,
    month: MonthSpend,
    sku: tuple[str, str, str],
    bought: tuple[float, float, float],
) -> dict[str, Any]:
    """Give one row; `sku` is (service, meter, unit), `bought` (quantity, units priced together, USD)."""
    (service, meter, unit), (quantity, together, usd) = sku, bought
    begin, end = f"{month.month}-01T00:00:00Z", f"{_after(month.month)}-01T00:00:00Z"
    amount = quantity / together
    price = usd / amount
    cost = price * amount  # to the last digit what its price says
    low, high = month.spend.intervals[found.level]
    return {
        "BilledCost": cost,
        "BillingAccountId": "tiercast",
        "BillingAccountName": found.experiment,
        "BillingCurrency": "USD",
        "BillingPeriodStart": begin,
        "BillingPeriodEnd": end,
        "ChargeCategory": "Usage",
        "ChargeClass": "",
        "ChargeDescription": f"{meter} of {service} under {pattern.name}, forecast",
        "ChargePeriodStart": begin,
        "ChargePeriodEnd": end,
        "ConsumedQuantity": quantity,
        "ConsumedUnit": unit,
        "ContractedCost": cost,
        "EffectiveCost": cost,
        "HostProviderName": _UNKNOWN,
        "InvoiceIssuerName": _UNKNOWN,
        "ListCost": cost,
        "ListUnitPrice": price,
        "PricingQuantity": amount,
        "PricingUnit": f"1000000 {unit}" if together == _MILLION else unit,
        "ServiceCategory": "AI and Machine Learning",
        "ServiceSubcategory": "Generative AI",
        "ServiceName": service,
        "ServiceProviderName": _UNKNOWN,
        "SkuMeter": meter,
        "x_IsSimulated": True,
        "x_Pattern": pattern.name,
        "x_PatternMonthLower": low,
        "x_PatternMonthUpper": high,
        "x_PredictionIntervalLevel": found.level,
    }


def _after(month: str) -> str:
    """Name the next month."""
    year, number = (int(part) for part in month.split("-"))
    return f"{year + number // 12:04d}-{number % 12 + 1:02d}"
