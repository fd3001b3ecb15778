"""Shares of bad requests, measured when somebody asks for them."""

from __future__ import annotations

import math

import pytest
from exact import formulas

import sim
from sim.experiment.simulate import Run
from sim.outcome.on_demand import complement, flagged_share, late_share, share_of_few
from sim.outcome.outcomes import ALL, Group


def queue(load: float, **run: object) -> Run:
    """Play M/M/1 with a mean service of a second."""
    written = {
        "version": 1,
        "name": "queue",
        "seed": 11,
        "workload": {
            "arrivals": {"kind": "poisson", "rate_per_s": load},
            "tasks": {"t": {"input_tokens": 1, "output_tokens": 1}},
        },
        "fleet": {
            "m": {
                "price": {"per_call_usd": 0.01},
                "service": {"law": "exponential", "mean": "1s"},
                "capacity": {"concurrency": 1},
            }
        },
        "quality": {"acceptance": {"t": {"m": 0.9}}},
        "run": {"duration": "6000s", "warm_up": "500s", "replications": 20, **run},
    }
    return sim.from_mapping(written).run(workers=1, engine="reference")


@pytest.fixture(scope="module")
def run() -> Run:
    """Play it at a load of .7."""
    return queue(0.7)


@pytest.mark.parametrize("limit_s", [1.0, 5.0, 12.0])
def test_late_shares_agree_with_the_queue(run: Run, limit_s: float) -> None:
    """If sojourns have the exact tail exp(-(1 - load) t), so has the share of late ones, within 4.6 errors."""
    found = late_share(run.outcomes["frontier-only"], "latency", ALL, round(limit_s * 1e9), 0.95)
    assert found is not None
    assert found.upper is not None
    exact = formulas.mmc_sojourn(0.7, 1, 1).tail(limit_s)
    assert exact == pytest.approx(math.exp(-0.3 * limit_s))
    error = (found.upper - found.value) / 2.093  # Student's t of 19 degrees of freedom
    assert abs(found.value - exact) <= 4.6 * error


def test_observations_and_histograms_say_the_same(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    """If a histogram stands for the observations, its share lies within its interval, a little wider, around theirs."""
    exact = late_share(run.outcomes["frontier-only"], "latency", ALL, 5 * 10**9, 0.95)
    monkeypatch.setattr("sim.experiment.scene.MOST_EXACT", 100)
    counted = late_share(queue(0.7).outcomes["frontier-only"], "latency", ALL, 5 * 10**9, 0.95)
    assert exact is not None
    assert counted is not None
    assert counted.value == pytest.approx(exact.value, rel=1e-2)
    assert (counted.lower or 0) <= exact.value <= (counted.upper or 0)
    assert (counted.upper or 0) - (counted.lower or 0) > (exact.upper or 0) - (exact.lower or 0)


def test_shares_of_few_are_those_of_the_tables() -> None:
    """If 0, 2 or 20 of 20 are bad, the interval is the one that Clopper and Pearson give."""
    assert share_of_few(0.0, 20, 0.95) == pytest.approx((0.0, 0.16843), abs=5e-6)
    assert share_of_few(0.1, 20, 0.95) == pytest.approx((0.012349, 0.316983), abs=5e-6)
    assert share_of_few(1.0, 20, 0.95) == pytest.approx((0.83157, 1.0), abs=5e-6)


def test_no_event_at_all_still_bounds_the_share(run: Run) -> None:
    """If nobody waits an hour, the share is 0, and at most 3.7 in as many independent requests as the run is worth."""
    found = late_share(run.outcomes["frontier-only"], "latency", ALL, 3600 * 10**9, 0.95)
    assert found is not None
    assert (found.value, found.lower, found.few_data) == (0.0, 0.0, False)
    requests = sum(outcome.requests for outcome in run.outcomes["frontier-only"])
    assert found.upper is not None
    assert 3.68 / requests < found.upper < 0.01


def test_flags_are_shares_too(run: Run) -> None:
    """If every tenth answer is not acceptable, the share of acceptable ones and its complement say so."""
    good = flagged_share(run.outcomes["frontier-only"], "acceptable", ALL, 0.95)
    assert good is not None
    bad = complement(good)
    assert bad.value == pytest.approx(1 - good.value)
    assert (bad.lower, bad.upper) == (1 - (good.upper or 0), 1 - (good.lower or 0))
    assert (bad.lower or 1) <= 0.1 <= (bad.upper or 0)


def test_groups_that_nobody_is_in_have_no_share(run: Run) -> None:
    """If a segment does not exist, there is nothing to tell."""
    assert late_share(run.outcomes["frontier-only"], "latency", Group("segment", "nobody"), 1, 0.95) is None
    assert flagged_share(run.outcomes["frontier-only"], "failed", Group("segment", "nobody"), 0.95) is None


def test_one_replication_has_sections() -> None:
    """If there is one replication, its sections give the interval, or it is not to be trusted."""
    single = queue(0.3, duration="20000s", replications=1)
    found = late_share(single.outcomes["frontier-only"], "latency", ALL, 10**9, 0.95)
    assert found is not None
    assert (found.lower or 1) < math.exp(-0.7) < (found.upper or 0)
