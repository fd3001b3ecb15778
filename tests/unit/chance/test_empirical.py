"""The empirical law: a table of quantiles, read exactly."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError
from scipy import integrate

from sim.chance.laws import Empirical, TokenLaw

TABLE = {"0": 2, "1": 29, "5": 181, "25": 352, "50": 641, "75": 1_105, "95": 2_909, "99": 6_180, "100": 14_050}


def law_of(table: dict[Any, Any], interpolation: str = "linear") -> Empirical[Any]:
    """Read a table of token counts."""
    return TypeAdapter(TokenLaw).validate_python({"quantiles": table, "interpolation": interpolation})


@pytest.mark.parametrize("interpolation", ["linear", "log"])
def test_table_rows_are_hit(interpolation: str) -> None:
    """At each percentage of the table the quantile is the value beside it."""
    law = law_of(TABLE, interpolation)
    u = np.array([float(key) for key in TABLE]) / 100
    np.testing.assert_allclose(law.quantile(u), list(TABLE.values()), rtol=1e-15)


def test_linear_lies_straight_between_rows() -> None:
    """Half-way between two rows the value is their arithmetic mean."""
    assert law_of({"0": 0, "50": 10, "100": 1_000}).quantile(np.array([0.25, 0.75])).tolist() == [5.0, 505.0]


def test_log_lies_geometrically_between_rows() -> None:
    """Half-way between two rows the value is their geometric mean."""
    quantiles = law_of({"0": 1, "50": 100, "100": 10_000}, "log").quantile(np.array([0.25, 0.75]))
    np.testing.assert_allclose(quantiles, [10.0, 1_000.0], rtol=1e-14)


CROWDED = {"0": 1, **{f"{50 + k / 1e6}": 2 + k for k in range(1, 40)}, "100": 90}
MANY = {f"{k / 20}": 1 + k * k for k in range(2_001)}
AT_THE_END = {"0": 1, "30": 4, "99.99999999999999": 7, "100": 11}


@pytest.mark.parametrize("interpolation", ["linear", "log"])
@pytest.mark.parametrize("table", [TABLE, {"0": 3, "100": 7}, CROWDED, MANY, AT_THE_END])
def test_quantiles_are_what_a_search_finds(table: dict[str, float], interpolation: str) -> None:
    """In every bit the quantile is that between the rows that a search finds, at the rows and beside them too."""
    shares, values = np.array([float(key) for key in table]) / 100, np.array(list(table.values()), dtype=np.float64)
    sides = np.concatenate([np.nextafter(shares, 0), shares, np.nextafter(shares, 1)])
    u = np.concatenate([np.random.default_rng(1).random(20_000), np.arange(1_025) / 1_024, sides])
    row = np.minimum(np.searchsorted(shares, u, side="right") - 1, len(shares) - 2)
    part, low, high = (u - shares[row]) / (shares[row + 1] - shares[row]), values[row], values[row + 1]
    between = low * (high / low) ** part if interpolation == "log" else low + (high - low) * part
    assert np.array_equal(law_of(table, interpolation).quantile(u), np.minimum(between, high))


@pytest.mark.parametrize("interpolation", ["linear", "log"])
def test_two_rows_of_one_share_are_a_jump_to_the_upper(interpolation: str) -> None:
    """Percentages that divide to the same share are no division by zero: from there on the greater value counts."""
    near = float(np.nextafter(7.0, 8.0))
    assert near / 100 == 7 / 100
    law = law_of({"0": 1, "7": 2, repr(near): 3, "100": 3}, interpolation)
    assert law.quantile(np.array([0.07])).tolist() == [3.0]


@pytest.mark.parametrize("interpolation", ["linear", "log"])
@pytest.mark.parametrize(
    "table",
    [TABLE, {"0": 5, "10": 5, "60": 80, "90": 80, "100": 81}, {"0": 7, "100": 7}, {"0": 1, "50": 1, "100": 9e7}],
)
def test_moments_are_integrals_of_the_quantile_function(table: dict[str, float], interpolation: str) -> None:
    """Mean and scv equal numerical integrals of the quantile function over each stretch."""
    law = law_of(table, interpolation)
    cuts = [float(key) / 100 for key in table]

    def moment(power: int) -> float:
        def integrand(u: float) -> float:
            return float(law.quantile(np.array([u]))[0]) ** power

        pieces = [integrate.quad(integrand, a, b, epsabs=0, epsrel=1e-12) for a, b in pairwise(cuts)]
        return sum(piece[0] for piece in pieces)

    mean = moment(1)
    assert law.mean_value() == pytest.approx(mean, rel=1e-9)
    assert law.scv_value() == pytest.approx(moment(2) / mean**2 - 1, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("interpolation", ["linear", "log"])
def test_equal_neighbours_are_a_jump(interpolation: str) -> None:
    """A value that fills 30 % of the table has 30 % of the probability, and cdf counts it whole."""
    law = law_of({"0": 5, "60": 80, "90": 80, "100": 100}, interpolation)
    below, at = law.cdf(np.array([80 - 1e-9, 80.0]))
    assert below == pytest.approx(0.6, abs=1e-9)
    assert at == pytest.approx(0.9, abs=1e-15)


def test_cdf_is_zero_below_and_one_above() -> None:
    """Nothing lies below the 0th or above the 100th percentile."""
    assert law_of(TABLE).cdf(np.array([-5.0, 1.9, 14_050.0, 1e9])).tolist() == [0.0, 0.0, 1.0, 1.0]


def test_all_zero_has_no_spread() -> None:
    """A table of zeros has mean 0 and scv 0, not a division by zero."""
    law = law_of({"0": 0, "100": 0})
    assert (law.mean_value(), law.scv_value()) == (0.0, 0.0)


def test_order_of_the_rows_is_no_matter() -> None:
    """A table stored in the order of the text, 100 before 25, is the same law."""
    assert law_of({"100": 9, "0": 1, "5": 2, "25": 3}) == law_of({0: 1, 5: 2, 25.0: 3, 100: 9}).model_copy(
        update={"quantiles": {"0": 1.0, "5": 2.0, "25": 3.0, "100": 9.0}}
    )


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"1": 2, "100": 3}, "run from 0 to 100 percent, found 1 to 100"),
        ({"0": 2, "99": 3}, "found 0 to 99"),
        ({"0": 2, "5": 3, "5.0": 4, "100": 9}, "5 and 5.0 are the same"),
        ({"0": 2, "50": 8, "90": 7, "100": 9}, "the value at 90 percent is below the one at 50"),
        ({"0": 2, "half": 8, "100": 9}, "'half' is not a percentage from 0 to 100"),
        ({"0": 2, "nan": 8, "100": 9}, "'nan' is not a percentage"),
        ({"-1": 2, "100": 9}, "'-1' is not a percentage"),
        ({"0": 2}, "at least 2 items"),
        ({"0": 2, "100": float("inf")}, "finite"),
    ],
)
def test_bad_tables_are_refused(table: dict[str, float], message: str) -> None:
    """A table that is no law is refused with what was found."""
    with pytest.raises(ValidationError, match=message):
        law_of(table)


def test_log_needs_values_above_zero() -> None:
    """Nothing lies geometrically between 0 and something."""
    with pytest.raises(ValidationError, match="needs values above 0"):
        law_of({"0": 0, "100": 5}, "log")
