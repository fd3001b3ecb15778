"""Exact values where some go first: times in seconds, rates per second, classes in the order of their priorities.

The twin of each is in `second_methods_of_lanes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

from exact import formulas

Floats = Sequence[float]


def priority_waits(residual_s: float, loads: Floats) -> list[float]:
    """Give the mean wait of each class, without preemption, from the mean time until a server is free (Cobham 1954).

    W_k = W_0 / ((1 - sigma_{k-1}) (1 - sigma_k)), sigma_k the utilisation by classes 1 to k.
    """
    sigma = [0.0, *accumulate(loads)]
    return [residual_s / (1 - before) / (1 - after) for before, after in pairwise(sigma)]


def mmc_priority_waits(rates: Floats, service_rate: float, servers: int) -> list[float]:
    """Give the mean waits in M/M/c with one law of service: an arrival finds all busy with Erlang's probability."""
    residual = formulas.erlang_c(servers, sum(rates) / service_rate) / (servers * service_rate)
    return priority_waits(residual, [rate / servers / service_rate for rate in rates])


def mg1_residual(rates: Floats, second_moments: Floats) -> float:
    """Give the mean time that the call in service of M/G/1 still takes, as an arrival finds it (0 if there is none)."""
    return sum(rate * moment / 2 for rate, moment in zip(rates, second_moments, strict=True))


def mg1_priority_waits(rates: Floats, means: Floats, second_moments: Floats) -> list[float]:
    """Give the mean waits in M/G/1 whose classes have laws of service of their own."""
    loads = [rate * mean for rate, mean in zip(rates, means, strict=True)]
    return priority_waits(mg1_residual(rates, second_moments), loads)


def work_that_waits(rates: Floats, means: Floats, second_moments: Floats) -> float:
    """Give the mean work in the queue of M/G/1, the sum of rho_k W_k, which no order changes (Kleinrock 1965).

    It holds for every order that nobody is interrupted by, no server idles in, and that does not look at how long the
    calls will take of those who still wait.
    """
    load = sum(rate * mean for rate, mean in zip(rates, means, strict=True))
    return load * mg1_residual(rates, second_moments) / (1 - load)
