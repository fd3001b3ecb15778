"""What the YAML may say about how a run is judged. Nothing of it changes what is simulated."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from sim.schema import Spec
from sim.units import OpenFraction, PositiveDurationNs

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


class Objective(Spec):
    """A service level objective: a share of requests that is to be good, over a window.

    What may be bad of that window is its error budget; the burn rate is how many budgets this traffic uses up in it.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=60)]
    """Name in reports."""
    metric: Annotated[str, Field(min_length=1, max_length=300)]
    """What makes a request good: a duration (`latency`, `ttft`, `wait`), `answered` or `acceptable`.

    With selectors as in thresholds: `latency{pattern:cascade,segment:enterprise}`.
    """
    under: PositiveDurationNs | None = None
    """The duration below which a request is good; one without an answer is bad."""
    target: OpenFraction
    """Share of requests that is to be good: `95%`."""
    window: PositiveDurationNs = Field("28d", validate_default=True)
    """Time that the error budget is for."""
    level: Level = "error"
    """What a miss does: `error` fails the check, `warn` is only told, `off` is not looked at."""


JUDGED = ("thresholds", "objectives", "regression", "forecast", "drift", "gates", "rate_card")
"""Keys of the experiment that judge its answer or build on it and leave it as it is: no part of the content hash.

Nor is where prices by name were looked up: the numbers stand in the fleet."""

NUMBERED = ("replications", "precision", "budget", "level")
"""Keys of `run` that say how many replications there are and how they are read: each of them stays as it is."""
