"""Each exact value of a system of replicas is reached by two methods that share nothing but the question."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from exact import formulas
from exact import formulas_of_replicas as exact
from scipy import integrate


def test_state_dependent_rates_hold_the_queues_that_are_known() -> None:
    """If the rate is constant, or proportional to the number, the chain is M/M/1, or M/M/c."""
    single = exact.state_dependent(0.7, lambda _: 1.0, 1)
    assert (single.sojourn, single.waits) == pytest.approx((1 / 0.3, 0.7), rel=1e-9)
    several = exact.state_dependent(2.1, float, 3)
    wait = formulas.mmc_wait(2.1, 1.0, 3).mean
    assert (several.waits, several.mean_wait, several.sojourn) == pytest.approx(
        (formulas.erlang_c(3, 2.1), wait, wait + 1), rel=1e-9
    )
    assert several.mean_batch == pytest.approx(2.1 / (1 - _empty(2.1, 3)), rel=1e-9)


def _empty(offered: float, servers: int) -> float:
    """Give the probability that M/M/c is empty, by its recursion."""
    weights = [1.0]
    for number in range(1, 2_000):
        weights.append(weights[-1] * offered / min(number, servers))
    return 1 / sum(weights)


@pytest.mark.parametrize("load", [0.3, 0.6, 0.8])
def test_moments_of_processor_sharing(load: float) -> None:
    """If a tagged call is followed event by event, its mean and squared time are those of the formulas.

    With n others it ends at rate 1 / (n + 1), one of them at n / (n + 1), and another one comes at rate `load`; the
    moments of what is left solve linear equations, and a call finds n others with probability (1 - load) load^n.
    """
    most = 400
    others = np.arange(most)
    matrix = np.diag(np.full(most, 1 + load)) - np.diag(others[1:] / (others[1:] + 1.0), -1)
    matrix -= np.diag(np.full(most - 1, load), 1)
    matrix[-1, -1] -= load
    first = np.linalg.solve(matrix, np.ones(most))
    second = np.linalg.solve(matrix, 2 * first)
    found = (1 - load) * load**others
    assert found @ first == pytest.approx(exact.ps_mean(load, 1.0), rel=1e-9)
    assert found @ second == pytest.approx(exact.ps_second_moment(load), rel=1e-9)
    assert exact.ps_conditional(load, 1.0, 2.0) == pytest.approx(2 * exact.ps_mean(load, 1.0))


@pytest.mark.parametrize(("load", "time_s"), [(0.3, 10.0), (0.6, 9.0), (0.8, 20.0)])
def test_tail_of_processor_sharing(load: float, time_s: float) -> None:
    """If the transform of the time that x of service takes is averaged and inverted, it is the chain's.

    The transform is that of Coffman, Muntz & Trotter (1970), r being the smaller root of
    load r^2 - (1 + load + s) r + 1.
    Who needs more than the time stays longer, with no need of a transform.
    """

    def transform(s: mpmath.mpc, x: float) -> mpmath.mpc:
        middle = 1 + load + s
        r = (middle - mpmath.sqrt(middle**2 - 4 * load)) / (2 * load)
        below = (1 - load * r) ** 2 - load * (1 - r) ** 2 * mpmath.exp(-x * (1 - load * r**2) / r)
        return (1 - load) * (1 - load * r**2) * mpmath.exp(-(load * (1 - r) + s) * x) / below

    nodes, weights = np.polynomial.legendre.leggauss(24)
    needs, shares = time_s / 2 * (nodes + 1), time_s / 2 * weights * np.exp(-time_s / 2 * (nodes + 1))

    def survivor(s: mpmath.mpc) -> mpmath.mpc:
        return mpmath.fsum(w * (1 - transform(s, x)) for x, w in zip(needs, shares, strict=True)) / s

    inverted = float(mpmath.invertlaplace(survivor, time_s, method="talbot", degree=24)) + np.exp(-time_s)
    assert exact.ps_tail(load)(time_s) == pytest.approx(inverted, rel=1e-4)
    assert exact.ps_tail(load)(0.0) == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize(("load", "phases"), [(0.7, 1), (0.7, 3), (0.9, 2)])
def test_erlang_arrivals(load: float, phases: int) -> None:
    """If the root of G/M/1 is found by iterating its integral, it is the same; one phase is M/M/1."""

    def density(gap: float) -> float:
        rate = load * phases
        return rate * (rate * gap) ** (phases - 1) / np.prod(np.arange(1, phases)) * np.exp(-rate * gap)

    root = 0.5
    for _ in range(400):
        root = integrate.quad(lambda gap, at=root: density(gap) * np.exp(-(1 - at) * gap), 0, np.inf)[0]
    waits, wait = exact.erlang_arrivals(load, 1.0, phases)
    assert (waits, wait) == pytest.approx((root, root / (1 - root)), rel=1e-7)
    if phases == 1:
        assert (waits, wait) == pytest.approx((load, load / (1 - load)), rel=1e-12)


def test_joining_queues_lies_between_what_is_known() -> None:
    """If there is one queue it is M/M/1; joining the shortest lies between one queue for all and joining any."""
    assert exact.joining(0.7, 1, 1, 120) == pytest.approx((0.7, 1 / 0.3), rel=1e-9)
    pooled = formulas.mmc_wait(1.4, 1.0, 2).mean + 1
    _, two = exact.joining(1.4, 2, 2, 50)
    assert pooled < two < pooled + 0.35 < 1 / 0.3
    assert exact.joining(1.4, 2, 2, 40)[1] == pytest.approx(two, rel=1e-6)
    _, all_three = exact.joining(2.1, 3, 3, 16)
    _, two_of_three = exact.joining(2.1, 3, 2, 16)
    assert formulas.mmc_wait(2.1, 1.0, 3).mean + 1 < all_three < two_of_three < 1 / 0.3


def test_two_phases_hold_the_queues_that_are_known() -> None:
    """If decoding never slows and slots never run out, prefill is M/M/1 and decoding takes as long as alone.

    If one slot is all there is, both phases together are one service: M/G/1 by Pollaczek and Khinchine.
    """
    ttft, sojourn = exact.two_phases(0.8, lambda _: 2.0, lambda number, _: float(number), 60, 60)
    assert (ttft, sojourn) == pytest.approx((0.5 / (1 - 0.4), 0.5 / (1 - 0.4) + 1), rel=1e-6)
    ttft, sojourn = exact.two_phases(0.4, lambda _: 2.0, lambda _, __: 1.0, 1, 200)
    wait = 0.4 * (2 * 0.25 + 2 * 0.5 + 2) / 2 / (1 - 0.4 * 1.5)
    assert (ttft, sojourn) == pytest.approx((wait + 0.5, wait + 1.5), rel=1e-6)
