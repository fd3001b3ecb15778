"""Verdicts as plain data, for JSON."""

from __future__ import annotations

from typing import Any

from sim.experiment.summary import estimate_entry, summary_of
from sim.outcome.estimates import Estimate
from sim.study.verdict import Budget, CheckResult, Finding

CHECK_SCHEMA = 1
"""Version of the layout of the JSON of a check."""


def check_of(check: CheckResult) -> dict[str, Any]:
    """Give a check as plain data: the verdicts, and the summary of the run they are about."""
    return {
        "schema": CHECK_SCHEMA,
        "experiment": check.run.experiment,
        "hash": check.run.hash,
        "passed": check.passed,
        "verdicts": check.counts(),
        "baseline": check.baseline,
        "notes": list(check.notes),
        "findings": [finding_of(finding) for finding in check.findings],
        "summary": summary_of(check.run),
    }


def finding_of(finding: Finding) -> dict[str, Any]:
    """Give a finding as plain data; what it does not have is null."""
    change = finding.change
    return {
        "kind": finding.kind.value,
        "verdict": finding.verdict.value,
        "level": finding.level,
        "pattern": finding.pattern,
        "metric": finding.metric,
        "wanted": finding.wanted,
        "place": finding.place,
        "file": finding.file,
        "line": finding.line,
        "col": finding.col,
        "estimate": _estimate(finding.estimate),
        "limit": finding.limit,
        "before": _estimate(finding.before),
        "change": None if change is None else {"value": change.value, "lower": change.lower, "upper": change.upper},
        "tolerance": finding.tolerance,
        "budget": None if finding.budget is None else _budget(finding.budget),
        "message": finding.message,
        "more_replications": finding.more_replications,
    }


def _budget(budget: Budget) -> dict[str, Any]:
    return {
        "target": budget.target,
        "allowed": budget.allowed,
        "bad": _estimate(budget.bad),
        "burn_rate": _estimate(budget.burn_rate),
        "window_s": budget.window_s,
    }


def _estimate(found: Estimate | None) -> dict[str, Any] | None:
    return None if found is None else estimate_entry(found)
