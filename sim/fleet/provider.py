"""A provider: what the models that it hosts have in common."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from sim.fleet.faults import Faults
from sim.fleet.limits import Limits
from sim.schema import Spec


class Provider(Spec):
    """Limits that calls of all its models count against together, and faults that strike them at the same time."""

    limits: Limits | None = None
    """Requests and tokens accepted a minute over all its models, beside the limits of each."""
    faults: Faults = Faults()
    """Outages and slow periods of all its models."""

    @model_validator(mode="after")
    def _errors_belong_to_models(self) -> Self:
        if self.faults.error_rate or self.faults.error_time is not None:
            raise ValueError("error_rate is a model's own; a provider has outages and brownouts")
        return self
