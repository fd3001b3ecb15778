"""Verdicts to put together by hand."""

from __future__ import annotations

from sim.experiment.result import PatternResult, RunResult
from sim.outcome.estimates import Estimate
from sim.outcome.intervals import Interval
from sim.study.verdict import CheckResult, Finding, Kind, Verdict

MEASURED = Estimate(2.31, 2.27, 2.36, "s")


def finding(kind: Kind, verdict: Verdict, *, pattern: str = "cascade", more: int | None = None) -> Finding:
    """Give a finding of a kind, with the parts that such a finding has."""
    compared = kind is Kind.REGRESSION
    return Finding(
        kind=kind,
        verdict=verdict,
        level="error",
        pattern=pattern,
        metric="latency.p95",
        wanted="latency.p95: 5%" if compared else "p(95)<2.3s",
        place="regression.tolerance.latency.p95" if compared else "thresholds.latency{pattern:cascade}.0",
        file="experiments/tiny.yaml",
        line=12,
        col=7,
        estimate=None if verdict is Verdict.UNSTABLE else MEASURED,
        limit=None if compared else 2.3,
        before=Estimate(2.0, 1.97, 2.04, "s") if compared else None,
        change=Interval(0.155, 0.14, 0.17) if compared else None,
        tolerance=0.05 if compared else None,
        budget=None,
        message=f"latency.p95 of {pattern} is said to be {verdict}.",
        more_replications=more,
    )


def checked(*findings: Finding, notes: tuple[str, ...] = ()) -> CheckResult:
    """Give a check with these findings, of a small run."""
    pattern = PatternResult("cascade", "cascade", "ok", {"latency.p95": MEASURED})
    run = RunResult(
        experiment="tiny",
        title="Tiny",
        hash="0123456789abcdef" * 4,
        seed=7,
        engine="reference",
        replications=20,
        requests=66_000,
        window_s=600.0,
        level=0.95,
        baseline="frontier-only",
        patterns={"cascade": pattern},
        notes=("given a trace",),
        files={},
        resolved={},
    )
    return CheckResult(run, findings, "", notes)
