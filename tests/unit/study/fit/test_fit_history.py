"""Growth and weekdays from daily usage: what was planted is found, and forecasts of it hold what they promise."""

from __future__ import annotations

import datetime as dt
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sim
from sim.errors import InvalidInput
from sim.experiment.yaml_source import parse_yaml, read_yaml
from sim.report.history import history_in_words, traffic_yaml
from sim.study.fit.history import fit_history, surely_above_nothing
from sim.study.fit.usage import History, read_history

FIRST = dt.date(2026, 3, 2)  # a Monday
WEEKDAYS = np.array([1.1, 1.15, 1.1, 1.05, 1.0, 0.8, 0.8])
MONTH = 365.2425 / 12
ROOT = Path(__file__).resolve().parents[4]
RATES = ROOT.parent / "shared" / "data" / "servegen_rate_10min.parquet"


def grown(days: int, per_month: float, noise: float, seed: int) -> History:
    """Make a history that grows by so much a month, with weekdays and noise that is independent from day to day."""
    rng = np.random.Generator(np.random.Philox(seed))
    at = np.arange(days)
    values = 1000 * (1 + per_month) ** (at / MONTH) * WEEKDAYS[at % 7] * np.exp(noise * rng.standard_normal(days))
    return History("made", FIRST, values)


def test_a_history_without_noise_is_taken_apart_exactly() -> None:
    """If there is no noise, growth and weekdays are what was planted, and every later day is foreseen."""
    found = fit_history(grown(90, 0.07, 0.0, 1))
    assert found.growth_per_month == pytest.approx((0.07, 0.07, 0.07))
    assert found.weekday == pytest.approx(tuple(WEEKDAYS / WEEKDAYS.mean()))
    assert found.day_to_day == pytest.approx(0.0, abs=1e-6)
    assert found.tested is not None
    assert found.tested.error == pytest.approx(0.0, abs=1e-6)
    assert found.tested.naive > 1
    assert found.tested.better


def test_intervals_of_growth_and_of_days_hold() -> None:
    """If noise is independent, 80 % intervals hold the planted growth, and later days, about that often."""
    tries, hits, covered = 200, 0, []
    for seed in range(tries):
        found = fit_history(grown(60, 0.05, 0.06, seed))
        low, _, high = found.growth_per_month
        hits += low <= 0.05 <= high
        assert found.tested is not None
        covered.append(found.tested.covered)
    assert abs(hits / tries - 0.8) <= 4.6 * math.sqrt(0.8 * 0.2 / tries)
    assert abs(np.mean(covered) - 0.8) <= 4.6 * np.std(covered) / math.sqrt(tries)


def pasted(history: History) -> Any:
    """Paste what is printed for a history into an experiment, and give the traffic that it then has."""
    part = parse_yaml(traffic_yaml(fit_history(history)), "printed").data
    data = read_yaml(ROOT / "experiments" / "quickstart.yaml").data
    experiment = sim.from_mapping({**data, **part}, ROOT / "experiments")
    assert experiment.spec.forecast is not None
    assert experiment.spec.forecast.start == "2026-06"  # the month after that of the last day
    return experiment.spec.forecast.traffic


def test_what_is_printed_is_the_traffic_of_a_forecast() -> None:
    """If it is pasted into an experiment, the experiment is valid, and the median of its growth is the estimate."""
    history = grown(90, 0.07, 0.4, 2)
    found, traffic = fit_history(history), pasted(history)
    low, middle, high = found.growth_per_month
    assert high - middle > 1.02 * (middle - low)  # or the median of a law through both ends would do
    assert (traffic.growth_per_month.p10 + traffic.growth_per_month.p90) / 2 == pytest.approx(middle, abs=1e-4)
    assert traffic.growth_per_month.p90 - traffic.growth_per_month.p10 == pytest.approx(high - low, abs=2e-4)
    assert traffic.day_to_day == pytest.approx(found.day_to_day, abs=1e-4)


