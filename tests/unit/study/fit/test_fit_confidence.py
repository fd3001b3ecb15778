"""Scores against labels: known AUROCs, calibration by hand, thresholds and their intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sim.chance.normal import normal_cdf, normal_quantile
from sim.columns import Bools, Floats
from sim.study.fit.calibration import expected_calibration_error, isotonic, platt
from sim.study.fit.confidence import Costs, Target, auroc, fit_score, wilson

AUROC = 0.78


def synthetic(count: int, seed: int) -> tuple[Floats, Bools]:
    """Draw scores of right and wrong answers, normal with distance sqrt(2) x Phi^-1(AUROC): the AUROC is known."""
    rng = np.random.Generator(np.random.Philox(seed))
    right = rng.random(count) < 0.7
    distance = math.sqrt(2) * float(normal_quantile(np.array([AUROC]))[0])
    return rng.standard_normal(count) + distance * right, right


def test_a_known_auroc_is_found() -> None:
    """Over 200 synthetic files the AUROC is unbiased, and 95 % intervals hold the known one about as often."""
    found = [auroc(*synthetic(600, seed)) for seed in range(200)]
    values = np.array([one.value for one in found if one is not None])
    assert abs(values.mean() - AUROC) < 4.6 * values.std(ddof=1) / math.sqrt(200)
    held = sum(one.lower <= AUROC <= one.upper for one in found if one is not None)
    assert held >= 180  # 190 expected, standard deviation 3.1


def test_auroc_by_hand() -> None:
    """If of four pairs two are in order and one is tied, the area is 2.5 / 4."""
    found = auroc(np.array([0.1, 0.5, 0.5, 0.9]), np.array([False, True, False, True]))
    assert found is not None
    assert found.value == pytest.approx((1 + 0.5 + 1 + 1) / 4)
    assert auroc(np.ones(3), np.ones(3, dtype=np.bool_)) is None


def test_isotonic_pools_what_is_out_of_order() -> None:
    """If a lower score is right more often than a higher one, both get their common share."""
    fit = isotonic(np.array([1.0, 2.0, 2.0, 3.0]), np.array([True, False, False, True]))
    assert fit.probability(np.array([1.0, 2.0, 3.0])).tolist() == pytest.approx([1 / 3, 1 / 3, 1.0])
    assert fit.probability(np.array([-5.0, 9.0])).tolist() == pytest.approx([1 / 3, 1.0])


def test_platt_finds_the_law_that_made_the_labels() -> None:
    """If labels are drawn from a logistic law, its slope and offset are found within their standard errors."""
    rng = np.random.Generator(np.random.Philox(3))
    score = rng.standard_normal(40_000) * 2 - 5
    right = rng.random(40_000) < 1 / (1 + np.exp(-(1.5 * score + 7)))
    fit = platt(score, right)
    assert fit.slope == pytest.approx(1.5, abs=0.08)
    assert fit.offset == pytest.approx(7, abs=0.4)
    assert math.isfinite(platt(np.array([0.0, 1.0, 2.0]), np.array([False, False, True])).slope)


def test_the_calibration_error_by_hand() -> None:
    """If 0.9 is said of answers of which half are right, the error is 0.4; calibrated, it nearly goes away."""
    right = np.arange(1_000) % 2 == 0
    assert expected_calibration_error(np.full(1_000, 0.9), right) == pytest.approx(0.4)
    score, labels = synthetic(4_000, 1)
    fit = fit_score("said", normal_cdf(score), labels)
    assert fit.ece["raw"] > 0.05 > fit.ece["isotonic"]
    assert fit.ece["platt"] < 0.05


def test_thresholds_reach_their_targets() -> None:
    """Each threshold is the first that reaches what was asked, and what follows from it is told with intervals."""
    score, right = synthetic(3_000, 2)
    strong = np.random.Generator(np.random.Philox(8)).random(3_000) < 0.9
    targets = [Target("escalation", 0.25), Target("kept", 0.85), Target("quality", 0.8), Target("cost", 2.0)]
    fit = fit_score("s", score, right, strong=strong, targets=targets, costs=Costs(0.5, 4.0))
    share, kept, quality, cost = fit.cuts[-4:]
    assert float((score <= share.threshold.value).mean()) == pytest.approx(0.25, abs=1 / 3_000)
    assert kept.kept is not None
    assert quality.quality is not None
    assert right[score > kept.threshold.value].mean() == pytest.approx(kept.kept.value)
    assert kept.kept.value >= 0.85
    mixed = np.where(score <= quality.threshold.value, strong, right)
    assert quality.quality.value == pytest.approx(float(mixed.mean()))
    assert quality.quality.value >= 0.8
    assert cost.usd is not None
    assert cost.usd <= 2.0 < cost.usd + 4.0 / 3_000 + 1e-9
    for cut in fit.cuts:
        assert cut.threshold.lower <= cut.threshold.value <= cut.threshold.upper
        assert cut.escalated.lower <= cut.escalated.value <= cut.escalated.upper


def test_intervals_of_thresholds_hold_the_true_one() -> None:
    """The threshold that keeps answers 85 % acceptable, known from many answers, lies in nearly all intervals."""
    score, right = synthetic(400_000, 99)
    order = np.argsort(score)
    kept = np.cumsum(right[order][::-1])[::-1] / np.arange(len(score), 0, -1)
    true = float(score[order][int(np.argmax(kept >= 0.85))])
    held = 0
    for seed in range(12):
        cut = fit_score("s", *synthetic(800, 500 + seed), targets=[Target("kept", 0.85)]).cuts[-1]
        held += cut.threshold.lower <= true <= cut.threshold.upper
    assert held >= 8  # 11.4 expected; 7 or fewer would come twice in 10,000 times


@pytest.mark.parametrize(
    ("count", "target", "message"),
    [
        (19, None, "twenty are the least"),
        (100, Target("kept", 0.9999), "no threshold reaches 99.99 %"),
        (100, Target("quality", 0.8), "needs to know which answers of the strong model"),
        (100, Target("cost", 1.0), "needs the costs of both models"),
    ],
)
def test_what_cannot_be_told_is_refused(count: int, target: Target | None, message: str) -> None:
    """If there are too few answers, or a target needs what is not there, the error says so."""
    score, right = synthetic(count, 6)
    right[np.argmax(score)] = False
    with pytest.raises(ValueError, match=message):
        fit_score("s", score, right, targets=[target] if target else [])


def test_wilson_by_hand() -> None:
    """None of ten still allows 28 %, and the interval of a half is symmetrical."""
    none, half = wilson(0, 10), wilson(50, 100)
    assert (none.lower, round(none.upper, 3)) == (0.0, 0.278)
    assert half.value - half.lower == pytest.approx(half.upper - half.value)
