"""Each exact value of a system with lanes is reached by two methods that share nothing but the question."""

from __future__ import annotations

import pytest
from exact import formulas
from exact import formulas_of_lanes as exact
from exact import second_methods_of_lanes as second

SAME = 1e-9
"""Largest relative difference of two methods."""


@pytest.mark.parametrize("loads", [(0.5,), (0.2, 0.5), (0.1, 0.3, 0.2, 0.35)])
def test_priority_waits(loads: tuple[float, ...]) -> None:
    """If Cobham's waits are written in closed form, his equations give the same."""
    assert exact.priority_waits(1.3, loads) == pytest.approx(second.priority_waits(1.3, loads), rel=SAME)


@pytest.mark.parametrize(("rates", "servers"), [((0.3, 0.4), 1), ((0.9, 1.05), 3)])
def test_mmc_priority_waits(rates: tuple[float, float], servers: int) -> None:
    """If the waits of two classes in M/M/c come from Erlang and Cobham, so they do from the chain of both queues."""
    chain = second.mmc_two_classes(rates, 1.0, servers, (40, 160))
    assert exact.mmc_priority_waits(rates, 1.0, servers) == pytest.approx(chain, rel=1e-8)


def test_no_order_changes_the_work_that_waits() -> None:
    """If waits are weighted by loads, priorities add up to what first come, first served has (Pollaczek, Khinchine)."""
    rates, means, seconds = (0.4, 0.3, 0.2), (0.5, 1.0, 1.5), (0.5, 1.6, 6.0)
    waits = exact.mg1_priority_waits(rates, means, seconds)
    weighted = sum(rate * mean * wait for rate, mean, wait in zip(rates, means, waits, strict=True))
    total = sum(rates)
    moments = tuple(sum(r * m for r, m in zip(rates, of, strict=True)) / total for of in (means, seconds))
    fifo, _ = formulas.mg1_wait_moments(total, (*moments, 0.0))
    assert weighted == pytest.approx(exact.work_that_waits(rates, means, seconds), rel=SAME)
    assert weighted == pytest.approx(total * moments[0] * fifo, rel=SAME)
