"""Numbers as people write them: value and interval in one unit, with no more digits than the interval allows."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sim.outcome.estimates import Estimate

MARK = "~"
"""Stands before a value whose interval is not to be trusted."""

_DURATIONS = ((7200.0, 3600.0, " h"), (120.0, 60.0, " min"), (1.0, 1.0, " s"), (1e-3, 1e-3, " ms"), (0.0, 1e-6, " µs"))
"""From this many seconds on, the number of seconds in the unit, and the unit."""

_PREFIX = {"usd": "$", "usd/1k": "$"}
_SUFFIX = {"fraction": " %", "points": " points", "1/s": " /s", "ratio": " x"}
_DIGITS = {"fraction": 1, "points": 1}
"""Most decimals of these units; others stop at three significant digits."""

_SIGNIFICANT = 3
_LEAST_UNITS = 2


@dataclass(frozen=True, slots=True)
class Written:
    """A number in words: ``1.24 s`` and ``[1.20, 1.28]``; no interval where there is none or it has no width."""

    value: str
    interval: str = ""

    def __str__(self) -> str:
        return f"{self.value} {self.interval}".rstrip()


def written(found: Estimate, *, signed: bool = False, plain: bool = False) -> Written:
    """Write an estimate; `signed` puts a plus before gains, `plain` leaves out the unit ``points``."""
    factor, prefix, suffix = _scale(found)
    if plain and found.unit == "points":
        suffix = ""
    value = found.value / factor
    bounds = [bound / factor for bound in (found.lower, found.upper) if bound is not None]
    decimals = _decimals(value, bounds, found.unit)
    mark = MARK if found.few_data else ""
    plus = "+" if signed and round(value, decimals) > 0 else ""
    text = f"{mark}{plus}{_number(value, decimals, prefix)}{suffix}"
    if len(bounds) < 2 or bounds[0] == bounds[1]:  # noqa: PLR2004 - an interval has two ends
        return Written(text)
    low, high = (_number(bound, decimals, "") for bound in bounds)
    return Written(text, f"[{low}, {high}]")


def negated(found: Estimate) -> Estimate:
    """Return the same estimate with the sign turned: a loss of 0.6 points is a gain of -0.6."""
    lower = None if found.upper is None else -found.upper
    upper = None if found.lower is None else -found.lower
    return Estimate(-found.value, lower, upper, found.unit, found.baseline, found.few_data)


def _scale(found: Estimate) -> tuple[float, str, str]:
    """Divisor, prefix and suffix for the value and both bounds."""
    if found.unit == "fraction":
        return 0.01, "", _SUFFIX["fraction"]
    if found.unit == "s":
        size = abs(found.value)
        divisor, suffix = next((divisor, suffix) for start, divisor, suffix in _DURATIONS if size >= start)
        return (1.0, "", " s") if size == 0 else (divisor, "", suffix)
    return 1.0, _PREFIX.get(found.unit, ""), _SUFFIX.get(found.unit, "")


def _decimals(value: float, bounds: list[float], unit: str) -> int:
    """Decimals that show the half-width in one digit, or in two if they are below 20, within what the unit deserves."""
    size = abs(value)
    # A loss of 0.04 points or a share of 0.02 % would vanish at one decimal.
    most = _DIGITS.get(unit, -1)
    if most < 0 or 0 < size < 0.1:  # noqa: PLR2004 - as above
        most = _SIGNIFICANT - 1 - math.floor(math.log10(size)) if size else _SIGNIFICANT - 1
    half = (bounds[-1] - bounds[0]) / 2 if bounds else 0.0
    # Half-widths from 2 to 20 units of the last digit; the tiny addend because 0.022 - 0.020 is not 0.002 in binary.
    wanted = math.ceil(math.log10(_LEAST_UNITS) - math.log10(half) - 1e-9) if half > 0 else most if size else 0
    decimals = max(0, min(wanted, most))
    return 2 if decimals == 1 and unit in _PREFIX else decimals  # nobody writes $12.3


def _number(value: float, decimals: int, prefix: str) -> str:
    rounded = round(value, decimals) + 0.0  # turns -0.0 into 0.0
    return f"{'-' if rounded < 0 else ''}{prefix}{abs(rounded):,.{decimals}f}"


def duration(seconds: float) -> str:
    """Write a length of time that has no interval: ``1 d``, ``90 min``, ``2.5 s``."""
    for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= size:
            return f"{seconds / size:.4g} {unit}"
    return f"{seconds:.4g} s"


def plural(count: int, noun: str) -> str:
    """Write a count with its noun: ``1 replication``, ``20 replications``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
