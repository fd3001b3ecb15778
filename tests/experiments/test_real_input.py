"""Real input: measured endpoints and a trace with prefix hits, held against what the files say by themselves.

The files are public data that are not part of the repository; the tests are skipped where they are not there.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import sim
from sim.experiment.simulate import Run

DATA: Final = Path(__file__).resolve().parents[3] / "shared" / "data"
CALLS: Final = DATA / "llmperf_requests.parquet"
TRACE: Final = DATA / "raw" / "mooncake_conversation_trace.jsonl"
TWIN: Final = DATA / "mooncake_conversation.parquet"

REQUESTS: Final = 20_000
"""Calls of each endpoint, one at a time."""
ERROR: Final = 4.2e-6
"""Chance that any of the comparisons of one test fails with a right program: two-sided, 4.6 standard errors."""
QUANTILES: Final = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
NS: Final = 1_000_000_000


def need(*files: Path) -> None:
    """Skip the test where a file is not there."""
    for file in files:
        if not file.is_file():
            pytest.skip(f"{file.name} is public data that is not part of the repository")


@functools.cache
def endpoints() -> dict[str, pd.DataFrame]:
    """Read the answered calls of every endpoint, by provider and size, with times in whole nanoseconds."""
    table = pd.read_parquet(CALLS)
    table = table[table.error_code.isna()]
    for column in ("ttft", "e2e"):
        table[f"{column}_ns"] = [round(Fraction(float(value)) * NS) for value in table[f"{column}_s"]]
    return {f"{name}-{size}": rows for (name, size), rows in table.groupby(["provider", "size"], observed=True)}


def served_as(name: str) -> dict[str, Any]:
    """Give a model that serves one call at a time, as measured at an endpoint."""
    provider, _, size = name.rpartition("-")
    measured = {
        "file": CALLS.name,
        "where": {"provider": provider, "size": size, "error_code": ""},
        "unit": "s",
        "ttft": "ttft_s",
        "total": "e2e_s",
        "output_tokens": "output_tokens",
        "lengths": "measured",
    }
    return {
        "price": {"output_mtok": 1.0},
        "service": {"measured": measured},
        "capacity": {"concurrency": 1},
    }


@functools.cache
def played() -> Run:
    """Play every endpoint, request after request: so far apart that none waits for another."""
    names = list(endpoints())
    document = {
        "version": 1,
        "name": "endpoints",
        "seed": 20,
        "workload": {
            "arrivals": {"kind": "constant", "rate_per_s": 0.005},
            "tasks": {"benchmark": {"input_tokens": 550}},
        },
        "fleet": {name: served_as(name) for name in names},
        "quality": {"acceptance": {"benchmark": dict.fromkeys(names, 1.0)}},
        "patterns": [{"name": f"only-{name}", "kind": "single", "model": name} for name in names],
        "run": {"requests": REQUESTS, "replications": 1},
    }
    return sim.from_mapping(document, DATA).run(workers=1)


@functools.cache
def logs() -> dict[str, pd.DataFrame]:
    """Give the request log of every endpoint."""
    return {
        name: pd.DataFrame(columns)
        for pattern, _, columns, _ in played().requests_parts([f"only-{name}" for name in endpoints()])
        for name in [pattern.removeprefix("only-")]
    }


def distributions() -> Iterator[tuple[str, np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
    """Yield (what, measured, simulated) for TTFT and end-to-end time of every endpoint, sorted."""
    for name, rows in endpoints().items():
        for measured, simulated in (("ttft_ns", "ttft_ns"), ("e2e_ns", "latency_ns")):
            yield f"{name} {simulated}", np.sort(rows[measured]), np.sort(logs()[name][simulated])


def test_there_are_nineteen_endpoints_of_one_call_at_a_time() -> None:
    """The file has 2,306 answered calls of 19 endpoints; simulated one at a time, none waits."""
    need(CALLS)
    assert len(endpoints()) == 19
    assert sum(len(rows) for rows in endpoints().values()) == 2306
    assert all(len(log) == REQUESTS and not log.wait_ns.any() for log in logs().values())


def test_every_simulated_call_is_a_measured_one() -> None:
    """TTFT, end-to-end time and tokens of a simulated call are those of one row together, to the nanosecond.

    And all rows come about as often: the counts pass a chi-square test at the stated error, for all endpoints together.
    """
    need(CALLS)
    for name, rows in endpoints().items():
        known = rows.groupby(["ttft_ns", "e2e_ns", "output_tokens"]).size()
        seen = logs()[name].groupby(["ttft_ns", "latency_ns", "output_tokens"]).size()
        assert seen.index.isin(known.index).all()
        expected = REQUESTS * known / len(rows)
        found = seen.reindex(known.index, fill_value=0)
        assert stats.chisquare(found, expected).pvalue > ERROR / len(endpoints()), name


def test_distributions_are_within_their_sampling_error_everywhere() -> None:
    """No share of calls slower than any time differs by more than the bound of Dvoretzky, Kiefer and Wolfowitz.

    For n simulated calls sup |F_n - F| <= sqrt(ln(2 k / error) / (2 n)) (constant of Massart 1990) with k comparisons:
    19 endpoints, TTFT and end-to-end time. With 20,000 calls that is 0.02 of all calls.
    """
    need(CALLS)
    found = list(distributions())
    bound = math.sqrt(math.log(2 * len(found) / ERROR) / (2 * REQUESTS))
    assert bound < 0.021
    for what, measured, simulated in found:
        grid = np.unique(measured)
        gap = np.searchsorted(simulated, grid, "right") / REQUESTS
        gap -= np.searchsorted(measured, grid, "right") / len(measured)
        assert np.abs(gap).max() <= bound, what


def test_quantiles_are_within_their_sampling_error() -> None:
    """P50, P95 and P99 as the report tells them are where order statistics of the measured calls allow.

    The quantile q of n simulated calls lies at or below x if at least n q of them do, of which each does with the
    measured share F(x): a binomial. Its two tails are at the stated error, over 19 endpoints x 2 times x 3 quantiles.
    """
    need(CALLS)
    tail = ERROR / (19 * 2 * len(QUANTILES)) / 2
    for name, rows in endpoints().items():
        estimates = played().result.patterns[f"only-{name}"].estimates
        for metric, column in (("ttft", "ttft_ns"), ("latency", "e2e_ns")):
            measured = rows[column].to_numpy()
            for label, q in QUANTILES.items():
                told = round(estimates[f"{metric}.{label}"].value * NS)
                at_most, below = np.mean(measured <= told), np.mean(measured < told)
                needed = math.ceil(q * REQUESTS)
                assert stats.binom.sf(needed - 1, REQUESTS, at_most) > tail, (name, metric, label)
                assert stats.binom.cdf(needed - 1, REQUESTS, below) > tail, (name, metric, label)


PRICES: Final = {"input_mtok": 2.5, "output_mtok": 10.0, "cache_read_mtok": 0.3125, "per_call_usd": 0.00001}


@functools.cache
def replayed() -> Run:
    """Replay the conversation trace once, through one model with a cached price."""
    document = {
        "version": 1,
        "name": "mooncake",
        "workload": {
            "arrivals": {"kind": "trace", "source": {"format": "mooncake", "file": f"raw/{TRACE.name}"}},
            "tasks": {"conversation": {}},
        },
        "fleet": {"m": {"price": PRICES, "service": "1s"}},
        "quality": {"acceptance": {"conversation": {"m": 1.0}}},
        "run": {"replications": 1},
    }
    return sim.from_mapping(document, DATA).run(workers=1)


def bills_usd(rows: pd.DataFrame) -> list[list[Fraction]]:
    """Bill every request, meter by meter, in exact fractions of a dollar."""
    price = {key: Fraction(repr(value)) for key, value in PRICES.items()}
    bills = []
    for prompt, answer, hits in zip(rows.input_tokens, rows.output_tokens, rows.prefix_hit_blocks, strict=True):
        cached = min(512 * int(hits), int(prompt))
        meters = {"input_mtok": int(prompt) - cached, "cache_read_mtok": cached, "output_mtok": int(answer)}
        bills.append([*(tokens * price[key] / 10**6 for key, tokens in meters.items()), price["per_call_usd"]])
    return bills


def test_prefix_hits_are_billed_at_the_cached_price() -> None:
    """All 12,031 requests together cost exactly what the rows of the Parquet file do, and each does to the nano-dollar.

    The hits are a column of that file, made apart from this program; the reader takes the JSON lines.
    """
    need(TRACE, TWIN)
    twin, log = pd.read_parquet(TWIN), replayed().requests("frontier-only")
    bills = bills_usd(twin)
    assert len(log) == len(twin) == 12_031
    rounded = [sum(math.floor(meter * NS + Fraction(1, 2)) for meter in meters) for meters in bills]  # each half up
    assert log.cost_nano_usd.tolist() == rounded
    told = replayed().result.patterns["frontier-only"].estimates["cost.total"]
    exact = sum((meter for meters in bills for meter in meters), Fraction(0))
    assert (told.value, told.unit) == (float(exact), "usd")


def test_the_cache_saves_what_the_hits_are_worth() -> None:
    """A fleet without a cached price pays the difference of both prices for every cached token, to the rounding."""
    need(TRACE, TWIN)
    twin = pd.read_parquet(TWIN)
    cached = np.minimum(512 * twin.prefix_hit_blocks.to_numpy(np.int64), twin.input_tokens.to_numpy(np.int64))
    dear = replayed().experiment.set("fleet.m.price.cache_read_mtok=2.5").run(workers=1)
    saved = sum(dear.requests("frontier-only").cost_nano_usd) - sum(replayed().requests("frontier-only").cost_nano_usd)
    worth = sum(cached.tolist()) * Fraction(25000 - 3125, 10)  # nano-dollars
    assert abs(saved - worth) <= 2 * len(twin)  # each request rounds two meters, by half a nano-dollar each, twice
    assert float(saved) / NS > 70


def test_a_prefix_hit_is_the_longest_prompt_start_seen_before() -> None:
    """Counting whole prompt starts (every chain of leading blocks seen so far) gives the hits of the Parquet file.

    This is what a prefix cache without a size limit holds; the reader looks at single blocks, of which each names all
    that stands before it.
    """
    need(TRACE, TWIN)
    seen: set[int] = set()  # chains by their 64-bit hash: among some 300,000 two alike are one chance in 10^8
    hits = []
    with TRACE.open(encoding="utf-8") as lines:
        for line in lines:
            blocks = json.loads(line)["hash_ids"]
            starts = [hash(tuple(blocks[:length])) for length in range(1, len(blocks) + 1)]
            known = next((place for place, start in enumerate(starts) if start not in seen), len(starts))
            seen.update(starts)
            hits.append(known)
    assert hits == pd.read_parquet(TWIN).prefix_hit_blocks.tolist()
