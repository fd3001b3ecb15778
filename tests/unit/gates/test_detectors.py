"""Detectors: alarms as rare as stated while nothing changes, and as soon as the theory says once something does."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sim.gates.detectors import DETECTORS, Detector, Side
from sim.gates.detectors.cusum import Cusum
from sim.gates.detectors.ewma import Ewma
from sim.gates.detectors.page_hinkley import PageHinkley
from sim.gates.detectors.shewhart import Shewhart
from sim.gates.run_length import counts_law

RUNS = 4_000
ALLOWED = 4.6
"""Standard errors between a simulated mean and its exact value."""

CHARTS = [
    Cusum(kind="cusum", shift=1.0),
    Cusum(kind="cusum", shift=0.4),
    Ewma(kind="ewma", weight=0.1),
    Ewma(kind="ewma", weight=0.4),
    Shewhart(kind="shewhart", window=1),
    Shewhart(kind="shewhart", window=7),
]


def run_lengths(detector: Detector, threshold: float, side: Side, *, seed: int, shift: float = 0.0) -> np.ndarray:
    """Play 4,000 runs of normal scores that have moved by `shift` until each has had its alarm; give the looks."""
    rng = np.random.Generator(np.random.Philox(seed))
    chart, lengths, looks = detector.chart(threshold, side, RUNS), np.zeros(RUNS, dtype=np.int64), 0
    while not lengths.all():
        looks += 1
        alarm = chart.look(rng.standard_normal(RUNS) + shift)
        lengths[alarm & (lengths == 0)] = looks
    return lengths


def t_of(lengths: np.ndarray, expected: float) -> float:
    """Give the distance of a mean from what is expected, in standard errors."""
    return abs(lengths.mean() - expected) / (lengths.std(ddof=1) / math.sqrt(len(lengths)))


@pytest.mark.parametrize(("threshold", "expected", "after"), [(4.0, 335.37, 8.38), (5.0, 930.89, 10.38)])
def test_run_lengths_of_cusum_are_those_in_print(threshold: float, expected: float, after: float) -> None:
    """One-sided CUSUM of normal scores with an allowance of .5, in control and after a shift of 1 (Montgomery 2013)."""
    detector = Cusum(kind="cusum", shift=1.0)
    assert detector.delay(threshold, "up", 0.0) == pytest.approx(expected, rel=1e-3)
    assert detector.delay(threshold, "up", 1.0) == pytest.approx(after, rel=2e-3)


@pytest.mark.parametrize(
    ("allowance", "threshold"), [(0.25, 8.01), (0.5, 4.77), (0.75, 3.34), (1.0, 2.52), (1.25, 1.99), (1.5, 1.61)]
)
def test_thresholds_of_cusum_are_those_in_print(allowance: float, threshold: float) -> None:
    """Two-sided CUSUM with an average run length of 370 (Hawkins 1993, in Montgomery 2013, table 9.4)."""
    found = Cusum(kind="cusum", shift=2 * allowance).threshold(370.0, "both")
    assert found == pytest.approx(threshold, abs=0.011)


@pytest.mark.parametrize(("weight", "width", "expected", "after"), [(0.1, 2.814, 500, 10.3), (0.2, 2.962, 500, 10.5)])
def test_run_lengths_of_ewma_are_those_in_print(weight: float, width: float, expected: float, after: float) -> None:
    """Two-sided EWMA of normal scores (Lucas and Saccucci 1990); `width` in standard deviations of the mean."""
    detector = Ewma(kind="ewma", weight=weight)
    threshold = width * math.sqrt(weight / (2 - weight))
    assert detector.delay(threshold, "both", 0.0) == pytest.approx(expected, rel=5e-3)
    assert detector.delay(threshold, "both", 1.0) == pytest.approx(after, rel=1e-2)


@pytest.mark.parametrize("side", ["up", "down", "both"])
@pytest.mark.parametrize("detector", [*CHARTS, PageHinkley(kind="page_hinkley")], ids=str)
def test_false_alarms_are_as_rare_as_stated(detector: Detector, side: Side) -> None:
    """4,000 runs without a change alarm after as many looks as asked for, on average."""
    asked = 60.0
    lengths = run_lengths(detector, detector.threshold(asked, side), side, seed=5)
    assert t_of(lengths, asked) < ALLOWED


@pytest.mark.parametrize("detector", CHARTS, ids=str)
def test_a_change_is_found_as_soon_as_the_chain_says(detector: Detector) -> None:
    """4,000 runs whose scores have moved alarm after the delay that theory gives, on either side."""
    threshold = detector.threshold(200.0, "up")
    expected = detector.delay(threshold, "up", 0.8)
    assert t_of(run_lengths(detector, threshold, "up", seed=6, shift=0.8), expected) < ALLOWED
    assert t_of(run_lengths(detector, threshold, "down", seed=7, shift=-0.8), expected) < ALLOWED


def test_page_hinkley_with_a_known_mean_is_a_cusum() -> None:
    """Long in control, its mean is known: then it finds a change as a CUSUM of that allowance and threshold does.

    The mean follows the change by one part in a thousand a look, which a delay of ten looks does not show.
    """
    before, threshold = 2_000, 5.0
    detector = PageHinkley(kind="page_hinkley", allowance=0.5, keep=1.0)
    chart = detector.chart(np.inf, "up", RUNS)
    reference = Cusum(kind="cusum", shift=1.0).chart(np.inf, "up", RUNS)
    rng = np.random.Generator(np.random.Philox(8))
    for _ in range(before):
        score = rng.standard_normal(RUNS)
        chart.look(score)
        reference.look(score)
    assert np.quantile(np.abs(chart.value() - reference.value()), 0.95) < 0.5
    ours, theirs = np.zeros(RUNS), np.zeros(RUNS)
    for look in range(1, 200):
        score = rng.standard_normal(RUNS) + 1.0
        for one, found in ((chart, ours), (reference, theirs)):
            one.look(score)
            found[(one.value() > threshold) & (found == 0)] = look
    assert np.all(ours)
    assert np.all(theirs)
    spread = (ours - theirs).std() / math.sqrt(RUNS)
    assert abs(ours.mean() - theirs.mean()) < 0.05 * theirs.mean() + ALLOWED * spread


def test_page_hinkley_and_rivers_are_the_same_on_the_same_stream() -> None:
    """Alarm for alarm, with a reset after each, on scores that move twice."""
    drift = pytest.importorskip("river.drift", reason="needs the extra `drift`")
    rng = np.random.Generator(np.random.Philox(9))
    stream = rng.standard_normal(6_000)
    stream[2_000:] += 1.0
    stream[4_000:] -= 2.0
    theirs = drift.PageHinkley(min_instances=30, delta=0.2, threshold=12.0, alpha=0.999, mode="both")
    ours = PageHinkley(kind="page_hinkley", allowance=0.2, keep=0.999, least=30).chart(12.0, "both", 1)
    alarms: list[tuple[bool, bool]] = []
    for score in stream:
        theirs.update(float(score))
        mine = ours.look(np.array([score]))
        alarms.append((theirs.drift_detected, bool(mine[0])))
        if theirs.drift_detected:  # as river does at the next look
            ours.restart(np.array([True]))
    assert sum(one for one, _ in alarms) > 2
    assert all(one == other for one, other in alarms)


def test_counts_have_run_lengths_of_their_own() -> None:
    """Charts of few answers take their binomial law into account: the run length in control is met or exceeded."""
    count, share, asked = 40, 0.05, 150.0
    law = counts_law(count, share, share)
    detector = Cusum(kind="cusum", shift=1.0)
    threshold = detector.threshold(asked, "up", law)
    rng = np.random.Generator(np.random.Philox(10))
    chart, lengths, looks = detector.chart(threshold, "up", RUNS), np.zeros(RUNS, dtype=np.int64), 0
    while not lengths.all():
        looks += 1
        bad = rng.binomial(count, share, RUNS)
        alarm = chart.look((bad - count * share) / math.sqrt(count * share * (1 - share)))
        lengths[alarm & (lengths == 0)] = looks
    expected = detector.delay(threshold, "up", 0.0, law)
    assert expected >= asked
    # cells between lattice points: the chain is within two per cent of the exact value here
    error = lengths.std(ddof=1) / math.sqrt(RUNS)
    assert abs(lengths.mean() - expected) < ALLOWED * error + 0.02 * expected


@pytest.mark.parametrize("detector", CHARTS[::2], ids=str)
def test_an_uncertain_reference_is_allowed_for(detector: Detector) -> None:
    """With a reference that is off by a third of a standard deviation or so, false alarms keep their mean rate."""
    asked, error, looks = 100.0, 0.3, 40
    threshold = detector.threshold(asked, "up", reference_error=error)
    assert threshold > detector.threshold(asked, "up")
    rng = np.random.Generator(np.random.Philox(12))
    offset = error * rng.standard_normal(RUNS)
    # the rate of each reference is one over its own run length, so runs are played anew after each alarm
    chart, alarms = detector.chart(threshold, "up", RUNS), np.zeros(RUNS)
    for _ in range(looks * 50):
        alarm = chart.look(rng.standard_normal(RUNS) + offset)
        chart.restart(alarm)
        alarms += alarm
    rates = alarms / (looks * 50)
    assert abs(rates.mean() - 1 / asked) < ALLOWED * rates.std(ddof=1) / math.sqrt(RUNS)


def test_runs_are_independent_and_may_start_again() -> None:
    """A restart of one run leaves the others as they are."""
    for kind, made in DETECTORS.items():
        if kind == "river":
            continue
        detector = made(kind=kind)
        both, alone = detector.chart(3.0, "up", 2), detector.chart(3.0, "up", 1)
        rng = np.random.Generator(np.random.Philox(11))
        for look in range(50):
            score = rng.standard_normal(2)
            both.look(score)
            alone.look(score[1:])
            if look == 20:
                both.restart(np.array([True, False]))
            assert both.value()[1] == alone.value()[0]


def test_scores_that_hardly_ever_move_get_a_threshold_of_zero_at_once() -> None:
    """If a bad answer comes every 20,000 epochs, an alarm at each is rare enough, and no search goes on for less."""
    asked = []
    law = counts_law(1, 5e-5, 5e-5)

    def counted(z: np.ndarray) -> np.ndarray:
        asked.append(len(z))
        return law(z)

    assert Cusum(kind="cusum").threshold(30.0, "up", counted) == 0.0
    assert len(asked) < 50


def test_a_threshold_that_cannot_be_met_is_refused() -> None:
    """A run length of one look or less is an alarm at every look."""
    with pytest.raises(ValueError, match="more than one look"):
        Cusum(kind="cusum").threshold(1.0, "up")
    with pytest.raises(ValueError, match="window of 7"):
        Shewhart(kind="shewhart", window=7).threshold(7, "up")
