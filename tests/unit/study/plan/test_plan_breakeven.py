"""Cascade or pre-route: the closed form against playing both, and the floor against a search for its root."""

from __future__ import annotations

import math

import pytest

from sim.study.plan.breakeven import Bills, Kinds, break_even_of, floor, gain, play, simulated_floor

KINDS = Kinds(both=0.55, only_strong=0.25, only_weak=0.05)
BILLS = Bills(weak=0.5, strong=4.0, classifier=0.02, verifier=0.06)
VALUE = 0.05


@pytest.mark.parametrize("accuracy", [0.5, 0.85, 1.0])
def test_playing_both_gives_the_closed_form(accuracy: float) -> None:
    """Both patterns are right on both + (only strong + only weak) x accuracy, and cost what the formulas say."""
    pre_route, cascade, sums = play(KINDS, BILLS, accuracy, accuracy, 40_000)
    count = float(sums.every.requests.sum())
    for found, usd in ((pre_route, BILLS.pre_route(KINDS, accuracy)), (cascade, BILLS.cascade(KINDS, accuracy))):
        error = math.sqrt(KINDS.quality(accuracy) * (1 - KINDS.quality(accuracy)) / count)
        assert abs(found.quality[0] - KINDS.quality(accuracy)) < 4.6 * error
        asked = KINDS.asked(accuracy)
        spread = BILLS.strong * math.sqrt(asked * (1 - asked) / count)
        assert abs(found.usd[0] - usd) < 4.6 * spread


def test_at_the_floor_both_are_worth_the_same() -> None:
    """At the floor the cascade is worth no more and no less, above it more, below it less."""
    at = floor(KINDS, BILLS, 0.85, VALUE)
    assert at.verifier is not None
    assert gain(KINDS, BILLS, (0.85, at.verifier), VALUE) == pytest.approx(0, abs=1e-9)
    assert (
        gain(KINDS, BILLS, (0.85, at.verifier + 0.01), VALUE)
        > 0
        > gain(KINDS, BILLS, (0.85, at.verifier - 0.01), VALUE)
    )


def test_a_search_for_the_root_finds_the_floor() -> None:
    """The floor that is found by playing both holds the closed form in its interval."""
    at = floor(KINDS, BILLS, 0.85, VALUE).verifier
    assert at is not None
    root, low, high = simulated_floor(KINDS, BILLS, 0.85, VALUE, 20_000)
    assert low < at < high
    assert high - low < 0.06
    assert root == pytest.approx((low + high) / 2)


def test_where_a_cascade_never_wins() -> None:
    """If the classifier is perfect, or an answer worth little, not even a perfect verifier makes up for its bill."""
    assert floor(KINDS, BILLS, 1.0, VALUE).verifier is None
    found = break_even_of(KINDS, BILLS, VALUE, 1.0, 1_000)
    assert found.played is None
    assert all(worth < 0 for worth in found.gains[-1])
    easy = Kinds(both=0.3, only_strong=0.4, only_weak=0.0)
    with pytest.raises(ValueError, match="worth less than what a better verifier spends"):
        floor(easy, BILLS, 0.8, 0.0001)


def test_a_free_verifier_needs_the_classifiers_accuracy_and_a_little() -> None:
    """If nothing but the weak answers that are thrown away differs, the floor lies above the classifier's accuracy."""
    plain = Bills(weak=0.5, strong=4.0)
    for accuracy in (0.6, 0.75, 0.9):
        at = floor(KINDS, plain, accuracy, VALUE).verifier
        assert at is not None
        assert accuracy < at < accuracy + 0.05
    free = Bills(weak=0.0, strong=4.0)
    assert floor(KINDS, free, 0.8, VALUE).verifier == pytest.approx(0.8)


def test_shares_that_cannot_be_are_refused() -> None:
    """If shares add up to more than 1, or one is below 0, there are no such kinds."""
    with pytest.raises(ValueError, match="add up to 1 at most"):
        Kinds(0.8, 0.3, 0.1)
