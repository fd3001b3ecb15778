"""The base of every action: what is changed in a pattern after an alarm, from the next epoch on."""

from __future__ import annotations

from abc import ABC

from pydantic import Field

from sim.schema import Spec
from sim.units import DurationNs


class Action(Spec, ABC):
    """What follows an alarm. Subclasses say their `kind`."""

    after: DurationNs = 0
    """Time from the alarm until it takes effect, such as the time that a retraining takes."""
    cool_down: DurationNs = Field("2w", validate_default=True)
    """Time after an alarm in which the gate alarms no more; its charts begin anew."""
