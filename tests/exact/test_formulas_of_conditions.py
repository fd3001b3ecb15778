"""Each exact value of a system with conditions is reached by two methods that share nothing but the question."""

from __future__ import annotations

import math
from dataclasses import astuple

import numpy as np
import pytest
from exact import formulas
from exact import formulas_of_conditions as exact
from exact import second_methods_of_conditions as second
from scipy import integrate

SAME = 1e-9
"""Largest relative difference of two methods."""


def test_erlang_b_agrees_with_its_sum_and_with_erlang_c() -> None:
    """If the loss formula is summed, or Erlang C derived from it, the recursion gives the same."""
    for servers, offered in ((1, 0.5), (3, 2.1), (5, 4.0), (20, 30.0)):
        weights = np.cumprod([1.0, *(offered / k for k in range(1, servers + 1))])
        assert exact.erlang_b(servers, offered) == pytest.approx(weights[-1] / weights.sum(), rel=SAME)
    blocking = exact.erlang_b(3, 2.1)
    assert formulas.erlang_c(3, 2.1) == pytest.approx(blocking / (1 - 0.7 * (1 - blocking)), rel=SAME)


@pytest.mark.parametrize(("servers", "most"), [(1, 1), (1, 4), (2, 5), (4, 4), (5, 12)])
def test_mmck(servers: int, most: int) -> None:
    """If M/M/c/K comes from geometric sums, so it does from its chain."""
    for rate in (0.7, 1.3 * servers):
        expected = astuple(second.mmck(rate, 1.0, servers, most))
        assert astuple(exact.mmck(rate, 1.0, servers, most)) == pytest.approx(expected, rel=SAME)
        if most == servers:
            assert expected[0] == pytest.approx(exact.erlang_b(servers, rate), rel=SAME)


@pytest.mark.parametrize(("rate", "servers", "leaving"), [(0.8, 1, 0.5), (3.5, 3, 0.4), (12.0, 10, 2.0)])
def test_erlang_a(rate: float, servers: int, leaving: float) -> None:
    """If Palm's values come from a hypergeometric function, so they do from the chain."""
    expected = astuple(second.erlang_a(rate, 1.0, servers, leaving))
    assert astuple(exact.erlang_a(rate, 1.0, servers, leaving)) == pytest.approx(expected, rel=SAME)


@pytest.mark.parametrize(("rate", "servers", "patience"), [(0.8, 1, 1.5), (1.4, 1, 2.0), (3.5, 3, 0.5)])
def test_constant_patience(rate: float, servers: int, patience: float) -> None:
    """If Barrer's values are written in closed form, a grid of crossings gives them to its own accuracy."""
    expected = astuple(second.constant_patience(rate, 1.0, servers, patience))
    assert astuple(exact.constant_patience(rate, 1.0, servers, patience)) == pytest.approx(expected, rel=2e-6)


def test_constant_patience_in_its_extremes() -> None:
    """If nobody has patience, all is lost that Erlang loses; if it is long, all wait as Erlang says."""
    none, long = exact.constant_patience(2.1, 1.0, 3, 1e-12), exact.constant_patience(2.1, 1.0, 3, 200.0)
    assert none.lost == pytest.approx(exact.erlang_b(3, 2.1), rel=1e-9)
    assert long.waits == pytest.approx(formulas.erlang_c(3, 2.1), rel=1e-9)
    assert long.mean_wait == pytest.approx(formulas.mmc_wait(2.1, 1.0, 3).mean, rel=1e-9)


@pytest.mark.parametrize("load", [0.5, 0.9, 1.6])
@pytest.mark.parametrize("most", [1, 2, 3, 8])
def test_md1_loss(load: float, most: int) -> None:
    """If the loss of M/D/1/b is written as one sum, the chain at departures gives the same."""
    assert exact.md1_loss(load, most) == pytest.approx(second.md1_loss(load, most), rel=1e-8)


@pytest.mark.parametrize("burst", [2, 3, 5])
def test_shaped_delay(burst: int) -> None:
    """If the delay of a shaped stream comes from the M/D/1 wait in closed form, a grid gives it to its own accuracy."""
    expected = second.shaped_delay(0.7, 1.0, burst)
    assert exact.shaped_delay(0.7, 1.0, burst) == pytest.approx(expected, rel=1e-6)
    assert exact.shaped_delay(0.35, 2.0, burst) == pytest.approx((expected[0], 2 * expected[1]), rel=1e-6)


def test_shaped_delay_without_a_burst() -> None:
    """If one cell at a time passes, the delay is the wait in M/D/1."""
    assert exact.shaped_delay(0.7, 1.0, 1) == pytest.approx((0.7, 0.7 / 2 / 0.3), rel=SAME)


def test_bernoulli_tries() -> None:
    """If tries are counted one by one, their mean is that of the closed form."""
    tries = exact.bernoulli_tries(0.3, 4)
    numbers = 0.7 * 1 + 0.3 * 0.7 * 2 + 0.09 * 0.7 * 3 + 0.027 * 4
    assert (tries.mean, tries.answered) == pytest.approx((numbers, 1 - 0.0081), rel=SAME)
    assert tries.total_s(2.0, 0.5) == pytest.approx(numbers * 2 + (numbers - 1) * 0.5, rel=SAME)


@pytest.mark.parametrize("firsts", [1, 2, 10])
def test_granted_share(firsts: int) -> None:
    """If the share of retries granted is a renewal reward, the chain of the balance gives the same."""
    for failing in (0.05, 0.5, 1.0):
        expected = second.granted_share(failing, firsts)
        assert exact.granted_share(failing, firsts) == pytest.approx(expected, rel=SAME)


@pytest.mark.parametrize("after_s", [0.0, 0.5, 2.0])
def test_hedged(after_s: float) -> None:
    """If a second call joins after a time, the moments are what the density of both calls gives by integration."""
    hedged = exact.Hedged(1.5, after_s)
    assert hedged.mean == pytest.approx(integrate.quad(hedged.tail, 0, 40, points=[after_s])[0], rel=1e-7)

    def first_wins(time_s: float) -> float:
        """Density of the first call's end, times the chance that the second one is still not there."""
        return 1.5 * math.exp(-1.5 * time_s) * math.exp(-1.5 * max(time_s - after_s, 0.0))

    assert 1 - hedged.won == pytest.approx(integrate.quad(first_wins, 0, 40, points=[after_s])[0], rel=1e-7)
    both = hedged.mean + integrate.quad(hedged.tail, after_s, 40)[0]
    assert hedged.work == pytest.approx(both, rel=1e-7)


def test_open_share() -> None:
    """If no failure is allowed and all fail, a breaker is closed for one gap between arrivals, and then open."""
    assert exact.open_share(2.0, 1.0, 0, 1.0) == pytest.approx(1.0 / 1.5)
    assert exact.open_share(2.0, 0.25, 2, 6.0) == pytest.approx(0.5)
