"""What is asked of limits, whether they keep up, and for how long anybody waits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sim
from sim.experiment.explain import explain
from sim.experiment.resolve import Experiment
from sim.experiment.result import PatternResult
from sim.outcome.limits import Union
from sim.outcome.outcomes import Window


def limited(
    limits: dict[str, Any], client: dict[str, Any] | None = None, both: dict[str, Any] | None = None, **sections: Any
) -> Experiment:
    """Describe two calls a second of 150 tokens each to a model with limits; `both` models may have something else."""
    small = {"tier": "cheap", "price": {"input_mtok": 1}, "service": "100ms", "limits": limits, "client": client or {}}
    return sim.from_mapping(
        {
            "version": 1,
            "name": "limited",
            "seed": 2,
            "workload": {
                "arrivals": {"kind": "poisson", "rate_per_s": 2},
                "tasks": {"t": {"input_tokens": 100, "output_tokens": 50}},
            },
            "fleet": {
                "small": {**small, **(both or {})},
                "large": {"tier": "frontier", "price": {"input_mtok": 5}, "service": "1s", **(both or {})},
            },
            "quality": {"acceptance": {"t": {"small": 0.8, "large": 0.9}}},
            "run": {"duration": "300s", "replications": 4},
            **sections,
        }
    )


def played(experiment: Experiment, engine: str = "compiled") -> PatternResult:
    """Give what became of the calls to the small model."""
    return experiment.run(workers=1, engine=engine).result.patterns["cheap-only"]


QUEUE: dict[str, Any] = {"on_limit": "queue", "burst": "10s"}


@pytest.mark.parametrize(
    ("limits", "times"),
    [
        ({"requests_per_minute": 100, **QUEUE}, 1.2),
        ({"tokens_per_minute": 12_000, **QUEUE}, 1.5),
        ({"tokens_per_minute": 20_000, "reserved_output_tokens": 100, **QUEUE}, 1.2),
    ],
)
def test_a_limit_that_is_asked_for_too_much_is_unstable(limits: dict[str, Any], times: float) -> None:
    """If calls wait at a limit that is asked for more than it accepts, that is unstable; `explain` says so before."""
    experiment = limited(limits)
    found = played(experiment)
    what = "requests/min" if "requests_per_minute" in limits else "tokens/min"
    (warning,) = (text for text in found.warnings if what in text)
    assert warning.startswith("small is asked for ")
    assert float(warning.split()[4]) == pytest.approx(times, rel=0.15)
    assert warning.endswith("its line grows for as long as the run lasts, so latencies depend on the length of the run")
    assert found.status == "unstable"
    assert "goodput" in found.absent
    (before,) = (text for text in explain(experiment).warnings if text.startswith("cheap-only: small"))
    assert what in before
    assert before.endswith("beyond it a line grows for as long as the run lasts")


def test_who_gives_up_or_is_rejected_keeps_a_line_finite() -> None:
    """If callers give up, or a limit rejects, what it cannot take is told of, and the pattern is not unstable."""
    for limits, client in (
        ({"requests_per_minute": 60, **QUEUE}, {"queue_timeout": "20s"}),
        ({"requests_per_minute": 60, "burst": "10s"}, {}),
    ):
        found = played(limited(limits, client))
        assert found.status == "ok"
        (warning,) = (text for text in found.warnings if "requests/min" in text)
        assert warning.endswith("times the requests/min it accepts: what it cannot take is rejected or given up")


def test_retries_are_asked_for_too() -> None:
    """If each call is tried up to three times, the limit is asked for more than by first tries alone."""
    experiment = limited(
        {"requests_per_minute": 130, **QUEUE},
        {"retries": 2, "backoff": {"first": "1s"}},
        {"faults": {"error_rate": "60%"}},
    )
    found = played(experiment, "reference")
    assert found.status == "unstable"
    assert not any("accepts" in text for text in explain(experiment).warnings)  # first tries alone would do


def test_a_limit_far_from_full_is_not_told_of() -> None:
    """If a limit accepts twice what comes, nothing is said of it."""
    found = played(limited({"requests_per_minute": 240, **QUEUE}))
    assert found.status == "ok"
    assert not any("accepts" in text for text in found.warnings)


def test_a_limit_that_models_share_is_asked_by_all_of_them() -> None:
    """If two models share a provider's limit, what both are asked for counts, under the provider's name."""
    experiment = limited(
        {"requests_per_minute": 6_000, **QUEUE},
        both={"provider": "acme"},
        providers={"acme": {"limits": {"requests_per_minute": 150, **QUEUE}}},
        patterns=[
            {
                "name": "both",
                "kind": "ensemble",
                "models": ["small", "large"],
                "sample": "100%",
                "reward_model": {"accuracy": 0.9},
            }
        ],
    )
    found = experiment.run(workers=1, engine="compiled").result.patterns["both"]
    assert any(text.startswith("provider acme is asked for 1.6") for text in found.warnings)


@given(st.data())
def test_covered_time_is_that_of_the_union(data: st.DataObject) -> None:
    """If stretches come in parts, each beginning no sooner than it was said, what they cover is counted once."""
    covered, known, union = np.zeros(40, dtype=bool), 0, Union(Window(5, 35))
    for _ in range(data.draw(st.integers(0, 5))):
        known = data.draw(st.integers(known, 40))
        for _ in range(data.draw(st.integers(1, 2))):
            begin = np.array(data.draw(st.lists(st.integers(0, 39), max_size=4)), dtype=np.int64)
            begin = np.maximum(begin, union._known)
            end = begin + np.array([data.draw(st.integers(0, 20)) for _ in begin], dtype=np.int64)
            union.add(begin, end, known)
            for one, other in zip(begin, end, strict=True):
                covered[one:other] = True
    union.settle(35)
    assert union.covered_ns == covered[5:35].sum()
