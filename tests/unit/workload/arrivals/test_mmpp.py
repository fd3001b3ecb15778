"""Bursts: on-off and Markov-modulated arrivals have the rate and the index of dispersion of theory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from sim.chance import Streams
from sim.workload.arrivals.inversion import Step, _times, inverted
from sim.workload.arrivals.mmpp import MmppArrivals
from sim.workload.arrivals.on_off import OnOffArrivals
from sim.workload.arrivals.process import DrawnArrivals
from sim.workload.calendar import Calendar


def phases(*pairs: tuple[float, str]) -> list[dict[str, Any]]:
    """Write phases from pairs of rate and mean duration."""
    return [{"rate_per_s": rate, "mean_duration": duration} for rate, duration in pairs]


def mmpp(*pairs: tuple[float, str], switch: Any = "cyclic") -> MmppArrivals:
    """Read an MMPP."""
    return MmppArrivals.model_validate({"kind": "mmpp", "phases": phases(*pairs), "switch": switch})


def counts(process: DrawnArrivals, window_s: float, runs: int) -> np.ndarray:
    """Give the number of arrivals in the first window of independent runs."""
    found = []
    for run in range(runs):
        total = 0
        for block in process.blocks(Streams(11, run), "all", Calendar(), 1_024):
            total += int(np.searchsorted(block, window_s * 1e9))
            if block[-1] >= window_s * 1e9:
                break
        found.append(total)
    return np.array(found, dtype=np.float64)


def moments(rates: list[float], generator: list[list[float]], t: float) -> tuple[float, float]:
    """Give mean and variance of N(t) of a stationary MMPP by integrating the correlation of the rate.

    Var N(t) = mean + 2 int_0^t (t - s) (pi L exp(Qs) L 1 - (pi L 1)^2) ds, with Q diagonalised.
    """
    q, rate = np.array(generator), np.array(rates)
    size = len(rates)
    pi = np.linalg.lstsq(np.vstack([q.T, np.ones(size)]), np.append(np.zeros(size), 1.0), rcond=None)[0]
    values, vectors = np.linalg.eig(q)
    left, right = (pi * rate) @ vectors, np.linalg.solve(vectors, rate)
    mean = float(pi @ rate) * t
    extra = sum(
        (a * b * ((np.exp(v * t) - 1 - v * t) / v**2 if abs(v) > 1e-9 else 0)).real
        for a, b, v in zip(left, right, values, strict=True)
    )
    return mean, mean + 2 * extra


def assert_counts(found: np.ndarray, mean: float, variance: float) -> None:
    """Mean and variance of the counts lie within 4 standard errors of the exact ones."""
    runs = len(found)
    assert abs(found.mean() - mean) <= 4 * np.sqrt(variance / runs)
    off = (found - mean) ** 2
    assert abs(off.mean() - variance) <= 4 * off.std() / np.sqrt(runs)


@pytest.mark.parametrize("window_s", [2.0, 20.0, 120.0])
def test_two_phases_have_the_exact_mean_and_dispersion(window_s: float) -> None:
    """Counts have the mean and index of dispersion of Heffes and Lucantoni (1986) from the first second on."""
    r1, r2, l1, l2 = 1 / 4, 1 / 20, 40.0, 1.0
    mean = (l1 * r2 + l2 * r1) / (r1 + r2) * window_s
    factor = 2 * (l1 - l2) ** 2 * r1 * r2 / ((r1 + r2) ** 2 * (l1 * r2 + l2 * r1))
    dispersion = 1 + factor - factor / ((r1 + r2) * window_s) * (1 - np.exp(-(r1 + r2) * window_s))
    assert moments([l1, l2], [[-r1, r1], [r2, -r2]], window_s) == pytest.approx((mean, mean * dispersion), rel=1e-9)
    assert_counts(counts(mmpp((l1, "4s"), (l2, "20s")), window_s, 1_500), mean, mean * dispersion)


@pytest.mark.parametrize(
    ("switch", "generator"),
    [
        ("cyclic", [[-0.5, 0.5, 0], [0, -0.25, 0.25], [1, 0, -1]]),
        ("uniform", [[-0.5, 0.25, 0.25], [0.125, -0.25, 0.125], [0.5, 0.5, -1]]),
        ([[0, 0.9, 0.1], [1, 0, 0], [0.2, 0.8, 0]], [[-0.5, 0.45, 0.05], [0.25, -0.25, 0], [0.2, 0.8, -1]]),
    ],
)
def test_three_phases_have_the_exact_mean_and_variance(switch: Any, generator: list[list[float]]) -> None:
    """Whatever follows a phase, counts have mean and variance of the Markov chain's transform."""
    process = mmpp((30, "2s"), (5, "4s"), (0, "1s"), switch=switch)
    mean, variance = moments([30, 5, 0], generator, 10.0)
    assert process.mean_rate_per_s() == pytest.approx(mean / 10, rel=1e-12)
    assert_counts(counts(process, 10.0, 1_500), mean, variance)


