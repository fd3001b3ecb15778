"""Bisection for a border that may be blurred: what surely meets, what surely fails, and little looked at."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sim.study.bracket import Axis, Bracket, between_ends, from_here
from sim.study.until import Standing

MEETS, FAILS, UNDECIDED = Standing.MEETS, Standing.FAILS, Standing.UNDECIDED


def blurred(meets_to: float, fails_from: float, *, upwards: bool = True) -> Callable[[float], Standing]:
    """Make a world with one border: met up to `meets_to`, failing from `fails_from`, undecided between."""

    def look(value: float) -> Standing:
        if not upwards:
            value = -value
        return MEETS if value <= meets_to else FAILS if value >= fails_from else UNDECIDED

    return look


@given(st.integers(-2, 130), st.integers(0, 40), st.booleans())
@example(50, 0, True)
@example(50, 1, False)
def test_whole_numbers_are_found_exactly(border: int, blur: int, upwards: bool) -> None:
    """If numbers are whole, the last that meets and the first that fails are exactly those, from either side."""
    meets_to, fails_from = border, border + 1 + blur
    if not upwards:
        meets_to, fails_from = meets_to - 130, fails_from - 130
    found = between_ends(blurred(meets_to, fails_from, upwards=upwards), Axis(0, 127, whole=True))
    values = [(value, blurred(meets_to, fails_from, upwards=upwards)(value)) for value in range(128)]
    meeting = [value for value, standing in values if standing is MEETS]
    failing = [value for value, standing in values if standing is FAILS]
    last = (max if upwards else min)(meeting, default=None)
    first = (min if upwards else max)(failing, default=None)
    if found.upwards is None:  # both ends are alike
        alike = {len(meeting): (127, None), len(failing): (None, 0)}.get(128, (None, None))
        assert (found.meets, found.fails) == alike
    else:
        assert (found.meets, found.fails, found.upwards) == (last, first, upwards)


@given(st.floats(0.01, 1000), st.floats(1.0, 1.5), st.floats(0.05, 900))
def test_numbers_are_found_to_the_precision(border: float, blur: float, start: float) -> None:
    """If a search starts anywhere and a border is in reach, both of its sides are known to 2 %."""
    found = from_here(blurred(border, border * blur), Axis(0.001, 10_000, whole=False), start)
    assert found.meets is not None
    assert found.fails is not None
    assert border / 1.0205 <= found.meets <= border
    assert border * blur <= found.fails <= border * blur * 1.0205


@given(st.integers(0, 1000))
def test_few_values_are_looked_at(border: int) -> None:
    """If 1,001 numbers are searched, the ends and ten more are looked at, each once."""
    seen: list[float] = []

    def look(value: float) -> Standing:
        seen.append(value)
        return MEETS if value < border else FAILS

    between_ends(look, Axis(0, 1000, whole=True))
    assert len(seen) == len(set(seen)) <= 12
    assert seen[:2] == [0, 1000]


@pytest.mark.parametrize(
    ("standing", "expected"),
    [
        (MEETS, Bracket(9, None, None)),
        (FAILS, Bracket(None, 1, None)),
        (UNDECIDED, Bracket(None, None, None)),
    ],
)
def test_ends_that_are_alike_end_the_search(standing: Standing, expected: Bracket) -> None:
    """If both ends stand alike, nothing between them is looked at, and the answer says what they are."""
    assert (
        between_ends(lambda value: standing if value in {1, 9} else pytest.fail("inside"), Axis(1, 9, True)) == expected
    )


@pytest.mark.parametrize(("standing", "expected"), [(MEETS, Bracket(80, None, True)), (FAILS, Bracket(None, 5, True))])
def test_a_search_from_here_goes_to_both_ends(standing: Standing, expected: Bracket) -> None:
    """If all of it meets, the highest value is told; if all of it fails, the lowest."""
    assert from_here(lambda _: standing, Axis(5, 80, whole=False), 20) == expected


def test_a_search_from_here_goes_no_further_than_it_must() -> None:
    """If the start meets, nothing below is looked at, and above no more than twice what fails."""
    seen: list[float] = []

    def look(value: float) -> Standing:
        seen.append(value)
        return MEETS if value < 30 else FAILS

    from_here(look, Axis(1, 1000, whole=False), 10)
    assert (min(seen), max(seen)) == (10, 40)


def test_a_start_that_is_undecided_is_no_obstacle() -> None:
    """If the start has too little data to decide but a higher value meets, the border is found beyond that."""
    found = from_here(
        lambda value: UNDECIDED if value < 15 else MEETS if value < 50 else FAILS, Axis(1, 1000, whole=False), 10
    )
    assert found.meets == pytest.approx(50, rel=0.021)
    assert found.fails == pytest.approx(50, rel=0.021)


def test_a_border_that_shows_late_is_found_all_the_same() -> None:
    """If one end is undecided and the other fails, what meets may lie between: its end is found exactly too."""

    def look(value: float) -> Standing:
        return UNDECIDED if value < 20 else MEETS if value < 43 else UNDECIDED if value < 47 else FAILS

    assert between_ends(look, Axis(0, 100, whole=True)) == Bracket(42, 47, True)


def test_middles_are_values_that_can_be_typed() -> None:
    """If a range is halved, the middle is geometric with four digits; from zero on it is arithmetic."""
    assert Axis(1, 100, whole=False).between(2, 7) == float(f"{math.sqrt(14):.4g}")
    assert Axis(0, 100, whole=False).between(0, 7) == 3.5
    assert Axis(0, 100, whole=False).between(5, 5.05) is None
    assert Axis(0, 9, whole=True).between(8, 3) == 5
    assert Axis(0, 9, whole=True).between(8, 7) is None
    near = Axis(0, 1, whole=False, precision=1e-9).between(1.0, 1.00001)
    assert near is not None
    assert 1.0 < near < 1.00001
