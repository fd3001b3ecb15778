"""Send some task classes to the frontier at once."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sim.gates.actions.action import Action


class Reroute(Action):
    """Puts a rule in front: the named task classes, as the router sees them, go to the frontier."""

    kind: Literal["reroute"]
    """Send task classes to the frontier."""
    tasks: Annotated[list[str], Field(min_length=1)]
    """Task classes."""
