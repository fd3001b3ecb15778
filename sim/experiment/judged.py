"""What the YAML may say about how a run is judged: thresholds. Nothing of it changes what is simulated."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from sim.schema import Spec
from sim.units import OpenFraction

Level: TypeAlias = Literal["error", "warn", "off"]

ConditionText = Annotated[str, Field(max_length=200)]


class Threshold(Spec):
    """A condition and how much it matters."""

    threshold: ConditionText
    """Aggregation, operator and limit with its unit: `p(95)<4s`, `value<=2%`, `rate<30%`."""
    level: Level = "error"
    """What a breach does: `error` fails the check, `warn` is only told, `off` is not looked at."""


Thresholds: TypeAlias = ConditionText | Threshold | list[ConditionText | Threshold]
"""One condition, or several, on one metric."""


class Regression(Spec):
    """A baseline, and by how much the answer may be worse."""

    baseline: Annotated[str, Field(min_length=1, max_length=4096)]
    """File that `tiercast check --save-baseline` has written; its path is relative to this file."""
    tolerance: Annotated[dict[str, OpenFraction], Field(min_length=1)]
    """By metric, the relative change for the worse that is let pass: `{latency.p95: 5%, cost.per_1k: 2%}`."""


JUDGED = ("thresholds", "regression", "forecast", "drift", "gates")
"""Keys of the experiment that judge its answer or build on it and leave it as it is: no part of the content hash."""

NUMBERED = ("replications", "precision", "budget", "level")
"""Keys of `run` that say how many replications there are and how they are read: each of them stays as it is."""
