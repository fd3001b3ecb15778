"""summary.json: the answer of a run as one object, the same bytes wherever and whenever it ran.

Wall time, machine, engine and number of workers are left out on purpose: they must not change the answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sim.errors import InvalidInput, Issue
from sim.experiment.result import SUMMARY_SCHEMA, PatternResult, RunResult
from sim.outcome.estimates import Estimate

COLUMNS = ("pattern", "metric", "value", "lower", "upper", "unit", "baseline", "few_data")
"""Columns of the long table of metrics: one row per pattern and metric."""

_OWN_KEYS = frozenset({"kind", "status", "warnings", "absent", "requests_in_system"})


def summary_of(result: RunResult) -> dict[str, Any]:
    """Return the summary as plain data; metrics stand directly under their pattern.

    ValueError if a metric bears the name of another key.
    """
    return {
        "schema": SUMMARY_SCHEMA,
        "experiment": result.experiment,
        "title": result.title,
        "hash": result.hash,
        "seed": int(result.seed),
        "replications": int(result.replications),
        "requests": int(result.requests),
        "window_s": float(result.window_s),
        "level": float(result.level),
        "baseline": result.baseline,
        "notes": list(result.notes),
        "patterns": {name: _pattern(pattern) for name, pattern in result.patterns.items()},
    }


def summary_bytes(result: RunResult) -> bytes:
    """Return the summary as JSON in UTF-8, numbers in the shortest form that reads back as the same float.

    ValueError for NaN or infinity: JSON has neither.
    """
    return json_bytes(summary_of(result))


def json_bytes(content: Mapping[str, Any] | Sequence[Any]) -> bytes:
    """Return `content` as indented JSON with a final line break. ValueError for NaN or infinity."""
    return (json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n").encode(
        "utf-8", "backslashreplace"
    )


def metric_columns(result: RunResult) -> dict[str, list[Any]]:
    """Return the long table of metrics, one list per column of `COLUMNS`."""
    rows = [
        (
            name,
            metric,
            float(found.value),
            _bound(found.lower),
            _bound(found.upper),
            found.unit,
            found.baseline,
            found.few_data,
        )
        for name, pattern in result.patterns.items()
        for metric, found in pattern.estimates.items()
    ]
    return {column: [row[at] for row in rows] for at, column in enumerate(COLUMNS)}


def parse_summary(content: bytes, source: Path) -> dict[str, Any]:
    """Read back what `summary_bytes` wrote. InvalidInput if it is something else or of another version."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("patterns"), dict):
        hint = "a results folder, or the summary.json in one, written by `tiercast run`"
        raise InvalidInput([Issue("this is not a summary of a run", file=str(source), hint=hint)])
    if found.get("schema") != SUMMARY_SCHEMA:
        message = f"the summary has layout {found.get('schema')!r}, this version of tiercast reads {SUMMARY_SCHEMA}"
        raise InvalidInput([Issue(message, file=str(source), hint="run the experiment again with this version")])
    return found


def _pattern(pattern: PatternResult) -> dict[str, Any]:
    own: dict[str, Any] = {
        "kind": pattern.kind,
        "status": pattern.status,
        "warnings": list(pattern.warnings),
        "absent": dict(pattern.absent),
        "requests_in_system": [estimate_entry(number) for number in pattern.backlog],
    }
    if clash := _OWN_KEYS & pattern.estimates.keys():
        raise ValueError(f"a metric cannot be called {', '.join(sorted(clash))}")
    return own | {metric: estimate_entry(found) for metric, found in pattern.estimates.items()}


def estimate_entry(found: Estimate) -> dict[str, Any]:
    """Give an estimate as plain data."""
    entry: dict[str, Any] = {
        "value": float(found.value),
        "lower": _bound(found.lower),
        "upper": _bound(found.upper),
        "unit": found.unit,
    }
    if found.baseline:
        entry["baseline"] = found.baseline
    if found.few_data:
        entry["few_data"] = True
    return entry


def _bound(bound: float | None) -> float | None:
    return None if bound is None else float(bound)
