"""Escalate more, or less."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sim.gates.actions.action import Action


class Tighten(Action):
    """Moves the escalation threshold of a cascade: its share of lowest confidences, or its confidence bound."""

    kind: Literal["tighten"]
    """Move the escalation threshold."""
    by: Annotated[float, Field(ge=-1, le=1)] = 0.05
    """What is added to the threshold; negative loosens it."""
    most: Annotated[float, Field(gt=0, le=1)] = 0.95
    """The threshold goes no further up than this."""
    least: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """The threshold goes no further down than this."""
