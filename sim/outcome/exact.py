"""Exact intervals of counts: for what happens so seldom that its spread over replications says little."""

from __future__ import annotations


def poisson_bounds(events: int, level: float) -> tuple[float, float]:
    """Give the interval of the mean of a Poisson count (Garwood 1936, Biometrika 28): 0 still allows 3.7 at 95 %."""
    from scipy.special import gammaincinv  # noqa: PLC0415 - scipy loads slowly

    tail = (1 - level) / 2
    return float(gammaincinv(events, tail)) if events else 0.0, float(gammaincinv(events + 1, 1 - tail))


def binomial_bounds(events: int, count: int, level: float) -> tuple[float, float]:
    """Give the interval of a share of which `events` of `count` were seen (Clopper and Pearson 1934, Biometrika 26)."""
    from scipy.special import betaincinv  # noqa: PLC0415 - scipy loads slowly

    tail = (1 - level) / 2
    low = float(betaincinv(events, count - events + 1, tail)) if events else 0.0
    high = float(betaincinv(events + 1, count - events, 1 - tail)) if events < count else 1.0
    return low, high
