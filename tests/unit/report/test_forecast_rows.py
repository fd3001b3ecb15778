"""A forecast of spend as tidy tables: what stands in each row and column."""

from __future__ import annotations

import csv
import datetime as dt
import io
from typing import Any

import numpy as np
import pytest
from pyarrow import parquet

from sim.experiment.commitment_spec import Commitment
from sim.report.forecast_rows import TABLES
from sim.study.spend.answers import MonthSpend, PatternForecast, SpendForecast, crossed, paid_back, ranged
from sim.study.spend.commitments import committed
from sim.study.spend.quotes import PriceChange, Prices
from sim.workload.traffic import months_from

SPEND = np.array([[60.0], [80.0], [100.0], [400.0]])
"""One month in four futures: the median is 90, the mean 160."""


def month(name: str = "2027-01") -> MonthSpend:
    """Give a month of these futures, of 2,000 requests and 20 users each."""
    return MonthSpend(
        month=name,
        requests=2000.0,
        spend=ranged(SPEND[:, 0], 0.5),
        cumulative=ranged(SPEND[:, 0], 0.5),
        per_1k=ranged(SPEND[:, 0] / 2, 0.5),
        models={"large": 160.0},
        causes={"answer": 160.0},
        users={"all": ranged(SPEND[:, 0] / 20, 0.5)},
        tokens={},
        metered={},
    )


def forecast(**asked: Any) -> SpendForecast:
    """Give the answer for one pattern that is compared with another."""
    pattern = PatternForecast(
        name="cascade",
        months=(month(),),
        total=ranged(SPEND[:, 0], 0.5),
        per_1k=ranged(SPEND[:, 0] / 2, 0.5),
        drivers={"growth": 0.75, "interactions": 0.25},
        drivers_error={"growth": 0.05, "interactions": 0.06},
        savings={"frontier-only": (ranged(400 - SPEND[:, 0], 0.5), ranged(1 - SPEND[:, 0] / 400, 0.5))},
    )
    return SpendForecast("e", "e", "h", 1, 0.5, 4, "frontier-only", 1, 2, {"cascade": pattern}, **asked)


def rows(table: str, found: SpendForecast) -> list[dict[str, str]]:
    """Read a table as CSV."""
    return list(csv.DictReader(io.StringIO(TABLES[table].csv(found).decode())))


def numbers(row: dict[str, str], name: str, unit: str = "_usd") -> dict[str, float]:
    """Give the columns of a quantity of which futures were drawn."""
    return {part: float(row[f"{name}_{part}{unit}"]) for part in ("median", "mean", "lower", "upper")}


def test_a_month_tells_the_median_the_mean_and_the_interval_of_each_quantity() -> None:
    """If a heavy tail lifts the mean, the median stands beside it, and so for each unit of it."""
    (row,) = rows("", forecast())
    assert [row[name] for name in ("pattern", "month", "level", "requests")] == ["cascade", "2027-01", "0.5", "2000.0"]
    assert numbers(row, "spend") == {"median": 90, "mean": 160, "lower": 65, "upper": 325}
    assert numbers(row, "per_1k") == {"median": 45, "mean": 80, "lower": 32.5, "upper": 162.5}
    assert numbers(row, "user_all") == {"median": 4.5, "mean": 8, "lower": 3.25, "upper": 16.25}
    assert (row["model_large_usd"], row["cause_answer_usd"]) == ("160.0", "160.0")


def test_a_commitment_has_a_row_per_month_and_one_for_all_of_them() -> None:
    """At half price $50 cover $100: it pays in the futures above $50, and what is beyond costs the list price."""
    asked = Commitment(models=["large"], usd_per_month=50, discount=0.5)
    months = months_from(dt.date(2027, 1, 1), 2, "UTC")
    usd = np.hstack([SPEND / 2, SPEND])
    use = (usd, np.zeros((4, 2, 5)))
    found = forecast(commitments=(committed("reserved", asked, "cascade", use, (months, 0.5)),))
    first, second, whole = rows(".commitments", found)
    head = (
        "commitment",
        "kind",
        "pattern",
        "month",
        "usd_per_month",
        "break_even_usd",
        "break_even_utilisation_mean",
    )
    assert [first[name] for name in head] == ["reserved", "spend", "cascade", "2027-01", "50.0", "50.0", "0.5"]
    assert [row["month"] for row in (first, second, whole)] == ["2027-01", "2027-02", "all"]
    assert [row["pays"] for row in (first, second, whole)] == ["0.25", "1.0", "0.75"]
    assert numbers(first, "by_use") == {"median": 45, "mean": 80, "lower": 32.5, "upper": 162.5}
    assert numbers(first, "utilisation", "") == {"median": 0.45, "mean": 0.55, "lower": 0.325, "upper": 0.875}
    assert numbers(second, "saving") == {"median": 40, "mean": 35, "lower": 15, "upper": 50}
    assert numbers(whole, "saving") == {"median": 35, "mean": 40, "lower": -2.5, "upper": 87.5}


