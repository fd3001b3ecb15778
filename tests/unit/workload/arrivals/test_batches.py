"""Batches: sizes, spread and rate, in sorted order also where batches overlap."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from sim.chance import Purpose, Streams
from sim.workload.arrivals.batches import BatchArrivals
from sim.workload.calendar import Calendar

POISSON = {"kind": "poisson", "rate_per_s": 1}
GEOMETRIC = {"law": "geometric", "mean": 4}
TABLE = {"quantiles": {"0": 1, "50": 1, "90": 7, "100": 40}}


def batches(size: Any, every: Any = POISSON, **more: Any) -> BatchArrivals:
    """Read a batch process."""
    return BatchArrivals.model_validate({"kind": "batches", "every": every, "size": size, **more})


def test_a_fixed_size_repeats_each_batch_time() -> None:
    """Three together at constant times are those times three times over."""
    process = batches(3, {"kind": "constant", "rate_per_s": 2})
    times = next(process.times(Streams(7, 0), "all", Calendar()))
    assert times[:7].tolist() == [500_000_000] * 3 + [1_000_000_000] * 3 + [1_500_000_000]


def test_large_batches_never_give_an_empty_block() -> None:
    """Batches beyond the size of a block come one by one, and each block holds something."""
    process = batches(100_000, {"kind": "constant", "rate_per_s": 1})
    blocks = list(islice(process.times(Streams(7, 0), "all", Calendar()), 3))
    assert [len(block) for block in blocks] == [100_000] * 3
    assert [block[-1] for block in blocks] == [10**9, 2 * 10**9, 3 * 10**9]


def test_spread_places_requests_evenly() -> None:
    """Four requests spread over a second come at once and after a quarter, a half and three quarters of it."""
    process = batches(4, {"kind": "constant", "rate_per_s": 0.1, "first": "0s"}, spread="1s")
    times = next(process.times(Streams(7, 0), "all", Calendar()))
    assert times[:5].tolist() == [0, 250_000_000, 500_000_000, 750_000_000, 10_000_000_000]


@pytest.mark.parametrize("size", [GEOMETRIC, TABLE])
def test_overlapping_batches_are_a_sorted_merge(size: Any) -> None:
    """With a spread of many batch gaps the result is the sorted list of all requests of all batches."""
    process = batches(size, spread="30s")
    streams = Streams(7, 0)
    times = np.concatenate(list(islice(process.blocks(streams, "all", Calendar(), 256), 5)))
    starts = next(process.every.times(streams, "all", Calendar()))[:5_000].tolist()
    u = streams.uniform(Purpose.BATCH, ("all",), 0, len(starts))
    naive = []
    for start, draw in zip(starts, process.size.quantile(u).tolist(), strict=True):
        number = max(1, round(draw))
        naive += [start + i * 30_000_000_000 // number for i in range(number)]
    assert len(times) > 3_000
    assert times.tolist() == sorted(naive)[: len(times)]


@pytest.mark.parametrize("size", [GEOMETRIC, TABLE])
def test_sizes_have_the_exact_mean(size: Any) -> None:
    """The mean of 200,000 batch sizes is the rate of requests over that of batches, |z| <= 4."""
    process = batches(size)
    times = np.concatenate(list(islice(process.times(Streams(7, 0), "all", Calendar()), 16)))
    sizes = np.unique(times, return_counts=True)[1][:-1]
    exact = process.mean_rate_per_s() / process.every.mean_rate_per_s()
    assert len(sizes) > 150_000
    assert abs(sizes.mean() - exact) <= 4 * sizes.std() / np.sqrt(len(sizes))


def test_mean_of_a_table_counts_rounded_sizes() -> None:
    """The mean size is that of the rounded quantiles: a fine grid of uniforms gives the same to 1e-5."""
    process = batches(TABLE)
    u = (np.arange(1_000_000) + 0.5) / 1_000_000
    rounded = np.maximum(np.rint(process.size.quantile(u)), 1)
    assert process.mean_rate_per_s() == pytest.approx(rounded.mean(), rel=1e-5)


def test_what_a_spread_delays_is_not_expected_yet() -> None:
    """Requests of batches that are spread over their distance are expected one by one, each when it comes."""
    process = batches(4, {"kind": "constant", "rate_per_s": 1, "first": "500ms"}, spread="1s")
    times = next(process.times(Streams(7, 0), "all", Calendar()))
    expected = process.expectation(Calendar())
    for end_ns in range(0, 5 * 10**9, 10**8):
        assert expected(end_ns) == np.searchsorted(times, end_ns)


def test_a_batch_process_that_ends_brings_its_last_requests() -> None:
    """When the batches end with the clock, the requests still waiting for their turn come too."""
    process = batches(4, {"kind": "constant", "rate_per_s": 1e-9}, spread="1h")
    times = np.concatenate(list(process.times(Streams(7, 0), "all", Calendar())))
    assert times.tolist() == [k * 10**18 + i * 900_000_000_000 for k in range(1, 5) for i in range(4)]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"size": 0}, "greater than or equal to 1"),
        ({"size": 2, "spread": "25h"}, "spread over 1d at most"),
        ({"size": {"law": "exponential", "mean": 3}}, "'geometric'"),
        ({"size": 2, "every": {"kind": "batches"}}, "'renewal'"),
    ],
)
def test_mistakes_are_explained(written: dict[str, Any], message: str) -> None:
    """Sizes below one, endless spreads and batches of batches are refused."""
    with pytest.raises(ValidationError, match=message):
        BatchArrivals.model_validate({"kind": "batches", "every": POISSON, **written})
