"""Heavy tails: means that lie outside the interval of one future."""

from __future__ import annotations

import numpy as np

from sim.study.spend.answers import Range, ranged
from sim.study.spend.tails import ALL, outside


def heavy(sign: float = 1.0) -> Range:
    """Give a hundred futures that are alike, but for one that is far off."""
    return ranged(sign * np.array([*np.linspace(10, 11, 99), 1e6]), 0.8)


def test_a_mean_outside_its_interval_is_told_once_for_all_months() -> None:
    """If one future of a hundred makes the mean, a sentence says on which side, of what, and in which months."""
    names = [f"2027-0{number}" for number in range(1, 5)]
    places = [("cascade, spend", name, heavy()) for name in (*names, ALL)]
    (told,) = outside([*places, ("units, saving", "2027-02", heavy())], 0.8)
    assert told.startswith(
        "the mean lies above the 80 % interval of: cascade, spend (4 months from 2027-01 to 2027-04, all months); "
        "units, saving (2027-02). Few futures far above"
    )
    (told,) = outside([("units, saving", ALL, heavy(-1.0))], 0.8)
    assert told.startswith("the mean lies below the 80 % interval of: units, saving (all months).")


def test_a_mean_within_its_interval_is_not_remarked_on() -> None:
    """If futures lie evenly, or do not differ but in the last digit, there is nothing to say."""
    alike = ranged(np.array([0.1 + 0.2, 0.3, 0.3]), 0.8)
    assert list(outside([("a", ALL, ranged(np.arange(100.0), 0.8)), ("b", ALL, alike)], 0.8)) == []
