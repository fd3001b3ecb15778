"""The share of refusals."""

from __future__ import annotations

from typing import Literal

from sim.columns import Ints
from sim.gates.kinds.gate import RateGate
from sim.gates.seen import Seen, counted


class RefusalRate(RateGate):
    """Share of answers that refuse, as a text match finds them: all of them, for nothing."""

    kind: Literal["refusal"]
    """Share of refusals."""

    def count(self, seen: Seen) -> Ints:
        """Count answers and refusals."""
        return counted(len(self.streams(seen.routes)), self.group(seen), seen.refused)