def test_what_no_forecast_takes_is_cut_and_said() -> None:
    """If growth or noise is more than a forecast may state, what is printed is valid all the same and says so."""
    ramp = grown(72, 3.0, 0.01, 3)
    assert pasted(ramp).growth_per_month == 0
    assert "is left out: a forecast takes from -90 to +100 % a month" in traffic_yaml(fit_history(ramp))
    wild = History("wild", dt.date(2026, 5, 1), grown(12, 0.2, 1.6, 22).values)
    found, traffic = fit_history(wild), pasted(wild)
    low, middle, high = found.growth_per_month
    assert low < -0.9 or high > 1
    assert (traffic.growth_per_month.p10 + traffic.growth_per_month.p90) / 2 == pytest.approx(middle, abs=1e-4)
    assert found.day_to_day > 1
    assert traffic.day_to_day == 1
    assert sum("forecast takes" in line for line in history_in_words(found)) == 2


def test_better_is_said_only_of_what_chance_does_not_explain() -> None:
    """If noise is all there is to tell, a mean beats last week surely, given months; with few days nothing is said."""
    long, short = fit_history(grown(200, 0.05, 0.06, 1)), fit_history(grown(34, 0.05, 0.06, 1))
    assert long.tested is not None
    assert long.tested.better
    assert any("better, and by more than chance explains" in line for line in history_in_words(long))
    assert short.tested is not None
    assert not short.tested.better
    assert short.tested.error < short.tested.naive
    assert any("17 days to predict from do not show that it is better" in line for line in history_in_words(short))


def test_nothing_beats_a_week_that_comes_again() -> None:
    """If every day is as the same weekday a week before, that is said, and all lie in their interval of a point."""
    found = fit_history(History("flat", FIRST, np.tile(WEEKDAYS, 6)))
    assert found.tested is not None
    assert found.tested.covered == 1
    assert any("nothing can be better" in line for line in history_in_words(found))


def test_a_test_of_nothing_finds_something_seldom() -> None:
    """If neither forecast is better, better is said in one of forty cases, though neighbouring days are alike."""
    rng = np.random.Generator(np.random.Philox(5))
    tries, said = 400, 0
    for _ in range(tries):
        white = rng.standard_normal(66)
        said += surely_above_nothing(np.convolve(white, np.ones(7), "valid"))  # as gains of overlapping weeks are
    assert abs(said / tries - 0.025) <= 4.6 * math.sqrt(0.025 * 0.975 / tries)


def test_rows_of_a_day_are_added_up(tmp_path: Path) -> None:
    """If an export has a row per model, a day is the sum of its rows; the order of rows does not matter."""
    rows = [f"{FIRST + dt.timedelta(days=day)},{model},{10 * day + 5}" for model in "ab" for day in range(12)]
    path = tmp_path / "usage.csv"
    path.write_text("date,model,requests\n" + "\n".join(reversed(rows)) + "\n", encoding="utf-8")
    history = read_history(path, "date", "requests")
    assert history.values.tolist() == [20.0 * day + 10 for day in range(12)]
    assert fit_history(history).weekday is None
    assert any("less than two weeks" in line for line in history_in_words(fit_history(history)))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("2026-03-05,13", "2026-13-05,13", "usage.csv:5:1: error: date: '2026-13-05' is no date"),
        ("2026-03-05,13", "2026-03-05,-13", "usage.csv:5:12: error: requests: -13 is negative"),
        ("2026-03-05,13", "2026-03-05x,13", "usage.csv:5:1: error: date: '2026-03-05x' is no date"),
        ("2026-03-05,13\n", "", "usage.csv:5:1: error: date: 2026-03-05 is missing before 2026-03-06"),
        ("2026-03-05,13\n2026-03-06,14\n", "", "2026-03-05 to 2026-03-06, 2 days, are missing before 2026-03-07"),
        ("2026-03-05,13", "2026-03-05,0", "usage.csv:5:12: error: requests: nothing was used on 2026-03-05"),
        ("2026-03-05,13", "2026-03-05,many", "usage.csv:5:12: error: requests: 'many' is not a number"),
        ("2026-03-05,13", ",13", "usage.csv:5:1: error: date: the name is missing"),
    ],
)
def test_bad_rows_are_named_by_their_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    """If a day is no date, missing, negative or without use, the error says where."""
    path = tmp_path / "usage.csv"
    rows = "".join(f"{FIRST + dt.timedelta(days=day)},{10 + day}\n" for day in range(12))
    path.write_text("date,requests\n" + rows.replace(old, new), encoding="utf-8")
    with pytest.raises(InvalidInput) as caught:
        read_history(path, "date", "requests")
    assert message in str(caught.value)


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    """If rows are bad and days are missing, all of it is told; the gap that a bad date leaves is that of its row."""
    path = tmp_path / "usage.csv"
    rows = [f"{FIRST + dt.timedelta(days=day)},{10 + day}" for day in range(14) if day != 10]
    rows[2], rows[4] = "2026-03-04T,12", "2026-03-06,-14"
    path.write_text("date,requests\n" + "\n".join(rows) + "\n", encoding="utf-8")
    with pytest.raises(InvalidInput) as caught:
        read_history(path, "date", "requests")
    assert [(issue.line, issue.path) for issue in caught.value.issues] == [(4, "date"), (6, "requests"), (12, "date")]


