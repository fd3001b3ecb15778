"""The random streams: their numbers are uniform, independent, placed by index, and never change unnoticed."""

from __future__ import annotations

import hashlib
import pickle
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sim.chance import Purpose, Streams
from sim.chance.streams import _Key, name_key

MILLION = 1_000_000

# In units of 2**-53, so that they are whole numbers.
PINNED = [
    1_487_401_468_836_307,
    6_615_362_740_075_629,
    5_631_573_618_145_561,
    2_568_427_980_710_849,
    2_037_219_887_884_987,
    3_039_781_224_578_813,
    442_744_581_955_163,
    5_788_599_331_412_471,
    49_276_532_492_861,
    2_238_836_084_032_233,
    4_628_130_408_136_581,
    8_321_979_554_209_779,
    4_449_451_280_399_657,
    4_815_551_407_219_193,
    469_815_896_507_937,
    7_891_152_786_464_807,
]
PINNED_DIGEST = "b69d794aa1b8459758140b84838094f95d42a6ce9e7a0bc00fe1e055330c3350"


def correlation_z(x: np.ndarray, y: np.ndarray) -> float:
    """Give the correlation in units of its standard error under independence, 1 / sqrt(n)."""
    return float(np.corrcoef(x, y)[0, 1] * np.sqrt(len(x)))


def test_first_arrival_draws_are_pinned() -> None:
    """The first sixteen draws of seed 7 for arrivals stay what they were: a change moves every stored result."""
    u = Streams(7, 0).uniform(Purpose.ARRIVAL, (), 0, 16)
    assert [round(x * 2**53) for x in u.tolist()] == PINNED


def test_first_draws_of_every_purpose_are_pinned() -> None:
    """The first sixteen draws of each purpose known when this was written stay what they were."""
    numbers = np.concatenate([Streams(7, 0).uniform(Purpose(n), ("a",), 0, 16) for n in range(1, 28)])
    words = np.rint(numbers * 2.0**53).astype("<i8")
    assert hashlib.sha256(words.tobytes()).hexdigest() == PINNED_DIGEST


def test_a_draw_is_the_middle_of_its_cell() -> None:
    """A uniform is (k + 1/2) / 2**52 with k the top 52 bits of the Philox word of that index."""
    words = np.random.Philox(np.random.SeedSequence(3, spawn_key=(5, int(Purpose.TASK)))).random_raw(9).tolist()
    expected = [((word >> 12) + 0.5) / 2**52 for word in words]
    assert Streams(3, 5).uniform(Purpose.TASK, (), 0, 9).tolist() == expected


def test_uniforms_pass_kolmogorov_smirnov() -> None:
    """A million draws lie no further from the uniform law than chance allows (sqrt(n) D <= 2.3, p about 5e-5)."""
    u = Streams(7, 0).uniform(Purpose.ARRIVAL, ("all",), 0, MILLION)
    assert stats.kstest(u, "uniform").statistic * np.sqrt(MILLION) <= 2.3


def test_uniforms_fill_their_lowest_digits() -> None:
    """The last eight of the 52 bits are uniform too: chi-square over 256 cells within 4 standard errors."""
    u = Streams(7, 0).uniform(Purpose.ARRIVAL, ("all",), 0, MILLION)
    cells = np.bincount((np.floor(u * 2.0**52).astype(np.int64)) & 255, minlength=256)
    expected = MILLION / 256
    chi_square = ((cells - expected) ** 2 / expected).sum()
    assert abs(chi_square - 255) <= 4 * np.sqrt(2 * 255)


@pytest.mark.parametrize("lag", [1, 2, 3, 4, 5, 8])
def test_serial_correlation_is_nil(lag: int) -> None:
    """Draws of one stream do not correlate with those shortly after, nor across Philox's blocks of four."""
    u = Streams(7, 0).uniform(Purpose.ARRIVAL, ("all",), 0, MILLION)
    assert abs(correlation_z(u[:-lag], u[lag:])) <= 4


