"""A number with its interval."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measured value with its confidence interval.

    `lower` and `upper` are None only where one replication leaves no way to say; `few_data` marks an interval that
    cannot be trusted (fewer than 100 observations beyond the quantile per replication, or dependent sections);
    `baseline` names the pattern that a difference or ratio is taken against.
    """

    value: float
    lower: float | None
    upper: float | None
    unit: str
    baseline: str = ""
    few_data: bool = False
