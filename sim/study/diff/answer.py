"""What a comparison answers, and how a change is told."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sim.outcome.estimates import Estimate
from sim.outcome.intervals import Interval

if TYPE_CHECKING:
    from sim.outcome.catalogue import Better
    from sim.study.diff.edits import Edit


class Direction(StrEnum):
    """What is known of a change: all of its interval is on one side of zero, it holds zero, or is not to be trusted."""

    BETTER = "better"
    WORSE = "worse"
    MOVED = "moved"
    SAME = "same"
    UNCLEAR = "not clear"
    TOO_FEW = "too few data"


class State(StrEnum):
    """What became of a pattern."""

    CHANGED = "changed"
    SAME = "same"
    NEW = "new"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Moved:
    """One metric before and after. `change` is a share of `before`, or where `relative` is false in the metric's unit.

    None stands for a side without data, and for a change of which there is none: from nothing no share can be taken.
    """

    metric: str
    unit: str
    before: Estimate | None
    after: Estimate | None
    change: Interval | None
    relative: bool
    direction: Direction


@dataclass(frozen=True, slots=True)
class PatternDifference:
    """One pattern: what became of it, whether either side is ``unstable``, and its metrics."""

    name: str
    state: State
    statuses: tuple[str, str]
    moved: tuple[Moved, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """Two sides held against each other. `level` is that of all changes together, `each` that of every one of them."""

    experiment: str
    before: str
    after: str
    seed: int
    replications: int
    level: float
    each: float
    paired: bool
    edits: tuple[Edit, ...]
    patterns: tuple[PatternDifference, ...]
    notes: tuple[str, ...]


def independent_change(after: Estimate, before: Estimate, *, relative: bool) -> Interval | None:
    """Give the change between two estimates whose errors have nothing to do with each other.

    Half-widths add as squares; each side of the interval takes the end of either estimate that lies in its direction
    (Newcombe 1998, method 10, for differences; to first order for shares). None for a share of zero.
    """
    if after == before:
        return Interval(0.0, 0.0, 0.0)
    if relative and before.value == 0:
        return None
    scale = abs(before.value) if relative else 1.0
    ratio = after.value / before.value if relative else 1.0
    value = ratio - 1 if relative else after.value - before.value
    few = after.few_data or before.few_data
    if after.lower is None or after.upper is None or before.lower is None or before.upper is None:
        return Interval(value, None, None, few_data=True)
    down = math.hypot(after.value - after.lower, ratio * (before.upper - before.value)) / scale
    up = math.hypot(after.upper - after.value, ratio * (before.value - before.lower)) / scale
    return Interval(value, value - down, value + up, few_data=few)


def direction_of(change: Interval | None, better: Better) -> Direction:
    """Say what an interval tells of a change."""
    if change is None:
        return Direction.UNCLEAR
    if change.few_data or change.lower is None or change.upper is None:
        return Direction.TOO_FEW
    if change.value == change.lower == change.upper == 0:
        return Direction.SAME
    if change.lower <= 0 <= change.upper:
        return Direction.UNCLEAR
    if not better:
        return Direction.MOVED
    return Direction.BETTER if (change.value < 0) == (better == "lower") else Direction.WORSE
