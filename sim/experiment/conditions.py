"""A condition on a metric: ``p(95)<4s``, ``value<=2%``, ``rate<30%``; k6's grammar, with units."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from sim.experiment.document import did_you_mean
from sim.experiment.selectors import BadSelector
from sim.units import parse_duration_ns, parse_fraction

EXAMPLES: Final = "write for example 'p(95)<4s', 'mean<1.2s', 'value<2%' or 'rate<=30%'"

_CONDITION = re.compile(r"\s*([A-Za-z_]+(?:\([^()]*\))?)\s*(<=|>=|===|==|!=|<|>)\s*(.+?)\s*", re.DOTALL)
_NUMBER = re.compile(r"(-?)(\$?)\s*([0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)\s*([^\s0-9.][^\s]*)?")
_NS: Final = 1e9
_AGGREGATIONS = ("mean", "avg", "med", "p", "value", "rate", "share")


@dataclass(frozen=True, slots=True)
class Condition:
    """An aggregation that must lie below or above a limit; `limit` is what was written, unit and all."""

    aggregation: str
    operator: str
    limit: str


def parse_condition(text: str) -> Condition:
    """Read a condition. Raises BadSelector with a hint."""
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise BadSelector(f"{text!r} is no condition", EXAMPLES)
    aggregation, operator, limit = found.groups()
    name = aggregation.partition("(")[0]
    if name not in _AGGREGATIONS:
        hint = did_you_mean(name, _AGGREGATIONS) or EXAMPLES
        raise BadSelector(f"there is no aggregation {aggregation!r}", hint)
    if operator not in {"<", "<=", ">", ">="}:
        raise BadSelector(
            f"no measured number equals another for certain: {operator}", f"use <, <=, > or >=; {EXAMPLES}"
        )
    return Condition("".join(aggregation.split()), operator, limit)


def limit_in(unit: str, text: str) -> float:
    """Read a limit in the unit of a metric; give it as a number in that unit. Raises BadSelector for another unit."""
    try:
        return _READERS[unit](text)
    except ValueError as error:
        raise BadSelector(str(error)) from None


def _seconds(text: str) -> float:
    return parse_duration_ns(text) / _NS


def _fraction(text: str) -> float:
    try:
        number: object = float(text)
    except ValueError:
        number = text
    return parse_fraction(number)


def _number_with(units: Mapping[str, float], example: str) -> Callable[[str], float]:
    """Make a reader of numbers with one of some units, which it is multiplied with; a dollar sign counts as ``$``."""

    def read(text: str) -> float:
        found = _NUMBER.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is no limit of this metric; write for example {example}")
        sign, dollar, number, unit = found.groups()
        written = f"{dollar}{unit or ''}".lower()
        if written not in units:
            raise ValueError(f"{text!r} has the wrong unit; write for example {example}")
        value = float(number) * units[written] * (-1 if sign else 1)
        if not math.isfinite(value):
            raise ValueError(f"{text!r} is beyond all numbers; write for example {example}")
        return value

    return read


_READERS: Final[Mapping[str, Callable[[str], float]]] = {
    "s": _seconds,
    "fraction": _fraction,
    "points": _number_with({"%": 1.0, "points": 1.0, "point": 1.0, "pp": 1.0}, "2% (percentage points)"),
    "usd": _number_with({"usd": 1.0, "$": 1.0}, "25000usd"),
    "usd/1k": _number_with({"usd": 1.0, "$": 1.0}, "1.60usd (per 1,000 requests)"),
    "ratio": _number_with({"": 1.0, "x": 1.0}, "1.5x"),
    "requests": _number_with({"": 1.0}, "120"),
    "replicas": _number_with({"": 1.0}, "4"),
    "1/s": _number_with({"": 1.0, "/s": 1.0}, "5/s"),
}
"""How a limit is read, by the unit of the metric."""
