"""Measured curves of batches: how the pace of a call falls with the number of calls on the replica.

Source: Pratyush Patel et al., "Splitwise: Efficient generative LLM inference using phase splitting", ISCA 2024;
measurements published with splitwise-sim (https://github.com/Mutinifni/splitwise-sim, `data/perf_model.csv`, MIT
licence, Copyright (c) 2024 Pratyush Patel). Medians of the five runs of each cell, at prompts of 512 and answers of 128
tokens: milliseconds per token, and milliseconds to read the prompts of a whole batch. At tensor parallelism 2 the
largest batch did not fit, so there is no preset of it.

Where a prompt is read in the same iteration in which others decode, splitwise-sim lets that take 1.1 times as long as
reading the prompt alone. With chunks of 512 prompt tokens (Sarathi-Serve, Agrawal et al., OSDI 2024) calls beside it
get a token each 1.1 x (time of 512 prompt tokens) instead of each (time per token of a batch of 16).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from sim.columns import Floats

BATCHES: Final = (1, 2, 4, 8, 16, 32, 64)
"""Sizes of the batches that were measured."""
_MIXED: Final = 1.1
_USUAL: Final = BATCHES.index(16)

PresetName = Literal[
    "llama2-70b-a100x4",
    "llama2-70b-a100x8",
    "llama2-70b-h100x4",
    "llama2-70b-h100x8",
    "bloom-176b-a100x8",
    "bloom-176b-h100x8",
]


@dataclass(frozen=True, slots=True)
class Preset:
    """Milliseconds per token, and to read all prompts of a batch, for each size in `BATCHES`."""

    token_ms: tuple[float, ...]
    prompt_ms: tuple[float, ...]

    @property
    def most(self) -> int:
        """The largest batch that was measured."""
        return BATCHES[-1]

    @property
    def beside_prefill(self) -> float:
        """What is left of the pace of decoding beside a chunk of 512 prompt tokens."""
        return self.token_ms[_USUAL] / (_MIXED * self.prompt_ms[0])

    def decode_speeds(self, slots: int) -> Floats:
        """Give the pace of each of 1, 2, ... `slots` calls, 1 being that of a call alone."""
        return _relative(self.token_ms, slots)

    def prefill_speeds(self, slots: int) -> Floats:
        """Give the speed at which each of 1, 2, ... `slots` prompts is read."""
        return _relative(self.prompt_ms, slots)


def _relative(times_ms: tuple[float, ...], slots: int) -> Floats:
    """Interpolate times between the sizes measured; none is shorter than in a smaller batch, whatever its noise."""
    times: Floats = np.interp(np.arange(1.0, slots + 1), BATCHES, np.maximum.accumulate(times_ms))
    return times_ms[0] / times


PRESETS: Final[dict[PresetName, Preset]] = {
    "llama2-70b-a100x4": Preset(
        token_ms=(45.0, 45.0, 45.1, 45.8, 48.5, 52.3, 72.9),
        prompt_ms=(127.0, 253.9, 571.4, 1233.0, 2892.6, 5131.7, 10947.8),
    ),
    "llama2-70b-a100x8": Preset(
        token_ms=(44.9, 44.6, 45.8, 46.5, 50.4, 53.0, 71.6),
        prompt_ms=(94.3, 165.9, 292.3, 767.6, 2084.4, 3524.5, 7554.0),
    ),
    "llama2-70b-h100x4": Preset(
        token_ms=(29.7, 30.0, 29.9, 31.4, 32.8, 36.9, 52.4),
        prompt_ms=(59.6, 103.6, 195.3, 442.2, 874.3, 1726.1, 3520.5),
    ),
    "llama2-70b-h100x8": Preset(
        token_ms=(29.8, 30.3, 31.8, 32.5, 34.2, 38.6, 50.2),
        prompt_ms=(53.4, 76.9, 132.6, 371.6, 811.9, 1551.7, 2936.3),
    ),
    "bloom-176b-a100x8": Preset(
        token_ms=(48.8, 50.0, 51.0, 53.0, 57.3, 65.4, 96.6),
        prompt_ms=(173.8, 286.8, 528.6, 1322.2, 3510.1, 5782.0, 11251.8),
    ),
    "bloom-176b-h100x8": Preset(
        token_ms=(36.1, 36.9, 38.1, 38.1, 40.6, 45.8, 63.8),
        prompt_ms=(75.5, 131.3, 238.8, 625.0, 1313.3, 2521.9, 4996.5),
    ),
}
