"""Numbers as people read them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.outcome.estimates import Estimate
from sim.report.numbers import duration, negated, plural, written

UNITS = st.sampled_from(["s", "usd", "usd/1k", "fraction", "points", "1/s", "requests", "ratio"])


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (Estimate(1.2387, 1.2, 1.28, "s"), "1.24 s [1.20, 1.28]"),
        (Estimate(0.8204, 0.8121, 0.8287, "s"), "820 ms [812, 829]"),
        (Estimate(0.00025, 0.00024, 0.00026, "s"), "250 µs [240, 260]"),
        (Estimate(5400.0, 5340.0, 5460.0, "s"), "90.0 min [89.0, 91.0]"),
        (Estimate(36_000.0, 28_800.0, 43_200.0, "s"), "10 h [8, 12]"),
        (Estimate(0.61, 0.59, 0.63, "fraction"), "61 % [59, 63]"),
        (Estimate(0.9571, 0.95705, 0.95715, "fraction"), "95.7 % [95.7, 95.7]"),
        (Estimate(0.00021, 0.0002, 0.00022, "fraction"), "0.0210 % [0.0200, 0.0220]"),
        (Estimate(0.6, 0.3, 0.9, "points"), "0.6 points [0.3, 0.9]"),
        (Estimate(12.3, 12.25, 12.35, "usd/1k"), "$12.30 [12.25, 12.35]"),
        (Estimate(-4.8, -4.9, -4.7, "usd/1k"), "-$4.80 [-4.90, -4.70]"),
        (Estimate(25_000.4, 24_000.0, 26_000.8, "usd"), "$25,000 [24,000, 26,001]"),
        (Estimate(1.47, 1.44, 1.5, "ratio"), "1.47 x [1.44, 1.50]"),
        (Estimate(39.1, 38.7, 39.5, "requests"), "39.1 [38.7, 39.5]"),
        (Estimate(4.9, 4.8, 5.0, "1/s"), "4.90 /s [4.80, 5.00]"),
        (Estimate(1.24, None, None, "s"), "1.24 s"),
        (Estimate(0.0, 0.0, 0.0, "fraction"), "0 %"),
        (Estimate(0.0, 0.0, 0.0, "s"), "0 s"),
        (Estimate(2.0, 1.9, 2.1, "s", few_data=True), "~2.00 s [1.90, 2.10]"),
        (Estimate(-0.001, -0.3, 0.298, "points"), "0.0 points [-0.3, 0.3]"),
    ],
)
def test_as_people_write_it(found: Estimate, text: str) -> None:
    """One unit for value and bounds, digits as the half-width and the unit deserve."""
    assert str(written(found)) == text


def test_sign_and_unit_on_demand() -> None:
    """Gains carry a plus where asked, and points leave their unit to the heading."""
    assert str(written(Estimate(0.84, 0.8, 0.88, "fraction"), signed=True)) == "+84 % [80, 88]"
    assert str(written(Estimate(-0.6, -0.9, -0.3, "points"), signed=True, plain=True)) == "-0.6 [-0.9, -0.3]"
    assert str(written(Estimate(0.0, -0.3, 0.3, "points"), signed=True)) == "0.0 points [-0.3, 0.3]"


def test_negation_swaps_the_bounds() -> None:
    """A loss of 0.6 [0.3, 0.9] is a gain of -0.6 [-0.9, -0.3]."""
    assert negated(Estimate(0.6, 0.3, 0.9, "points", "b")) == Estimate(-0.6, -0.9, -0.3, "points", "b")
    assert negated(Estimate(0.6, None, None, "points")) == Estimate(-0.6, None, None, "points")


@given(st.floats(-1e9, 1e9), st.floats(0, 1e6), UNITS)
def test_value_as_written_lies_between_its_bounds_as_written(value: float, half: float, unit: str) -> None:
    """Rounding never puts the value outside its interval, and any number can be written."""
    cell = written(Estimate(value, value - half, value + half, unit))
    found = [float(number.replace(",", "")) for number in re.findall(r"-?\$?[\d,]*\.?\d+", plain(str(cell)))]
    assert found == [found[0]] or (len(found) == 3 and found[1] <= found[0] <= found[2])


def plain(text: str) -> str:
    """Drop what is no part of a number: the currency, and the comma between the bounds."""
    return text.replace("$", "").replace(", ", " ; ")


@pytest.mark.parametrize(
    ("seconds", "text"), [(86_400.0, "1 d"), (129_600.0, "1.5 d"), (7200.0, "2 h"), (90.0, "1.5 min"), (2.5, "2.5 s")]
)
def test_durations_have_the_unit_people_use(seconds: float, text: str) -> None:
    """A length of time is written in the largest unit that it fills."""
    assert duration(seconds) == text


def test_one_is_singular() -> None:
    """One replication, two replications."""
    assert [plural(1, "replication"), plural(2000, "replication")] == ["1 replication", "2,000 replications"]