def test_streams_are_independent_of_each_other() -> None:
    """Streams that differ in seed, replication, purpose or name alone do not correlate, nor do their squares."""
    ways = [
        Streams(7, 0).uniform(Purpose.ARRIVAL, ("a",), 0, 200_000),
        Streams(8, 0).uniform(Purpose.ARRIVAL, ("a",), 0, 200_000),
        Streams(7, 1).uniform(Purpose.ARRIVAL, ("a",), 0, 200_000),
        Streams(7, 0).uniform(Purpose.PHASE, ("a",), 0, 200_000),
        Streams(7, 0).uniform(Purpose.ARRIVAL, ("b",), 0, 200_000),
        Streams(7, 0).uniform(Purpose.ARRIVAL, ("a", "b"), 0, 200_000),
        Streams(7, 0).uniform(Purpose.ARRIVAL, ("b", "a"), 0, 200_000),
    ]
    for x, y in combinations(ways, 2):
        assert abs(correlation_z(x, y)) <= 4
        assert abs(correlation_z((x - 0.5) ** 2, (y - 0.5) ** 2)) <= 4


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.integers(0, 200), st.integers(0, 200), st.sampled_from(list(Purpose)))
def test_a_slice_equals_the_whole(start: int, length: int, purpose: Purpose) -> None:
    """Draws from any index on, odd ones included, are the same as when all are drawn at once."""
    streams = Streams(7, 3)
    whole = streams.uniform(purpose, ("x",), 0, 400)
    assert np.array_equal(streams.uniform(purpose, ("x",), start, start + length), whole[start : start + length])


def test_far_indices_are_reached_at_once() -> None:
    """The draw of request 4e9 + 3 is the last of four that start at a multiple of four."""
    streams = Streams(7, 0)
    far = 4_000_000_000
    block = streams.uniform(Purpose.TASK, (), far, far + 4)
    assert streams.uniform(Purpose.TASK, (), far + 3, far + 4).tolist() == [block[3]]


@pytest.mark.parametrize("names", [(), ("a",), ("all", "model")])
@pytest.mark.parametrize(("start", "stop"), [(0, 1), (0, 9), (3, 12), (4, 8), (65_536, 65_543), (2**40 + 1, 2**40 + 6)])
def test_a_stream_is_keyed_by_its_seed_sequence(names: tuple[str, ...], start: int, stop: int) -> None:
    """Asked once or again, a stream is the generator of its seed sequence, advanced to the block of the index."""
    key = (2, int(Purpose.TTFT), *(name_key(name) for name in names))
    generator = np.random.Philox(np.random.SeedSequence(9, spawn_key=key))
    generator.advance(start // 4)
    words = generator.random_raw(stop - start // 4 * 4)[start % 4 :].tolist()
    streams = Streams(9, 2)
    for _ in range(2):
        drawn = streams.uniform(Purpose.TTFT, names, start, stop)
        assert drawn.tolist() == [((word >> 12) + 0.5) / 2**52 for word in words]


def test_streams_can_be_sent_to_another_process() -> None:
    """Pickled before or after its first draw, a set of streams draws the same."""
    streams = Streams(7, 1)
    fresh = pickle.loads(pickle.dumps(streams))  # noqa: S301 - our own bytes
    drawn = streams.uniform(Purpose.TASK, ("a",), 2, 30)
    used = pickle.loads(pickle.dumps(streams))  # noqa: S301 - our own bytes
    for copy in (fresh, used):
        assert np.array_equal(copy.uniform(Purpose.TASK, ("a",), 2, 30), drawn)
        assert np.array_equal(copy.uniform(Purpose.TASK, ("b",), 0, 9), streams.uniform(Purpose.TASK, ("b",), 0, 9))


def test_the_key_of_a_stream_is_a_seed_sequence_in_all_else() -> None:
    """If other words than the key are asked for, they are those of the plain seed sequence."""
    plain, key = np.random.SeedSequence(3, spawn_key=(1, 2)), _Key(3, (1, 2))
    for words, dtype in ((2, np.uint64), (2, np.uint32), (4, np.uint64), (8, np.uint32)):
        assert key.generate_state(words, dtype).tolist() == plain.generate_state(words, dtype).tolist()


def test_nothing_drawn_is_empty() -> None:
    """An empty range of indices gives an empty float64 array."""
    drawn = Streams(7, 0).uniform(Purpose.TASK, (), 5, 5)
    assert drawn.shape == (0,)
    assert drawn.dtype == np.float64


def test_edges_cannot_be_drawn() -> None:
    """The least and the greatest word give uniforms strictly inside (0, 1)."""

    class Extremes(Streams):
        def _generator(self, *_: object) -> object:
            return Words()

    class Words:
        def random_raw(self, size: int) -> np.ndarray:
            return np.array([0, 2**64 - 1] * size, dtype=np.uint64)[:size]

    low, high = Extremes(7, 0).uniform(Purpose.TASK, (), 0, 2)
    assert 0 < low < 2**-52
    assert 1 - 2**-52 < high < 1
