"""Growth and weekdays from daily usage: what was planted is found, and forecasts of it hold what they promise."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sim
from sim.errors import InvalidInput
from sim.experiment.yaml_source import parse_yaml, read_yaml
from sim.report.history import history_in_words, traffic_yaml
from sim.study.fit.history import History, fit_history, read_history

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


def test_what_is_printed_is_the_traffic_of_a_forecast() -> None:
    """If it is pasted into an experiment, the experiment is valid and has these numbers."""
    found = fit_history(grown(90, 0.07, 0.05, 2))
    part = parse_yaml(traffic_yaml(found), "printed").data["forecast"]
    data = read_yaml(ROOT / "experiments" / "quickstart.yaml").data
    experiment = sim.from_mapping({**data, "forecast": {"start": "2026-06", **part}}, ROOT / "experiments")
    assert experiment.spec.forecast is not None
    assert experiment.spec.forecast.traffic.day_to_day == pytest.approx(found.day_to_day, abs=1e-4)


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
        ("2026-03-05,13\n", "", "days are missing: 2026-03-05"),
        ("2026-03-05,13", "2026-03-05,0", "nothing was used on 2026-03-05"),
        ("2026-03-05,13", "2026-03-05,many", "usage.csv:5:"),
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
