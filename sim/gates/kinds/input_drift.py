"""Drift of what comes in: the task mix as the router sees it, and the lengths of prompts."""

from __future__ import annotations

import math
from typing import Final, Literal

import numpy as np

from sim.chance.normal import normal_cdf
from sim.columns import Floats, Ints
from sim.gates.kinds.gate import Gate
from sim.gates.run_length import Cdf
from sim.gates.seen import Seen

MIX, LENGTH = "task mix", "prompt length"

_LENGTH_BINS: Final = 24  # one for each doubling of the length, up to 16 million tokens
_FEWEST: Final = 5.0


class InputDrift(Gate):
    """Whether the shares of task classes and of prompt lengths (by doublings) are still those of the reference.

    The score is Pearson's chi-square of an epoch against the reference (two samples, bins of which fewer than five are
    expected put together), brought to a normal law by its cube root (Wilson and Hilferty 1931). `stability_index` gives
    the population stability index that dashboards show.
    """

    kind: Literal["input_drift"]
    """Population stability of task mix and prompt length."""

    def streams(self, routes: tuple[str, ...]) -> tuple[str, ...]:  # noqa: ARG002 - inputs are routed later
        """Name the two distributions."""
        return (MIX, LENGTH)

    def bins(self, tasks: tuple[str, ...]) -> int:
        """Give room for the larger of the two."""
        return max(len(tasks), _LENGTH_BINS)

    def count(self, seen: Seen) -> Ints:
        """Count requests by task class and by length."""
        size = self.bins(seen.tasks)
        length = np.minimum(np.frexp(np.maximum(seen.input_tokens, 0).astype(np.float64))[1], _LENGTH_BINS - 1)
        by_task, by_length = (np.bincount(codes, minlength=size) for codes in (seen.task, length))
        counts: Ints = np.stack((by_task, by_length)).astype(np.int64)
        return counts

    def scores(self, counts: Ints, reference: Ints) -> Floats:
        """Give the normal score of each chi-square; NaN where nothing came or a single bin is left."""
        shape = np.broadcast_shapes(counts.shape, reference.shape)
        flat = np.broadcast_to(counts, shape).reshape(-1, shape[-1])
        base = np.broadcast_to(reference, shape).reshape(-1, shape[-1])
        scores = [_normal_score(some, other) for some, other in zip(flat, base, strict=True)]
        return np.array(scores).reshape(shape[:-1])

    def law(self, reference: Ints, epochs: float) -> Cdf:  # noqa: ARG002 - the same for all counts
        """Give the normal law."""
        return normal_cdf

    @staticmethod
    def stability_index(counts: Ints, reference: Ints) -> Floats:
        """Give sum((p - q) ln(p / q)) over the bins, with half a request in empty ones; float64[...]."""
        p, q = ((some + 0.5) / (some + 0.5).sum(axis=-1, keepdims=True) for some in (counts, reference))
        index: Floats = ((p - q) * np.log(p / q)).sum(axis=-1)
        return index


def _normal_score(counts: Ints, reference: Ints) -> float:
    """Give the normal score of the chi-square of two samples."""
    n, m = float(counts.sum()), float(reference.sum())
    if not n or not m:
        return np.nan
    both = (counts + reference).astype(np.float64)
    expected = both * n / (n + m)
    few = np.minimum(expected, both * m / (n + m)) < _FEWEST
    observed = counts.astype(np.float64)
    if few.any():
        observed, expected, both = (np.append(some[~few], some[few].sum()) for some in (observed, expected, both))
    used = both > 0
    freedom = int(used.sum()) - 1
    if freedom < 1:
        return np.nan
    # the variance of a count given the sums of both samples, which makes one sample of the two enough
    chi_square = float(((observed - expected)[used] ** 2 / (expected[used] * m / (n + m))).sum())
    spread = 2 / (9 * freedom)
    root = math.cbrt(chi_square / freedom)
    return (root - (1 - spread)) / math.sqrt(spread)