def test_times_are_of_their_day_as_it_is_written(tmp_path: Path) -> None:
    """If days are written as times, with a zone or without, they count to the day that stands there."""
    path = tmp_path / "usage.csv"
    ends = (" 00:00:00", "T23:30:00-05:00", "T01:00:00Z", "")
    rows = "".join(f"{FIRST + dt.timedelta(days=day)}{ends[day % 4]},{10 + day}\n" for day in range(12))
    path.write_text(f"date,requests\n{rows}", encoding="utf-8")
    assert read_history(path, "date", "requests").values.tolist() == [10.0 + day for day in range(12)]


def openrouter(days: int = 12) -> dict[str, Any]:
    """Make what OpenRouter gives as activity: rows by day and endpoint."""
    return {
        "data": [
            {
                "date": str(FIRST + dt.timedelta(days=day)),
                "model": model,
                "usage": 0.5,
                "byok_usage_inference": 0.25 * day,
                "requests": 10 + day,
                "prompt_tokens": 1000,
                "completion_tokens": 10 * day,
                "reasoning_tokens": 5,
            }
            for day in reversed(range(days))
            for model in ("a/small", "b/large")
        ]
    }


def litellm(days: int = 12, **metadata: Any) -> dict[str, Any]:
    """Make what LiteLLM gives as daily activity."""
    results = [
        {
            "date": str(FIRST + dt.timedelta(days=day)),
            "metrics": {"spend": 0.5 + day, "total_tokens": 100 * day + 1, "api_requests": 7 + day},
            "breakdown": {"models": {}},
        }
        for day in range(days)
    ]
    return {"results": results, "metadata": {"page": 1, "total_pages": 1, "has_more": False, **metadata}}


@pytest.mark.parametrize(
    ("export", "value", "of_a_day"),
    [
        (openrouter(), "requests", lambda day: 2 * (10 + day)),
        (openrouter(), "tokens", lambda day: 2 * (1000 + 10 * day)),
        (openrouter(), "usd", lambda day: 2 * (0.5 + 0.25 * day)),
        (litellm(), "requests", lambda day: 7 + day),
        (litellm(), "tokens", lambda day: 100 * day + 1),
        (litellm(), "usd", lambda day: 0.5 + day),
    ],
)
def test_exports_of_gateways_are_read(tmp_path: Path, export: dict[str, Any], value: str, of_a_day: Any) -> None:
    """If a file is what OpenRouter or LiteLLM gives, requests, tokens and dollars of a day are added up."""
    path = tmp_path / "activity.json"
    path.write_text(json.dumps(export), encoding="utf-8")
    found = read_history(path, "date", value)
    assert (found.first, found.values.tolist()) == (FIRST, [of_a_day(day) for day in range(12)])


