"""The standard normal law, vectorised: the language of every latent in the model."""

from __future__ import annotations

from typing import cast

import numpy as np

from sim.columns import Floats


def normal_cdf(x: Floats) -> Floats:
    """Give P(Z <= x) of a standard normal Z; float64 of the shape of `x`."""
    from scipy.special import ndtr  # noqa: PLC0415 - `validate` starts without scipy

    return cast("Floats", ndtr(x))


def normal_quantile(u: Floats) -> Floats:
    """Give the x with P(Z <= x) = u; -inf at 0 and +inf at 1."""
    from scipy.special import ndtri  # noqa: PLC0415 - `validate` starts without scipy

    return cast("Floats", ndtri(u))


def normal_grid(half_width: float = 8.5, points: int = 2_001) -> tuple[Floats, Floats]:
    """Give abscissae and weights with sum(w * f(x)) = E[f(Z)] for smooth f (trapezoid on a normal density)."""
    x = np.linspace(-half_width, half_width, points)
    weights = np.exp(-0.5 * x * x)
    return x, weights / weights.sum()
