"""Whether a system keeps up: told from the whole interval of its load, not from its middle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import sim
from sim.experiment.simulate import Run

BUSY: dict[str, Any] = {
    "version": 1,
    "name": "busy",
    "seed": 3,
    "workload": {
        "arrivals": {"kind": "poisson", "rate_per_s": 10.0},
        "tasks": {"t": {"input_tokens": 100, "output_tokens": 50}},
    },
    "quality": {"acceptance": {"t": {"one": 0.9}}},
    "run": {"requests": 1_000, "replications": 20},
}


def run(servers: int, **sections: Any) -> Run:
    """Offer ten Erlang to so many servers."""
    law = {"law": "exponential", "mean": "1s"}
    fleet = {"one": {"price": {"input_mtok": 1}, "service": law, "capacity": {"concurrency": servers}}}
    return sim.from_mapping({**BUSY, "fleet": fleet, **sections}).run(workers=1)


@pytest.mark.parametrize(("servers", "status"), [(9, "unstable"), (10, "ok"), (11, "ok")])
def test_only_a_load_that_is_surely_too_much_is_unstable(servers: int, status: str) -> None:
    """If the interval of the load lies above 1 the pattern is unstable; one that contains 1 is warned of instead."""
    (pattern,) = run(servers).result.patterns.values()
    assert pattern.status == status


def test_a_load_that_may_be_too_much_is_warned_of() -> None:
    """If the load is about what can be done, the warning says that only long runs tell; if far below, there is none."""
    (even,), (idle,) = (run(servers).result.patterns.values() for servers in (10, 40))
    assert any("only long runs are trustworthy" in warning for warning in even.warnings)
    assert idle.warnings == ()


def test_an_unstable_system_has_no_goodput() -> None:
    """If answers fall ever further behind, no rate of good answers is claimed, and the reason is given."""
    (pattern,) = run(5).result.patterns.values()
    assert "goodput" not in pattern.estimates
    assert pattern.absent["goodput"].startswith("the system is unstable")


def test_sections_of_a_single_replication_have_equal_length() -> None:
    """If one replication is cut, its sections are equal times, so that the luck of the arrivals shows in the cost."""
    single = run(40, run={"duration": "200s", "replications": 1})
    (pattern,), (outcomes,) = single.result.patterns.values(), single.outcomes.values()
    arrivals = single.requests(pattern.name)["arrival_ns"]
    assert outcomes[0].sum("count") == np.bincount(arrivals // (20 * 10**9), minlength=10).tolist()
    cost = pattern.estimates["cost.per_30d"]
    assert cost.upper is not None
    # ten Poisson counts of mean 200: relative standard error 1 / sqrt(2000), times t(9) = 2.26, within a factor 2
    assert 0.025 < (cost.upper - cost.value) / cost.value < 0.1
