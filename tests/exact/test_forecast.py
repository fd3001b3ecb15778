"""Forecasts whose answer is known: a spreadsheet, and a compound Poisson sum."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import sim
from sim.experiment.resolve import from_mapping
from sim.study.forecast import forecast, spend_draws
from sim.study.spend.answers import SpendForecast, ranged
from sim.study.spend.costs import spending, with_replicas
from sim.study.spend.futures import Futures
from sim.study.spend.purchases import play

LIMIT = 4.6
SERVICE = {"ttft": "300ms", "inter_token": "10ms"}


def experiment(**changes: Any) -> sim.Experiment:
    """Give two kinds of requests, of fixed tokens each, some of them cached."""
    content: dict[str, Any] = {
        "version": 1,
        "name": "known",
        "seed": 11,
        "workload": {
            "arrivals": {"kind": "poisson", "rate_per_s": 0.5},
            "mix": {"short": 0.75, "long": 0.25},
            "tasks": {
                "short": {"input_tokens": 1000, "output_tokens": 200},
                "long": {"input_tokens": 4000, "output_tokens": 1000},
            },
        },
        "fleet": {
            "small": {"price": {"input_mtok": 0.25, "output_mtok": 1.25}, "service": SERVICE},
            "large": {"price": {"input_mtok": 2.5, "output_mtok": 10}, "service": SERVICE},
        },
        "quality": {"acceptance": {"short": {"small": 0.9, "large": 0.95}, "long": {"small": 0.6, "large": 0.9}}},
        "run": {"duration": "5m", "replications": 5},
        "forecast": {"start": "2028-02", "months": 2, "draws": 50},
    }
    return from_mapping({**content, **changes})


def nano(usd: float) -> int:
    """Give whole nano-dollars."""
    return round(usd * 1e9)


def test_without_uncertainty_the_bill_is_that_of_a_spreadsheet_to_the_nano_dollar() -> None:
    """A leap February, a March with an hour less, a launch in mid-month: seconds x rate x price, in integers."""
    traffic = {
        "time_zone": "Europe/Berlin",
        "launches": [{"on": "2028-03-16", "times": 2}],
    }
    asked = {"start": "2028-02", "months": 2, "draws": 50, "traffic": traffic}
    found = _expected(experiment(forecast=asked))
    short, long = 1000 * 2_500 + 200 * 10_000, 4000 * 2_500 + 1000 * 10_000  # nano-dollars a request
    of_request = (3 * short + long) // 4
    february = 29 * 86_400 // 2 * of_request
    # 15 days before the launch and 16 after it, the last Sunday of which has 23 hours
    march = (15 * 86_400 + 2 * (16 * 86_400 - 3_600)) // 2 * of_request
    assert [nano(usd) for usd in found] == [february, march]


def _expected(known: sim.Experiment) -> list[float]:
    basis = play(known, "reference")
    assert known.spec.forecast is not None
    futures = Futures(known.spec.forecast, basis, known.spec.seed)
    spent = spending(futures, basis.bought["frontier-only"], [known.spec.fleet[name] for name in basis.models])
    assert np.ptp(spent.total, axis=0) == pytest.approx(0, abs=1e-9)
    months: list[float] = spent.total[0].tolist()
    return months


def test_mean_and_deviation_are_those_of_a_compound_poisson_sum() -> None:
    """With N requests expected, spend has mean N E[c] and variance N E[c^2]; real simulations of the time agree."""
    known = experiment(run={"duration": "2m", "replications": 150})
    basis = play(known, "reference")
    assert known.spec.forecast is not None
    futures = Futures(known.spec.forecast, basis, known.spec.seed, ())
    bought = basis.bought["frontier-only"]
    spent = spending(futures, bought, [known.spec.fleet[name] for name in basis.models])
    short, long = 0.0045, 0.02
    requests = 0.5 * 29 * 86_400
    assert spent.total[0, 0] == pytest.approx(requests * (0.75 * short + 0.25 * long), rel=1e-12)
    assert spent.variance[0, 0] == pytest.approx(requests * (0.75 * short**2 + 0.25 * long**2), rel=1e-9)
    price = np.array([2.5e-6, 10e-6])
    simulated = bought.meters[:, :, 1, :, :].sum(axis=(1, 2))[:, [1, 4]] @ price  # USD of each two minutes
    share = 120 / (29 * 86_400)
    mean, variance = spent.total[0, 0] * share, spent.variance[0, 0] * share
    excess = (0.75 * short**4 + 0.25 * long**4) / (0.75 * short**2 + 0.25 * long**2) ** 2 / 60  # kurtosis of the sum
    assert abs(simulated.mean() - mean) <= LIMIT * np.sqrt(variance / 150)
    assert abs(simulated.var(ddof=1) - variance) <= LIMIT * variance * np.sqrt(2 / 149 + excess / 150)


def test_a_future_of_the_same_law_lies_in_the_interval_as_often_as_it_says() -> None:
    """Of 400 futures under another seed, 80 % and 95 % lie within, give or take what chance does to both samples."""
    drift = {"hard_tasks": ["long"], "hard_logit_per_month": {"p10": 0.0, "p90": 0.3}}
    traffic = {"growth_per_month": {"p10": "-2%", "p90": "8%"}, "day_to_day": "10%"}
    known = experiment(forecast={"start": "2028-02", "months": 4, "draws": 2000, "drift": drift, "traffic": traffic})
    found = ranged(spend_draws(known, "reference").spend["frontier-only"].sum(axis=1), 0.8)
    basis, asked = play(known, "reference"), known.spec.forecast
    assert asked is not None
    truth = Futures(asked, basis, 99)
    spent = spending(truth, basis.bought["frontier-only"], [known.spec.fleet[name] for name in basis.models])
    real = (spent.total + np.sqrt(spent.variance) * truth.luck())[:400].sum(axis=1)
    for level, (low, high) in found.intervals.items():
        covered = np.mean((real >= low) & (real <= high))
        assert abs(covered - level) <= LIMIT * np.sqrt(level * (1 - level) * (1 / 400 + 1 / 2000))


def test_parts_add_up_to_the_whole_and_savings_are_taken_future_by_future() -> None:
    """Models and causes split the expected spend; against itself nothing is saved."""
    cascade = {
        "name": "cascade",
        "kind": "cascade",
        "ladder": ["small", "large"],
        "verify": {"time": "60ms", "usd_per_call": 0.0001},
        "escalate_when": {"confidence_below": 0.8},
    }
    found: SpendForecast = forecast(experiment(patterns=[cascade]), "reference")
    for pattern in found.patterns.values():
        for month in pattern.months:
            assert sum(month.models.values()) == pytest.approx(sum(month.causes.values()), rel=1e-12)
            assert month.per_1k is not None
            assert month.per_1k.mean * month.requests / 1000 == pytest.approx(month.spend.mean, rel=1e-12)
            assert abs(sum(month.models.values()) - month.spend.mean) <= LIMIT * month.spend.error
    saved = found.patterns["cascade"].savings["frontier-only"][0].mean
    totals = {name: pattern.total.mean for name, pattern in found.patterns.items()}
    assert saved == pytest.approx(totals["frontier-only"] - totals["cascade"], rel=1e-9)
    assert "frontier-only" not in found.patterns["frontier-only"].savings
    assert {"verification", "wasted_first_pass"} <= set(found.patterns["cascade"].months[0].causes)


def test_engines_forecast_the_same() -> None:
    """What is bought is the same to the integer, so is everything that follows from it."""
    known = experiment(run={"duration": "3m", "replications": 3})
    assert forecast(known, "reference") == forecast(known, "compiled")


def test_growth_weekdays_mix_tokens_and_escalations_are_those_of_a_walk_through_the_days() -> None:
    """Day by day in plain Python: traffic at each noon, mix, tokens and escalations at the middle of each month."""
    traffic = {
        "growth_per_month": "3%",
        "weekday": [1.2, 1.1, 1.0, 1.0, 0.9, 0.8, 0.7],
        "holidays": {"2028-03-08": 0.25},
        "season": [1, 1.1, 0.9, 1, 1, 1, 1, 1, 1, 1, 1, 1],
    }
    drift = {
        "hard_tasks": ["long"],
        "hard_logit_per_month": 0.3,
        "input_tokens_per_month": "5%",
        "output_tokens_per_month": "-4%",
        "escalation_logit_per_month": 0.2,
    }
    asked = {"start": "2028-02", "months": 2, "draws": 50, "traffic": traffic, "drift": drift}
    ladder = {"name": "cascade", "kind": "cascade", "ladder": ["small", "large"]}
    pattern = {**ladder, "verify": {"time": "60ms"}, "escalate_when": {"confidence_below": 0.8}}
    known = experiment(forecast=asked, patterns=[pattern], run={"requests": 400, "replications": 1})
    basis = play(known, "reference")
    assert known.spec.forecast is not None
    fleet = [known.spec.fleet[name] for name in basis.models]
    spent = spending(Futures(known.spec.forecast, basis, known.spec.seed, ()), basis.bought["cascade"], fleet)
    seen = basis.bought["cascade"].count[0].reshape(2, 2).tolist()  # by task (short, long): kept, escalated
    for month, days in enumerate((29, 31)):
        first = 29 * month
        requests, middle = 0.0, (first + days / 2) / (365.2425 / 12)
        for day in range(days):
            weight = traffic["weekday"][(1 + first + day) % 7] * 7 / 6.7 * (1.1, 0.9)[month]  # 2028-02-01: a Tuesday
            weight *= 0.25 if (month, day) == (1, 7) else 1.0
            requests += 0.5 * 86_400 * weight * 1.03 ** ((first + day + 0.5) / (365.2425 / 12))
        odds = 0.25 / 0.75 * math.exp(0.3 * middle)
        into, out, total = 1.05**middle, 0.96**middle, 0.0
        for share, (kept, climbed), (input_tokens, output_tokens) in zip(
            (1 / (1 + odds), odds / (1 + odds)), seen, ((1000, 200), (4000, 1000)), strict=True
        ):
            odds_of_more = climbed / kept * math.exp(0.2 * middle)
            cheap = (input_tokens * into * 0.25 + output_tokens * out * 1.25) / 1e6
            dear = (input_tokens * into * 2.5 + output_tokens * out * 10) / 1e6
            total += requests * share * (cheap + dear * odds_of_more / (1 + odds_of_more))
        assert spent.total[0, month] == pytest.approx(total, rel=1e-9)


@pytest.mark.parametrize("day_to_day", [0.0, 0.1])
def test_drawn_months_have_the_mean_and_the_deviation_of_a_compound_poisson_sum(day_to_day: float) -> None:
    """Of 5,000 futures, means and deviations of a month are those of the formulas; days that vary add theirs."""
    asked = {"start": "2028-02", "months": 2, "draws": 5_000, "traffic": {"day_to_day": day_to_day}}
    known = experiment(forecast=asked, run={"requests": 200, "replications": 1})
    drawn = spend_draws(known, "reference").spend["frontier-only"]
    short, long = 0.0045, 0.02
    of_request, squared = 0.75 * short + 0.25 * long, 0.75 * short**2 + 0.25 * long**2
    for month, days in enumerate((29, 31)):
        a_day = 0.5 * 86_400
        mean = days * a_day * of_request
        variance = days * a_day * squared + days * (day_to_day * a_day * of_request) ** 2
        found = drawn[:, month]
        assert abs(found.mean() - mean) <= LIMIT * math.sqrt(variance / len(found))
        assert abs(found.var(ddof=1) / variance - 1) <= LIMIT * math.sqrt(2 / (len(found) - 1))
    assert abs(np.corrcoef(drawn.T)[0, 1]) <= LIMIT / math.sqrt(len(drawn))


def test_users_times_costs_per_user_add_up_to_the_bill_with_replicas_in_it() -> None:
    """If two segments state their users, both together pay all; a month without requests has no cost per 1k."""
    own = {"tier": "frontier", "price": {"replica_hour_usd": 2}, "service": SERVICE, "capacity": {"concurrency": 8}}
    base = experiment().resolved
    workload = {**base["workload"], "segments": {"paying": {"share": 0.3}, "free": {"share": 0.7}}}
    traffic = {
        "season": [1, 1, 0, *([1] * 9)],
        "growth_per_month": {"p10": "-2%", "p90": "5%"},
        "segments": {"paying": {"users": 100}, "free": {"users": 5000, "growth_per_month": "10%"}},
    }
    known = experiment(
        workload=workload,
        fleet={"small": {**base["fleet"]["small"], "tier": "cheap"}, "large": own},
        run={"requests": 200, "replications": 2},
        forecast={"start": "2028-02", "months": 2, "draws": 50, "traffic": traffic},
    )
    found = forecast(known, "reference").patterns["frontier-only"]
    futures = Futures(known.spec.forecast, play(known, "reference"), known.spec.seed)
    assert found.months[1].per_1k is None
    fleet = [known.spec.fleet[name] for name in futures.basis.models]
    spent = spending(futures, futures.basis.bought["frontier-only"], fleet)
    assert with_replicas(spent, futures.volume).sum(axis=2) == pytest.approx(spent.total)
    paying, free = (found.months[1].users[name] for name in ("paying", "free"))
    middle = (29 + 31 / 2) / (365.2425 / 12)
    assert free.median * 5000 * 1.1**middle == pytest.approx(2 * 31 * 24 / 2)
    assert paying.median > free.median
