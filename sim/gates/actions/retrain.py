"""Train the router's signals anew, and calibrate the confidences."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sim.gates.actions.action import Action
from sim.units import DurationNs


class Retrain(Action):
    """What was frozen at its training date is as good as on its first day, and confidence is calibrated anew."""

    kind: Literal["retrain"]
    """Train signals and calibrate confidence anew."""
    after: DurationNs = Field("2w", validate_default=True)
    """Time that collecting labels, training and rolling out take."""
