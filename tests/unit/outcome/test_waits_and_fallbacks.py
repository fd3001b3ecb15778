"""Calls that wait at limits, and answers of those who were asked instead: known by hand."""

from __future__ import annotations

from typing import Any

import pytest

import sim
from sim.experiment.result import PatternResult

PRICE = {"input_mtok": 1}


def played(small: dict[str, Any], engine: str = "reference", **run: Any) -> PatternResult:
    """Play two calls a second to a model that takes 100 ms, and give what became of them."""
    experiment = sim.from_mapping(
        {
            "version": 1,
            "name": "waits",
            "workload": {
                "arrivals": {"kind": "constant", "rate_per_s": 2, "first": "0s"},
                "tasks": {"t": {"input_tokens": 1, "output_tokens": 1}},
            },
            "fleet": {
                "small": {"tier": "cheap", "price": PRICE, "service": "100ms", **small},
                "large": {"tier": "frontier", "price": {"input_mtok": 5}, "service": "1s"},
            },
            "quality": {"acceptance": {"t": {"small": 0.8, "large": 0.9}}},
            "run": {"requests": 10, "replications": 2, **run},
        }
    )
    return experiment.run(workers=1, engine=engine).result.patterns["cheap-only"]


LIMITED = {"limits": {"requests_per_minute": 60, "burst": "1s", "on_limit": "queue"}}


def test_waits_at_a_limit_are_counted() -> None:
    """If a limit lets one call a second in and two come, all but the first wait, the k-th of them k / 2 seconds."""
    found = played(LIMITED).estimates
    assert found["models.small.waited"].value == pytest.approx(0.9)
    assert found["models.small.wait_mean"].value == pytest.approx(sum(k / 2 for k in range(10)) / 10)


def test_the_time_at_a_limit_is_that_in_which_some_call_waits() -> None:
    """If calls come every half second and one a second is let in, some wait from 0.5 s to the end of the window."""
    found = played(LIMITED).estimates
    assert found["models.small.time_at_limit"].value == pytest.approx((4.5 - 0.5) / 4.5)
    seldom = played({"limits": {"requests_per_minute": 120, "burst": "500ms", "on_limit": "queue"}}).estimates
    assert seldom["models.small.time_at_limit"].value == 0
    assert "models.small.time_at_limit" not in played({"client": {"timeout": "1h"}}).estimates


def test_calls_of_the_warm_up_do_not_count() -> None:
    """If the first two seconds are left out, so are their four calls; the other six wait from 2 s to 4.5 s."""
    found = played(LIMITED, warm_up="2s").estimates
    assert found["models.small.waited"].value == 1
    assert found["models.small.wait_mean"].value == pytest.approx((2 + 2.5 + 3 + 3.5 + 4 + 4.5) / 6)


def test_waits_for_a_server_are_counted_too() -> None:
    """If one server takes a second and a call comes every half, all but the first wait just as long."""
    found = played({"service": "1s", "capacity": {"concurrency": 1}, "client": {"timeout": "1h"}}).estimates
    assert found["models.small.waited"].value == pytest.approx(0.9)
    assert found["models.small.wait_mean"].value == pytest.approx(2.25)


def test_where_nothing_is_refused_it_is_not_measured() -> None:
    """If no call can be refused, waits are those of requests, and there are no fallbacks to tell of."""
    found = played({"capacity": {"concurrency": 1}}).estimates
    assert {"models.small.waited", "models.small.wait_mean", "fallback.rate"} & found.keys() == set()


def test_all_answers_of_a_model_that_always_fails_are_fallbacks() -> None:
    """If every call fails, all requests are answered by the fallback; without one, none are."""
    broken = {"faults": {"error_rate": 1.0}}
    assert played({**broken, "client": {"fallback": ["large"]}}).estimates["fallback.rate"].value == 1
    alone = played(broken).estimates["fallback.rate"]
    assert (alone.value, alone.few_data) == (0, False)


def test_the_share_of_fallbacks_is_that_of_their_routes() -> None:
    """If one call in three fails, fallbacks are as many as requests on their route, and about a third."""
    found = played(
        {"faults": {"error_rate": 0.333}, "client": {"fallback": ["large"]}}, requests=3_000, replications=3
    ).estimates
    assert found["fallback.rate"].value == found["route.fallback:large.share"].value
    assert abs(found["fallback.rate"].value - 0.333) <= 4.6 * (0.333 * 0.667 / 9_000) ** 0.5


def test_both_engines_count_the_same() -> None:
    """If the compiled engine plays, the numbers are those of the reference."""
    small = {**LIMITED, "faults": {"error_rate": 0.3}, "client": {"fallback": ["large"], "timeout": "2s"}}
    one, other = (played(small, engine, requests=200).estimates for engine in ("reference", "compiled"))
    assert one == other
    assert one["models.small.waited"].value > 0