def test_on_off_is_an_mmpp_with_a_silent_phase() -> None:
    """On-off arrivals equal the two-phase MMPP with rate 0, arrival by arrival."""
    on_off = OnOffArrivals.model_validate({"kind": "on_off", "rate_per_s": 40, "on": "20s", "off": "200s"})
    same = mmpp((40, "20s"), (0, "200s"))
    streams, calendar = Streams(7, 0), Calendar()
    assert np.array_equal(next(on_off.times(streams, "a", calendar)), next(same.times(streams, "a", calendar)))
    assert on_off.mean_rate_per_s() == pytest.approx(same.mean_rate_per_s(), rel=1e-12)
    assert on_off.mean_rate_per_s() == pytest.approx(40 / 11, rel=1e-12)


def test_cyclic_is_a_matrix_of_its_own() -> None:
    """Cyclic switching equals its matrix, arrival by arrival."""
    pairs = ((30, "2s"), (5, "4s"), (0, "1s"))
    streams, calendar = Streams(7, 0), Calendar()
    matrix = mmpp(*pairs, switch=[[0, 1, 0], [0, 0, 1], [1, 0, 0]])
    assert np.array_equal(next(mmpp(*pairs).times(streams, "a", calendar)), next(matrix.times(streams, "a", calendar)))


def test_bursty_traffic_has_a_gap_cv_above_ten() -> None:
    """Short bursts at a high rate give gaps with a coefficient of variation above 10, as code traffic has."""
    process = OnOffArrivals.model_validate({"kind": "on_off", "rate_per_s": 100, "on": "2s", "off": "100s"})
    gaps = np.diff(next(process.times(Streams(7, 0), "all", Calendar())))
    assert gaps.std() / gaps.mean() > 10


def test_arrivals_of_known_steps_are_inverted_by_hand() -> None:
    """Through steps of rate 2, 0 and 4 the k-th level maps to the moment found by hand, none in the silent step."""
    second = 1_000_000_000
    steps = [Step(3 * second, 2.0), Step(5 * second, 0.0), Step(0, 7.0), Step(1_000 * second, 4.0)]
    times = np.concatenate(list(inverted(Streams(7, 0), "all", 64, steps))) / second
    levels = next(inverted(Streams(7, 0), "all", 4_096, [Step(10_000 * second, 1.0)]))[: len(times)] / second
    expected = np.where(levels < 6, levels / 2, 8 + (levels - 6) / 4)
    assert np.max(np.abs(times - expected)) <= 2e-9
    assert not np.any((times >= 3) & (times < 8))
    assert 1_000 * 4 * 0.9 < len(times) < 1_000 * 4 * 1.1


def test_cutting_a_step_into_many_changes_nothing() -> None:
    """Two rates in turn, each step cut into a thousand, give the same arrivals as whole steps, give or take 1 ns."""
    second = 1_000_000_000
    whole = [Step(1_000 * second, 3.0), Step(1_000 * second, 0.5)] * 3
    cut = [Step(second, step.rate_per_s) for step in whole for _ in range(1_000)]
    times, same = (np.concatenate(list(inverted(Streams(7, 0), "all", 64, steps))) for steps in (whole, cut))
    assert len(times) == len(same) > 10_000
    assert np.max(np.abs(times - same)) <= 1


def test_levels_on_an_edge_belong_to_the_step_that_follows() -> None:
    """A level reached exactly at an edge is placed after silent and empty steps, where the rate rises again."""
    edges_ns, cumulated = np.array([0, 10, 20, 20, 40]), np.array([0, 5, 5, 5, 25])
    assert _times(np.array([0, 4, 5, 6]), edges_ns, cumulated).tolist() == [0, 8, 20, 21]


def test_the_fastest_and_longest_phases_do_not_overflow() -> None:
    """A billion arrivals per second for a century are cut at the end of the clock's integers, not wrapped."""
    process = mmpp((1e9, "5000w"), (0, "5000w"))
    blocks = [next(process.times(Streams(7, run), "all", Calendar())) for run in range(4)]
    for times in blocks:
        assert np.all(np.diff(times) >= 0)
        assert times[0] >= 0
        assert abs((times[-1] - times[0]) / len(times) - 1) <= 4 / np.sqrt(len(times))


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"phases": phases((0, "1s"), (0, "2s"))}, "no phase has a rate above 0"),
        ({"phases": phases((1, "1s"))}, "at least 2 items"),
        ({"phases": phases((1, "1s"), (2, "0s"))}, "longer than 0"),
        ({"phases": phases((1, "1s"), (2, "1s")), "switch": [[0, 1]]}, "needs 2 rows of 2 chances"),
        ({"phases": phases((1, "1s"), (2, "1s")), "switch": [[0, 1], [0.9, 0]]}, "row 2 .* must add up to 1"),
        ({"phases": phases((1, "1s"), (2, "1s")), "switch": [[0.5, 0.5], [1, 0]]}, "row 1 .* have 0 for itself"),
        (
            {"phases": phases(*[(1, "1s")] * 4), "switch": [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]]},
            "never leads from some phase",
        ),
    ],
)
def test_mistakes_are_explained(written: dict[str, Any], message: str) -> None:
    """Phases without traffic and matrices that are no chances are refused, with an example that works."""
    with pytest.raises(ValidationError, match=message):
        MmppArrivals.model_validate({"kind": "mmpp", **written})
