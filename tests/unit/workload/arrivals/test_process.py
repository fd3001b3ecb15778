"""What all arrival processes share: sorted integers that depend on nothing but seed, source and parameters."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from sim.chance import Streams
from sim.workload.arrivals import REGISTRY, Arrivals
from sim.workload.arrivals.process import END, DrawnArrivals, running_sum
from sim.workload.calendar import Calendar

ADAPTER: TypeAdapter[DrawnArrivals] = TypeAdapter(Arrivals)
START = Calendar(datetime(2026, 3, 28, 10, 7, 30, 500, tzinfo=UTC))
WORKDAY = Calendar(datetime(2026, 3, 30, 10, 7, 30, 500, tzinfo=UTC))

MMPP = {
    "kind": "mmpp",
    "phases": [
        {"rate_per_s": 40, "mean_duration": "2s"},
        {"rate_per_s": 1, "mean_duration": "20s"},
        {"rate_per_s": 0, "mean_duration": "5s"},
    ],
    "switch": "uniform",
}
WRITTEN: dict[str, dict[str, Any]] = {
    "constant": {"kind": "constant", "rate_per_s": 7},
    "poisson": {"kind": "poisson", "rate_per_s": 5},
    "renewal gamma": {"kind": "renewal", "rate_per_s": 5, "cv": 3},
    "renewal weibull": {"kind": "renewal", "rate_per_s": 5, "cv": 0.5, "law": "weibull"},
    "profile": {
        "kind": "profile",
        "rate_per_s": 0.05,
        "hour_of_day": [0, *range(1, 24)],
        "weekday": [1, 1, 1, 1, 1, 0, 0.5],
        "time_zone": "Europe/Berlin",
        "growth_per_month": "5%",
    },
    "on_off": {"kind": "on_off", "rate_per_s": 40, "on": "20s", "off": "200s"},
    "mmpp": MMPP,
    "batches": {
        "kind": "batches",
        "every": {"kind": "poisson", "rate_per_s": 1},
        "size": {"law": "geometric", "mean": 4},
        "spread": "3s",
    },
    "batches of bursts": {"kind": "batches", "every": MMPP, "size": {"quantiles": {"0": 1, "100": 9}}},
}
every_process = pytest.mark.parametrize("name", WRITTEN)


def process(name: str) -> DrawnArrivals:
    """Read one of the processes above."""
    return ADAPTER.validate_python(WRITTEN[name])


def first_times(drawn: DrawnArrivals, number: int, size: int = 4_096, source: str = "all", seed: int = 7) -> np.ndarray:
    """Give the first arrivals, drawn in blocks of `size`."""
    blocks, count = [], 0
    for block in drawn.blocks(Streams(seed, 0), source, START, size):
        blocks.append(block)
        count += len(block)
        if count >= number:
            break
    return np.concatenate(blocks)[:number]


def test_every_drawn_kind_is_tested_here() -> None:
    """A new kind of drawn process is added to the list above."""
    drawn = {kind for kind, model in REGISTRY.items() if issubclass(model, DrawnArrivals)}
    assert {written["kind"] for written in WRITTEN.values()} == drawn


@every_process
def test_blocks_are_sorted_int64_and_never_empty(name: str) -> None:
    """Blocks are sorted, follow each other, hold int64 from time 0 on and are never empty."""
    last, count = 0, 0
    for block in process(name).times(Streams(7, 0), "all", START):
        assert block.dtype == np.int64
        assert len(block) > 0
        assert block[0] >= last
        assert np.all(np.diff(block) >= 0)
        last, count = block[-1], count + len(block)
        if count > 100_000:
            break


@every_process
@pytest.mark.parametrize("size", [4, 64, 65_536])
def test_block_size_changes_nothing(name: str, size: int) -> None:
    """Blocks of 4, 64 and 65,536 draws give the same arrivals, to the nanosecond."""
    assert np.array_equal(first_times(process(name), 2_000, size), first_times(process(name), 2_000))


@every_process
def test_another_source_changes_nothing(name: str) -> None:
    """A source's arrivals are the same whether another source is drawn between its blocks or not; the other differs."""
    streams = Streams(7, 0)
    mine = process(name).blocks(streams, "mine", START, 64)
    others = process(name).blocks(streams, "other", START, 64)
    taken = [(next(mine), next(others)) for _ in range(5)]
    together = np.concatenate([block for block, _ in taken])
    assert np.array_equal(together, first_times(process(name), len(together), source="mine"))
    other = np.concatenate([block for _, block in taken])
    assert np.array_equal(other, together) == (name == "constant")


@every_process
def test_yaml_round_trip(name: str) -> None:
    """Process -> JSON -> process is the identity."""
    read = process(name)
    assert ADAPTER.validate_python(json.loads(ADAPTER.dump_json(read))) == read


