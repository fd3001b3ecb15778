"""A forecast in the shape of FOCUS: rows that add up, prices that say what they cost."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from cli.commands import TINY
from pyarrow import parquet

import sim
from sim.experiment.yaml_source import parse_yaml
from sim.report.focus import focus_csv, focus_parquet, focus_rows
from sim.study.forecast import forecast
from sim.study.spend.answers import SpendForecast

MANDATORY = {
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodStart",
    "BillingPeriodEnd",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargePeriodStart",
    "ChargePeriodEnd",
    "ContractedCost",
    "EffectiveCost",
    "HostProviderName",
    "InvoiceIssuerName",
    "ListCost",
    "PricingQuantity",
    "PricingUnit",
    "ServiceCategory",
    "ServiceName",
    "ServiceProviderName",
}


@pytest.fixture(scope="module")
def found() -> SpendForecast:
    """Forecast the small experiment, with a priced verification and replicas, over the turn of a year."""
    data: dict[str, Any] = parse_yaml(TINY, "tiny").data
    data["patterns"][0]["verify"] = {"time": "60ms", "usd_per_call": 0.0001}
    data["fleet"]["small"]["price"]["replica_hour_usd"] = 2.5
    data["forecast"] = {
        "start": "2026-12",
        "months": 2,
        "draws": 50,
        "traffic": {"growth_per_month": {"p10": 0, "p90": 0.1}},
    }
    return forecast(sim.from_mapping(data), "reference")


def test_rows_add_up_to_the_mean_spend(found: SpendForecast) -> None:
    """If rows of a pattern and month are added up, they are its expected spend: calls, steps and replicas."""
    sums: dict[tuple[str, str], float] = {}
    for row in focus_rows(found):
        key = row["x_Pattern"], row["BillingPeriodStart"][:7]
        sums[key] = sums.get(key, 0.0) + row["BilledCost"]
    for name, pattern in found.patterns.items():
        for month in pattern.months:
            assert sums[name, month.month] == pytest.approx(sum(month.models.values()), rel=1e-12)
    assert {row["SkuMeter"] for row in focus_rows(found)} == {"Input Tokens", "Output Tokens", "Steps", "Replicas"}


def test_a_cost_is_its_price_times_its_quantity(found: SpendForecast) -> None:
    """If price and quantity of a row are multiplied, the cost comes out exactly; a list price is the card's."""
    for row in focus_rows(found):
        assert row["BilledCost"] == row["ListUnitPrice"] * row["PricingQuantity"]
    output = {
        row["ServiceName"]: row["ListUnitPrice"] for row in focus_rows(found) if row["SkuMeter"] == "Output Tokens"
    }
    assert output == pytest.approx({"small": 1.25, "large": 10.0})


def test_columns_and_periods_are_those_of_the_format(found: SpendForecast) -> None:
    """If a tool for bills reads a row, the mandatory columns are there, ends are exclusive, own columns stand last."""
    rows = list(csv.DictReader(io.StringIO(focus_csv(found).decode())))
    assert set(rows[0]) >= MANDATORY
    names = list(rows[0])
    own = [name for name in names if name.startswith("x_")]
    assert names[-len(own) :] == own
    periods = {(row["BillingPeriodStart"], row["BillingPeriodEnd"]) for row in rows}
    assert periods == {
        ("2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("2027-01-01T00:00:00Z", "2027-02-01T00:00:00Z"),
    }


def test_parquet_has_the_same_rows(found: SpendForecast) -> None:
    """If the rows are written as Parquet, they are those of the CSV file."""
    table = parquet.read_table(io.BytesIO(focus_parquet(found)))
    assert table.num_rows == len(list(focus_rows(found)))
    assert set(table.column_names) >= MANDATORY
