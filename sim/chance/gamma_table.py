"""Quantiles of the gamma law by table: twenty times as fast as solving for each of them, and as exact.

With Q the quantile function and Phi the standard normal distribution function, log Q(Phi(z)) is smooth in z over the
whole range of our uniforms, for narrow laws and wide ones alike. Two thousand values of it, with the first and second
derivative that the density gives, fix polynomials of degree five in between (Hermite interpolation; the error is below
max|f^(6)| h**6 / 46080 at a distance h of the knots, Davis 1963, "Interpolation and Approximation", section 3.5).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final, cast

import numpy as np

from sim.chance.normal import normal_cdf, normal_quantile
from sim.columns import Floats

SMALLEST_SHAPE: Final = 1e-4
LARGEST_SHAPE: Final = 1e5
"""Shapes from the least to this one are tabled. At 1e6 and beyond scipy's own `gammainc` is wrong by 1e-5 of its value,
and `gammaincinv` with it, 4.5 standard deviations below the mean (scipy 1.17; held against 40-digit arithmetic)."""

_EDGE: Final = 8.25  # a uniform lies 2**-53 or more from 0 and 1, so that its normal quantile is within 8.21
_PER_UNIT: Final = 128  # knots per unit of z; a power of two, so that the knots are exact
_DEEP: Final = 1e-290  # below, an incomplete gamma function loses digits and then all


def gamma_quantiles(u: Floats, shape: float) -> Floats:
    """Give the quantiles of the gamma law of scale 1, for many u in (0, 1); for a few, the table is not worth while.

    Relative error below 1e-12 above 1e-40, and a few units in the last place of log Q below. A value depends on its own
    u only.
    """
    if not SMALLEST_SHAPE <= shape <= LARGEST_SHAPE:
        return solved_quantiles(u, shape)
    place = normal_quantile(u)
    beyond = None if _all_within(place) else ~(np.abs(place) < _EDGE)
    if beyond is not None:
        place[beyond] = 0.0
    place += _EDGE
    place *= _PER_UNIT
    stretch = place.astype(np.int64)
    place -= stretch
    highest, *others = _coefficients(shape)
    values: Floats = highest.take(stretch)
    for coefficient in others:
        values *= place
        values += coefficient.take(stretch)
    np.exp(values, out=values)
    if beyond is not None:
        values[beyond] = solved_quantiles(u[beyond], shape)
    return values


def solved_quantiles(u: Floats, shape: float) -> Floats:
    """Give the same without a table: the inverse of the regularised lower incomplete gamma function."""
    from scipy.special import gammaincinv  # noqa: PLC0415 - `validate` starts without scipy

    return cast("Floats", gammaincinv(shape, u))


def _all_within(place: Floats) -> bool:
    """Say whether the table reaches all of these normal quantiles; not where one is NaN."""
    return not place.size or bool(place.min() > -_EDGE and place.max() < _EDGE)


@lru_cache(maxsize=64)
def _coefficients(shape: float) -> Floats:
    """Give the polynomials of log Q(Phi(z)) between knots, in the part of the stretch passed; the highest power first.

    float64[6, stretches]. For a power series in t on [0, 1], the coefficients of t**3 to t**5 follow from value, slope
    and curvature at the end, less what the lower three make of them there.
    """
    log_q, slope, curvature = _knots(shape)
    slope = slope / _PER_UNIT
    half = curvature / (2.0 * _PER_UNIT**2)
    value_left = np.diff(log_q) - slope[:-1] - half[:-1]
    slope_left = np.diff(slope) - 2.0 * half[:-1]
    curvature_left = 2.0 * np.diff(half)
    return np.stack(
        [
            6.0 * value_left - 3.0 * slope_left + 0.5 * curvature_left,
            -15.0 * value_left + 7.0 * slope_left - curvature_left,
            10.0 * value_left - 4.0 * slope_left + 0.5 * curvature_left,
            half[:-1],
            slope[:-1],
            log_q[:-1],
        ]
    )


def _knots(shape: float) -> tuple[Floats, Floats, Floats]:
    """Give log Q(Phi(z)) at the knots z, and its first and second derivative there.

    With x = Q and the density g, G(x) = Phi(z) gives d log x / dz = s = phi(z) / (x g(x)), where
    x g(x) = x**shape exp(-x) / Gamma(shape), and from it d log s / dz = (x - shape) s - z.
    """
    from scipy.special import gammainccinv, log_ndtr  # noqa: PLC0415 - `validate` starts without scipy

    z = np.arange(-_EDGE * _PER_UNIT, _EDGE * _PER_UNIT + 1) / _PER_UNIT
    # each half from its own tail, which keeps all digits
    x = np.where(z < 0, solved_quantiles(normal_cdf(z), shape), gammainccinv(shape, normal_cdf(-z)))
    # where x is next to nothing, G(x) = x**shape / Gamma(shape + 1)
    deep = (log_ndtr(z) + math.lgamma(shape + 1)) / shape
    is_deep = x < _DEEP
    x[is_deep] = 0.0
    log_q = np.where(is_deep, deep, np.log(x, where=~is_deep, out=np.zeros_like(x)))
    log_phi = -0.5 * (z * z + math.log(2 * math.pi))
    slope = np.exp(log_phi - shape * log_q + x + math.lgamma(shape))
    return log_q, slope, slope * ((x - shape) * slope - z)
