"""Self-hosted serving: replicas that serve several calls in one batch, each slower for it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Final, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from sim.columns import Floats
from sim.fleet.autoscale import Autoscale, Schedule, Target
from sim.fleet.batching_presets import PRESETS, PresetName
from sim.schema import Spec

CallCount = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,3}$")]
Curve = Annotated[dict[CallCount, Annotated[float, Field(gt=0, le=1)]], Field(min_length=1)]
"""Speed of each call by the number of calls, relative to one alone."""

BalanceName = Literal["round_robin", "least_loaded", "random", "power_of_two"]

_BESIDE: Final = 0.5
_MOST_SLOTS: Final = 1_000_000


class Batching(Spec):
    """Replicas of a self-hosted model: each serves up to `slots` calls in one batch, which slows all of them."""

    slots: Annotated[int, Field(ge=1, le=4096)]
    """Calls that a replica serves at once; more wait at the replica."""
    replicas: Annotated[int, Field(ge=1, le=10_000)] = 1
    """Number of replicas; each is paid by the hour if the rate card says so, idle or not."""
    preset: PresetName | None = None
    """Measured curves of a model on some hardware, instead of `speed`, `prefill_speed` and `beside_prefill`."""
    speed: Curve | None = None
    """Pace of decoding by the number of calls that decode on the replica: 1 is that of a call alone, as `service` gives
    it. Between the numbers given, the time per token is interpolated; the last must be `slots` or more."""
    prefill_speed: Curve | None = None
    """The same for calls whose prompt is being read. Where not given they share what the replica can compute: n of them
    are n times as slow."""
    beside_prefill: Annotated[float, Field(gt=0, le=1)] | None = None
    """What is left of the pace of decoding while any prompt is being read on the replica; 0.5 where not given."""
    balance: BalanceName = "least_loaded"
    """Which replica a call is sent to: in turn; the one with fewest calls; any; the better one of any two."""
    queue: Annotated[int, Field(ge=0, le=10**9)] | None = None
    """Calls that wait at most, at all replicas together; one more is rejected (a 429). Any number where not given."""
    queue_by_segment: dict[str, Annotated[int, Field(ge=0, le=10**9)]] = Field(default_factory=dict)
    """Calls of a segment that wait at most, beside `queue`: so that no segment fills the queues for all."""
    autoscale: Autoscale | None = None
    """What changes the number of replicas in the run; `replicas` is that at the start."""

    @model_validator(mode="after")
    def _one_source_of_curves(self) -> Self:
        own = [name for name in ("speed", "prefill_speed", "beside_prefill") if getattr(self, name) is not None]
        if self.preset is not None and own:
            raise ValueError(f"a preset brings its own {own[0]}; give one of both")
        if self.preset is None and self.speed is None and self.slots > 1:
            raise ValueError("how a batch slows its calls is not given; write speed: {1: 1.0, 32: 0.55} or a preset")
        return self

    @model_validator(mode="after")
    def _slots_can_be_counted(self) -> Self:
        if self.slots * self.most_replicas() > _MOST_SLOTS:
            raise ValueError(
                f"{self.slots * self.most_replicas():,} slots in all are too many; at most {_MOST_SLOTS:,}"
            )
        return self

    @model_validator(mode="after")
    def _starts_within_bounds(self) -> Self:
        scale = self.autoscale
        if isinstance(scale, Target) and not scale.least <= self.replicas <= scale.most:
            raise ValueError(
                f"replicas, the number at the start, is {self.replicas}, and autoscale keeps them from {scale.least} "
                f"to {scale.most}"
            )
        return self

    @model_validator(mode="after")
    def _segments_are_below_the_whole(self) -> Self:
        check_segments_are_below(self.queue, self.queue_by_segment)
        return self

    @model_validator(mode="after")
    def _curves_are_whole(self) -> Self:
        if self.preset is not None and self.slots > PRESETS[self.preset].most:
            raise ValueError(
                f"preset {self.preset} was measured up to {PRESETS[self.preset].most} calls, and there are "
                f"{self.slots} slots"
            )
        for name in ("speed", "prefill_speed"):
            curve = getattr(self, name)
            if curve is None:
                continue
            speeds = [speed for _, speed in sorted((int(calls), speed) for calls, speed in curve.items())]
            most = max(map(int, curve))
            if most < self.slots:
                raise ValueError(f"{name} says nothing of more than {most} calls, and there are {self.slots} slots")
            if curve.get("1", 1.0) != 1:
                raise ValueError(f"{name} of 1 call must be 1: a call alone takes as long as `service` says")
            if any(after > before for before, after in pairwise(speeds)):
                raise ValueError(f"{name} must not rise with the number of calls")
        return self

    def most_replicas(self) -> int:
        """Give the largest number of replicas that there may be."""
        if isinstance(self.autoscale, Schedule):
            return max(self.replicas, self.autoscale.most())
        return self.replicas if self.autoscale is None else self.autoscale.most

    def fewest_scheduled(self) -> int | None:
        """Give the smallest number of replicas that a schedule ever wants, or None where there is no schedule."""
        if not isinstance(self.autoscale, Schedule):
            return None
        steps = self.autoscale.schedule
        return min([self.replicas] * (steps[0].at > 0) + [step.replicas for step in steps])

    def decode_speeds(self) -> Floats:
        """Give the pace of each of 1, 2, ... `slots` calls that decode, float64."""
        if self.preset is not None:
            return PRESETS[self.preset].decode_speeds(self.slots)
        return speeds_of(self.speed or {"1": 1.0}, self.slots)

    def prefill_speeds(self) -> Floats:
        """Give the speed of each of 1, 2, ... `slots` calls whose prompts are read, float64."""
        if self.preset is not None:
            return PRESETS[self.preset].prefill_speeds(self.slots)
        if self.prefill_speed is not None:
            return speeds_of(self.prefill_speed, self.slots)
        shared: Floats = 1 / np.arange(1.0, self.slots + 1)
        return shared

    def beside(self) -> float:
        """Give what is left of the pace of decoding beside a prefill."""
        if self.preset is not None:
            return PRESETS[self.preset].beside_prefill
        return _BESIDE if self.beside_prefill is None else self.beside_prefill

    def least_replica_time(self, prefill: float, decode: float) -> float:
        """Give the time that a replica needs at least for work that takes this long, call by call alone."""
        numbers = np.arange(1.0, self.slots + 1)
        prefill /= float((numbers * self.prefill_speeds()).max())
        decode /= float((numbers * self.decode_speeds()).max())
        return max(prefill, decode + (1 - self.beside()) * prefill)


def check_segments_are_below(queue: int | None, by_segment: Mapping[str, int]) -> None:
    """Raise ValueError if the queue of a segment may be as long as the whole."""
    for segment, most in by_segment.items():
        if queue is not None and most >= queue:
            raise ValueError(
                f"queue_by_segment.{segment} does nothing: no more than {queue} calls wait at all; "
                "write a smaller number"
            )


def speeds_of(curve: dict[str, float], slots: int) -> Floats:
    """Interpolate the time per token, the inverse of the speed: an iteration takes longer about in proportion."""
    known = {1: 1.0, **{int(calls): speed for calls, speed in curve.items()}}
    calls = sorted(known)
    times: Floats = np.interp(np.arange(1.0, slots + 1), calls, [1 / known[number] for number in calls])
    return 1 / times


class Batched(Spec):
    """Replicas that serve calls in batches."""

    batching: Batching
    """Replicas, their slots, and how a batch slows its calls."""
