"""Confidence: an AUROC becomes a correlation, a reading a calibrated probability, and cascades are not flattered."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scenes import one_task, setting
from scipy import integrate, stats

from sim.columns import Bools, Floats
from sim.routing.confidence import (
    Miscalibration,
    Readings,
    auroc_of,
    calibrated_probability,
    measured_auroc,
    reading_correlation,
    sureties,
    surety_of,
)

ACCEPTANCES = [0.02, 0.3, 0.5, 0.84, 0.98]


def auroc_by_quadrature(correlation: float, acceptance: float) -> float:
    """Give P(S1 > S2 | A1 right, A2 wrong) as an integral over the ability of the wrong and of the right answer.

    Given both abilities the two readings are independent normals, so S1 > S2 has a closed form; another route than the
    library's, which integrates over the reading.
    """
    cut = float(stats.norm.ppf(1 - acceptance))
    spread = math.sqrt(2 * (1 - correlation**2))

    def integrand(wrong: float, right: float) -> float:
        return (
            math.exp(-(wrong**2 + right**2) / 2)
            / (2 * math.pi)
            * float(stats.norm._cdf(correlation * (right - wrong) / spread))
        )

    value, _ = integrate.dblquad(integrand, cut, 9, -9, cut, epsabs=1e-9)
    return value / (acceptance * (1 - acceptance))


def draws(correlation: float, count: int, seed: int) -> tuple[Floats, Floats]:
    """Give abilities and readings from a generator of numpy's own."""
    generator = np.random.default_rng(seed)
    ability = generator.standard_normal(count)
    return ability, correlation * ability + math.sqrt(1 - correlation**2) * generator.standard_normal(count)


def error_of_auroc(auroc: float, right: int, wrong: int) -> float:
    """Give a standard error that no AUROC exceeds: sqrt(A (1 - A) / min(n)) (Birnbaum & Klose 1957)."""
    return math.sqrt(auroc * (1 - auroc) / min(right, wrong))


@pytest.mark.parametrize(("correlation", "acceptance"), [(0.2, 0.5), (0.55, 0.84), (0.8, 0.3), (0.95, 0.9)])
def test_auroc_agrees_with_a_double_integral(correlation: float, acceptance: float) -> None:
    """The AUROC of a reading equals the integral over both abilities to 1e-4."""
    assert auroc_of(correlation, acceptance) == pytest.approx(auroc_by_quadrature(correlation, acceptance), abs=1e-4)


@pytest.mark.parametrize("acceptance", ACCEPTANCES)
@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.7, 0.97])
def test_auroc_agrees_with_draws(correlation: float, acceptance: float) -> None:
    """The AUROC of drawn readings lies within four standard errors of the computed one."""
    ability, reading = draws(correlation, 100_000, 3)
    right = ability >= -stats.norm.ppf(acceptance)
    measured, computed = measured_auroc(reading, right), auroc_of(correlation, acceptance)
    assert measured is not None
    assert abs(measured - computed) <= 4 * error_of_auroc(computed, int(right.sum()), int((~right).sum()))


@pytest.mark.parametrize("acceptance", ACCEPTANCES)
@pytest.mark.parametrize("auroc", [0.55, 0.72, 0.8, 0.95, 0.999])
def test_the_correlation_gives_back_the_auroc(auroc: float, acceptance: float) -> None:
    """The correlation that is solved for has the AUROC that was stated."""
    assert auroc_of(reading_correlation(auroc, acceptance), acceptance) == pytest.approx(auroc, abs=1e-9)


@pytest.mark.parametrize("acceptance", [0.0, *ACCEPTANCES, 1.0])
def test_the_ends_of_the_scale_are_exact(acceptance: float) -> None:
    """An AUROC of 0.5 is no correlation at all, one of 1 the latent itself."""
    assert reading_correlation(0.5, acceptance) == 0.0
    assert reading_correlation(1.0, acceptance) == 1.0


def test_a_better_auroc_is_a_higher_correlation() -> None:
    """The correlation rises with the AUROC from 0 towards 1."""
    correlations = [reading_correlation(float(auroc), 0.9) for auroc in np.linspace(0.5, 0.9999, 60)]
    assert np.all(np.diff(correlations) > 0)
    assert 0 <= correlations[0] < correlations[-1] < 1


def test_the_sign_of_right_and_wrong_does_not_matter() -> None:
    """Telling the 16 % wrong from the right is as hard as telling the 16 % right from the wrong."""
    assert auroc_of(0.6, 0.84) == pytest.approx(auroc_of(0.6, 0.16), abs=1e-9)


