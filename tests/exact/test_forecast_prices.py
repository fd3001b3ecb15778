"""Forecasts whose prices change on a date: a spreadsheet, to the nano-dollar."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import sim
from sim.errors import InvalidInput
from sim.experiment.resolve import from_mapping
from sim.study.forecast import forecast, quotes_of
from sim.study.spend.costs import spending
from sim.study.spend.futures import Futures
from sim.study.spend.purchases import play

SERVICE = {"ttft": "300ms", "inter_token": "10ms"}
BOOK = {
    "models": {
        "dear": {
            "periods": [
                {"until": "2028-02-11T12:00+01:00", "input_mtok": 2.5, "output_mtok": 10, "cache_read_mtok": 0.25},
                {"since": "2028-02-11T12:00+01:00", "input_mtok": 3, "output_mtok": 12, "cache_read_mtok": 0.5},
            ],
            "retires": "2028-03-26T03:00+02:00",
            "successor": "next",
        },
        "next": {"periods": [{"input_mtok": 1, "output_mtok": 4, "per_call_usd": 0.0001}]},
        "hourly": {
            "periods": [
                {
                    "input_mtok": 2,
                    "output_mtok": 8,
                    "hours": [{"after": "22:00", "before": "06:00", "input_mtok": 1, "output_mtok": 4}],
                }
            ]
        },
        "served": {
            "periods": [
                {"input_mtok": 2, "output_mtok": 8, "services": {"batch": {"input_mtok": 0.5, "output_mtok": 2}}}
            ]
        },
        "over": {"periods": [{"until": "2028-03-10", "input_mtok": 2, "output_mtok": 8}]},
    }
}


def experiment(folder: Path, price: Any, **traffic: Any) -> sim.Experiment:
    """Give calls of 1000 tokens, 400 of them cached, answered by 200; one every two seconds."""
    (folder / "prices.yaml").write_text(yaml.safe_dump(BOOK), encoding="utf-8")
    content = {
        "version": 1,
        "name": "known",
        "workload": {
            "arrivals": {"kind": "poisson", "rate_per_s": 0.5},
            "tasks": {"chat": {"input_tokens": 1000, "output_tokens": 200, "cached_share": 0.4}},
        },
        "rate_card": {"book": "prices.yaml", "on": "2028-01-01"},
        "fleet": {
            "small": {"tier": "cheap", "price": {"input_mtok": 0.25, "output_mtok": 1.25}, "service": SERVICE},
            "large": {"tier": "frontier", "price": price, "service": SERVICE},
        },
        "quality": {"acceptance": {"chat": {"small": 0.9, "large": 0.95}}},
        "run": {"requests": 100, "replications": 2},
        "forecast": {
            "start": "2028-02",
            "months": 2,
            "draws": 50,
            "traffic": {"time_zone": "Europe/Berlin", **traffic},
        },
    }
    return from_mapping(content, folder)


def nano_by_month(known: sim.Experiment) -> list[int]:
    """Give what frontier-only is expected to cost, in whole nano-dollars."""
    basis = play(known, "reference")
    assert known.spec.forecast is not None
    futures = Futures(known.spec.forecast, basis, known.spec.seed, (), quotes_of(known, basis.models))
    spent = spending(futures, basis.bought["frontier-only"], [known.spec.fleet[name] for name in basis.models])
    return [round(usd * 1e9) for usd in spent.total[0].tolist()]


def test_prices_that_change_in_mid_month_are_paid_from_their_instant_on(tmp_path: Path) -> None:
    """A step at noon in a leap February with a launch behind it, a retirement at the hour that clocks skip."""
    known = experiment(tmp_path, "dear", launches=[{"on": "2028-02-16", "times": 2}])
    first = 600 * 2_500 + 400 * 250 + 200 * 10_000  # nano-dollars a call
    second = 600 * 3_000 + 400 * 500 + 200 * 12_000
    third = 1000 * 1_000 + 200 * 4_000 + 100_000
    noon = 10 * 86_400 + 43_200
    launch = 15 * 86_400
    february = noon * first + (launch - noon) * second + 2 * 14 * 86_400 * second
    retires = 25 * 86_400 + 2 * 3_600  # three in the morning is two hours into that day
    march = 2 * (retires * second + (31 * 86_400 - 3_600 - retires) * third)
    assert nano_by_month(known) == [february // 2, march // 2]


def test_prices_by_the_hour_are_paid_by_the_hour(tmp_path: Path) -> None:
    """At level traffic a third of each day in UTC pays the lower price, whatever the clocks of Berlin do."""
    low, high = 1000 * 1_000 + 200 * 4_000, 1000 * 2_000 + 200 * 8_000
    february = 29 * (8 * low + 16 * high) * 3_600
    # 31 days, and an hour less: March ends at 22:00 in UTC, and begins at 23:00
    march = (31 * 8 - 1) * 3_600 * low + 31 * 16 * 3_600 * high
    assert nano_by_month(experiment(tmp_path, "hourly")) == [february // 2, march // 2]


def test_a_service_has_its_own_prices(tmp_path: Path) -> None:
    """Calls of the batch service pay its price, in a run and in a forecast."""
    known = experiment(tmp_path, {"model": "served", "service": "batch"})
    assert known.spec.fleet["large"].price.output_mtok == 2
    assert nano_by_month(known)[0] == 29 * 86_400 // 2 * (1000 * 500 + 200 * 2_000)


def test_a_book_that_says_nothing_of_the_months_is_refused(tmp_path: Path) -> None:
    """Prices that end before the forecast does are no prices that hold on."""
    with pytest.raises(InvalidInput) as caught:
        experiment(tmp_path, "over")
    assert [(issue.path, issue.message) for issue in caught.value.issues] == [
        ("fleet.large.price", "over has no price at 2028-03-10")
    ]


def test_changes_are_told_with_what_answers_from_then_on(tmp_path: Path) -> None:
    """The answer lists each dated change, and says where prices are from."""
    found = forecast(experiment(tmp_path, "dear"), "reference")
    assert [(one.at, one.model, one.answering, one.before, one.after) for one in found.price_changes] == [
        ("2028-02-11T11:00:00Z", "large", "dear", (2.5, 10.0), (3.0, 12.0)),
        ("2028-03-26T01:00:00Z", "large", "next", (3.0, 12.0), (1.0, 4.0)),
    ]
    assert any(note.startswith("large: prices are those of prices.yaml on each day") for note in found.notes)
