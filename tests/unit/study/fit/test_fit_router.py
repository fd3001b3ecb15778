"""Router metrics: theory for the random router and the oracle, hulls by hand, and real outcomes."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from sim.study.fit.curve import Curve, arena_score, curve_of
from sim.study.fit.labelled import Wanted, read_labelled
from sim.study.fit.router import Prompts, fit_routers, oracle_apgr

DATA = Path(__file__).resolve().parents[4].parent / "shared" / "data"
WEAK = np.array([1, 1, 1, 0, 0, 0, 0, 1, 0, 1], dtype=np.float64)
STRONG = np.array([1, 1, 0, 1, 1, 1, 0, 1, 1, 1], dtype=np.float64)
"""Ten prompts: the weak model is right on five, the strong one on eight; four only it gets right, one it loses."""


def test_equal_scores_are_the_random_router() -> None:
    """If a score tells nothing, half of the calls recover half of the gap: APGR .5, CPT(50) 50, CPT(80) 80 %."""
    curve = curve_of(np.zeros(10), WEAK, STRONG)
    assert curve.apgr() == pytest.approx(0.5, abs=1e-12)
    assert (curve.cpt(0.5), curve.cpt(0.8)) == (pytest.approx(0.5), pytest.approx(0.8))
    assert curve.pgr(0.3) == pytest.approx(0.3)


def test_the_oracle_is_exact() -> None:
    """If gains go first and losses last, APGR has its closed form and CPT(x) is x of the gap, exactly."""
    curve = curve_of(STRONG - WEAK, WEAK, STRONG)
    assert curve.gap == pytest.approx(0.3)
    assert curve.cpt(0.5) == pytest.approx(0.15)
    assert curve.cpt(0.8) == pytest.approx(0.24)
    assert curve.apgr() == pytest.approx(oracle_apgr(0.4, 0.1), abs=1e-12)
    assert curve.pgr(0.4) == pytest.approx(0.4 / 0.3)


def test_a_curve_by_hand() -> None:
    """If three prompts go in order of their score, the curve passes through the recovered parts one by one."""
    curve = curve_of(np.array([3.0, 2.0, 1.0]), np.zeros(3), np.array([0.0, 1.0, 1.0]))
    assert curve.share.tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert curve.recovered.tolist() == pytest.approx([0, 0, 0.5, 1])
    assert curve.apgr() == pytest.approx((0.25 + 0.75) / 3)
    assert curve.cpt(0.5) == pytest.approx(2 / 3)
    assert curve.cpt(0.25) == pytest.approx(0.5)


def test_a_hull_by_hand() -> None:
    """If a point lies below the line of its neighbours the hull passes over it, and it never falls."""
    curve = Curve(np.array([0, 0.5, 1.0]), np.array([0.4, 0.5, 0.8]), np.array([1.0, 2.0, 3.0]))
    cost, quality = curve.hull()
    assert (cost.tolist(), quality.tolist()) == ([1.0, 3.0], [0.4, 0.8])
    assert curve.aiq() == pytest.approx(0.6)
    falls = Curve(np.array([0, 0.5, 1.0]), np.array([0.4, 0.9, 0.8]), np.array([1.0, 2.0, 3.0]))
    assert falls.aiq() == pytest.approx((0.65 + 0.9) / 2)


def test_the_arena_score_by_hand() -> None:
    """The score is the weighted harmonic mean of accuracy and log cost between $0.0044 and $200 per 1,000."""
    middle = math.sqrt(0.0044 * 200)
    assert arena_score(middle, 0.6) == pytest.approx(1.1 * 0.6 * 0.5 / (0.1 * 0.6 + 0.5))
    assert arena_score(200.0, 0.9) == 0.0
    assert arena_score(0.0001, 1.0) == pytest.approx(1.0)


def test_no_gap_is_refused() -> None:
    """If the strong model is no better there is nothing to recover."""
    with pytest.raises(ValueError, match="no gap to recover"):
        curve_of(np.arange(3.0), np.ones(3), np.array([1.0, 1.0, 0.0]))


def test_classes_are_learned_on_other_prompts() -> None:
    """If labels of classes are noise, a router by class is no better than chance: it never sees its own prompts."""
    rng = np.random.Generator(np.random.Philox(4))
    n = 6_000
    prompts = Prompts((rng.random(n) < 0.6).astype(float), (rng.random(n) < 0.8).astype(float))
    found = fit_routers("noise", prompts, {}, classes={"id": rng.integers(0, 500, n)})
    by_class = next(one for one in found.routers if one.name == "by id").metrics["apgr"]
    assert by_class.lower < 0.5 < by_class.upper


@pytest.fixture(scope="module")
def mmlu() -> Prompts:
    """Read the answers of mixtral-8x7b and gpt-4-1106-preview to MMLU (RouteLLM)."""
    path = DATA / "weak_strong_licensed.parquet"
    if not path.exists():
        pytest.skip("needs weak_strong_licensed.parquet")
    data = read_labelled(path, Wanted(truths=("weak_correct", "strong_correct"), where={"dataset": "mmlu"}))
    return Prompts(data.truths["weak_correct"].astype(float), data.truths["strong_correct"].astype(float))


def test_a_drawn_random_router_agrees_with_theory(mmlu: Prompts) -> None:
    """If scores are drawn at random, APGR, CPT(50) and CPT(80) of real outcomes lie around .5, 50 and 80 %."""
    rng = np.random.Generator(np.random.Philox(11))
    curves = [curve_of(rng.random(len(mmlu.weak)), mmlu.weak, mmlu.strong) for _ in range(60)]
    for values, theory in (
        ([curve.apgr() for curve in curves], 0.5),
        ([curve.cpt(0.5) for curve in curves], 0.5),
        ([curve.cpt(0.8) for curve in curves], 0.8),
    ):
        error = float(np.std(values, ddof=1))
        # the least share that reaches a level is a first passage, so it lies before the mean by up to a deviation
        assert -4.6 * error / math.sqrt(60) - error < float(np.mean(values)) - theory < 4.6 * error / math.sqrt(60)
        assert error < 0.03


def test_the_oracle_of_real_outcomes_is_exact(mmlu: Prompts) -> None:
    """On real outcomes the oracle's APGR is its closed form, and its CPT(x) x of the gap."""
    gain = mmlu.strong - mmlu.weak
    gains, losses = float((gain > 0).mean()), float((gain < 0).mean())
    curve = curve_of(gain, mmlu.weak, mmlu.strong)
    assert curve.apgr() == pytest.approx(oracle_apgr(gains, losses), rel=1e-12)
    assert curve.cpt(0.8) == pytest.approx(0.8 * (gains - losses), rel=1e-12)
