"""Tell somebody, and change nothing."""

from __future__ import annotations

from typing import Literal

from sim.gates.actions.action import Action


class Alert(Action):
    """An alarm is written down, and that is all."""

    kind: Literal["alert"]
    """Alarm only."""
