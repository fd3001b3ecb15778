"""Observations kept or counted: the same groups and sections, however they were taken in."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from sim.outcome.histogram import Histogram, histogram_of
from sim.outcome.samples import Collector, Counted, Kept, Samples

COUNT, SECTIONS = 5_000, 4
SIZES = {"route": 9, "task": 2}
Rows = dict[str, NDArray[np.int64]]


def drawn() -> tuple[Rows, Rows, NDArray[np.int64]]:
    """Draw values, codes and ascending sections; one section has nothing."""
    rng = np.random.default_rng(9)
    values = {"latency": rng.integers(10**8, 10**11, COUNT), "wait": rng.integers(0, 3, COUNT) * 10**7}
    codes = {name: rng.integers(0, size, COUNT) for name, size in SIZES.items()}
    return values, codes, np.sort(rng.choice([0, 1, 3], COUNT))


def taken(most: int, chunk: int = 1_000_000) -> Samples:
    """Take the draws in, some at a time."""
    values, codes, section = drawn()
    collector = Collector(tuple(values), SIZES, SECTIONS, most)
    for start in range(0, COUNT, chunk):
        for number in range(SECTIONS):
            rows = np.flatnonzero(section[start : start + chunk] == number) + start
            if len(rows):
                parts = [{name: column[rows] for name, column in columns.items()} for columns in (values, codes)]
                collector.add(number, *parts)
    return collector.finish()


def expected(column: str, dimension: str, codes: list[int] | None) -> list[NDArray[np.int64]]:
    """Give the observations of each section as one would pick them by hand."""
    values, known, section = drawn()
    chosen = np.isin(known[dimension], range(SIZES[dimension]) if codes is None else codes)
    return [values[column][chosen & (section == number)] for number in range(SECTIONS)]


GROUPS = [("route", None), ("route", [0]), ("route", [0, 2, 8]), ("route", []), ("task", [1]), ("task", None)]


@pytest.mark.parametrize(("dimension", "codes"), GROUPS)
@pytest.mark.parametrize("column", ["latency", "wait"])
def test_few_observations_are_kept(column: str, dimension: str, codes: list[int] | None) -> None:
    """If there are no more than are to be kept, every group has its own observations in order of arrival."""
    kept = taken(most=COUNT)
    assert isinstance(kept, Kept)
    found = [np.array(sample).tolist() for sample in kept.samples(column, dimension, codes)]
    assert found == [part.tolist() for part in expected(column, dimension, codes)]


@pytest.mark.parametrize(("dimension", "codes"), GROUPS)
@pytest.mark.parametrize("column", ["latency", "wait"])
def test_many_observations_are_counted(column: str, dimension: str, codes: list[int] | None) -> None:
    """If there is one more than are to be kept, every group has the histogram of its observations."""
    counted = taken(most=COUNT - 1)
    assert isinstance(counted, Counted)
    for sample, part in zip(counted.samples(column, dimension, codes), expected(column, dimension, codes), strict=True):
        assert isinstance(sample, Histogram)
        assert sample.buckets.tolist() == histogram_of(part).buckets.tolist()
        assert sample.counts.tolist() == histogram_of(part).counts.tolist()


@pytest.mark.parametrize("most", [0, 100, COUNT])
@pytest.mark.parametrize("chunk", [1, 333, 4_999])
def test_how_they_were_taken_in_does_not_matter(most: int, chunk: int) -> None:
    """If observations come in chunks of any size, what is kept or counted is the same."""
    whole, parts = taken(most), taken(most, chunk)
    assert type(whole) is type(parts)
    for column in ("latency", "wait"):
        for dimension, codes in GROUPS:
            for one, other in zip(
                whole.samples(column, dimension, codes), parts.samples(column, dimension, codes), strict=True
            ):
                if isinstance(one, Histogram) and isinstance(other, Histogram):
                    assert one.buckets.tolist() == other.buckets.tolist()
                    assert one.counts.tolist() == other.counts.tolist()
                else:
                    assert np.array(one).tolist() == np.array(other).tolist()


def test_nothing_taken_in_is_nothing_to_tell() -> None:
    """If no observation came, every section is empty."""
    nothing = Collector(("latency",), SIZES, SECTIONS, 10).finish()
    assert [len(sample) for sample in nothing.samples("latency", "route", [1])] == [0] * SECTIONS
    assert [len(sample) for sample in nothing.samples("latency", "task", None)] == [0] * SECTIONS