@pytest.mark.parametrize(("auroc", "acceptance"), [(0.6, 0.5), (0.79, 0.84), (0.95, 0.7)])
def test_calibrated_probabilities_are_calibrated(auroc: float, acceptance: float) -> None:
    """Of the answers to which a probability between two bounds is given, just the mean of it are acceptable."""
    r = reading_correlation(auroc, acceptance)
    ability, reading = draws(r, 1_000_000, 17)
    stated = calibrated_probability(reading, r, acceptance)
    right = ability >= -stats.norm.ppf(acceptance)
    assert abs(stated.mean() - acceptance) <= 4 * math.sqrt(acceptance * (1 - acceptance) / len(stated))
    edges = np.quantile(stated, np.linspace(0, 1, 21))
    bin_of = np.clip(np.searchsorted(edges, stated, side="right") - 1, 0, 19)
    count = np.bincount(bin_of, minlength=20)
    surplus = np.bincount(bin_of, weights=right - stated, minlength=20)
    error = np.sqrt(np.bincount(bin_of, weights=stated * (1 - stated), minlength=20))
    assert count.min() > 40_000
    assert np.abs(surplus / error).max() <= 4


def test_surety_is_the_probit_of_the_probability() -> None:
    """Surety and calibrated probability say the same on two scales."""
    reading = np.linspace(-3, 3, 13)
    probability = calibrated_probability(reading, 0.7, 0.84)
    assert stats.norm.ppf(probability) == pytest.approx(surety_of(reading, 0.7, 0.84), abs=1e-9)


def test_surety_orders_answers_whose_probability_rounds_to_one() -> None:
    """Where the probability is 1 to the last bit, surety still tells the surer answer."""
    reading = np.array([3.0, 4.0])
    assert calibrated_probability(reading, 0.99, 0.99).tolist() == [1.0, 1.0]
    assert np.diff(surety_of(reading, 0.99, 0.99))[0] > 0


@pytest.mark.parametrize("acceptance", [0.0, 1.0])
def test_a_certain_model_is_certain(acceptance: float) -> None:
    """If a model is always (or never) right, its calibrated confidence is 1 (or 0) whatever the reading."""
    assert calibrated_probability(np.array([-9.0, 0.0, 9.0]), 0.6, acceptance).tolist() == [acceptance] * 3


@pytest.mark.parametrize("auroc", [0.6, 0.8, 0.97])
@pytest.mark.parametrize("acceptance", [0.6, 0.84, 0.97])
def test_drawn_confidence_has_the_stated_auroc(auroc: float, acceptance: float) -> None:
    """The confidences of a scene tell right from wrong with the AUROC that was written."""
    scene = setting(requests=40_000, **one_task(acceptance, 0.95, confidence={"small": {"auroc": auroc}}))
    right = scene.answers.acceptable("small")
    measured = measured_auroc(scene.answers.confidence("small"), right)
    assert measured is not None
    assert abs(measured - auroc) <= 4 * error_of_auroc(auroc, int(right.sum()), int((~right).sum()))


def test_an_oracle_knows() -> None:
    """With an AUROC of 1 the confidence is 1 for every right answer and 0 for every wrong one."""
    answers = setting(**one_task(0.84, 0.95, confidence={"small": {"auroc": 1.0}})).answers
    assert np.array_equal(answers.confidence("small"), answers.acceptable("small").astype(np.float64))


def test_a_blind_check_knows_nothing() -> None:
    """With an AUROC of 0.5 every answer has the same confidence: the acceptance probability."""
    answers = setting(**one_task(0.84, 0.95, confidence={"small": {"auroc": 0.5}})).answers
    assert np.unique(answers.confidence("small")) == pytest.approx([0.84], abs=1e-12)


@given(
    st.floats(0.01, 1000, allow_subnormal=False),
    st.floats(-700, 700),
    st.lists(st.floats(0, 1), min_size=2, max_size=20),
)
def test_miscalibration_keeps_the_order(slope: float, shift: float, probabilities: list[float]) -> None:
    """A distortion never turns two answers round, gives probabilities, and leaves 0 and 1 alone."""
    ordered = np.sort(np.array([0.0, *probabilities, 1.0]))
    distorted = Miscalibration(slope=slope, shift=shift).distort(ordered)
    assert np.all(np.diff(distorted) >= 0)
    assert (distorted[0], distorted[-1]) == (0.0, 1.0)


def test_miscalibration_in_logits() -> None:
    """A shift of 1 turns .73 into .88, and a slope of 2 doubles the logit: odds are squared."""
    assert Miscalibration(shift=1.0).distort(np.array([0.7310585786300049])) == pytest.approx([0.8807970779778823])
    assert Miscalibration(slope=2.0).distort(np.array([0.75])) == pytest.approx([9 / 10])


