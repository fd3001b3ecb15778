"""Constant arrivals: exact to the nanosecond however long they go on."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from pydantic import ValidationError

from sim.chance import Streams
from sim.workload.arrivals.constant import ConstantArrivals
from sim.workload.calendar import Calendar


def times(number: int, **written: object) -> list[int]:
    """Give the first arrivals."""
    drawn = ConstantArrivals.model_validate({"kind": "constant", **written})
    blocks = drawn.times(Streams(7, 0), "all", Calendar())
    return np.concatenate([next(blocks) for _ in range(1 + number // 65_536)])[:number].tolist()


@pytest.mark.parametrize("rate", ["3", "0.7", "12.34", "1000000", "0.0001", "123456.789"])
def test_rounding_never_adds_up(rate: str) -> None:
    """The k-th arrival is k / rate rounded once, also for the 100,000th."""
    gap_ns = 10**9 / Fraction(rate)
    expected = [floor(k * gap_ns + Fraction(1, 2)) for k in range(1, 100_001)]
    assert times(100_000, rate_per_s=float(rate)) == expected


def test_first_arrival_can_be_set() -> None:
    """With `first` the series starts there, at 0 if so written."""
    assert times(3, rate_per_s=4, first="0s") == [0, 250_000_000, 500_000_000]
    assert times(3, rate_per_s=4, first="1s") == [1_000_000_000, 1_250_000_000, 1_500_000_000]


@pytest.mark.parametrize("first", [None, "0s", "1250ms"])
def test_the_count_before_a_time_is_exact(first: str | None) -> None:
    """Before any time, also that of an arrival, exactly those that came earlier are expected."""
    found = times(100, rate_per_s=3.7, first=first)
    process = ConstantArrivals.model_validate({"kind": "constant", "rate_per_s": 3.7, "first": first})
    expected = process.expectation(Calendar())
    for number, time in enumerate(found):
        assert expected(time) == number
        assert expected(time + 1) == number + 1


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf")])
def test_rates_are_positive(rate: float) -> None:
    """A rate of zero, a negative one and no number at all are refused."""
    with pytest.raises(ValidationError):
        times(1, rate_per_s=rate)
