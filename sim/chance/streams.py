"""Named random streams: a draw is a pure function of (seed, replication, purpose, names, request index).

Every stream is a Philox generator (Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3")
keyed by ``SeedSequence(seed, spawn_key=(replication, purpose, *names))`` and *positioned by index*. One uniform per
purpose and request, drawn whether it is used or not, turned into a value by a quantile function. So patterns that are
compared see the same requests with the same luck (common random numbers), and chunk size, worker count, another model
or a new purpose change nothing else.
"""

from __future__ import annotations

import hashlib
from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_DRAWS_PER_BLOCK: Final = 4  # Philox4x64 makes four 64-bit words per counter value
_KEY_WORDS: Final = 2  # of 64 bits
_UNUSED_BITS: Final = np.uint64(12)  # of the 64 of a word; a float64 has a fraction of 52
_ONE: Final = np.float64(1.0).view(np.uint64)


class Purpose(IntEnum):
    """What a draw is for. Numbers are part of every stored result: never renumber, never reuse, only add."""

    ARRIVAL = 1
    PHASE = 2
    BATCH = 3
    BOOTSTRAP = 4
    SEGMENT = 5
    TASK = 6
    DIFFICULTY = 7
    INPUT_TOKENS = 8
    OUTPUT_LENGTH = 9
    OUTPUT_TOKENS = 10
    CACHED = 11
    TTFT = 12
    DECODE = 13
    STALL = 14
    STALL_SIZE = 15
    SERVICE = 16
    CORRECT = 17
    CONFIDENCE = 18
    REFUSAL = 19
    HEDGING = 20
    CLASSIFIER = 21
    SIMILARITY = 22
    VERIFY = 23
    SAMPLE = 24
    REWARD = 25
    SIGNAL_TIME = 26
    TABLE_ROW = 27
    REWARD_TIME = 28
    ERROR = 29
    ERROR_TIME = 30
    BACKOFF = 31
    BALANCE = 32
    GATE_SAMPLE = 60
    GATE_VERDICT = 61
    DRIFT = 62
    FORECAST = 70


def name_key(name: str) -> int:
    """Give the 32-bit key of a name (model, segment, pattern step): stable across runs, machines and file order."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=4).digest(), "little")


class _Key(np.random.SeedSequence):
    """The seed sequence of one stream, which makes its Philox key once: that takes longer than a thousand draws."""

    def __init__(self, seed: int, spawn_key: tuple[int, ...]) -> None:
        super().__init__(seed, spawn_key=spawn_key)
        self._words = super().generate_state(_KEY_WORDS, np.uint64)

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> NDArray[np.uint32 | np.uint64]:
        """Give the key where it is asked for, as by Philox."""
        asked = n_words == _KEY_WORDS and np.dtype(dtype) == self._words.dtype
        return self._words if asked else super().generate_state(n_words, dtype)


class Streams:
    """All random streams of one replication."""

    def __init__(self, seed: int, replication: int) -> None:
        self.seed = seed
        self.replication = replication
        self._keys: dict[tuple[Purpose, tuple[str, ...]], _Key] = {}

    def uniform(self, purpose: Purpose, names: tuple[str, ...], start: int, stop: int) -> NDArray[np.float64]:
        """Draw the uniforms of the indices `start` to `stop` (exclusive), each strictly inside (0, 1); float64.

        A uniform is (k + 1/2) / 2**52 with k the top 52 bits of a Philox word, so 0 and 1 cannot occur. (With 53 bits
        k + 1/2 is not representable for large k and rounds up to 1.)
        """
        if stop <= start:
            return np.empty(0, dtype=np.float64)
        first_block = start // _DRAWS_PER_BLOCK
        skip = start - first_block * _DRAWS_PER_BLOCK
        words = self._generator(purpose, names, first_block).random_raw(stop - start + skip)[skip:]
        # k as the fraction of a float64 of exponent 0 is 1 + k / 2**52; what is taken off leaves no rounding
        words >>= _UNUSED_BITS
        words |= _ONE
        uniforms = words.view(np.float64)
        uniforms -= 1.0 - 2.0**-53
        return uniforms

    def _generator(self, purpose: Purpose, names: tuple[str, ...], block: int) -> np.random.Philox:
        """Give the generator of a stream, positioned before the words of the block."""
        key = self._keys.get((purpose, names))
        if key is None:
            spawn_key = (self.replication, int(purpose), *(name_key(name) for name in names))
            key = self._keys[purpose, names] = _Key(self.seed, spawn_key)
        return np.random.Philox(key, counter=np.array([block, 0, 0, 0], dtype=np.uint64))
