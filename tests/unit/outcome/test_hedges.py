"""Hedged calls in the books: what they cost, how long they take, and whose answer counts, known by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import sim
from sim.experiment.result import PatternResult
from sim.fleet.breaker import Breaker
from sim.outcome.breakers import open_ns
from sim.outcome.outcomes import Window

SLOW_CALL_USD, FAST_CALL_USD = 1.0, 10.0  # each thousand output tokens


def played(client: dict[str, Any], engine: str = "compiled", **large: Any) -> dict[str, float]:
    """Play ten calls to a model that takes 8 s, beside one that takes 1 s; give what was measured."""
    experiment = sim.from_mapping(
        {
            "version": 1,
            "name": "hedges",
            "workload": {
                "arrivals": {"kind": "constant", "rate_per_s": 0.05, "first": "0s"},
                "tasks": {"t": {"input_tokens": 1, "output_tokens": 1000}},
            },
            "fleet": {
                "small": {"tier": "cheap", "price": {"output_mtok": 1000 * SLOW_CALL_USD}, "service": "8s"}
                | {"client": client},
                "large": {"tier": "frontier", "price": {"output_mtok": 1000 * FAST_CALL_USD}, "service": "1s", **large},
            },
            "quality": {"acceptance": {"t": {"small": 0.0, "large": 1.0}}},
            "run": {"requests": 10, "replications": 2},
        }
    )
    found: PatternResult = experiment.run(workers=1, engine=engine).result.patterns["cheap-only"]
    return {name: estimate.value for name, estimate in found.estimates.items()}


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize(("cancels", "slow_usd"), [(False, SLOW_CALL_USD), (True, SLOW_CALL_USD * 3 / 8)])
def test_another_model_may_be_asked_beside(engine: str, cancels: bool, slow_usd: float) -> None:
    """If another model's hedge is done after 3 of 8 seconds, its answer counts, and the part of the first is billed.

    The whole is billed where the server works on.
    """
    found = played({"hedge": {"after": "2s", "model": "large"}, "cancel_on_timeout": cancels}, engine)
    assert (found["latency.mean"], found["latency.p99"], found["wait.mean"]) == (3.0, 3.0, 0.0)
    assert found["route.hedge:large.share"] == found["quality.acceptance"] == found["hedges.won"] == 1
    assert (found["calls.per_request"], found["hedges.per_request"], found["retries.per_request"]) == (2, 1, 0)
    assert found["models.small.outpaced"] == 1
    assert found["fallback.rate"] == found["failure.rate"] == 0
    assert found["cost.cause.hedge.per_1k"] == pytest.approx(1000 * slow_usd)
    assert found["cost.cause.answer.per_1k"] == pytest.approx(1000 * FAST_CALL_USD)
    assert found["models.small.in_flight"] == pytest.approx(0.05 * (3 if cancels else 8), rel=0.2)


def test_a_hedge_that_waits_is_withdrawn_and_costs_nothing() -> None:
    """If the hedge waits at a limit until the first call is done, nobody pays for it and nobody waited for it."""
    limit = {"limits": {"requests_per_minute": 1, "burst": "1m", "on_limit": "queue"}}
    found = played({"hedge": {"after": "2s", "model": "large"}}, **limit)
    # One a minute is let in, that is each third: it comes first; the others find that the slow call is.
    assert found["hedges.per_request"] == 1
    assert found["hedges.won"] == pytest.approx(0.4)
    assert found["models.large.outpaced"] == pytest.approx(0.6)
    assert found["cost.cause.answer.per_1k"] == pytest.approx(1000 * (0.4 * FAST_CALL_USD + 0.6 * SLOW_CALL_USD))
    assert found["cost.cause.hedge.per_1k"] == pytest.approx(1000 * 0.4 * SLOW_CALL_USD)
    assert found["wait.mean"] == 0


def test_where_nothing_takes_long_nothing_is_hedged() -> None:
    """If all calls end before the hedge would be sent, none is, and the share that won is not known."""
    found = played({"hedge": {"after": "8s"}})
    assert found["hedges.per_request"] == 0
    assert "hedges.won" not in found
    assert found["latency.mean"] == 8


@pytest.mark.parametrize(
    ("allowed", "failed", "expected"),
    [
        (0, [10], 20),
        (0, [10, 15, 29, 30], 20 + 20),  # the one at 30 finds it closed again
        (1, [10, 25, 31], 20),  # 25 and 31 lie less than 10 apart: open from 31
        (1, [10, 20, 30], 0),  # none lies within 10 of the one before
        (2, [10, 11, 12, 13, 31, 33, 34], 20),  # counted anew from 32 on: 33 and 34 are allowed
        (2, [10, 11, 12, 13, 32, 33, 34], 20 + 20),  # completions at the instant of its closing count
        (0, [90], 10),  # the window ends at 100
        (0, [-15], 5),  # and begins at 0
        (3, [], 0),
    ],
)
def test_how_long_a_breaker_was_open(allowed: int, failed: list[int], expected: int) -> None:
    """If failures are counted as the engines do, the breaker is open for the cooldown from each that is too many."""
    breaker = Breaker(allowed_fails=allowed, within="10ns", cooldown="20ns")
    shuffled = np.array(failed[::-1], dtype=np.int64)
    assert open_ns(breaker, shuffled, Window(0, 100)) == expected
