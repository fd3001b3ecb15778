"""A result to report on: four patterns, one unstable, one with an untrusted metric, one with an absent one."""

from __future__ import annotations

import pytest

from sim.experiment.result import PatternResult, RunResult
from sim.outcome.estimates import Estimate

BASE = "frontier-only"


def around(value: float, half: float, unit: str, baseline: str = "") -> Estimate:
    """Return an estimate with a symmetric interval."""
    return Estimate(value, value - half, value + half, unit, baseline)


def plain(cost: float, accepted: float, p50: float, p95: float, models: tuple[str, ...]) -> dict[str, Estimate]:
    """Metrics that every pattern has."""
    found = {
        "cost.per_1k": around(cost, cost / 250, "usd/1k"),
        "cost.cause.answer.per_1k": around(cost * 0.8, 0.02, "usd/1k"),
        "cost.cause.verification.per_1k": around(cost * 0.2, 0.02, "usd/1k"),
        "quality.acceptance": around(accepted, 0.003, "fraction"),
        "latency.p50": around(p50, p50 / 100, "s"),
        "latency.p95": around(p95, p95 / 33, "s"),
        "escalation.rate": around(0.0, 0.0, "fraction"),
    }
    for model in models:
        found[f"models.{model}.utilisation"] = around(0.61, 0.01, "fraction")
        found[f"models.{model}.in_flight"] = around(39.1, 0.4, "requests")
        found[f"models.{model}.queue_mean"] = around(0.231, 0.02, "requests")
        found[f"models.{model}.offered_load"] = around(39.1, 0.4, "requests")
    return found


@pytest.fixture
def result() -> RunResult:
    """Return the result."""
    cascade = plain(4.82, 0.957, 0.82, 2.44, ("haiku", "gpt-4.1")) | {
        "cost.saving": around(0.61, 0.02, "fraction", BASE),
        "quality.loss": around(0.6, 0.3, "points", BASE),
        "escalation.rate": around(0.215, 0.004, "fraction"),
        "latency.not_escalated.p50": around(0.66, 0.01, "s"),
        "latency.escalated.p50": around(2.2, 0.04, "s"),
        "latency.escalated.p95": Estimate(4.4, 4.2, 4.6, "s", few_data=True),
        "latency.p50_ratio": around(1.25, 0.01, "ratio", "cheap-only"),
        "latency.p95_ratio": around(1.83, 0.04, "ratio", BASE),
        "latency.escalated.p50_ratio": around(1.47, 0.03, "ratio", BASE),
    }
    routed = plain(14.2, 0.941, 1.1, 2.2, ("haiku", "gpt-4.1"))
    del routed["escalation.rate"]
    cheap = plain(1.9, 0.921, 0.64, 1.1, ("haiku",)) | {
        "cost.saving": around(-0.145, 0.01, "fraction", BASE),
        "quality.loss": around(4.2, 0.3, "points", BASE),
        "latency.p95_ratio": around(0.83, 0.02, "ratio", BASE),
    }
    patterns = {
        "cascade": PatternResult("cascade", "cascade", "ok", cascade, {}, ("P99 has 80 observations",)),
        "pre-route": PatternResult(
            "pre-route", "pre_route", "unstable", routed, {"escalation.rate": "it never escalates"}
        ),
        "cheap-only": PatternResult("cheap-only", "single", "ok", cheap),
        BASE: PatternResult(BASE, "single", "ok", plain(12.3, 0.963, 1.49, 1.33, ("gpt-4.1",))),
    }
    return RunResult(
        experiment="support-chat",
        title="Support chat",
        hash="0123456789abcdef" * 4,
        seed=7,
        engine="reference",
        replications=20,
        requests=1_000_000,
        window_s=86_400.0,
        level=0.95,
        baseline=BASE,
        patterns=patterns,
        notes=("prices of 2026-01-01",),
        files={},
        resolved={},
    )
