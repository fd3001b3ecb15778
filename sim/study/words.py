"""Numbers and intervals in sentences."""

from __future__ import annotations

from sim.outcome.estimates import Estimate
from sim.outcome.intervals import Interval
from sim.units import show_fraction, show_seconds, show_usd

_SUFFIXES = {"points": " points", "ratio": " x", "1/s": " /s"}


def number(value: float, unit: str) -> str:
    """Write a number with its unit: ``2.31 s``, ``4.0 %``, ``$1.60``."""
    if unit == "s":
        return show_seconds(value)
    if unit == "fraction":
        return show_fraction(value)
    if unit in {"usd", "usd/1k"}:
        return show_usd(value) if value >= 0 else f"-{show_usd(-value)}"
    return f"{value:.4g}{_SUFFIXES.get(unit, '')}"


def interval(found: Estimate) -> str:
    """Write a value with its interval: ``2.31 s [2.27 s, 2.36 s]``."""
    text = number(found.value, found.unit)
    if found.lower is None or found.upper is None or found.lower == found.upper:
        return text
    return f"{text} [{number(found.lower, found.unit)}, {number(found.upper, found.unit)}]"


def counted(count: int, noun: str) -> str:
    """Write a count with its noun: ``1 replication``, ``20 replications``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def change_in_words(change: Interval) -> str:
    """Write a relative change: ``+26 % [+21 %, +31 %]``, or ``unchanged``."""
    if change.value == change.lower == change.upper == 0:
        return "unchanged"
    text = _signed(change.value)
    if change.lower is None or change.upper is None:
        return text
    return f"{text} [{_signed(change.lower)}, {_signed(change.upper)}]"


def _signed(share: float) -> str:
    return f"{100 * share:+.3g} %"