def test_every_mistake_of_an_export_is_told_at_its_line(tmp_path: Path) -> None:
    """If rows of an export are bad and a day is missing, each is told where it stands, at once."""
    export = litellm()
    export["results"][1]["metrics"]["api_requests"] = "8"
    export["results"][3]["date"] = None
    export["results"][5]["metrics"]["api_requests"] = -12
    export["results"][7]["metrics"] = None
    export["results"][8]["metrics"]["api_requests"] = True
    del export["results"][10]
    path = tmp_path / "activity.json"
    path.write_text(json.dumps(export, indent=1), encoding="utf-8")
    with pytest.raises(InvalidInput) as caught:
        read_history(path, "date", "requests")
    lines = path.read_text(encoding="utf-8").splitlines()
    told = [(issue.path, issue.message) for issue in caught.value.issues]
    assert told == [
        ("results[1].metrics.api_requests", "'8' is not a number"),
        ("results[3].date", "there is no date"),
        ("results[5].metrics.api_requests", "-12 is negative"),
        ("results[7].metrics.api_requests", "the value is missing"),
        ("results[8].metrics.api_requests", "'True' is not a number"),
        ("results[10].date", "2026-03-12 is missing before 2026-03-13"),
    ]
    shown = [lines[issue.line - 1][issue.col - 1 :] for issue in caught.value.issues]
    assert [text.rstrip(",") for text in shown] == ['"8"', "null", "-12", "null", "true", '"2026-03-13"']


@pytest.mark.parametrize(
    ("text", "value", "message"),
    [
        (
            json.dumps(litellm(total_pages=3, has_more=True)),
            "requests",
            "metadata: this is page 1 of 3: days may be cut",
        ),
        (json.dumps(litellm()), "dollars", "'dollars' is not in an export"),
        (json.dumps(litellm(5)), "requests", "5 days are too few"),
        ('{"data": []}', "requests", "data is an empty list"),
        ("[1, 2]", "requests", "this is no usage by day that is known"),
        ('{"data": [\n1,]}', "requests", "activity.json:2:3: error: this is no JSON"),
        ('{"data": [NaN]}', "requests", "NaN is no number"),
        ('{"data": [{"date": "2026-03-01", "requests": 1e400}]}', "requests", "'inf' is too large"),
        ('{"data": [{"date": "2026-03-01", "requests": 1%s}]}' % ("0" * 400), "requests", "is too large"),
        ('{"data": [3]}', "requests", "data[0].date: there is no date"),
        ("[" * 100_000, "requests", "this is no JSON"),
    ],
)
def test_what_is_no_export_is_refused(tmp_path: Path, text: str, value: str, message: str) -> None:
    """If a file is a page of several, of another kind or broken, nothing is estimated from it."""
    path = tmp_path / "activity.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInput) as caught:
        read_history(path, "date", value)
    assert message in str(caught.value)


def test_measured_weeks_are_forecast_honestly() -> None:
    """If the 14 days of ServeGen forecast their last days, it is said how often they held, and that it is no better."""
    if not RATES.is_file():
        pytest.skip(f"{RATES.name} is public data that is not part of the repository")
    table = pd.read_parquet(RATES)
    found = {}
    for model in ("m-small", "m-mid", "m-large"):
        rates = table[table.model == model].sort_values("t").rate.to_numpy(dtype=np.float64)
        test = fit_history(History(model, dt.date(2024, 1, 1), rates.reshape(14, 144).sum(axis=1) * 600)).tested
        assert test is not None
        found[model] = test.covered, round(test.error / test.naive, 2)
    assert found == {"m-small": (0.4, 1.06), "m-mid": (0.9, 1.15), "m-large": (0.1, 1.32)}  # as the docs say
