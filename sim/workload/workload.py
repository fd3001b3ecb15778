"""The workload as YAML says it: arrivals, segments, task classes and their mix."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from sim.schema import Spec
from sim.units import Fraction
from sim.workload.arrivals import Arrivals
from sim.workload.tasks import TaskClass

Mix = dict[str, Fraction]
"""Share of each task class; the shares add up to 1."""

_SUM_TOLERANCE = 1e-9


def check_shares(shares: dict[str, float], what: str) -> dict[str, float]:
    """Give the shares back if they add up to 1, else raise ValueError."""
    if abs(sum(shares.values()) - 1) > _SUM_TOLERANCE:
        raise ValueError(f"the shares of {what} add up to {sum(shares.values()):.6g}, not to 1")
    return shares


class Segment(Spec):
    """A group of users with its own traffic and task mix. It has either a share of the arrivals or its own."""

    share: Fraction | None = None
    """Share of the workload's arrivals that belongs to this segment."""
    arrivals: Arrivals | None = None
    """Arrival process of this segment alone."""
    mix: Mix | None = None
    """Share of each task class in this segment; the workload's mix where not given."""

    @field_validator("mix")
    @classmethod
    def _mix_is_whole(cls, mix: Mix | None) -> Mix | None:
        return None if mix is None else check_shares(mix, "the task mix")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.share is None) == (self.arrivals is None):
            raise ValueError("a segment has either a share of the arrivals (share: 30%) or arrivals of its own")
        return self


class Workload(Spec):
    """A stream of requests."""

    version: Annotated[int, Field(ge=1, le=1)] = 1
    """Version of the workload format."""
    name: Annotated[str, Field(min_length=1, max_length=100)] = "workload"
    """Name shown in reports."""
    description: str = ""
    """What this traffic is and where its numbers come from."""
    arrivals: Arrivals | None = None
    """Arrival process of the whole workload; left out where every segment has its own."""
    rate_factor: Annotated[float, Field(gt=0, le=1e6)] = 1.0
    """Multiplies the rate of every arrival process: hours and bursts keep their length, batches their size; a trace is
    played so much faster."""
    segments: dict[str, Segment] = Field(default_factory=dict)
    """Groups of users, by name."""
    tasks: dict[str, TaskClass] = Field(default_factory=dict)
    """Task classes, by name. Left out, every request is a row of the experiment's outcome table."""
    mix: Mix | None = None
    """Share of each task class; may be left out where there is one class only."""
    default_task: TaskClass = TaskClass()
    """Token laws for requests whose trace or outcome table gives no tokens."""

    @field_validator("mix")
    @classmethod
    def _mix_is_whole(cls, mix: Mix | None) -> Mix | None:
        return None if mix is None else check_shares(mix, "the task mix")

    @model_validator(mode="after")
    def _sources_fit(self) -> Self:
        shared = [segment for segment in self.segments.values() if segment.share is not None]
        if shared and len(shared) != len(self.segments):
            raise ValueError("either all segments have a share, or all have arrivals of their own")
        if shared:
            check_shares({n: s.share or 0.0 for n, s in self.segments.items()}, "the segments")
        own = bool(self.segments) and not shared
        if own == (self.arrivals is not None):
            raise ValueError(
                "arrivals stand beside segments that have arrivals of their own; give the segments a share instead"
                if own
                else "arrivals are missing; write for example arrivals: {kind: poisson, rate_per_s: 5}"
            )
        return self

    @model_validator(mode="after")
    def _mixes_name_tasks(self) -> Self:
        mixes = {"": self.mix, **{f"segments.{name}.": segment.mix for name, segment in self.segments.items()}}
        for where, mix in mixes.items():
            for task in mix or {}:
                if task not in self.tasks:
                    raise ValueError(f"{where}mix names the task class {task!r}; there are {list(self.tasks)}")
        if len(self.tasks) > 1 and self.mix is None:
            bare = [name for name, segment in self.segments.items() if segment.mix is None]
            if bare or not self.segments:
                raise ValueError("several task classes need a mix, such as mix: {chat: 80%, codegen: 20%}")
        return self

    def mix_of(self, segment: str | None) -> Mix:
        """Give the task mix of a segment (None: of a workload without segments)."""
        own = None if segment is None else self.segments[segment].mix
        return own or self.mix or dict.fromkeys(list(self.tasks)[:1], 1.0)

    def rate_per_s(self) -> float:
        """Give the long-run mean number of arrivals per second."""
        own = [segment.arrivals for segment in self.segments.values()] if self.arrivals is None else [self.arrivals]
        return self.rate_factor * sum(arrivals.mean_rate_per_s() for arrivals in own if arrivals is not None)

    def segment_rates(self) -> dict[str, float]:
        """Give the long-run mean number of arrivals per second of each segment."""
        whole = self.rate_per_s()
        return {
            name: whole * (segment.share or 0.0)
            if segment.arrivals is None
            else self.rate_factor * segment.arrivals.mean_rate_per_s()
            for name, segment in self.segments.items()
        }
