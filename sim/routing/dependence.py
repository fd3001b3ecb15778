"""Models fail together: the dependence between the acceptability of two models' answers.

One latent difficulty D ~ N(0, 1) per request and, per model, X = a D + sqrt(1 - a^2) E. An answer is acceptable
when X <= Phi^-1(p), so each model's acceptance probability p is exact whatever the dependence, and rho = a^2 is the
correlation of the latents of any two models (a one-factor Gaussian copula; Li 2000, "On default correlation").
"""

from __future__ import annotations

import functools
import math
from statistics import NormalDist

import numpy as np

from sim.chance.normal import normal_cdf, normal_grid, normal_quantile

_LARGEST_RHO = 0.9999
_STEPS = 60
_SLACK = 1e-9


def both_right(rho: float, p_first: float, p_second: float) -> float:
    """Give P(both answers acceptable) at latent correlation rho in [0, 1)."""
    difficulty, weights = normal_grid()
    loading, rest = math.sqrt(rho), math.sqrt(1 - rho)
    cuts = normal_quantile(np.array([p_first, p_second]))
    first, second = (normal_cdf((cut - loading * difficulty) / rest) for cut in cuts)
    return float((weights * first * second).sum())


def right_when_wrong(rho: float, p_cheap: float, p_frontier: float) -> float:
    """Give P(frontier right | cheap wrong) at latent correlation rho; falls as rho grows."""
    return (p_frontier - both_right(rho, p_cheap, p_frontier)) / (1 - p_cheap)


def out_of_reach(target: float, p_cheap: float, p_frontier: float) -> str:
    """Say why no correlation in [0, 1) gives P(frontier right | cheap wrong) = `target`; empty where one does.

    The sum of `both_right` at the strongest dependence, with the standard library's normal law: `validate` asks this
    and starts without scipy.
    """
    if p_cheap >= 1:
        return ""
    both = p_cheap * p_frontier
    if p_cheap > 0 and 0 < p_frontier < 1:
        law = NormalDist()
        loading, rest = math.sqrt(_LARGEST_RHO), math.sqrt(1 - _LARGEST_RHO)
        difficulty, weights = (column.tolist() for column in normal_grid())
        cuts = [law.inv_cdf(p_cheap), law.inv_cdf(p_frontier)]
        both = math.fsum(
            weight * math.prod(law.cdf((cut - loading * latent) / rest) for cut in cuts)
            for latent, weight in zip(difficulty, weights, strict=True)
        )
    lowest = max((p_frontier - both) / (1 - p_cheap), 0.0)  # rounding can take it below
    if lowest - _SLACK <= target <= p_frontier + _SLACK:
        return ""
    return (
        f"P(frontier right | cheap wrong) = {target:g} cannot go with acceptances {p_cheap:g} and {p_frontier:g}: "
        f"it lies between {lowest:.3f} (always fail together) and {p_frontier:.3f} (independent)"
    )


@functools.lru_cache(maxsize=4096)
def solve_rho(target: float, p_cheap: float, p_frontier: float) -> float:
    """Find the latent correlation at which P(frontier right | cheap wrong) is `target`, by bisection.

    Raises ValueError with the reachable range if no correlation in [0, 1) gives it.
    """
    if reason := out_of_reach(target, p_cheap, p_frontier):
        raise ValueError(reason)
    low, high = 0.0, _LARGEST_RHO
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if right_when_wrong(middle, p_cheap, p_frontier) > target:
            low = middle
        else:
            high = middle
    return (low + high) / 2
