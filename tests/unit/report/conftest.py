"""A result to report on: four patterns, one unstable, one with an untrusted metric, one with an absent one."""

from __future__ import annotations

from typing import Any

import pytest

from sim.experiment.result import PatternResult, RunResult
from sim.outcome.estimates import Estimate
from sim.outcome.intervals import Interval
from sim.study.verdict import Budget, CheckResult, Finding, Kind, Verdict

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


def finding(verdict: Verdict, pattern: str, metric: str, wanted: str, line: int, **others: Any) -> Finding:
    """Return a threshold's finding of level ``error`` that has no more than it must have, and `others`."""
    least: dict[str, Any] = {
        "kind": Kind.THRESHOLD,
        "level": "error",
        "place": f"thresholds.{metric}.0",
        "file": "experiments/support-chat.yaml",
        "col": 14,
        "estimate": None,
        "limit": None,
        "before": None,
        "change": None,
        "tolerance": None,
        "budget": None,
        "message": f"{metric} of {pattern} is said to be {verdict}.",
        "more_replications": None,
    }
    about = {"verdict": verdict, "pattern": pattern, "metric": metric, "wanted": wanted, "line": line}
    return Finding(**{**least, **about, **others})


@pytest.fixture
def check(result: RunResult) -> CheckResult:
    """Return a check with a finding of every verdict, kind and level."""
    findings = (
        finding(
            Verdict.PASS,
            "cascade",
            "escalation.rate",
            "rate<30%",
            41,
            estimate=around(0.215, 0.004, "fraction"),
            limit=0.3,
            message="escalation.rate of cascade is 21.5 % [21.1 %, 21.9 %], below the limit of 30 %.",
        ),
        finding(
            Verdict.FAIL,
            "cascade",
            "latency.p95",
            "p(95)<2s",
            42,
            estimate=around(2.44, 0.07, "s"),
            limit=2.0,
            message="latency.p95 of cascade is 2.44 s [2.37 s, 2.51 s], at or above the limit of 2 s.",
        ),
        finding(
            Verdict.FAIL,
            "cascade",
            "latency.p50",
            "p(50)<800ms",
            43,
            level="warn",
            estimate=around(0.82, 0.008, "s"),
            limit=0.8,
        ),
        finding(
            Verdict.INCONCLUSIVE,
            "cascade",
            "quality.loss",
            "value<0.7",
            44,
            estimate=around(0.6, 0.3, "points", BASE),
            limit=0.7,
            more_replications=160,
        ),
        finding(Verdict.UNSTABLE, "pre-route", "latency.p95", "p(95)<2s", 45),
        finding(
            Verdict.PASS,
            "cascade",
            "latency.p99",
            "95% < 4s over 28d",
            50,
            kind=Kind.OBJECTIVE,
            estimate=around(0.02, 0.001, "fraction"),
            budget=Budget(0.95, 0.05, around(0.02, 0.001, "fraction"), around(0.4, 0.02, "ratio"), 28 * 86_400.0),
        ),
        finding(
            Verdict.WORSE,
            "cascade",
            "cost.per_1k",
            "2%",
            60,
            kind=Kind.REGRESSION,
            estimate=around(4.82, 0.02, "usd/1k"),
            before=around(4.3, 0.02, "usd/1k"),
            change=Interval(0.121, 0.119, 0.123),
            tolerance=0.02,
        ),
        finding(
            Verdict.BETTER,
            "cheap-only",
            "latency.p95",
            "5%",
            0,
            kind=Kind.REGRESSION,
            file="",
            col=0,
            estimate=around(1.1, 0.03, "s"),
            before=Estimate(1.3, 1.2, 1.4, "s", few_data=True),
            change=Interval(-0.15, -0.2, -0.1, few_data=True),
            tolerance=0.05,
        ),
        finding(
            Verdict.SAME, "cheap-only", "cost.per_1k", "2%", 60, kind=Kind.REGRESSION, change=Interval(0.0, 0.0, 0.0)
        ),
    )
    return CheckResult(result, findings, "results/baselines/support-chat.json", ("prices have changed",))
