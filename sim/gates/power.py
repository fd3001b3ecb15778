"""How many answers must be looked at to see a change: exact binomial power of a one-sided test."""

from __future__ import annotations

import numpy as np


def critical_count(count: int, share: float, level: float) -> int:
    """Give the least number of bad answers of `count` that is rarer than `level` where their share is `share`."""
    from scipy.special import bdtrc  # noqa: PLC0415 - scipy loads slowly and `validate` must not wait for it

    bad = np.arange(count + 1)
    # P(X >= k) = P(X > k - 1), and 1 for k = 0
    tail = np.concatenate(([1.0], bdtrc(bad[:-1], count, share)))
    rare = np.flatnonzero(tail <= level)
    return int(rare[0]) if rare.size else count + 1


def power(count: int, before: float, after: float, level: float = 0.05) -> float:
    """Give the chance that `count` answers show a rise of the share of bad ones from `before` to `after`."""
    from scipy.special import bdtrc  # noqa: PLC0415 - as above

    critical = critical_count(count, before, level)
    return float(bdtrc(critical - 1, count, after)) if critical > 0 else 1.0
