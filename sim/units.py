"""Units at the border: durations, fractions, money, tokens and rates, and the way they are shown.

Inside, time is int64 nanoseconds and money is int64 nano-dollars; outside, a duration is text with a unit and every
other number says its unit in the key. The annotated types belong in `sim.schema.Spec` models. A default of a duration
is written as in YAML, so that it is right in the JSON Schema too:
``time: DurationNs = Field("60ms", validate_default=True)``.
"""

from __future__ import annotations

import difflib
import math
import re
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction as Ratio
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_NS = 2**63 - 1
"""Longest duration in nanoseconds, 292 years: what an int64 clock can hold."""

NS_PER_UNIT: dict[str, int] = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
    "w": 604_800_000_000_000,
}
"""Nanoseconds in each unit of duration. `m` is a minute; a month has no fixed length and is no duration."""

NOTHING = "\N{EN DASH}"
"""What the `show_` functions write for NaN and infinity."""

_LONGEST_TEXT = 40
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([A-Za-zµμ]*)")
_PERCENT = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?%")
_DURATION_PATTERN = rf"^[0-9]+(\.[0-9]+)? ?({'|'.join(NS_PER_UNIT)})$"
_PERCENT_PATTERN = r"^[0-9]+(\.[0-9]+)? ?%$"
_INT64_LIMIT = 2.0**63
_NANO = 10**9


def parse_duration_ns(text: str) -> int:
    """Nanoseconds in a duration such as ``250ms``, ``1.5s`` or ``7d``, exactly; ValueError says how to write it."""
    written = _shorten(text.strip())
    if len(text) > _LONGEST_TEXT:
        raise ValueError(f"{written} is too long for a duration; write one such as 250ms")
    if text.strip().startswith(("-", "\N{MINUS SIGN}")):
        raise ValueError(f"{written} is negative; write a duration of zero or more, such as 5s")
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(
            f"{written or 'nothing'} is not a duration; write one number and one unit, such as 250ms or 90m"
        )
    number, unit = match.groups()
    if not unit:
        raise ValueError(f"{written} has no unit; write a duration such as {number}ms or {number}s")
    if unit not in NS_PER_UNIT:
        raise ValueError(f"{written} has the unknown unit {unit}; {_unit_advice(number, unit)}")
    nanoseconds = Ratio(number) * NS_PER_UNIT[unit]
    if nanoseconds > MAX_NS:
        raise ValueError(f"{written} is more than 292 years, the longest the clock can hold; write one such as 26w")
    if nanoseconds.denominator != 1:
        raise ValueError(f"{written} is not a whole number of nanoseconds; the finest duration is 1ns")
    return int(nanoseconds)


def format_duration(nanoseconds: int) -> str:
    """Shortest text that `parse_duration_ns` reads back as the same integer; where two tie, the one without a point."""
    if not 0 <= nanoseconds <= MAX_NS:
        raise ValueError(f"{nanoseconds} ns is no duration between 0 and 292 years")
    if nanoseconds == 0:
        return "0s"
    forms = [(text, size) for unit, size in NS_PER_UNIT.items() if (text := _in_unit(nanoseconds, unit, size))]
    return min(forms, key=lambda form: (len(form[0]), "." in form[0], -form[1]))[0]


