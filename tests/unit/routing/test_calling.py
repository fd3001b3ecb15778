"""What callers of a fleet do of their own accord, as engines see it, and what accounting makes of it."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from scenes import CASCADE, EVERY_KIND, FLEET, Setting, one_task, setting

import sim
from sim.routing.callers import Callers
from sim.routing.conditions import NO_LIMIT

SECOND = 10**9
N = 400


def scene(pattern: dict[str, Any], **clients: dict[str, Any]) -> Setting:
    """Give a scene of one pattern with clients that give up, and whatever else is said of them."""
    fleet = copy.deepcopy(FLEET)
    for name, client in clients.items():
        fleet[name]["client"] = {"timeout": "30s", **client}
    return setting(pattern, fleet=fleet, requests=N)


def callers_of(one: Setting) -> Callers:
    """Give the callers of the only pattern of a scene."""
    found = one.plan().itinerary.callers
    assert found is not None
    return found


def test_without_anything_of_their_own_there_are_no_callers() -> None:
    """If no client says more than how long it waits and how often it tries, the itinerary has no callers."""
    assert scene(EVERY_KIND["single"], middle={"retries": 2}).plan().itinerary.callers is None


def test_a_breaker_belongs_to_the_station_of_its_model() -> None:
    """If one model has a breaker, its station has what it says, and the others have none."""
    callers = callers_of(
        scene(EVERY_KIND["single"], middle={"breaker": {"allowed_fails": 5, "within": "30s", "cooldown": "10s"}})
    )
    assert callers.allowed_fails.tolist() == [NO_LIMIT, NO_LIMIT, 5, NO_LIMIT]
    assert (callers.within_ns[2], callers.cooldown_ns[2]) == (30 * SECOND, 10 * SECOND)


@pytest.mark.parametrize(
    ("pattern", "lenient"),
    [
        (CASCADE, [False, False, False]),
        ({**CASCADE, "admit_queue": 3}, [False, False, True]),
        ({"name": "s", "kind": "spillover", "models": ["small", "middle", "large"], "queue": 3}, [True, True, False]),
    ],
)
def test_a_call_that_its_pattern_would_not_let_wait_is_lenient(pattern: dict[str, Any], lenient: list[bool]) -> None:
    """If a pattern sends calls only where few wait, a rejection is its own doing, and no failure of the model."""
    one = scene(pattern, large={"breaker": {}})
    for model, expected in enumerate(lenient):
        legs = callers_of(one).lenient[one.plan().itinerary.leg_station == model + 1]
        assert not len(legs) or set(legs.tolist()) == {expected}


def test_calls_that_a_breaker_skips_are_not_made() -> None:
    """If a provider is down and a breaker sends requests on, they are skipped calls, cost nothing, and all answered."""
    outage = {"outages": [{"start": "10s", "length": "20s"}]}
    client = {"breaker": {"allowed_fails": 0, "within": "1s", "cooldown": "5s"}, "fallback": ["large"]}
    fleet = {"small": FLEET["small"] | {"faults": outage, "client": client}, "large": FLEET["large"]}
    fleet["small"] = {name: value for name, value in fleet["small"].items() if name != "capacity"}
    experiment = sim.from_mapping(
        {
            **one_task(0.8, 0.95),
            "version": 1,
            "name": "down",
            "seed": 3,
            "fleet": fleet,
            "patterns": [{"name": "one", "kind": "single", "model": "small"}],
            "run": {"duration": "60s", "replications": 1},
        }
    )
    run = experiment.run(engine="reference")
    seen = {name: found.value for name, found in run.result.patterns["one"].estimates.items()}
    # Down from 10 to 30 s: four calls fail, at 10, 15, 20 and 25, and open the breaker for 5 s each: 24 are skipped.
    assert seen["models.small.skipped"] == pytest.approx(96 / 300, abs=0.01)
    assert seen["models.small.breaker_open"] == pytest.approx(20 / 60, abs=0.01)
    assert seen["models.small.errors"] == pytest.approx(4 / 204, abs=0.005)
    assert seen["calls.per_request"] == pytest.approx((204 + 100) / 300, abs=0.01)
    assert seen["failure.rate"] == 0
    assert np.isclose(seen["route.fallback:large.share"], 100 / 300, atol=0.01)
