"""Small workloads, traces and outcome tables, and the requests drawn from them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.chance import Streams
from sim.workload.calendar import Calendar
from sim.workload.outcome_table import ModelOutcomes, OutcomeTable
from sim.workload.requests import Inputs, Requests, draw_requests
from sim.workload.sources import Horizon
from sim.workload.traces import Trace
from sim.workload.workload import Workload

NO_FILES = Inputs({})
COUNT = 40_000
POISSON = {"kind": "poisson", "rate_per_s": 100.0}
REPLAY = {"kind": "trace", "source": {"format": "azure_llm", "file": "unread.csv"}}
COLUMNS = ("arrival_ns", "segment", "task", "input_tokens", "cached_tokens", "difficulty")


def workload(**written: Any) -> Workload:
    """Build a workload as YAML would say it."""
    return Workload.model_validate({"arrivals": POISSON, **written})


def task(**written: Any) -> dict[str, Any]:
    """Build a task class whose prompts are uniform on 0 to 10^6 tokens: rounding is far below what is tested."""
    return {
        "input_tokens": {"quantiles": {0: 0, 100: 1_000_000}},
        "output_tokens": {"quantiles": {0: 0, 100: 1_000_000}},
        **written,
    }


def draw(
    spec: Workload, *, inputs: Inputs = NO_FILES, seed: int = 5, replication: int = 0, **horizon: int | None
) -> Requests:
    """Draw the requests of one replication in one piece."""
    until = Horizon(**horizon) if horizon else Horizon(requests=COUNT)
    (whole,) = draw_requests(spec, Streams(seed, replication), Calendar(), until, inputs, size=None)
    return whole


def trace(count: int = 1000, **columns: Any) -> Trace:
    """Make a trace of one request per millisecond with shuffled prompt lengths."""
    order = np.random.default_rng(1).permutation(count).astype(np.int64)
    given: dict[str, Any] = {
        "arrival_ns": np.arange(count, dtype=np.int64) * 1_000_000,
        "input_tokens": order + 7,
        "output_tokens": order // 2 + 1,
    }
    return Trace(**{**given, **columns})


def table(codes: list[int], *, tasks: tuple[str, ...] = ("x", "y"), tokens: bool = True) -> OutcomeTable:
    """Make a table with a row per code, whose prompt lengths are 100 + the row number."""
    rows = len(codes)
    right = ModelOutcomes(np.ones(rows, dtype=np.bool_), np.ones(rows), None, None)
    lengths = np.arange(rows, dtype=np.int64) + 100 if tokens else None
    return OutcomeTable(tasks, np.array(codes, dtype=np.int64), lengths, {"m": right}, rows, "")


def assert_same(one: NDArray[Any] | None, other: NDArray[Any] | None) -> None:
    """Assert that two columns are equal in every bit, or both missing."""
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert one.dtype == other.dtype
        assert np.array_equal(one, other)
