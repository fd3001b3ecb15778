"""Conditions in k6's grammar, with units."""

from __future__ import annotations

import pytest

from sim.experiment.conditions import Condition, limit_in, parse_condition
from sim.experiment.selectors import BadSelector


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("p(95)<4s", Condition("p(95)", "<", "4s")),
        (" p( 99.9 ) <= 1.5 s ", Condition("p(99.9)", "<=", "1.5 s")),
        ("rate>=30%", Condition("rate", ">=", "30%")),
        ("value>-0.5%", Condition("value", ">", "-0.5%")),
    ],
)
def test_a_condition_is_aggregation_operator_limit(text: str, expected: Condition) -> None:
    """If a condition is written with or without spaces, its three parts are found."""
    assert parse_condition(text) == expected


@pytest.mark.parametrize("text", ["", "p(95)", "<4s", "p(95)4s", "p(95)<", "p(95<4s", "95<4s", "p(95) is 4s"])
def test_what_is_no_condition_is_refused_with_an_example(text: str) -> None:
    """If a part is missing, the hint shows a condition that works."""
    with pytest.raises(BadSelector, match=r"no condition|no aggregation") as caught:
        parse_condition(text)
    assert "p(95)<4s" in caught.value.hint


@pytest.mark.parametrize("operator", ["==", "===", "!="])
def test_equality_is_refused(operator: str) -> None:
    """If a measured number is to equal another, no interval can ever say so."""
    with pytest.raises(BadSelector, match="no measured number equals another"):
        parse_condition(f"mean{operator}4s")


@pytest.mark.parametrize(
    ("unit", "text", "value"),
    [
        ("s", "250ms", 0.25),
        ("s", "2m", 120.0),
        ("fraction", "30%", 0.3),
        ("fraction", "0.3", 0.3),
        ("points", "2%", 2.0),
        ("points", "-0.5 points", -0.5),
        ("usd", "25000usd", 25000.0),
        ("usd/1k", "$1.60", 1.6),
        ("usd", "-$3", -3.0),
        ("ratio", "1.5x", 1.5),
        ("requests", "1e3", 1000.0),
        ("1/s", "5/s", 5.0),
    ],
)
def test_a_limit_is_read_in_the_unit_of_its_metric(unit: str, text: str, value: float) -> None:
    """If a limit has a unit of its metric, it is converted."""
    assert limit_in(unit, text) == value


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        ("s", "4"),
        ("s", "4%"),
        ("s", "-1s"),
        ("fraction", "30"),
        ("fraction", "130%"),
        ("fraction", "4s"),
        ("fraction", "nan"),
        ("points", "2s"),
        ("points", "2"),
        ("usd", "25"),
        ("usd", "25eur"),
        ("ratio", "5%"),
        ("requests", "4s"),
        ("1/s", "1e999/s"),
    ],
)
def test_another_unit_is_refused(unit: str, text: str) -> None:
    """If a limit has no unit, or one of something else, it is refused before anything is played."""
    with pytest.raises(BadSelector, match=r"."):
        limit_in(unit, text)
