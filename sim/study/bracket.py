"""Bisection where an answer may be undecided: the last value that surely meets, and the first that surely fails.

It assumes that what is searched for has one border: on its one side conditions are met, on the other they are not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sim.study.until import Standing

Look = Callable[[float], Standing]

GALLOP: Final = 2.0
"""A search without ends moves on by this factor."""

_DIGITS: Final = 4


@dataclass(frozen=True, slots=True)
class Axis:
    """The values that are searched: whole numbers, or numbers that are told apart down to a share `precision`."""

    low: float
    high: float
    whole: bool
    precision: float = 0.02

    def between(self, one: float, other: float) -> float | None:
        """Give a value between two, None where they are next to each other as far as this search can tell."""
        low, high = sorted((one, other))
        if self.whole:
            return float((int(low) + int(high)) // 2) if high - low > 1 else None
        if high - low <= self.precision * max(abs(low), abs(high)):
            return None
        middle = math.sqrt(low) * math.sqrt(high) if low > 0 else (low + high) / 2
        short = float(f"{middle:.{_DIGITS}g}")  # a value that people can type again
        return short if low < short < high else middle


@dataclass(frozen=True, slots=True)
class Bracket:
    """The border, as far as it is known.

    `meets` is the last value that surely meets, seen from the side where conditions are met, and `fails` the first that
    surely fails; None where no such value was found. `upwards` says that lower values meet, so that the largest is
    sought; None where both ends are alike.
    """

    meets: float | None
    fails: float | None
    upwards: bool | None


def between_ends(look: Look, axis: Axis) -> Bracket:
    """Look at both ends first, and bisect where they differ."""
    seen = _Memory(look)
    at_low, at_high = seen(axis.low), seen(axis.high)
    if at_low is at_high:
        return Bracket(
            axis.high if at_low is Standing.MEETS else None, axis.low if at_low is Standing.FAILS else None, None
        )
    upwards = at_low is Standing.MEETS or at_high is Standing.FAILS
    return _closed_in(seen, axis, upwards=upwards)


def from_here(look: Look, axis: Axis, start: float) -> Bracket:
    """Look at `start` first and move up until conditions fail, down until they are met; then bisect.

    For values of which more is surely worse, such as a rate: ends far away cost much to look at.
    """
    seen = _Memory(look)
    good = bad = start
    while seen(bad) is not Standing.FAILS and bad < axis.high:
        bad = min(GALLOP * bad, axis.high)
    if Standing.MEETS not in seen.standings.values():
        while seen(good) is not Standing.MEETS and good > axis.low:
            good = max(good / GALLOP, axis.low)
    if seen(bad) is Standing.MEETS:
        return Bracket(bad, None, upwards=True)
    if Standing.MEETS not in seen.standings.values() and seen(good) is Standing.FAILS:
        return Bracket(None, good, upwards=True)
    return _closed_in(seen, axis, upwards=True)


class _Memory:
    """Looks at each value once."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self.standings: dict[float, Standing] = {}

    def __call__(self, value: float) -> Standing:
        if value not in self.standings:
            self.standings[value] = self._look(value)
        return self.standings[value]


def _closed_in(seen: _Memory, axis: Axis, *, upwards: bool) -> Bracket:
    """Bisect twice: where conditions cease to be met for sure, and where they begin to fail for sure."""
    sign = 1 if upwards else -1

    def values(*wanted: Standing) -> list[float]:
        """Give the values seen to stand so, in the order from good to bad."""
        found = [value for value, standing in seen.standings.items() if standing in wanted]
        return sorted(found, key=lambda value: sign * value)

    def halve(*wanted: Standing) -> None:
        """Look between the last value that is wanted and the next until they are neighbours."""
        others = [standing for standing in Standing if standing not in wanted]
        near = next(iter(values(*wanted)[::-1]), None)
        far = next((value for value in values(*others) if near is not None and sign * value > sign * near), None)
        while near is not None and far is not None and (middle := axis.between(near, far)) is not None:
            near, far = (middle, far) if seen(middle) in wanted else (near, middle)

    halve(Standing.MEETS)
    halve(Standing.MEETS, Standing.UNDECIDED)
    halve(Standing.MEETS)  # again, if the first value that meets has come to light only then
    meets, fails = values(Standing.MEETS), values(Standing.FAILS)
    return Bracket(meets[-1] if meets else None, fails[0] if fails else None, upwards)
