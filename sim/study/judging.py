"""From an interval and a limit to a verdict, and how much more would decide."""

from __future__ import annotations

import math
from typing import Final

from sim.outcome.estimates import Estimate
from sim.outcome.intervals import student_t
from sim.study.verdict import Verdict

_MOST: Final = 100_000


def judge(found: Estimate, operator: str, limit: float) -> Verdict:
    """Hold an interval against a limit; `operator` is <, <=, > or >=.

    PASS if every value in the interval keeps the promise, FAIL if none does, INCONCLUSIVE otherwise, and where there is
    no interval, one that is not to be trusted, or none that is a number.
    """
    low, high = found.lower, found.upper
    if low is None or high is None or found.few_data or not (math.isfinite(low) and math.isfinite(high)):
        return Verdict.INCONCLUSIVE
    if keeps(low, operator, limit) and keeps(high, operator, limit):
        return Verdict.PASS
    if not keeps(low, operator, limit) and not keeps(high, operator, limit):
        return Verdict.FAIL
    return Verdict.INCONCLUSIVE


def keeps(value: float, operator: str, limit: float) -> bool:
    """Say whether a value keeps the promise; NaN keeps none."""
    if operator == "<":
        return value < limit
    if operator == "<=":
        return value <= limit
    if operator == ">":
        return value > limit
    if operator == ">=":
        return value >= limit
    raise ValueError(f"{operator!r} is no operator")


def replications_to_decide(found: Estimate, limit: float, replications: int, level: float) -> int | None:
    """Estimate how many replications more than those done would bring one end of the interval to the limit.

    The half-width is t(R-1) s / sqrt(R), and the value is taken to stay where it is: half of the time more will be
    needed. None where more of them would not help: no interval, a value at the limit itself, or data so few that the
    value is biased.
    """
    if found.lower is None or found.upper is None or replications < 2:  # noqa: PLR2004 - a spread needs two
        return None
    half, distance = (found.upper - found.lower) / 2, abs(found.value - limit)
    if distance == 0 or half <= 0 or not math.isfinite(half / distance):
        return None
    spread = half / student_t(replications - 1, level) * math.sqrt(replications)
    needed = replications
    while needed < _MOST and student_t(needed - 1, level) * spread / math.sqrt(needed) >= distance:
        needed += max(1, needed // 50)
    return needed - replications if replications < needed < _MOST else None
