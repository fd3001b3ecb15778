"""Average run lengths of control charts: how long until an alarm, with and without a change to find.

A chart looks at a standardised score at each epoch (mean 0 and variance 1 while nothing has changed). Its *run length*
is the number of looks up to and with the alarm. In control its average is the mean time between false alarms; after a
change it is the delay. Both come from one Markov chain over the values that a chart can stand at (Brook and Evans 1972,
Biometrika 59(3), for CUSUM; Lucas and Saccucci 1990, Technometrics 32(1), for EWMA), for any law of the scores.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from sim.chance.normal import normal_cdf
from sim.columns import Floats

Cdf: TypeAlias = Callable[[Floats], Floats]
"""The distribution function of a score: P(score <= z) for each z."""

_CELLS: Final = 101


@dataclass(frozen=True, slots=True)
class Step:
    """How a one-sided or two-sided chart moves: value' = keep x value + weight x (score - allowance), then a floor.

    With `floor` the value starts again at 0 instead of falling below (a chart of one side); without it an alarm comes
    on either side.
    """

    keep: float
    weight: float
    allowance: float
    floor: bool


def average_run_length(step: Step, threshold: float, scores: Cdf = normal_cdf) -> float:
    """Give the mean number of looks until the value first exceeds `threshold` (in size, without a floor), from 0.

    The values between the thresholds are cut into 101 cells, of which the one around 0 holds what the floor catches;
    the error falls with the square of their number and is below a part in a thousand for the charts in use.
    Infinity where the scores can never take the chart beyond the threshold.
    """
    values, edges = _cells(step, threshold)
    below = _below(step, values, edges, scores)
    if step.floor:
        below[:, 0] = 0.0
    stays = np.diff(below, axis=1)
    if (stays.sum(axis=1) >= 1.0 - 1e-15).all():
        return math.inf
    lengths = _solved(np.eye(len(values)) - stays)
    start = 0 if step.floor else len(values) // 2
    return float(lengths[start])


def _solved(matrix: Floats) -> Floats:
    """Give what the matrix takes to ones: one half of the unknowns put into the equations of the other.

    Either half is solved as LAPACK solves it. To the whole, from some hundred unknowns on, it would put threads, which
    wait for each other a hundred times as long as they work where other processes want the cores too.
    """
    half = len(matrix) // 2
    upper, lower = matrix[:half], matrix[half:]
    right = np.ones((half, 1))
    given = np.linalg.solve(upper[:, :half], np.concatenate((upper[:, half:], right), axis=1))
    by_other, alone = given[:, :-1], given[:, -1]
    last = np.linalg.solve(lower[:, half:] - lower[:, :half] @ by_other, 1.0 - lower[:, :half] @ alone)
    return np.concatenate((alone - by_other @ last, last))


def _below(step: Step, values: Floats, edges: Floats, scores: Cdf) -> Floats:
    """Give the chance to land below each edge from each value, float64[values, edges]."""
    if step.keep == 1.0 and step.floor:
        # what counts is how far an edge is from a value, which is the same along each diagonal: (j - i - 1/2) widths
        size, width = len(values), values[1]
        along = scores((width * (np.arange(-size, size) + 0.5)) / step.weight + step.allowance)
        below: Floats = along[np.arange(size + 1) - np.arange(size)[:, np.newaxis] + size - 1]
        return below
    return scores((edges - step.keep * values[:, np.newaxis]) / step.weight + step.allowance)


def shifted(scores: Cdf, shift: float) -> Cdf:
    """Give the law of scores that have moved up by `shift`."""
    return lambda z: scores(z - shift)


def counts_law(count: int, share: float, reference: float) -> Cdf:
    """Give the law of the score of `count` answers of which each is bad with probability `share`.

    The score is (bad - count x reference) / sqrt(count x reference x (1 - reference)): binomial, on a lattice.
    """
    from scipy.special import bdtr  # noqa: PLC0415 - scipy loads slowly and `validate` must not wait for it

    spread = math.sqrt(count * reference * (1 - reference))
    # once for each number of bad answers, in front of which nothing lies: a search asks some ten million times
    up_to = np.concatenate(([0.0], bdtr(np.arange(count + 1, dtype=np.float64), count, share)))

    def law(z: Floats) -> Floats:
        # a part in 10^9 above the lattice point, so that a point that rounding put below itself still counts
        bad = np.floor(count * reference + z * spread + 1e-9)
        found: Floats = up_to[np.clip(bad, -1, count).astype(np.int64) + 1]
        return found

    return law


def _cells(step: Step, threshold: float) -> tuple[Floats, Floats]:
    """Give the values that stand for the cells, and the edges of the cells."""
    values: Floats
    edges: Floats
    if step.floor:
        # half a cell at 0, since that is where the floor puts what falls below
        width = threshold / (_CELLS - 0.5)
        values = width * np.arange(_CELLS, dtype=np.float64)
        edges = np.concatenate(([0.0], values + width / 2))
    else:
        width = 2 * threshold / _CELLS
        values = width * (np.arange(_CELLS, dtype=np.float64) - _CELLS // 2)
        edges = np.concatenate((values - width / 2, [threshold]))
    return values, edges
