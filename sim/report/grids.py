"""Which numbers stand in which table, in which order; how they are drawn is the business of layout and markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from string import ascii_lowercase

from sim.experiment.result import PatternResult, RunResult
from sim.outcome.estimates import Estimate
from sim.report.numbers import MARK, Written, written

ABSENT = "\N{EN DASH}"
"""Stands where there is no number."""

MAIN = {
    "cost.per_1k": "cost/1k",
    "cost.saving": "saving",
    "quality.acceptance": "accepted",
    "quality.loss": "loss\n(points)",
    "latency.p50": "P50",
    "latency.p95": "P95",
    "escalation.rate": "escalated",
}
"""Metrics of the main table and their headings."""

ESCALATIONS = {
    "latency.not_escalated.p50": "kept\nP50",
    "latency.escalated.p50": "escalated\nP50",
    "latency.escalated.p95": "escalated\nP95",
    "latency.p50_ratio": "P50",
    "latency.escalated.p50_ratio": "escalated P50",
}
"""Metrics of the table on escalation and their headings; ratios also say what they are against."""

SEGMENTS = {
    "cost.per_30d.segment.{}": "cost/30 days",
    "cost.saving.segment.{}": "saving",
    "quality.acceptance.segment.{}": "accepted",
    "latency.segment.{}.p50": "P50",
    "latency.segment.{}.p95": "P95",
    "escalation.rate.segment.{}": "escalated",
}
"""Metrics of the table of segments and their headings; the name of the segment goes into the braces."""

FAILURES = {
    "failure.rate": "unanswered",
    "fallback.rate": "answered by\nfallback",
    "calls.per_request": "calls per\nrequest",
    "retries.per_request": "retries per\nrequest",
    "hedges.per_request": "hedges per\nrequest",
    "hedges.won": "hedges\nfirst",
}
"""Metrics of the table on requests that may fail, and their headings."""

_REFUSALS = {
    "rejected": "rejected",
    "errors": "errors",
    "timed_out": "timed out",
    "abandoned": "abandoned",
    "skipped": "skipped",
    "breaker_open": "breaker\nopen",
    "outpaced": "outpaced",
}
_MODEL = {"utilisation": "utilisation", "in_flight": "in flight", "queue_mean": "queue", "offered_load": "offered load"}
_REPLICAS = {
    "replicas": "replicas",
    "batch": "calls on a\nbusy one",
    "first_token": "first\ntoken",
    "inter_token": "time per\ntoken",
    "idle_cost": "idle/1k",
}
_AT_LIMIT = {"waited": "waited", "time_at_limit": "time at\nlimit"}
_RELATIVE = ("cost.saving", "quality.loss")
_MOST_LETTERS = len(ascii_lowercase)


@dataclass(frozen=True, slots=True)
class Row:
    """A row: what it is about (one text per key column), an alarm such as ``unstable``, and its cells."""

    keys: tuple[str, ...]
    cells: tuple[Written, ...]
    alarm: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """A table before anybody knows how wide the page is. Headings may have two lines."""

    title: str
    keys: tuple[str, ...]
    headings: tuple[str, ...]
    rows: Sequence[Row]


@dataclass(slots=True)
class Footnotes:
    """Remarks collected while tables are made; equal remarks share a letter."""

    remarks: dict[str, str] = field(default_factory=dict)
    few_data: bool = False

    def letter(self, remark: str) -> str:
        """Return the mark of `remark`, such as ``(a)``."""
        count = len(self.remarks)
        letter = ascii_lowercase[count % _MOST_LETTERS] * (1 + count // _MOST_LETTERS)
        return self.remarks.setdefault(remark, f"({letter})")

    def cell(self, result: RunResult, pattern: PatternResult, metric: str, against: str = "") -> Written:
        """Write one metric of a pattern, or a dash with the reason why there is none.

        A comparison with another pattern than `against` (or the baseline of the run) gets a remark that says so.
        """
        if metric.startswith(_RELATIVE) and pattern.name == result.baseline:
            return Written("baseline")
        found = pattern.estimates.get(metric)
        if found is None:
            reason = pattern.absent.get(metric, "")
            return Written(f"{ABSENT} {self.letter(reason)}" if reason else ABSENT)
        self.few_data = self.few_data or found.few_data
        cell = written(found, plain=True)
        if found.baseline not in {"", against or result.baseline}:
            return Written(f"{cell.value} {self.letter(f'against {found.baseline}')}", cell.interval)
        return cell

    def lines(self, result: RunResult) -> list[str]:
        """All remarks: what brackets mean, then those with letters, then the marks and labels that were used."""
        found = [f"{result.level * 100:g} % intervals in brackets"]
        found += [f"{letter} {remark}" for remark, letter in self.remarks.items()]
        if self.few_data:
            found.append(f"{MARK} too few or dependent data for the interval to be trusted: take it as inconclusive")
        if any(alarm(pattern) for pattern in result.patterns.values()):
            found.append("unstable: more work is offered than can be done; latencies grow with the length of the run")
        return found


def main_grid(result: RunResult, notes: Footnotes) -> Grid:
    """One row per pattern: cost, quality, latency, escalation."""
    rows = [
        Row((pattern.name,), tuple(notes.cell(result, pattern, metric) for metric in MAIN), alarm(pattern))
        for pattern in result.patterns.values()
    ]
    title = f"Patterns (saving and quality loss against {result.baseline})"
    return Grid(title, ("pattern",), tuple(MAIN.values()), rows)


def escalation_grid(result: RunResult, notes: Footnotes) -> Grid:
    """One row per pattern that escalates: how much longer the escalated wait, which one percentile hides."""
    patterns = [pattern for pattern in result.patterns.values() if "latency.escalated.p50" in pattern.estimates]
    against = {metric: _common_baseline(patterns, metric) for metric in ESCALATIONS}
    headings = [f"{text} over\n{against[metric]}" if against[metric] else text for metric, text in ESCALATIONS.items()]
    rows = [
        Row(
            (pattern.name,),
            tuple(notes.cell(result, pattern, metric, against[metric]) for metric in ESCALATIONS),
            alarm(pattern),
        )
        for pattern in patterns
    ]
    return Grid("Escalation: two kinds of requests behind one percentile", ("pattern",), tuple(headings), rows)


def segment_grid(result: RunResult, notes: Footnotes) -> Grid:
    """One row per segment and pattern: who pays and who waits; no rows unless there are several segments."""
    segments = _segments_of(result)
    shown = [metric for metric in SEGMENTS if any(_has(result, metric.format(segment)) for segment in segments)]
    rows = [
        Row((segment, pattern.name), tuple(notes.cell(result, pattern, metric.format(segment)) for metric in shown))
        for segment in segments
        for pattern in result.patterns.values()
    ]
    return Grid("Segments", ("segment", "pattern"), tuple(SEGMENTS[metric] for metric in shown), rows)


def _has(result: RunResult, metric: str) -> bool:
    return any(metric in pattern.estimates for pattern in result.patterns.values())


def _segments_of(result: RunResult) -> list[str]:
    """Names of the segments that have metrics, in order of appearance."""
    prefix = "cost.per_30d.segment."
    found = (metric for pattern in result.patterns.values() for metric in pattern.estimates)
    return list(dict.fromkeys(metric.removeprefix(prefix) for metric in found if metric.startswith(prefix)))


def model_grid(result: RunResult, notes: Footnotes) -> Grid:
    """One row per pattern and model: how busy the model is."""
    rows, shown = [], dict(_MODEL)
    if any(metric.endswith(".time_at_limit") for one in result.patterns.values() for metric in one.estimates):
        shown |= _AT_LIMIT
    for pattern in result.patterns.values():
        for model in models_of(pattern.estimates):
            cells = tuple(notes.cell(result, pattern, f"models.{model}.{metric}") for metric in shown)
            rows.append(Row((pattern.name, model), cells))
    return Grid("Models", ("pattern", "model"), tuple(shown.values()), rows)


def replica_grid(result: RunResult, notes: Footnotes) -> Grid:
    """One row per pattern and model with replicas of its own: how full they are, and what their idle part costs."""
    rows = []
    for pattern in result.patterns.values():
        for model in models_of(pattern.estimates):
            if {f"models.{model}.batch", f"models.{model}.idle_cost"} & pattern.estimates.keys():
                cells = tuple(notes.cell(result, pattern, f"models.{model}.{metric}") for metric in _REPLICAS)
                rows.append(Row((pattern.name, model), cells))
    return Grid("Replicas", ("pattern", "model"), tuple(_REPLICAS.values()), rows)


def failure_grid(result: RunResult, notes: Footnotes) -> Grid:
    """One row per pattern whose calls may be refused or fail: how many requests get no answer, at how many calls."""
    patterns = [pattern for pattern in result.patterns.values() if "failure.rate" in pattern.estimates]
    instead = [pattern.estimates.get("fallback.rate") for pattern in patterns]
    seen = {metric for pattern in patterns for metric in pattern.estimates}
    if not any(one and one.value for one in instead):
        seen.discard("fallback.rate")
    shown = [metric for metric in FAILURES if metric in seen]
    rows = [
        Row((pattern.name,), tuple(notes.cell(result, pattern, metric) for metric in shown), alarm(pattern))
        for pattern in patterns
    ]
    title = "Requests that may fail (latencies are those of answered ones)"
    return Grid(title, ("pattern",), tuple(FAILURES[metric] for metric in shown), rows)


def refusal_grid(result: RunResult, notes: Footnotes) -> Grid:
    """One row per pattern and model that refuses or fails some calls: what became of them."""
    seen = {metric.rpartition(".")[2] for pattern in result.patterns.values() for metric in pattern.estimates}
    shown = {metric: text for metric, text in _REFUSALS.items() if metric in seen}
    rows = []
    for pattern in result.patterns.values():
        for model in models_of(pattern.estimates):
            metrics = [f"models.{model}.{metric}" for metric in shown]
            if any(metric in pattern.estimates and pattern.estimates[metric].value for metric in metrics):
                rows.append(
                    Row((pattern.name, model), tuple(notes.cell(result, pattern, metric) for metric in metrics))
                )
    return Grid("Calls without an answer", ("pattern", "model"), tuple(shown.values()), rows)


def cause_grid(result: RunResult, notes: Footnotes) -> Grid:
    """One row per pattern, one column per cause of cost, in USD per thousand requests."""
    causes: dict[str, str] = {}
    for pattern in result.patterns.values():
        for metric in pattern.estimates:
            if metric.startswith("cost.cause.") and metric.endswith(".per_1k"):
                causes.setdefault(metric, metric.removeprefix("cost.cause.").removesuffix(".per_1k").replace("_", " "))
    rows = [
        Row((pattern.name,), tuple(notes.cell(result, pattern, metric) for metric in causes))
        for pattern in result.patterns.values()
        if causes
    ]
    return Grid("Cost by cause, per 1k requests", ("pattern",), tuple(causes.values()), rows)


def _common_baseline(patterns: Sequence[PatternResult], metric: str) -> str:
    """Return the baseline of `metric`, if all patterns that have it share one."""
    found = {pattern.estimates[metric].baseline for pattern in patterns if metric in pattern.estimates}
    return found.pop() if len(found) == 1 else ""


def models_of(estimates: Mapping[str, Estimate]) -> list[str]:
    """Names of the models that have metrics, in order of appearance; a name may contain dots."""
    found: dict[str, None] = {}
    for metric in estimates:
        model, _, last = metric.removeprefix("models.").rpartition(".")
        if metric.startswith("models.") and last in _MODEL:
            found[model] = None
    return list(found)


def alarm(pattern: PatternResult) -> str:
    """Return ``unstable`` for a pattern whose fleet is offered more than it can do, else nothing."""
    return "unstable" if pattern.status == "unstable" else ""
