"""OpenMetrics text: every estimate as gauges, for a dashboard or GitLab's ``artifacts: reports: metrics``.

A metric of the catalogue is a family; the names in it (segment, task, route, model, cause) are labels. An estimate
gives up to three families: the value, and the ends of its interval with ``lower`` and ``upper`` before the unit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sim.experiment.result import PatternResult, RunResult
from sim.outcome.catalogue import Metric, metric_of
from sim.report.escapes import utf8

if TYPE_CHECKING:
    from sim.study.verdict import Finding

_UNITS = {
    "s": "seconds",
    "usd": "usd",
    "usd/1k": "usd",
    "fraction": "ratio",
    "ratio": "ratio",
    "points": "points",
    "1/s": "per_second",
    "requests": "requests",
    "replicas": "replicas",
}
"""Unit of the catalogue, and as it ends the name of a family."""

_PLACEHOLDER = re.compile(r"<([a-z_]+)>")


@dataclass(slots=True)
class _Family:
    """A family of gauges: unit, help, and its samples, each with its labels."""

    unit: str
    help: str
    samples: list[tuple[Mapping[str, str], float]] = field(default_factory=list)


def openmetrics(result: RunResult, findings: Sequence[Finding] = ()) -> bytes:
    """Return the estimates of all patterns, and whether each of `findings` holds: 1 if it does for sure, else 0."""
    families: dict[str, _Family] = {}
    for pattern in result.patterns.values():
        _pattern(families, result, pattern)
    for finding in findings:
        _finding(families, result, finding)
    facts = {
        "experiment": result.experiment,
        "hash": result.hash,
        "seed": str(result.seed),
        "replications": str(result.replications),
        "level": f"{result.level:g}",
    }
    lines = [
        "# TYPE tiercast_run info",
        "# HELP tiercast_run The run that all numbers are of",
        f"tiercast_run_info{_labels(facts)} 1",
        *(line for name, family in families.items() for line in _written(name, family)),
        "# EOF",
    ]
    return ("\n".join(lines) + "\n").encode()


def _pattern(families: dict[str, _Family], result: RunResult, pattern: PatternResult) -> None:
    own = {"experiment": result.experiment, "pattern": pattern.name}
    stable = families.setdefault("tiercast_stable", _Family("", "1 if the fleet can do the work it is offered"))
    stable.samples.append((own, float(pattern.status == "ok")))
    for name, found in pattern.estimates.items():
        entry, labels = _parted(name)
        unit = _UNITS[found.unit]
        for part, number in (("", found.value), ("lower", found.lower), ("upper", found.upper)):
            if number is not None:
                end = f" ({part} end of the {result.level * 100:g} % interval)" if part else ""
                family = families.setdefault(_name(entry.name, part, unit), _Family(unit, entry.meaning + end))
                family.samples.append(({**own, **labels}, float(number)))


def _finding(families: dict[str, _Family], result: RunResult, finding: Finding) -> None:
    labels = {
        "experiment": result.experiment,
        "pattern": finding.pattern,
        "metric": finding.metric,
        "wanted": finding.wanted,
        "place": finding.place,
        "kind": finding.kind.value,
        "level": finding.level,
        "verdict": finding.verdict.value,
    }
    family = families.setdefault("tiercast_check", _Family("", "1 if a promise is kept for sure, else 0"))
    family.samples.append((labels, float(not finding.breached and finding.verdict.value != "inconclusive")))
    if finding.budget is not None:
        own = {"experiment": result.experiment, "pattern": finding.pattern, "objective": finding.metric}
        burn = families.setdefault("tiercast_burn_rate", _Family("", "Share of bad requests over what may be bad"))
        burn.samples.append((own, float(finding.budget.burn_rate.value)))


def _parted(dotted: str) -> tuple[Metric, dict[str, str]]:
    """Return the entry of a dotted metric name, and the names that stand in its placeholders."""
    entry = metric_of(dotted)
    words = _PLACEHOLDER.findall(entry.name)
    pattern = re.escape(_PLACEHOLDER.sub("\0", entry.name)).replace("\0", "(.*)")
    match = re.fullmatch(pattern, dotted, re.DOTALL)
    return entry, dict(zip(words, match.groups() if match else (), strict=True))


def _name(name: str, part: str, unit: str) -> str:
    """Return the name of a family: ``latency.segment.<segment>.p95`` is ``tiercast_latency_segment_p95_seconds``."""
    words = [word for word in _PLACEHOLDER.sub("", name).replace(".", "_").split("_") if word]
    words = words[:-1] if words[-1] == unit else words
    return "_".join(word for word in ("tiercast", *words, part, unit) if word)


def _written(name: str, family: _Family) -> Iterator[str]:
    yield f"# TYPE {name} gauge"
    if family.unit:
        yield f"# UNIT {name} {family.unit}"
    yield f"# HELP {name} {_escaped(family.help)}"
    for labels, number in family.samples:
        yield f"{name}{_labels(labels)} {number!r}"


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(text: str) -> str:
    return utf8(text).replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
