"""Forecasts whose prices change on a date: a spreadsheet, to the nano-dollar."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import sim
from sim.errors import InvalidInput
from sim.experiment.forecast_prices_spec import PriceSteps
from sim.experiment.resolve import from_mapping, from_resolved
from sim.study.forecast import forecast, quotes_of
from sim.study.spend.costs import spending
from sim.study.spend.futures import Futures
from sim.study.spend.purchases import play
from sim.study.spend.quotes import Prices
from sim.study.spend.scenarios import _changes, price_factors
from sim.workload.traffic import MONTH_DAYS

LIMIT = 4.6
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
        "tiered": {
            "periods": [
                {
                    "input_mtok": 2,
                    "output_mtok": 8,
                    "above": [{"input_tokens": 1000, "input_mtok": 4, "output_mtok": 12}],
                },
                {
                    "since": "2028-02-11T12:00+01:00",
                    "input_mtok": 2,
                    "output_mtok": 8,
                    "cache_read_mtok": 0.2,
                    "cache_write_mtok": 2.5,
                    "above": [{"input_tokens": 2999, "input_mtok": 4, "cache_write_mtok": 5}],
                },
            ]
        },
        "dated": {"periods": [{"since": "2028-02-01", "input_mtok": 1, "output_mtok": 4}]},
        "over": {"periods": [{"until": "2028-03-10", "input_mtok": 2, "output_mtok": 8}]},
    }
}


def experiment(folder: Path, price: Any, prices: dict[str, Any] | None = None, **traffic: Any) -> sim.Experiment:
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
            **({} if prices is None else {"prices": prices}),
        },
    }
    return from_mapping(content, folder)


def futures_of(known: sim.Experiment, *active: str) -> Futures:
    """Give the futures of an experiment, of which only some factors are drawn."""
    quotes = quotes_of(known, tuple(known.spec.fleet))
    assert known.spec.forecast is not None
    assert quotes is not None
    basis = play(known, "reference", starts=quotes.starts)
    return Futures(known.spec.forecast, basis, known.spec.seed, active, quotes)


def nano_by_month(known: sim.Experiment) -> list[int]:
    """Give what frontier-only is expected to cost, in whole nano-dollars."""
    futures = futures_of(known)
    basis = futures.basis
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


def test_prompts_on_either_side_of_a_tier_pay_its_prices_and_so_do_cache_writes(tmp_path: Path) -> None:
    """A tier at the length of the short prompts, from a day in February on another just below that of the long ones."""
    tasks = {
        "chat": {"input_tokens": 1000, "output_tokens": 200, "cached_share": 0.4, "cache_write_share": 0.5},
        "long": {"input_tokens": 3000, "output_tokens": 500, "cached_share": 0.4, "cache_write_share": 0.5},
    }
    known = experiment(tmp_path, "tiered").set(
        f"workload.tasks={json.dumps(tasks)}",
        "workload.mix={chat: 0.75, long: 0.25}",
        "quality.acceptance.long={small: 0.5, large: 0.9}",
    )
    before = 3 * (1000 * 2_000 + 200 * 8_000) + (3000 * 4_000 + 500 * 12_000)  # nano-dollars of four calls
    short = 400 * 200 + 300 * 2_500 + 300 * 2_000 + 200 * 8_000
    after = 3 * short + 1200 * 200 + 900 * 5_000 + 900 * 4_000 + 500 * 8_000
    noon = 10 * 86_400 + 43_200
    february, march = noon * before + (29 * 86_400 - noon) * after, (31 * 86_400 - 3_600) * after
    assert nano_by_month(known) == [february // 8, march // 8]


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


def test_a_model_that_is_taken_up_is_paid_from_its_day_on(tmp_path: Path) -> None:
    """Two weeks at the old price, two and a day at the new one, by the name of a model of the book or in numbers."""
    old, new = 1000 * 2_000 + 200 * 8_000, 1000 * 1_000 + 200 * 4_000
    february = (14 * old + 15 * new) * 86_400 // 2
    for price in ({"input_mtok": 1, "output_mtok": 4}, "dated"):
        known = experiment(tmp_path, "served", {"adopt": [{"model": "large", "on": "2028-02-15", "price": price}]})
        assert nano_by_month(known)[0] == february


def test_a_price_that_declines_is_divided_by_so_much_a_year(tmp_path: Path) -> None:
    """At ten times a year, the middle of the first month of 29 days costs 10 ** -(14.5 / 365.2425)."""
    known = experiment(tmp_path, "served", {"decline": {"times_per_year": 10, "models": ["large"]}})
    factors = price_factors(futures_of(known))
    assert factors[0, :, 0].tolist() == [1.0, 1.0]
    assert factors[:, :, 1] == pytest.approx(np.tile(10 ** -np.array([14.5 / 365.2425, 44.5 / 365.2425]), (50, 1)))
    unknown = experiment(tmp_path, "served", {"decline": {}})
    yearly = price_factors(futures_of(unknown, "prices"))[:, 1, 0] ** (-365.2425 / 44.5)
    assert np.mean((yearly > 2.8) & (yearly < 3.3)) == pytest.approx(0.8, abs=LIMIT * (0.16 / 50) ** 0.5)


def test_prices_step_as_often_and_as_far_as_is_said(tmp_path: Path) -> None:
    """No change in a year as often as a Poisson process has none; up as often as said; half of the rises above 1.67."""
    known = experiment(tmp_path, "served", {"steps": {"per_year": 1.5}}).set(
        "forecast.draws=4000", "forecast.months=12"
    )
    last = price_factors(futures_of(known, "prices"))
    still, expected = np.mean(np.all(last == 1, axis=1)), math.exp(-1.5 * 366 / 365.2425)
    assert still == pytest.approx(expected, abs=LIMIT * (expected * (1 - expected) / 8000) ** 0.5)
    assert price_factors(futures_of(known))[..., 0].tolist() == np.ones((4000, 12)).tolist()
    changes = list(_changes(PriceSteps(), futures_of(known, "prices"), "large", 12.0))
    ups = np.concatenate([times for _, times in changes])
    rises, cuts = ups[ups > 1], ups[ups < 1]
    assert len(rises) / len(ups) == pytest.approx(0.54, abs=LIMIT * (0.25 / len(ups)) ** 0.5)
    assert np.mean(rises > 1.67) == pytest.approx(0.5, abs=LIMIT * (0.25 / len(rises)) ** 0.5)
    assert np.mean(cuts < 0.5) == pytest.approx(0.5, abs=LIMIT * (0.25 / len(cuts)) ** 0.5)
    assert (ups.min(), ups.max()) == (pytest.approx(0.1), pytest.approx(10))


def test_a_step_counts_from_its_moment_on_and_ends_with_its_model(tmp_path: Path) -> None:
    """The mean factor over a month is what a walk through its days finds, and a model taken up starts without any."""
    adopt = [{"model": "large", "on": "2028-03-01", "price": {"input_mtok": 1, "output_mtok": 4}}]
    futures = futures_of(experiment(tmp_path, "served", {"steps": {"per_year": 12}, "adopt": adopt}), "prices")
    found = price_factors(futures)[:, :, 1]
    moments = (np.arange(60_000) + 0.5) / 1000 / MONTH_DAYS
    walked = np.ones((50, 60_000))
    for at, times in _changes(PriceSteps(per_year=12), futures, "large", 60 / MONTH_DAYS):
        behind = moments >= at[:, np.newaxis]
        behind &= (at < 29 / MONTH_DAYS)[:, np.newaxis] == (moments < 29 / MONTH_DAYS)
        walked *= np.where(behind, times[:, np.newaxis], 1.0)
    months = np.stack([walked[:, :29_000].mean(axis=1), walked[:, 29_000:].mean(axis=1)], axis=1)
    assert found == pytest.approx(months, rel=2e-3)


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
        ("2028-02-11T11:00:00Z", "large", "dear", Prices(2.5, 10.0, 0.25, 2.5, 0.0), Prices(3.0, 12.0, 0.5, 3.0, 0.0)),
        ("2028-03-26T01:00:00Z", "large", "next", Prices(3.0, 12.0, 0.5, 3.0, 0.0), Prices(1.0, 4.0, 1.0, 1.0, 0.0001)),
    ]
    assert any(note.startswith("large: prices are those of prices.yaml on each day") for note in found.notes)


def test_a_baseline_without_its_book_is_not_forecast_at_the_prices_of_one_day(tmp_path: Path) -> None:
    """Numbers that a book had on one day are none for the months that follow."""
    known = experiment(tmp_path, "dear")
    kept = from_resolved(known.simulated, {}, tmp_path / "base.json").set("forecast.start=2028-02")
    assert kept.spec.fleet["large"].price == known.spec.fleet["large"].price
    assert kept.hash == known.hash
    with pytest.raises(InvalidInput, match="the book of it is not there"):
        forecast(kept, "reference")