def test_each_price_that_changes_has_a_row_with_what_it_was_and_is() -> None:
    """If input and cached tokens of long prompts become cheaper on a day and output stays, two rows say so."""
    prices = Prices(2.5, 10.0, 0.25, 2.5, 0.0), Prices(2.0, 10.0, 0.2, 2.5, 0.0)
    found = forecast(price_changes=(PriceChange("2027-01-16", "large", "maker/large-2", *prices, 200_000),))
    assert TABLES[".price-changes"].csv(found).decode() == (
        "from,model,priced_as,above_input_tokens,price,before_usd,after_usd\n"
        "2027-01-16,large,maker/large-2,200000,input_mtok,2.5,2.0\n"
        "2027-01-16,large,maker/large-2,200000,cache_read_mtok,0.25,0.2\n"
    )


def test_budgets_and_projects_have_their_probabilities_by_month() -> None:
    """If a line is crossed in three futures of four, and a project is paid for in one, the rows say so."""
    found = forecast(
        budgets=(crossed(("line", 70.0), "cascade", SPEND, ("2027-01",)),),
        projects=(paid_back(("routing", 100.0, 5.0), ("cascade", "frontier-only"), SPEND, ("2027-01",), 0.5),),
    )
    assert TABLES[".budgets"].csv(found).decode() == (
        "budget,pattern,month,usd_per_month,above,first_above,above_by_then\nline,cascade,2027-01,70.0,0.75,0.75,0.75\n"
    )
    (row,) = rows(".projects", found)
    head = ("project", "pattern", "instead_of", "month", "engineering_usd", "upkeep_usd_per_month", "paid_for")
    assert [row[name] for name in head] == ["routing", "cascade", "frontier-only", "2027-01", "100.0", "5.0", "0.25"]
    assert numbers(row, "net") == {"median": -15, "mean": 55, "lower": -40, "upper": 220}


def test_savings_and_what_makes_spend_uncertain_have_rows_of_their_own() -> None:
    """If a pattern saves against another, in dollars and as a share, both are told; so is each factor's share."""
    (row,) = rows(".savings", forecast())
    assert (row["pattern"], row["against"]) == ("cascade", "frontier-only")
    assert numbers(row, "saving") == {"median": 310, "mean": 240, "lower": 75, "upper": 335}
    assert numbers(row, "saving", "_share") == {"median": 0.775, "mean": 0.6, "lower": 0.1875, "upper": 0.8375}
    assert TABLES[".drivers"].csv(forecast()).decode() == (
        "pattern,factor,variance_share,variance_share_error\ncascade,growth,0.75,0.05\ncascade,interactions,0.25,0.06\n"
    )


@pytest.mark.parametrize("table", TABLES)
def test_parquet_has_the_columns_of_csv_with_types_even_where_there_are_no_rows(table: str) -> None:
    """If nothing is asked about, the columns are there all the same: text or numbers, as ever."""
    read = parquet.read_table(io.BytesIO(TABLES[table].parquet(forecast())))
    lines = list(csv.reader(io.StringIO(TABLES[table].csv(forecast()).decode())))
    assert read.column_names == lines[0]
    assert read.num_rows == len(lines) - 1
    assert {str(kind) for kind in read.schema.types} == {"string", "double"}
    assert [["" if cell is None else str(cell) for cell in row.values()] for row in read.to_pylist()] == lines[1:]


def test_a_commitment_that_never_pays_has_no_break_even() -> None:
    """If no use makes it pay, its cells are empty in CSV and null in Parquet, and never not-a-number."""
    asked = Commitment.model_validate(
        {"models": ["large"], "usd_per_month": 50, "throughput": {"tokens_per_minute": 1, "usable": 0.5}}
    )
    months = months_from(dt.date(2027, 1, 1), 1, "UTC")
    use = (SPEND, np.full((4, 1, 5), 1e9))
    found = forecast(commitments=(committed("units", asked, "cascade", use, (months, 0.5)),))
    read = parquet.read_table(io.BytesIO(TABLES[".commitments"].parquet(found))).to_pylist()
    assert [(row["break_even_usd"], row["break_even_utilisation_median"]) for row in read] == [(None, None)] * 2
    assert [row["break_even_usd"] for row in rows(".commitments", found)] == ["", ""]