def parse_fraction(value: object) -> float:
    """Fraction from 0 to 1, written as a number or as a percentage (``30%``); ValueError says how to write it."""
    if isinstance(value, str):
        return _parse_percentage(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(  # noqa: TRY004 - pydantic collects ValueError only
            f"{_shorten(str(value))} is not a fraction; write a number from 0 to 1 or a percentage such as 30%"
        )
    if 0 <= value <= 1:
        return float(value) + 0.0  # turns -0.0 into 0.0, so that equal specs have equal hashes
    if 1 < value <= 100:  # noqa: PLR2004 - a hundred per cent
        raise ValueError(f"{value} is above 1; write {value}% if a percentage is meant, or a number from 0 to 1")
    raise ValueError(
        f"{_shorten(str(value))} is not between 0 and 1; write a number such as 0.3 or a percentage such as 30%"
    )


def as_int64(values: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
    """Round half to even and cast; ValueError for NaN and for magnitudes of 2**63 or more, which a cast garbles."""
    import numpy as np  # noqa: PLC0415 - --help imports no numpy

    rounded = np.rint(np.asarray(values, dtype=np.float64))
    # least and greatest are NaN where any value is, and NaN lies between no bounds
    if rounded.size and not (rounded.min() > -_INT64_LIMIT and rounded.max() < _INT64_LIMIT):
        bad = rounded[~(np.abs(rounded) < _INT64_LIMIT)]
        raise ValueError(f"{bad.size} of {rounded.size} values do not fit an int64, the first of them {bad.flat[0]}")
    return rounded.astype(np.int64)


def nano_usd(value: float) -> int:
    """Nano-dollars in a number of dollars: the decimal as written times 10**9, exact; finer than that, half to even."""
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{number} is not an amount of money")
    nano = int((Decimal(repr(number)).scaleb(9, _WIDE)).to_integral_value(ROUND_HALF_EVEN, _WIDE))
    if abs(nano) > MAX_NS:
        raise ValueError(f"{number} USD is beyond what 64 bits of nano-dollars hold (9.2e9 USD)")
    return nano


def show_seconds(seconds: float) -> str:
    """Human form of a duration in seconds: ``341 ms``, ``1.24 s``, ``2 min 5 s``; three digits below a minute."""
    if not math.isfinite(seconds):
        return NOTHING
    sign, size = ("-" if seconds < 0 else ""), abs(seconds)
    if size == 0:
        return "0 s"
    for unit, scale, limit in (("ns", 1e9, 999.5), ("µs", 1e6, 999.5), ("ms", 1e3, 999.5), ("s", 1.0, 59.95)):
        if size * scale < limit:
            return f"{sign}{_three_digits(size * scale)} {unit}"
    (unit, per), (small_unit, small) = next(form for limit, *form in _LONG_FORMS if size < limit)
    count, rest = divmod(round(size / small), per // small)
    return f"{sign}{count:,} {unit}" + (f" {rest} {small_unit}" if rest else "")


def show_usd(usd: float) -> str:
    """Human form of an amount in USD: ``$0.0042``, ``$12.40``, ``$80,012``; cents up to a thousand dollars."""
    if not math.isfinite(usd):
        return NOTHING
    sign, size = ("-" if usd < 0 else ""), abs(usd)
    if size >= 999.995:  # noqa: PLR2004 - what rounds to 1,000.00
        return f"{sign}${size:,.0f}"
    if size >= 1 or size == 0:
        return f"{sign}${size:.2f}"
    decimals = 2 - math.floor(math.log10(size))
    whole, digits = f"{size:.{decimals}f}".split(".")
    return f"{sign}${whole}.{digits.rstrip('0').ljust(2, '0')}"


def show_fraction(fraction: float) -> str:
    """Human form of a fraction as a percentage, ``3.1 %``; more decimals close to 0 and to 1 (``99.96 %``)."""
    if not math.isfinite(fraction):
        return NOTHING
    percent = 100 * fraction
    rest = min(abs(percent), abs(100 - percent))
    decimals = 1 if rest >= 0.1 or rest == 0 else min(1 - math.floor(math.log10(rest)), 9)  # noqa: PLR2004 - of a per cent
    whole, digits = f"{percent:.{decimals}f}".split(".")
    return f"{whole}.{digits.rstrip('0') or '0'} %"


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 3]}..."


def _unit_advice(number: str, unit: str) -> str:
    if unit in {"mo", "M", "month", "months"}:
        return "months differ in length and are not allowed here; write weeks or days, such as 26w or 182d"
    near = difflib.get_close_matches(re.sub("[µμ]", "u", unit.lower()), NS_PER_UNIT, n=1, cutoff=0.5)
    return (
        f"did you mean {number}{near[0]}? Units are {', '.join(NS_PER_UNIT)}"
        if near
        else f"write one such as {number}ms or {number}s"
    )


def _in_unit(nanoseconds: int, unit: str, size: int) -> str:
    """Exact decimal of a number of nanoseconds in a unit; empty when the decimal does not end."""
    rest = Ratio(nanoseconds, size).denominator
    twos, fives = 0, 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    if rest != 1:
        return ""
    places = max(twos, fives)
    whole, digits = divmod(nanoseconds * 10**places // size, 10**places)
    return f"{whole}.{digits:0{places}d}{unit}" if places else f"{whole}{unit}"


def _parse_percentage(text: str) -> float:
    match = _PERCENT.fullmatch(text.strip()) if len(text) <= _LONGEST_TEXT else None
    if match is None:
        raise ValueError(
            f"{_shorten(text)!r} is not a fraction; write a number from 0 to 1 or a percentage such as 30%"
        )
    ratio = Ratio(match.group(1)) / 100
    if ratio > 1:
        raise ValueError(f"{text} is above 100%; write a percentage from 0% to 100%")
    return float(ratio)


def _three_digits(value: float) -> str:
    """Three significant digits without an exponent, for values from 0 to 999."""
    decimals = 2 if value < 9.995 else 1 if value < 99.95 else 0  # noqa: PLR2004 - what rounds to 10.0 and 100
    return f"{value:.{decimals}f}"


def _duration_value(value: object) -> int:
    if isinstance(value, str):
        return parse_duration_ns(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        if value == 0:
            return 0  # nothing is nothing in every unit
        return parse_duration_ns(_shorten(str(value)))
    raise ValueError("expected a duration; write one number and one unit, such as 250ms")


def _positive(nanoseconds: int) -> int:
    if nanoseconds <= 0:
        raise ValueError("must be longer than 0; write a duration such as 250ms")
    return nanoseconds


def _open(fraction: float) -> float:
    if not 0 < fraction < 1:
        raise ValueError(f"{fraction:g} is at the edge; write a number between 0 and 1, both excluded, such as 0.5")
    return fraction


def _whole(value: object) -> object:
    """`2e6` is a float to YAML and a whole number to its author."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


_WIDE = Context(prec=400)
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_LONG_FORMS = (
    (_HOUR - 0.5, ("min", _MINUTE), ("s", 1)),
    (_DAY - 30.0, ("h", _HOUR), ("min", _MINUTE)),
    (math.inf, ("d", _DAY), ("h", _HOUR)),
)
_TEXT_DURATION = {"type": "string", "pattern": _DURATION_PATTERN, "examples": ["250ms", "1.5s", "5m", "7d"]}
_TEXT_PERCENT = {"type": "string", "pattern": _PERCENT_PATTERN, "examples": ["30%"]}
_AS_TEXT = PlainSerializer(format_duration, return_type=str, when_used="json")

DurationNs = Annotated[
    int,
    BeforeValidator(_duration_value),
    _AS_TEXT,
    WithJsonSchema({"anyOf": [_TEXT_DURATION, {"const": 0}]}),
]
"""Duration in ns, zero or more; YAML says ``340ms``."""

PositiveDurationNs = Annotated[
    int,
    BeforeValidator(_duration_value),
    AfterValidator(_positive),
    _AS_TEXT,
    WithJsonSchema(_TEXT_DURATION),
]
"""Duration in ns, longer than zero."""

Fraction = Annotated[
    float,
    BeforeValidator(parse_fraction),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, _TEXT_PERCENT]}),
]
"""Fraction from 0 to 1, both included; YAML says ``0.3`` or ``30%``."""

OpenFraction = Annotated[
    float,
    BeforeValidator(parse_fraction),
    AfterValidator(_open),
    WithJsonSchema({"anyOf": [{"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, _TEXT_PERCENT]}),
]
"""Fraction between 0 and 1, both excluded."""

Usd = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
"""Amount of money in US dollars."""

UsdPerMtok = Annotated[float, Field(ge=0, le=1e5, allow_inf_nan=False)]
"""Price in US dollars per million tokens."""

Tokens = Annotated[int, Field(ge=0, le=100_000_000), BeforeValidator(_whole)]
"""Whole number of tokens."""

TokenCount = Annotated[float, Field(ge=0, le=1e8, allow_inf_nan=False)]
"""Number of tokens as the parameter of a law (a mean, a quantile): need not be whole."""

RatePerS = Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)]
"""Rate per second."""
