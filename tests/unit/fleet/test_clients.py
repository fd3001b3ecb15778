"""Limits, faults and clients: what the YAML may say, and what follows from it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from sim.fleet import Model, Provider
from sim.fleet.breaker import Breaker
from sim.fleet.client import Backoff, Client
from sim.fleet.faults import Faults
from sim.fleet.limits import Limits
from sim.routing.conditions import NO_LIMIT
from sim.routing.stations import rejects, station_columns

SECOND = 10**9
BARE: dict[str, Any] = {"price": {"input_mtok": 1.0}, "service": "1s"}


def model(**parts: Any) -> Model:
    """Give a model with some parts."""
    return Model.model_validate({**BARE, **parts})


@pytest.mark.parametrize(
    ("kind", "written", "message"),
    [
        (Limits, {}, "limits nothing"),
        (Limits, {"requests_per_minute": 60, "reserved_output_tokens": 100}, "tokens_per_minute, which is not given"),
        (Client, {"retry_budget": 0.1}, "retry_budget limits retries, and there are none"),
        (Model, {**BARE, "client": {"breaker": {}}}, "no call to this model can fail"),
        (Breaker, {"cooldown": "0s"}, "must be longer"),
        (Provider, {"faults": {"error_rate": 0.1}}, "error_rate is a model's own"),
        (
            Faults,
            {
                "outages": [{"start": "10s", "length": "10s"}],
                "brownouts": [{"start": "19s", "length": "5s", "slowdown": 2.0}],
            },
            "overlap",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(kind: Any, written: dict[str, Any], message: str) -> None:
    """If a part says what cannot be meant, the message says why."""
    with pytest.raises(ValidationError, match=message):
        kind.model_validate(written)


@pytest.mark.parametrize(
    ("parts", "refuses"),
    [
        ({}, False),
        ({"capacity": {"concurrency": 4}}, False),
        ({"client": {"retries": 3}}, False),  # nothing ever fails, so nothing is tried again
        ({"capacity": {"concurrency": 4, "queue": 0}}, True),
        ({"limits": {"requests_per_minute": 5}}, True),
        ({"faults": {"error_rate": 0.01}}, True),
        ({"faults": {"outages": [{"start": "1s", "length": "1s"}]}}, True),
        ({"client": {"timeout": "5s"}}, True),
        ({"client": {"queue_timeout": "5s"}}, True),
        ({"provider": "p"}, True),
    ],
)
def test_only_models_that_may_refuse_need_tries(parts: dict[str, Any], *, refuses: bool) -> None:
    """If nothing can keep a call from being answered, the plain and fast way of planning and playing is taken."""
    assert model(**parts).may_refuse() is refuses


def test_pauses_double_up_to_the_longest_less_a_random_part() -> None:
    """If the jitter is a half, a pause lies between half of it and the whole; the longest pause is kept to."""
    backoff = Backoff.model_validate({"first": "1s", "factor": 2.0, "most": "3s", "jitter": 0.5})
    luck = np.array([2.0**-53, 0.5, 1 - 2.0**-53])
    for retry, longest in ((1, 1), (2, 2), (3, 3), (10, 3)):
        assert backoff.pause_ns(retry, luck).tolist() == [
            longest * SECOND,
            longest * SECOND * 3 // 4,
            longest * SECOND // 2,
        ]
    assert Backoff(jitter=0.0).pause_ns(1, luck).tolist() == [SECOND // 2] * 3


def test_tokens_count_as_asked_for_or_as_answered() -> None:
    """If output tokens are reserved, they count whatever the answer will have; else those of the answer do."""
    prompt, answer = np.array([100, 200]), np.array([7, 9])
    assert Limits(tokens_per_minute=1).tokens(prompt, answer).tolist() == [107, 209]
    assert Limits(tokens_per_minute=1, reserved_output_tokens=50).tokens(prompt, answer).tolist() == [150, 250]


def test_stations_know_their_limits_and_bad_times() -> None:
    """If models share a provider, its limits and outages are those of all their stations, beside their own."""
    fleet = {
        "a": model(
            provider="p",
            limits={"requests_per_minute": 60, "tokens_per_minute": 1000, "burst": "10s"},
            client={"timeout": "9s", "retries": 1, "retry_budget": 0.2, "retry_burst": 3, "cancel_on_timeout": True},
        ),
        "b": model(provider="p", faults={"brownouts": [{"start": "1s", "length": "2s", "slowdown": 2.5}]}),
        "c": model(),
    }
    providers = {
        "p": Provider.model_validate(
            {"limits": {"requests_per_minute": 90}, "faults": {"outages": [{"start": "5s", "length": "1s"}]}}
        )
    }
    found = {name: column.tolist() for name, column in station_columns(fleet, providers, tuple(fleet)).items()}
    assert found == {
        "cancels": [False, True, False, False],
        "rejects": [False, True, True, False],
        "budget": [NO_LIMIT, 200, NO_LIMIT, NO_LIMIT],
        "budget_most": [0, 3_000, 10_000, 10_000],
        "limit_of_tokens": [False, True, False],
        "limit_period_ns": [60 * SECOND] * 3,
        "limit_per_period": [60, 1000, 90],
        "limit_burst_ns": [10 * SECOND, 10 * SECOND, 60 * SECOND],
        "station_limit": [[1, 0], [1, 1], [1, 2], [2, 2]],
        "outage_station": [1, 2, 2],
        "outage_start_ns": [5 * SECOND, SECOND, 5 * SECOND],
        "outage_end_ns": [6 * SECOND, 3 * SECOND, 6 * SECOND],
        "outage_slowdown": [0, 2500, 0],
    }
    assert rejects(fleet["a"], providers)
    assert not rejects(fleet["c"], providers)
