"""Replicas are billed by number and hour, busy or idle, computed by hand."""

from __future__ import annotations

from typing import Any

import pytest

import sim
from sim.experiment.simulate import Run


def run(capacity: dict[str, int], **changes: Any) -> Run:
    """Send a call every 100 s for two hours to a self-hosted model at $2.50 per replica-hour and $0.01 per call."""
    return sim.from_mapping(
        {
            "version": 1,
            "name": "replicas",
            "workload": {
                "arrivals": {"kind": "constant", "rate_per_s": 0.01, "first": "0s"},
                "tasks": {"t": {"input_tokens": 1000, "output_tokens": 200}},
            },
            "fleet": {
                "own": {
                    "tier": "cheap",
                    "price": {"replica_hour_usd": 2.5, "per_call_usd": 0.01},
                    "service": "1s",
                    "capacity": capacity,
                },
                "hosted": {"tier": "frontier", "price": {"per_call_usd": 0.5}, "service": "2s"},
            },
            "quality": {"acceptance": {"t": {"own": 0.8, "hosted": 0.9}}},
            "patterns": [{"name": "ours", "kind": "single", "model": "own"}],
            "run": {"duration": "2h", "replications": 2, **changes},
        }
    ).run(workers=1)


@pytest.mark.parametrize("replications", [1, 2])
@pytest.mark.parametrize(
    ("capacity", "replicas"),
    [({"concurrency": 2, "replicas": 3}, 3), ({"concurrency": 6}, 1), ({"concurrency": 1, "replicas": 6}, 6)],
)
def test_every_replica_is_paid_for_every_hour(capacity: dict[str, int], replicas: int, replications: int) -> None:
    """If a model has replicas, each costs its hourly price for the whole window, on top of 72 calls."""
    found = run(capacity, replications=replications).result.patterns["ours"].estimates
    assert found["cost.total"].value == pytest.approx(replicas * 2 * 2.5 + 72 * 0.01, rel=1e-12)
    assert found["cost.cause.replicas.per_1k"].value == pytest.approx(replicas * 2 * 2.5 / 72 * 1000, rel=1e-12)


def test_the_warm_up_is_not_billed() -> None:
    """If the first hour is warm-up, three replicas cost one hour, and the calls of the first hour nothing."""
    found = run({"concurrency": 2, "replicas": 3}, warm_up="1h").result.patterns["ours"].estimates
    assert found["cost.total"].value == pytest.approx(3 * 2.5 + 36 * 0.01, rel=1e-12)


def test_the_replicas_of_a_replication_are_counted_exactly() -> None:
    """If three replicas run for two hours at $2.50, every replication has exactly $15 of fixed cost."""
    outcomes = run({"concurrency": 2, "replicas": 3}).outcomes["ours"]
    assert [outcome.replica_cost() for outcome in outcomes] == [15 * 10**15] * 2
    assert [sum(outcome.spent()) for outcome in outcomes] == [72 * 10**13] * 2