@pytest.mark.parametrize("name", sorted(WRITTEN.keys() - {"profile"}))  # test_profile counts that one hour by hour
def test_mean_rate_is_met(name: str) -> None:
    """Over 400 independent runs the mean count of a window is the mean rate times the window, |z| <= 4."""
    drawn = process(name)
    window_ns = int(60e9 / drawn.mean_rate_per_s()) + 1
    counts = []
    for run in range(400):
        count = 0
        for block in drawn.blocks(Streams(7, run), "all", START, 256):
            count += int(np.searchsorted(block, window_ns))
            if block[-1] > window_ns:
                break
        counts.append(count)
    error = np.std(counts, ddof=1) / np.sqrt(len(counts))
    assert abs(np.mean(counts) - 60) <= 4 * error


@every_process
def test_the_expected_count_is_met(name: str) -> None:
    """Over 400 independent runs the mean count of a window is the expected one, |z| <= 4, and a shorter has fewer."""
    drawn = process(name)
    window_ns = int(60e9 / drawn.mean_rate_per_s())
    counts = []
    for run in range(400):
        count = 0
        for block in drawn.blocks(Streams(7, run), "all", WORKDAY, 256):
            count += int(np.searchsorted(block, window_ns))
            if block[-1] >= window_ns:
                break
        counts.append(count)
    expected = drawn.expectation(WORKDAY)
    error = np.std(counts, ddof=1) / np.sqrt(len(counts))
    assert abs(np.mean(counts) - expected(window_ns)) <= 4 * error
    assert 0 == expected(0) < expected(window_ns // 2) < expected(window_ns)


@every_process
def test_a_faster_process_has_its_rate_multiplied(name: str) -> None:
    """At three times the rate three times as many are expected up to any time, and the mean count says so, |z| <= 4."""
    drawn = process(name)
    fast = drawn.faster(3.0)
    window_ns = int(20e9 / drawn.mean_rate_per_s())
    assert fast.mean_rate_per_s() == pytest.approx(3 * drawn.mean_rate_per_s(), rel=1e-12)
    expected = fast.expectation(WORKDAY)(window_ns)
    slack = 1 if name == "constant" else 1e-9 * expected  # a metronome counts whole beats
    assert abs(expected - 3 * drawn.expectation(WORKDAY)(window_ns)) <= 3 * slack
    counts = []
    for run in range(200):
        count = 0
        for block in fast.blocks(Streams(7, run), "all", WORKDAY, 256):
            count += int(np.searchsorted(block, window_ns))
            if block[-1] >= window_ns:
                break
        counts.append(count)
    assert abs(np.mean(counts) - expected) <= 4 * np.std(counts, ddof=1) / np.sqrt(len(counts))


def test_bursts_keep_their_length_at_a_higher_rate() -> None:
    """If a process with phases is made faster, its phases stay as long and only their rates grow."""
    fast = process("mmpp").faster(2.0)
    assert [phase.rate_per_s for phase in fast.phases] == [2 * p["rate_per_s"] for p in MMPP["phases"]]
    assert [phase.mean_duration for phase in fast.phases] == [p.mean_duration for p in process("mmpp").phases]


def test_unknown_kind_names_the_kinds() -> None:
    """An unknown kind is answered with all kinds there are."""
    with pytest.raises(
        ValidationError, match="'batches', 'constant', 'mmpp', 'on_off', 'poisson', 'profile', 'renewal'"
    ):
        ADAPTER.validate_python({"kind": "possion", "rate_per_s": 5})


def test_running_sum_rounds_each_increment() -> None:
    """Increments are rounded half to even one by one, then added as integers across blocks."""
    blocks = running_sum([np.array([0.5, 1.5, 2.4]), np.array([10.6])])
    assert [block.tolist() for block in blocks] == [[0, 2, 4], [15]]


def test_running_sum_stops_before_it_could_wrap() -> None:
    """Sums that pass 2**62 end the stream before it; what came before in the block is kept."""
    huge = float(2**61)
    blocks = running_sum(iter([np.array([huge, 5.0]), np.array([3.0, huge, 1.0]), np.array([1.0])]))
    assert [block.tolist() for block in blocks] == [[2**61, 2**61 + 5], [2**61 + 8]]


@pytest.mark.parametrize("rate", [1e-9, 1e-300])
@pytest.mark.parametrize("written", [{"kind": "poisson"}, {"kind": "constant"}, {"kind": "renewal", "cv": 1.0}])
def test_the_rarest_arrivals_end_with_the_clock(written: dict[str, Any], rate: float) -> None:
    """A rate so low that centuries pass between arrivals ends after 146 years, without wrapping."""
    drawn = ADAPTER.validate_python({**written, "rate_per_s": rate})
    times = [time for block in drawn.times(Streams(7, 0), "all", START) for time in block.tolist()]
    assert times == sorted(times)
    assert all(0 <= time < END for time in times)
    assert len(times) <= 20
