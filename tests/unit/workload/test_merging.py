"""Merging sorted streams: the order is that of one sort, however the streams and the result are cut."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.workload.merging import Arrivals, Blocks, merge

Stream = list[list[int]]

streams = st.lists(st.lists(st.lists(st.integers(0, 5), max_size=6), max_size=5), min_size=1, max_size=4)
"""Steps from each arrival to the next, in blocks that may be empty; small, so that many arrivals are at one time."""


def times_of(steps: Stream) -> Stream:
    """Turn steps into sorted times, in the same blocks."""
    now, blocks = 0, []
    for block in steps:
        times = [now := now + step for step in block]
        blocks.append(times)
    return blocks


def feed(blocks: Stream, place: int) -> Blocks:
    """Yield blocks; the k-th arrival of the stream at `place` has row 100 * place + k."""
    row = 100 * place
    for times in blocks:
        yield np.array(times, dtype=np.int64), np.arange(row, row + len(times), dtype=np.int64)
        row += len(times)


def triples(arrivals: Arrivals) -> list[tuple[int, int, int]]:
    """Write arrivals as (time, stream, row)."""
    return list(zip(arrivals.arrival_ns.tolist(), arrivals.stream.tolist(), arrivals.row.tolist(), strict=True))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(streams, st.none() | st.integers(1, 9), st.none() | st.integers(0, 40), st.none() | st.integers(1, 30))
def test_any_cut_gives_one_sort(steps: list[Stream], size: int | None, until: int | None, most: int | None) -> None:
    """Merged in pieces of any size, arrivals are sorted by (time, stream, own order) and end at either horizon."""
    blocks = [times_of(stream) for stream in steps]
    flat = [[time for block in stream for time in block] for stream in blocks]
    expected = sorted(
        (time, place, 100 * place + k) for place, times in enumerate(flat) for k, time in enumerate(times)
    )
    expected = [arrival for arrival in expected if until is None or arrival[0] < until][:most]
    pieces = list(merge([feed(b, k) for k, b in enumerate(blocks)], size, until_ns=until, most=most))
    assert [arrival for piece in pieces for arrival in triples(piece)] == expected
    lengths = [len(piece.row) for piece in pieces]
    assert all(length == size for length in lengths[:-1])
    assert size is None or lengths[-1] <= size
    assert len(lengths) == 1 or lengths[-1] > 0


def test_endless_streams_are_read_as_far_as_needed() -> None:
    """If streams never end, pieces come all the same, and each stream is read little further than what was taken."""
    read = [0, 0]

    def endless(place: int, gap: int) -> Iterator[tuple[np.ndarray, None]]:
        while True:
            read[place] += 1
            yield (np.arange(10) + 10 * read[place]) * gap, None

    merged = merge([endless(0, 1), endless(1, 100)], 20, until_ns=None, most=None)
    assert [len(next(merged).row) for _ in range(50)] == [20] * 50
    assert read[0] <= 1000 // 10 + 4
    assert read[1] <= 3


def test_a_number_of_arrivals_ends_endless_streams() -> None:
    """If the number of arrivals is limited, nothing is read once they are there."""
    blocks = iter([(np.arange(5), None), (np.arange(5, 10), None)])
    (piece,) = merge([blocks], 100, until_ns=None, most=5)
    assert piece.arrival_ns.tolist() == [0, 1, 2, 3, 4]
    assert next(blocks)[0].tolist() == [5, 6, 7, 8, 9]


@pytest.mark.parametrize("size", [None, 1, 10])
def test_no_arrivals_are_one_empty_piece(size: int | None) -> None:
    """If nothing arrives, there is one piece, and it is empty."""
    (piece,) = merge([iter([]), iter([(np.array([7]), None)])], size, until_ns=7, most=None)
    assert triples(piece) == []
