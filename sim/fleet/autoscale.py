"""How the number of replicas changes in a run: by the clock, or by how full they are."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Self

from pydantic import Discriminator, Field, Tag, model_validator

from sim.schema import Spec
from sim.units import DurationNs, PositiveDurationNs, format_duration

ReplicaCount = Annotated[int, Field(ge=1, le=10_000)]

_LONGEST_STEP_NS = 3_600 * 10**9


class ScheduledReplicas(Spec):
    """From when on how many replicas are wanted."""

    at: DurationNs
    """Time from the start of the run, or of each round where the schedule repeats."""
    replicas: ReplicaCount
    """Replicas wanted from then on."""


class Schedule(Spec):
    """Replicas by the clock."""

    schedule: Annotated[list[ScheduledReplicas], Field(min_length=1, max_length=1000)]
    """Times and numbers, in order of time; before the first there are `replicas`."""
    repeat: PositiveDurationNs | None = None
    """Time after which the schedule begins anew, such as 24h; it is gone through once where not given."""
    startup: DurationNs = Field("2m", validate_default=True)
    """Time from starting a replica, which is paid for from then on, until it takes calls."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if any(after.at <= before.at for before, after in pairwise(self.schedule)):
            raise ValueError("the times of a schedule must rise")
        if self.repeat is not None and self.schedule[-1].at >= self.repeat:
            raise ValueError(f"a schedule that repeats after {format_duration(self.repeat)} must end before that")
        return self

    def most(self) -> int:
        """Give the largest number of replicas that is ever wanted."""
        return max(step.replicas for step in self.schedule)

    def times(self, end_ns: int) -> list[tuple[int, int]]:
        """Give (time in ns, replicas) of every change until the end of a run."""
        rounds = 1 if self.repeat is None else end_ns // self.repeat + 1
        starts = range(0, rounds * (self.repeat or 1), self.repeat or 1)
        return [(start + step.at, step.replicas) for start in starts for step in self.schedule]


class Target(Spec):
    """Replicas by how full they are: as many as would bring the share of their slots that is asked for to a target.

    Wanted are (calls at the replicas, being served or waiting there, on average since it was last looked) / (target x
    slots), rounded up: what the autoscalers of Kubernetes and Knative do with a target for utilisation or concurrency.
    """

    utilisation: Annotated[float, Field(gt=0, le=1)]
    """Share of the slots that is to be asked for."""
    every: PositiveDurationNs = Field("30s", validate_default=True)
    """How often it is looked at; an hour at most."""
    least: ReplicaCount = 1
    """Fewest replicas."""
    most: ReplicaCount
    """Most replicas."""
    startup: DurationNs = Field("2m", validate_default=True)
    """Time from starting a replica, which is paid for from then on, until it takes calls."""
    cooldown: DurationNs = Field("5m", validate_default=True)
    """How long the number must not have changed before fewer are wanted."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.least > self.most:
            raise ValueError(f"least {self.least} is above most {self.most}")
        if self.every > _LONGEST_STEP_NS:
            raise ValueError("every must be an hour at most")
        return self


def _form(value: Any) -> str:
    if isinstance(value, Schedule):
        return "schedule"
    return "schedule" if isinstance(value, dict) and {"schedule", "repeat"} & value.keys() else "target"


Autoscale = Annotated[Annotated[Schedule, Tag("schedule")] | Annotated[Target, Tag("target")], Discriminator(_form)]
"""`{schedule: [{at: 8h, replicas: 6}, ...]}`, or `{utilisation: 0.7, most: 10}`."""
