"""The escalation rate, against what it used to be or against a fixed line."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from sim.columns import Ints
from sim.gates.detectors import Side
from sim.gates.kinds.gate import RateGate
from sim.gates.seen import Seen, counted


class EscalationRate(RateGate):
    """Share of escalated requests. It sees traffic and confidence change, and nothing of answers that are bad."""

    side: ClassVar[Side] = "both"

    kind: Literal["escalation"]
    """Share of escalated requests."""
    by: Literal["all"] = "all"
    """All routes together: a route says already whether a request was escalated."""

    def count(self, seen: Seen) -> Ints:
        """Count requests and escalations."""
        return counted(1, np.zeros(len(seen), dtype=np.int64), seen.escalated)