@pytest.mark.parametrize("slope", [-1.0, 0.0])
def test_a_slope_that_loses_the_order_is_refused(slope: float) -> None:
    """A confidence that falls as the answer gets better would have an AUROC below the stated one."""
    with pytest.raises(ValidationError, match="greater than 0"):
        Miscalibration(slope=slope)


def test_measured_auroc_by_hand() -> None:
    """Of the six pairs of right and wrong, three are in order and one ties: 3.5 / 6."""
    right = np.array([True, False, True, False, True])
    assert measured_auroc(np.array([0.9, 0.8, 0.8, 0.3, 0.1]), right) == pytest.approx(3.5 / 6)
    assert measured_auroc(np.array([0.5]), np.array([True])) is None


def escalated_and_right(first: Bools, second: Bools, escalated: Bools) -> float:
    """Give the accuracy of a cascade."""
    return float(np.where(escalated, second, first).mean())


def test_a_score_that_knows_only_right_or_wrong_flatters_the_cascade() -> None:
    """At equal AUROC and escalation a binormal score promises a higher cascade accuracy than the latent reading.

    Wrong answers that read low are the hard ones, which the frontier fails as well; a binormal score escalates wrong
    answers without regard to how hard they are.
    """
    p_small, p_large, rho, auroc, share, count = 0.7, 0.9, 0.6, 0.8, 0.3, 400_000
    cascade = {"name": "c", "kind": "cascade", "ladder": ["small", "large"], "escalate_when": {"lowest": share}}
    sections = one_task(p_small, p_large, dependence=rho, confidence={"small": {"auroc": auroc}})
    scene = setting(cascade, requests=count, **sections)
    first, second = (scene.answers.acceptable(model) for model in ("small", "large"))
    latent = escalated_and_right(first, second, scene.plan().escalated)
    # the binormal twin in closed form: right answers read d higher, the threshold escalates `share` of all
    d = math.sqrt(2) * stats.norm.ppf(auroc)
    grid = np.linspace(-6, 6, 200_001)
    share_below = p_small * stats.norm.cdf(grid - d) + (1 - p_small) * stats.norm.cdf(grid)
    threshold = float(np.interp(share, share_below, grid))
    cuts = stats.norm.ppf([p_small, p_large])
    both = float(stats.multivariate_normal([0, 0], [[1, rho], [rho, 1]]).cdf(cuts))
    kept_right = p_small * (1 - stats.norm.cdf(threshold - d))
    saved = (p_large - both) * stats.norm.cdf(threshold) + both * stats.norm.cdf(threshold - d)
    binormal = float(kept_right + saved)
    error = math.sqrt(latent * (1 - latent) / count)
    assert binormal - latent > 4 * error
    assert 0.003 < binormal - latent < 0.02  # measured on real pairs: +.6 points on average, up to +1.7


def test_a_calibrated_threshold_is_the_best_of_its_share() -> None:
    """Escalating the least sure answers spares no worse answer than it spends on: accuracy per bin rises."""
    answers = setting(**one_task(0.84, 0.95, confidence={"small": {"auroc": 0.8}})).answers
    order = np.argsort(answers.confidence("small"))
    share_right = [answers.acceptable("small")[part].mean() for part in np.array_split(order, 5)]
    assert all(worse < better for worse, better in pairwise(share_right))


@pytest.mark.parametrize(
    ("acceptance", "auroc"),
    [
        ([0.84], [0.8]),
        ([0.84, 0.6, 0.6], [0.8, 0.8, 0.7]),
        ([0.0, 0.3, 1.0, 0.7], [0.8, 1.0, 1.0, 0.5]),
        ([0.5, 0.5], [1.0, 1.0]),
        ([1.0, 1.0], [0.75, 0.75]),
    ],
)
def test_sureties_of_all_classes_are_those_of_each(acceptance: list[float], auroc: list[float]) -> None:
    """Made for all classes at once the sureties are in every bit those made class by class, infinite ones too."""
    rng = np.random.default_rng(3)
    ability, noise = rng.standard_normal((2, 5_000))
    task = rng.integers(0, len(acceptance), 5_000)
    found = sureties(ability, noise, task, Readings(np.array(acceptance), np.array(auroc)))
    for code, (p, stated) in enumerate(zip(acceptance, auroc, strict=True)):
        mine = task == code
        r = reading_correlation(stated, p)
        reading = r * ability[mine] + np.sqrt(1 - r * r) * noise[mine]
        assert found[mine].tolist() == surety_of(reading, r, p).tolist()
