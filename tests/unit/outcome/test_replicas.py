"""Replicas are billed by number and hour, busy or idle, computed by hand."""

from __future__ import annotations

from typing import Any

import pytest

import sim
from sim.experiment.simulate import Run


def run(capacity: dict[str, Any], rate: float = 0.01, **changes: Any) -> Run:
    """Send a call every 100 s for two hours to a self-hosted model at $2.50 per replica-hour and $0.01 per call."""
    service = {"ttft": "600ms", "inter_token": "2ms"} if "batching" in capacity else "1s"
    return sim.from_mapping(
        {
            "version": 1,
            "name": "replicas",
            "workload": {
                "arrivals": {"kind": "constant", "rate_per_s": rate, "first": "0s"},
                "tasks": {"t": {"input_tokens": 1000, "output_tokens": 200}},
            },
            "fleet": {
                "own": {
                    "tier": "cheap",
                    "price": {"replica_hour_usd": 2.5, "per_call_usd": 0.01},
                    "service": service,
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
    paid = replicas * 2 * 2.5 / 72 * 1000
    assert found["cost.cause.replicas.per_1k"].value == pytest.approx(paid, rel=1e-12)
    servers = capacity["concurrency"] * capacity.get("replicas", 1)
    assert found["models.own.idle_cost"].value == pytest.approx(paid * (1 - 72 / 7200 / servers), rel=1e-9)


@pytest.mark.parametrize(
    ("batching", "hours"),
    [
        ({"replicas": 3}, 6.0),
        # two more for half an hour, which take a minute to start and are idle when they are to go
        (
            {"autoscale": {"schedule": [{"at": "30m", "replicas": 3}, {"at": "1h", "replicas": 1}], "startup": "1m"}},
            3.0,
        ),
        # a call of a second every 100 s asks for a hundredth of a replica: all but one go when it is first looked
        ({"replicas": 4, "autoscale": {"utilisation": 0.5, "most": 4, "every": "10m", "cooldown": "10m"}}, 2.5),
    ],
)
def test_replicas_are_paid_for_as_long_as_they_run(batching: dict[str, Any], hours: float) -> None:
    """If replicas come and go, each costs its hourly price from its start until it is down, idle or not."""
    outcome = run({"batching": {"slots": 2, "speed": {"2": 0.8}, **batching}})
    found = outcome.result.patterns["ours"].estimates
    assert found["cost.total"].value == pytest.approx(hours * 2.5 + 72 * 0.01, rel=1e-12)
    assert found["models.own.replicas"].value == pytest.approx(hours / 2, rel=1e-12)
    served_hours = 72 * 0.998 / 3600
    assert found["models.own.utilisation"].value == pytest.approx(served_hours / (2 * hours), rel=1e-9)
    idle = found["cost.cause.replicas.per_1k"].value * (1 - served_hours / (2 * hours))
    assert found["models.own.idle_cost"].value == pytest.approx(idle, rel=1e-9)


def test_what_batches_do_is_measured() -> None:
    """If calls are alone, a batch is one call, tokens come at the pace of the service, and slots are mostly idle."""
    found = run({"batching": {"slots": 2, "replicas": 3, "speed": {"2": 0.8}}}).result.patterns["ours"].estimates
    assert found["models.own.batch"].value == 1
    assert found["models.own.inter_token"].value == pytest.approx(0.002, rel=1e-9)
    assert found["ttft.p50"].value == pytest.approx(0.6, rel=1e-9)
    assert found["models.own.first_token"].value == pytest.approx(0.6, rel=1e-9)
    assert found["models.own.in_flight"].value == pytest.approx(72 * 0.998 / 7200, rel=1e-9)
    assert found["models.own.utilisation"].value == pytest.approx(72 * 0.998 / 7200 / 6, rel=1e-9)


@pytest.mark.parametrize(("replicas", "status"), [(1, "unstable"), (200, "ok")])
def test_a_schedule_can_do_what_its_replicas_can(replicas: int, status: str) -> None:
    """If a schedule leaves one replica nearly all the time, its load is held against that one, not against the most."""
    steps = [{"at": "1s", "replicas": 1}, {"at": "115m", "replicas": replicas}]
    batching = {"slots": 1, "replicas": 8, "autoscale": {"schedule": steps, "startup": "0s"}}
    found = run({"batching": batching}, rate=1.5).result.patterns["ours"]
    assert found.status == status
    # 8 for a second, then one, and in the last five minutes as many as the schedule says
    paid = 8 + 6899 + 300 * replicas
    assert found.estimates["models.own.replicas"].value == pytest.approx(paid / 7200, rel=1e-2)


def test_the_warm_up_is_not_billed() -> None:
    """If the first hour is warm-up, three replicas cost one hour, and the calls of the first hour nothing."""
    found = run({"concurrency": 2, "replicas": 3}, warm_up="1h").result.patterns["ours"].estimates
    assert found["cost.total"].value == pytest.approx(3 * 2.5 + 36 * 0.01, rel=1e-12)


def test_the_replicas_of_a_replication_are_counted_exactly() -> None:
    """If three replicas run for two hours at $2.50, every replication has exactly $15 of fixed cost."""
    outcomes = run({"concurrency": 2, "replicas": 3}).outcomes["ours"]
    assert [outcome.replica_cost() for outcome in outcomes] == [15 * 10**15] * 2
    assert [sum(outcome.spent()) for outcome in outcomes] == [72 * 10**13] * 2
