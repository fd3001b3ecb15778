"""Replay of traces and the circular block bootstrap."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest

from sim.columns import Floats
from sim.errors import InvalidInput
from sim.workload.traces import Trace, circle_ns, replay


def trace_of(times: list[int]) -> Trace:
    """Give a trace without tokens."""
    return Trace(np.array(times, dtype=np.int64), None, None)


def fixed(*values: float) -> Callable[[int, int], Floats]:
    """Give a source of uniforms that begins with `values` and goes on with a seeded sequence."""
    rest = np.random.default_rng(11).random(100_000)
    row = np.concatenate((values, rest))
    return lambda start, stop: row[start:stop]


def naive_block(times: list[int], circle: int, point: int, length: int, begins: int) -> list[tuple[int, int]]:
    """Walk the circle nanosecond by nanosecond: the slow twin of one block."""
    at = {time: [row for row, other in enumerate(times) if other == time] for time in times}
    return [(begins + step, row) for step in range(length) for row in at.get((point + step) % circle, [])]


def test_without_blocks_the_replay_ends_with_the_trace() -> None:
    """Played once, a trace gives its own times and rows, in pieces, and ends."""
    times = list(range(0, 700_000, 7))
    for blocks in (replay(trace_of(times), None, None), replay(trace_of(times), fixed(), None)):
        played = list(blocks)
        assert np.concatenate([block.arrival_ns for block in played]).tolist() == times
        assert np.concatenate([block.rows for block in played]).tolist() == list(range(len(times)))


def test_the_circle_keeps_the_rate() -> None:
    """Closing the trace adds one mean gap: n requests per circle are n - 1 per span."""
    assert circle_ns(trace_of([0, 4, 5, 12])) == 16


@pytest.mark.parametrize("length", [1, 5, 16])
def test_blocks_are_cut_from_the_circle(length: int) -> None:
    """Each block equals a walk along the circle from its drawn point, ties and wrap included."""
    times = [0, 4, 4, 12]
    uniforms = fixed(0.0, 0.25, 0.74, 0.99999)
    blocks = list(itertools.islice(replay(trace_of(times), uniforms, length), 41))[1:]
    for number, block in enumerate(blocks):
        point = int(uniforms(number, number + 1)[0] * 16)
        expected = naive_block(times, 16, point, length, 16 + number * length)
        assert list(zip(block.arrival_ns.tolist(), block.rows.tolist(), strict=True)) == expected
        assert block.arrival_ns.dtype == block.rows.dtype == np.int64


def test_arrivals_never_go_back() -> None:
    """The trace and all blocks after it are one non-decreasing stream."""
    times = np.cumsum(np.random.default_rng(5).integers(0, 50, 300)).tolist()
    blocks = itertools.islice(replay(trace_of([time - times[0] for time in times]), fixed(), 97), 500)
    assert np.all(np.diff(np.concatenate([block.arrival_ns for block in blocks])) >= 0)


def test_every_request_is_drawn_equally_often() -> None:
    """Over many blocks each row of a bursty trace comes up as often as any other, within four standard errors."""
    times = [0, 1, 2, 3, 1000, 5000, 5001, 9000]
    count, length = 40_000, 450
    rows = np.concatenate(
        [block.rows for block in itertools.islice(replay(trace_of(times), fixed_long(count), length), 1, count + 1)]
    )
    share = length / circle_ns(trace_of(times))
    z = (np.bincount(rows, minlength=8) - count * share) / np.sqrt(count * share * (1 - share))
    assert np.all(np.abs(z) <= 4)


def fixed_long(count: int) -> Callable[[int, int], Floats]:
    """Give enough seeded uniforms for `count` blocks."""
    row = np.random.default_rng(17).random(count + 1000)
    return lambda start, stop: row[start:stop]


def test_blocks_are_addressed_by_number() -> None:
    """The uniforms asked for are those of the blocks in turn, each once."""
    asked: list[tuple[int, int]] = []

    def uniforms(start: int, stop: int) -> Floats:
        asked.append((start, stop))
        return np.full(stop - start, 0.5)

    list(itertools.islice(replay(trace_of([0, 10]), uniforms, 3), 600))
    assert [start for start, _ in asked] == [0, *(stop for _, stop in asked[:-1])]


@pytest.mark.parametrize("length", [0, -1, 17])
def test_a_block_must_fit_the_trace(length: int) -> None:
    """A block longer than the circle, or without length, is refused with one that would do."""
    with pytest.raises(InvalidInput, match="write a shorter one"):
        replay(trace_of([0, 4, 5, 12]), fixed(), length)


def test_a_trace_without_length_cannot_go_on() -> None:
    """If all requests arrive at once there is nothing to draw blocks from."""
    with pytest.raises(InvalidInput, match="all arrive at once"):
        replay(trace_of([0, 0]), fixed(), 5)


def test_the_replay_ends_before_the_clock_does() -> None:
    """Blocks stop where the next one would pass the last nanosecond."""
    blocks = list(replay(trace_of([0, 2**61]), lambda start, stop: np.full(stop - start, 0.25), 2**61))
    assert len(blocks) == 2  # the trace (a circle of 2**62 ns), one block to 1.5 * 2**62, and no room for another
    assert int(blocks[-1].arrival_ns[-1]) < 2**63
