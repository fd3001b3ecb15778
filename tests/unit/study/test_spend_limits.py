"""Thresholds on spend: a forecast in the same file, judged by where one more future would lie."""

from __future__ import annotations

from typing import Any

import pytest
from cli.commands import TINY

import sim
from sim.errors import InvalidInput
from sim.experiment.yaml_source import parse_yaml
from sim.study.check import check
from sim.study.forecast import forecast
from sim.study.verdict import Finding, Verdict

FORECAST: dict[str, Any] = {
    "start": "2027-01",
    "months": 3,
    "draws": 200,
    "traffic": {"growth_per_month": {"p10": "0%", "p90": "20%"}},
}


def experiment(thresholds: dict[str, Any], **changes: Any) -> sim.Experiment:
    """Give the small experiment with a forecast and some thresholds."""
    return sim.from_mapping(
        {**parse_yaml(TINY, "tiny").data, "forecast": FORECAST, "thresholds": thresholds, **changes}
    )


def judged(key: str, condition: str) -> Finding:
    """Give the verdict on a threshold."""
    (found,) = check(experiment({key: condition}), workers=1, engine="reference").findings
    return found


@pytest.fixture(scope="module")
def march() -> tuple[float, float, float]:
    """Give the median and the 80 % prediction interval of March under the cascade."""
    month = forecast(experiment({}), "reference").patterns["cascade"].months[2]
    return month.spend.median, *month.spend.intervals[0.8]


def test_a_limit_is_held_against_the_prediction_interval(march: tuple[float, float, float]) -> None:
    """If a limit lies above, below or within the interval of a month, it is kept, broken or open."""
    median, low, high = march
    key = "spend.month{pattern:cascade,month:2027-03}"
    kept, broken, is_open = (judged(key, f"value<{limit:.2f}usd") for limit in (high + 1, low - 1, (low + high) / 2))
    assert [one.verdict for one in (kept, broken, is_open)] == [Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE]
    assert kept.estimate is not None
    assert (kept.estimate.value, kept.estimate.lower, kept.estimate.upper) == pytest.approx((median, low, high))
    assert "in 2027-03 (80 % of 200 futures)" in kept.message
    assert "which does not decide" in is_open.message


def test_the_worst_month_decides(march: tuple[float, float, float]) -> None:
    """If no month is named, that of which least room is left, or which breaks the limit, is told."""
    _, low, high = march
    kept = judged("spend.month{pattern:cascade}", f"value<{2 * high:.0f}")  # a number alone is dollars
    assert kept.verdict is Verdict.PASS
    assert "2027-03" in kept.message
    assert "no month is nearer" in kept.message
    assert judged("spend.month{pattern:cascade}", f"value<{low - 1:.2f}usd").verdict is Verdict.FAIL


def test_the_whole_may_be_limited() -> None:
    """If all months together are limited, their sum is judged, of every pattern that the file writes."""
    found = judged("spend.total", "value<1000000usd")
    assert (found.pattern, found.verdict) == ("cascade", Verdict.PASS)
    assert "2027-01 to 2027-03" in found.message


@pytest.mark.parametrize(
    ("key", "condition", "message"),
    [
        ("spend.moth", "value<1", "there is no metric 'spend.moth'"),
        ("spend.month{segment:free}", "value<1", "spend is not told by segment"),
        ("spend.month{pattern:nobody}", "value<1", "there is no pattern 'nobody'"),
        ("spend.month{month:2028-01}", "value<1", "is no month of the forecast"),
        ("spend.total{month:2027-01}", "value<1", "is no month of the forecast"),
        ("spend.month", "p(95)<1", "has no aggregation"),
        ("spend.month", "value<1s", "wrong unit"),
    ],
)
def test_what_no_forecast_tells_is_an_error(key: str, condition: str, message: str) -> None:
    """If a threshold on spend names what there is not, the experiment is refused before anything is played."""
    with pytest.raises(InvalidInput, match=message):
        experiment({key: condition})


def test_a_limit_on_spend_needs_a_forecast() -> None:
    """If the experiment asks for no forecast, a limit on spend is an error, not a pass."""
    with pytest.raises(InvalidInput, match="asks for no forecast"):
        experiment({"spend.month": "value<1"}, forecast=None)
