"""What a run answers: estimates per pattern, with all that is needed to say where they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sim.outcome.estimates import Estimate

SUMMARY_SCHEMA = 1
"""Version of the layout of summary.json."""


@dataclass(frozen=True, slots=True)
class PatternResult:
    """The answer for one routing pattern.

    `estimates` maps dotted metric names (``latency.p95``) to values; `absent` maps the name of each metric without data
    to the reason; `status` is ``unstable`` when some station is offered more work than it can do. `backlog` is the mean
    number of requests in the system in each of equal parts of the window.
    """

    name: str
    kind: str
    status: Literal["ok", "unstable"]
    estimates: Mapping[str, Estimate]
    absent: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    backlog: tuple[Estimate, ...] = ()


@dataclass(frozen=True, slots=True)
class RunResult:
    """The answer of one run.

    `window_s` is the simulated time per replication that metrics are taken over.
    """

    experiment: str
    title: str
    hash: str
    seed: int
    engine: str
    replications: int
    requests: int
    window_s: float
    level: float
    baseline: str
    patterns: Mapping[str, PatternResult]
    notes: tuple[str, ...]
    files: Mapping[str, str]
    resolved: Mapping[str, Any]
