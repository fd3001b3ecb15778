"""Units at the border: what is read, what is refused, and that nothing is lost on the way back."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction as Ratio
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from sim.schema import Spec
from sim.units import (
    MAX_NS,
    NS_PER_UNIT,
    DurationNs,
    Fraction,
    OpenFraction,
    PositiveDurationNs,
    RatePerS,
    TokenCount,
    Tokens,
    Usd,
    UsdPerMtok,
    as_int64,
    format_duration,
    nano_usd,
    parse_duration_ns,
    parse_fraction,
    show_fraction,
    show_seconds,
    show_usd,
)

DAY_NS = 86_400 * 10**9


class Sample(Spec):
    """One field of each annotated type."""

    wait: DurationNs = Field("60ms", validate_default=True)
    period: PositiveDurationNs = Field("1d", validate_default=True)
    share: Fraction = 0.5
    quantile: OpenFraction = 0.5
    fee: Usd = 0.0
    price: UsdPerMtok = 1.25
    limit: Tokens = 4096
    mean: TokenCount = 250.5
    rate: RatePerS = 40.0


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("250ms", 250 * 10**6),
        ("1.5s", 1_500_000_000),
        ("5m", 300 * 10**9),
        ("2h", 7_200 * 10**9),
        ("7d", 7 * DAY_NS),
        ("4w", 28 * DAY_NS),
        ("3us", 3_000),
        ("1ns", 1),
        ("0.000000001s", 1),
        ("10 ms", 10**7),
        (" 0s ", 0),
        ("010s", 10**10),
        (f"{MAX_NS}ns", MAX_NS),
        ("9007199254.740993s", 9_007_199_254_740_993_000),
    ],
)
def test_duration_is_read_exactly(text: str, nanoseconds: int) -> None:
    """A duration is its number times its unit, also where a float would round."""
    assert parse_duration_ns(text) == nanoseconds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("250", "250 has no unit; write a duration such as 250ms or 250s"),
        ("10 mss", "10 mss has the unknown unit mss; did you mean 10ms?"),
        ("5 MS", "did you mean 5ms?"),
        ("5 \N{MICRO SIGN}s", "did you mean 5us?"),
        ("3 fortnights", "unknown unit fortnights; write one such as 3ms or 3s"),
        ("6mo", "months differ in length"),
        ("1M", "months differ in length"),
        ("-5 s", "-5 s is negative"),
        ("\N{MINUS SIGN}5s", "is negative"),
        ("0.5ns", "0.5ns is not a whole number of nanoseconds"),
        ("300y", "unknown unit y"),
        (f"{MAX_NS + 1}ns", "more than 292 years"),
        ("110000d", "more than 292 years"),
        ("1h30m", "write one number and one unit"),
        ("1e3ms", "1e3ms is not a duration"),
        (".5s", ".5s is not a duration"),
        ("", "nothing is not a duration"),
        ("\N{ARABIC-INDIC DIGIT FIVE}s", "is not a duration"),
        ("9" * 5_000 + "s", "too long for a duration"),
    ],
)
def test_duration_is_refused_with_advice(text: str, message: str) -> None:
    """A duration that cannot be used is refused, and the message says what was found and what to write."""
    with pytest.raises(ValueError, match=r"such as|did you mean|finest") as caught:
        parse_duration_ns(text)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (340 * 10**6, "340ms"),
        (1_500_000_000, "1.5s"),
        (DAY_NS, "1d"),
        (7 * DAY_NS, "1w"),
        (90 * 10**9, "90s"),
        (123_456_789, "123456789ns"),
        (0, "0s"),
        (MAX_NS, f"{MAX_NS}ns"),
    ],
)
def test_duration_is_written_short(nanoseconds: int, text: str) -> None:
    """A duration is written in the unit that needs the fewest characters."""
    assert format_duration(nanoseconds) == text


@given(st.integers(0, MAX_NS) | st.integers(0, 10_000).map(lambda count: count * NS_PER_UNIT["s"] // 8))
def test_duration_survives_the_way_out_and_back(nanoseconds: int) -> None:
    """What is written is read as the same integer, and no single unit without a point is shorter."""
    text = format_duration(nanoseconds)
    assert parse_duration_ns(text) == nanoseconds
    whole = [f"{nanoseconds // size}{unit}" for unit, size in NS_PER_UNIT.items() if nanoseconds % size == 0]
    assert len(text) <= min(map(len, whole))


@pytest.mark.parametrize("nanoseconds", [-1, MAX_NS + 1])
def test_duration_outside_the_clock_is_not_written(nanoseconds: int) -> None:
    """A number of nanoseconds that cannot be read back is refused on the way out too."""
    with pytest.raises(ValueError, match="292 years"):
        format_duration(nanoseconds)


@given(st.decimals(0, 100, places=6))
def test_percentage_is_the_nearest_float(percent: Decimal) -> None:
    """A percentage is the float nearest to its hundredth part, never the double rounding of a division of floats."""
    assert parse_fraction(f"{percent:f}%") == float(Ratio(percent) / 100)


@pytest.mark.parametrize(
    ("value", "fraction"), [(0, 0.0), (1, 1.0), (0.3, 0.3), ("30%", 0.3), ("5 %", 0.05), (-0.0, 0.0)]
)
def test_fraction_is_a_number_or_a_percentage(value: object, fraction: float) -> None:
    """A fraction may be a number from 0 to 1 or a percentage; minus zero becomes zero."""
    read = parse_fraction(value)
    assert read == fraction
    assert math.copysign(1, read) == 1


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (30, "30 is above 1; write 30% if a percentage is meant"),
        (1.0000001, "1.0000001 is above 1"),
        (-0.1, "-0.1 is not between 0 and 1"),
        (math.nan, "nan is not between 0 and 1"),
        (math.inf, "inf is not between 0 and 1"),
        (10**100, "is not between 0 and 1"),
        (True, "True is not a fraction"),
        (None, "None is not a fraction"),
        ("0.3", "'0.3' is not a fraction"),
        ("101%", "101% is above 100%"),
        ("-1%", "'-1%' is not a fraction"),
        ("9" * 5_000 + "%", "is not a fraction"),
    ],
)
def test_fraction_is_refused_with_advice(value: object, message: str) -> None:
    """A bare percentage, a boolean and anything outside 0 to 1 is refused with a hint."""
    with pytest.raises(ValueError, match="%") as caught:
        parse_fraction(value)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 200


def test_as_int64_rounds_half_to_even() -> None:
    """Halves go to the even neighbour, and the largest float below 2**63 is kept exactly."""
    largest = math.nextafter(2.0**63, 0)
    rounded = as_int64(np.array([0.5, 1.5, 2.5, -0.5, -1.5, largest, -largest]))
    assert rounded.dtype == np.int64
    assert rounded.tolist() == [0, 2, 2, 0, -2, int(largest), -int(largest)]
    assert as_int64(np.empty((0, 3))).shape == (0, 3)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 2.0**63, -(2.0**63), 1e300])
def test_as_int64_refuses_what_a_cast_garbles(bad: float) -> None:
    """If one value does not fit, the cast is refused and the value named."""
    with pytest.raises(ValueError, match=r"1 of 3 values do not fit an int64, the first of them"):
        as_int64(np.array([1.0, bad, 2.0]))


@pytest.mark.parametrize(
    ("usd", "nano"), [(0.075, 75_000_000), (12.4, 12_400_000_000), (1e-9, 1), (-2.5, -(25 * 10**8))]
)
def test_nano_usd_reads_the_decimal_that_was_written(usd: float, nano: int) -> None:
    """A price is its decimal digits moved by nine places."""
    assert nano_usd(usd) == nano
    assert nano_usd(np.float64(usd)) == nano


@given(st.integers(-(10**15), 10**15))
def test_nano_usd_is_exact_to_the_nano_dollar(nano: int) -> None:
    """Any whole number of nano-dollars that a float holds to 15 digits comes back as itself."""
    assert nano_usd(float(Decimal(nano).scaleb(-9))) == nano


@pytest.mark.parametrize(("usd", "nano"), [(0.5e-9, 0), (1.5e-9, 2), (2.5e-9, 2), (5e-324, 0)])
def test_nano_usd_rounds_finer_amounts_half_to_even(usd: float, nano: int) -> None:
    """Fractions of a nano-dollar are rounded, halves to even."""
    assert nano_usd(usd) == nano


@pytest.mark.parametrize("usd", [math.nan, math.inf, 1e10, -1e300])
def test_nano_usd_refuses_what_does_not_fit(usd: float) -> None:
    """An amount that 64 bits of nano-dollars cannot hold is refused."""
    with pytest.raises(ValueError, match=r"USD|money"):
        nano_usd(usd)


def test_annotated_types_read_and_write_the_form_of_yaml() -> None:
    """A model read from its own JSON form is the same model, durations in text."""
    sample = Sample.model_validate(
        {"wait": "340ms", "period": "1.5s", "share": "30%", "fee": 1, "price": 0, "limit": 2e6, "mean": 3, "rate": 4}
    )
    assert (sample.wait, sample.period, sample.share) == (340 * 10**6, 1_500_000_000, 0.3)
    assert (sample.fee, sample.price, sample.limit, sample.mean) == (1.0, 0.0, 2_000_000, 3.0)
    dumped = sample.model_dump(mode="json")
    assert (dumped["wait"], dumped["period"]) == ("340ms", "1.5s")
    assert Sample.model_validate(dumped) == sample


def test_bare_zero_is_a_duration_and_a_default_is_validated() -> None:
    """Zero needs no unit, and a default written as in YAML is nanoseconds in the model and text in the schema."""
    assert Sample.model_validate({"wait": 0}).wait == 0
    assert Sample().wait == 60 * 10**6
    assert Sample.model_json_schema()["properties"]["wait"]["default"] == "60ms"


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("wait", 250, "250 has no unit; write a duration such as 250ms or 250s"),
        ("wait", 0.25, "0.25 has no unit"),
        ("wait", -5, "-5 is negative"),
        ("wait", True, "expected a duration"),
        ("wait", None, "expected a duration"),
        ("wait", ["1s"], "expected a duration"),
        ("period", "0s", "must be longer than 0"),
        ("period", 0, "must be longer than 0"),
        ("share", 30, "write 30%"),
        ("quantile", 1, "both excluded"),
        ("quantile", "0%", "both excluded"),
        ("fee", -0.01, "greater than or equal to 0"),
        ("fee", 1e10, "less than or equal"),
        ("fee", "5", "valid number"),
        ("fee", True, "valid number"),
        ("price", math.nan, "finite number"),
        ("price", 100_001, "less than or equal"),
        ("limit", 1.5, "valid integer"),
        ("limit", math.inf, "valid integer"),
        ("limit", -1, "greater than or equal to 0"),
        ("limit", 100_000_001, "less than or equal"),
        ("mean", -1, "greater than or equal to 0"),
        ("rate", 0, "greater than 0"),
        ("rate", 1e12, "less than or equal"),
    ],
)
def test_annotated_types_refuse(field: str, value: object, message: str) -> None:
    """A value of the wrong kind or outside the limits is refused at its field."""
    with pytest.raises(ValidationError) as caught:
        Sample.model_validate({field: value})
    (error,) = caught.value.errors()
    assert error["loc"] == (field,)
    assert message in error["msg"]


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("wait", ["340ms", "1.5 s", 0], ["340", "5 mo", "-1s", 250]),
        ("period", ["7d"], [0, ""]),
        ("share", [0, 0.3, 1, "30%"], [1.5, "0.3", True]),
        ("quantile", [0.5], [0, 1]),
        ("limit", [0, 2e6], [1.5, -1]),
        ("rate", [0.5], [0]),
    ],
)
def test_json_schema_agrees_with_the_model(field: str, good: list[Any], bad: list[Any]) -> None:
    """An editor that reads the JSON Schema accepts and refuses the same values as we do."""
    schema = pytest.importorskip("jsonschema", reason="needs jsonschema").Draft202012Validator(
        Sample.model_json_schema()
    )
    assert all(schema.is_valid({field: value}) for value in good)
    assert all(Sample.model_validate({field: value}) for value in good)
    assert not any(schema.is_valid({field: value}) for value in bad)
    for value in bad:
        with pytest.raises(ValidationError):
            Sample.model_validate({field: value})


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.3412, "341 ms"),
        (1.24, "1.24 s"),
        (125.0, "2 min 5 s"),
        (0.0, "0 s"),
        (3e-7, "300 ns"),
        (12.34e-6, "12.3 \N{MICRO SIGN}s"),
        (0.9996, "1.00 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min"),
        (3599.6, "1 h"),
        (12_000.0, "3 h 20 min"),
        (86_399.0, "1 d"),
        (187_200.0, "2 d 4 h"),
        (-0.5, "-500 ms"),
        (math.nan, "\N{EN DASH}"),
        (math.inf, "\N{EN DASH}"),
    ],
)
def test_show_seconds(seconds: float, text: str) -> None:
    """A duration is shown in the unit a reader would choose, and rounding never shows 1,000 ms or 60 s."""
    assert show_seconds(seconds) == text


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (0.0042, "$0.0042"),
        (12.4, "$12.40"),
        (80_012.3, "$80,012"),
        (0.0, "$0.00"),
        (0.4, "$0.40"),
        (0.4256, "$0.426"),
        (0.9999, "$1.00"),
        (999.999, "$1,000"),
        (1e-9, "$0.000000001"),
        (-3.0, "-$3.00"),
        (math.nan, "\N{EN DASH}"),
    ],
)
def test_show_usd(usd: float, text: str) -> None:
    """Money is shown with cents, with more digits below a dollar and none above a thousand."""
    assert show_usd(usd) == text


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (0.0312, "3.1 %"),
        (0.6, "60.0 %"),
        (0.0, "0.0 %"),
        (1.0, "100.0 %"),
        (0.9996, "99.96 %"),
        (0.00031, "0.031 %"),
        (-0.61, "-61.0 %"),
        (1.2, "120.0 %"),
        (math.nan, "\N{EN DASH}"),
    ],
)
def test_show_fraction(fraction: float, text: str) -> None:
    """A fraction is shown as a percentage that neither 0 nor 1 swallows."""
    assert show_fraction(fraction) == text
