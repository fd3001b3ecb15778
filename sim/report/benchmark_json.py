"""Benchmark JSON: numbers of which less is better, in the shape of github-action-benchmark's customSmallerIsBetter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sim.experiment.result import RunResult
from sim.experiment.summary import json_bytes
from sim.outcome.catalogue import metric_of
from sim.report.escapes import one_line
from sim.report.numbers import plural

if TYPE_CHECKING:
    from sim.study.verdict import Finding

HEADLINES = ("cost.per_1k", "quality.loss", "latency.p50", "latency.p95", "failure.rate")
"""Metrics that are always told; those of promises come on top."""


def benchmark_json(result: RunResult, findings: Sequence[Finding] = ()) -> bytes:
    """Return a chart's worth per pattern and metric: the headlines, and what `findings` are about.

    Metrics of which more is better, or neither, are left out: a tool that takes less for better would tell them wrong.
    """
    return json_bytes(
        [entry for pattern in result.patterns for entry in _entries(result, pattern, _metrics(pattern, findings))]
    )


def _metrics(pattern: str, findings: Sequence[Finding]) -> list[str]:
    promised = (finding.metric for finding in findings if finding.pattern == pattern)
    return list(dict.fromkeys((*HEADLINES, *promised)))


def _entries(result: RunResult, pattern: str, metrics: Sequence[str]) -> list[dict[str, Any]]:
    found = []
    for metric in metrics:
        estimate = result.patterns[pattern].estimates.get(metric)
        if estimate is None or metric_of(metric).better != "lower":
            continue
        entry: dict[str, Any] = {
            "name": one_line(f"{result.experiment} / {pattern} / {metric}"),
            "unit": estimate.unit,
            "value": float(estimate.value),
        }
        if estimate.lower is not None and estimate.upper is not None:
            entry["range"] = f"{estimate.lower:.6g} to {estimate.upper:.6g}"
        few = "\ntoo few data for the interval to be trusted" if estimate.few_data else ""
        facts = f"{plural(result.replications, 'replication')}, seed {result.seed}, hash {result.hash[:12]}"
        entry["extra"] = f"{facts}{few}"
        found.append(entry)
    return found
