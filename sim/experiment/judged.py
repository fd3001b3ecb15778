"""What the YAML may say about how a run is judged: thresholds. Nothing of it changes what is simulated."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from sim.schema import Spec

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

JUDGED = ("thresholds",)
"""Keys of the experiment that judge its answer and leave it as it is: no part of the content hash."""
