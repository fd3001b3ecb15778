"""Go back to the frontier for everything."""

from __future__ import annotations

from typing import Literal

from sim.gates.actions.action import Action
from sim.units import PositiveDurationNs


class RollBack(Action):
    """Frontier only, for a time or for good."""

    kind: Literal["roll_back"]
    """Send everything to the frontier."""
    length: PositiveDurationNs | None = None
    """How long; for the rest of the run where not given."""
