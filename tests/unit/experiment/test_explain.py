"""What a run would use and do, before it is run."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

import sim
from sim.experiment.explain import Explanation, ModelLoad, explain


def of(rate: float = 2.0, servers: int = 10, **changes: Any) -> Explanation:
    """Explain an experiment with known service times: 1 s small, 3 s large, half of the requests to either."""
    return explain(
        sim.from_mapping(
            {
                "version": 1,
                "name": "explained",
                "workload": {
                    "arrivals": {"kind": "constant", "rate_per_s": rate},
                    "tasks": {"t": {"input_tokens": 10, "output_tokens": 10}},
                },
                "fleet": {
                    "small": {
                        "tier": "cheap",
                        "price": {"input_mtok": 0.2},
                        "service": "1s",
                        "capacity": {"concurrency": servers},
                    },
                    "large": {"tier": "frontier", "price": {"input_mtok": 2.5}, "service": "3s"},
                },
                "quality": {"acceptance": {"t": {"small": 0.8, "large": 0.9}}},
                "patterns": [
                    {"name": "coin", "kind": "split", "shares": {"small": 0.5, "large": 0.5}},
                    {
                        "name": "cascade",
                        "kind": "cascade",
                        "ladder": ["small", "large"],
                        "escalate_when": {"lowest": 0.25},
                    },
                ],
                "run": {"duration": "2h"},
                **changes,
            }
        )
    )


def loads(explanation: Explanation) -> dict[tuple[str, str], ModelLoad]:
    """Give the loads by pattern and model."""
    return {(load.pattern, load.model): load for load in explanation.loads}


def test_loads_are_rate_times_calls_times_service() -> None:
    """If rate, calls and service times are known, so are load, utilisation and the rate at which a model is full."""
    found = loads(of())
    small = found["cheap-only", "small"]
    assert (small.calls_per_request, small.service_mean_s, small.servers) == (1, 1, 10)
    assert (small.offered_load, small.utilisation, small.full_at_per_s) == pytest.approx((2.0, 0.2, 10.0), rel=1e-9)
    large = found["frontier-only", "large"]
    assert large.offered_load == pytest.approx(6.0, rel=1e-9)
    assert (large.servers, large.utilisation, large.full_at_per_s) == (0, None, None)


def test_calls_per_request_are_the_shares_of_the_patterns() -> None:
    """If a coin or a threshold sends a known share on, the pilot finds it within 4 standard errors."""
    explanation = of()
    for (pattern, model), share in ((("coin", "small"), 0.5), (("coin", "large"), 0.5), (("cascade", "large"), 0.25)):
        error = math.sqrt(share * (1 - share) / explanation.pilot_requests)
        assert abs(loads(explanation)[pattern, model].calls_per_request - share) <= 4 * error
    assert loads(explanation)["cascade", "small"].calls_per_request == 1


def test_models_that_are_not_called_are_left_out() -> None:
    """If a pattern never calls a model, there is no load of it."""
    assert ("cheap-only", "large") not in loads(of())


def test_the_pilot_is_bounded_by_the_run() -> None:
    """If the run is shorter than the pilot, the pilot is the run's first replication."""
    assert of(run={"requests": 50}).pilot_requests == 50
    assert of(run={"duration": "10s"}).pilot_requests in (19, 20)


@pytest.mark.parametrize(
    ("servers", "warning"),
    [(1, "cheap-only: small is offered 2.00 times the work it can do; it is full at 1 requests/s"), (3, "")],
)
def test_a_full_model_is_warned_of(servers: int, warning: str) -> None:
    """If a model is offered more than it can do, the warning says how much and from which rate on; else nothing is."""
    found = [line for line in of(servers=servers).warnings if line.startswith("cheap-only")]
    assert found == [warning] * bool(warning)


def test_a_nearly_full_model_is_warned_of() -> None:
    """If a model would be busy 96 % of the time, the warning asks for long runs."""
    (warning,) = [line for line in of(rate=9.6).warnings if line.startswith("cheap-only")]
    assert "only long runs are trustworthy" in warning


def test_every_value_is_shown_with_its_origin() -> None:
    """If a value is resolved, it is listed once; values of the added baselines say that they were added."""
    explanation = of()
    paths = [value.path for value in explanation.values]
    assert len(set(paths)) == len(paths)
    assert {value.origin for value in explanation.values if value.path.startswith("patterns.cheap-only.")} == {
        "added as a baseline"
    }
    assert {value.path: value.value for value in explanation.values}["fleet.small.capacity.concurrency"] == 10


def test_only_baselines_were_added() -> None:
    """If a value is not of an added baseline, its origin is a place, --set or default."""
    added = [value.path for value in of().values if value.origin == "added as a baseline"]
    assert all(path.startswith(("patterns.cheap-only.", "patterns.frontier-only.")) for path in added)


def test_it_can_be_written_as_text_and_as_json() -> None:
    """If it is shown, every load is a line; as JSON it has no number that JSON lacks."""
    explanation = of()
    lines = explanation.lines()
    assert any(line.split()[:2] == ["cascade", "large"] for line in lines)
    assert any("load at 2 requests/s" in line for line in lines)
    parsed = json.loads(json.dumps(explanation.to_dict(), allow_nan=False))
    assert parsed["name"] == "explained"
    assert len(parsed["loads"]) == len(explanation.loads) == 6


def test_the_rate_is_that_of_the_whole_run() -> None:
    """If the pilot sees a single request, the rate is still the workload's, and nothing is divided by nothing."""
    explanation = of(run={"requests": 1})
    assert explanation.arrival_rate_per_s == 2


def test_loads_are_those_of_first_tries() -> None:
    """If calls may be tried again, the load that is told is the one if nothing goes wrong: a call per request."""
    client = {"timeout": "30s", "retries": 3, "fallback": ["large"]}
    small = {"tier": "cheap", "price": {"input_mtok": 0.2}, "service": "1s", "client": client}
    large = {"tier": "frontier", "price": {"input_mtok": 2.5}, "service": "3s"}
    loads = [load for load in of(fleet={"small": small, "large": large}).loads if load.pattern == "cheap-only"]
    assert [(load.model, load.calls_per_request) for load in loads] == [("small", 1.0)]
