"""Users who click thumbs up or down, if they click at all."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np

from sim.chance import Purpose
from sim.columns import Ints
from sim.gates.kinds.gate import RateGate
from sim.gates.seen import Seen, counted
from sim.units import Fraction


class Thumbs(RateGate):
    """Feedback of the few who give it; those who are unhappy click more often."""

    kind: Literal["thumbs"]
    """Thumbs up and down."""
    response_if_good: Fraction = 0.01
    """Share of the users with an acceptable answer who click."""
    response_if_bad: Fraction = 0.03
    """Share of the users with an unacceptable answer who click."""
    down_if_good: Fraction = 0.1
    """Share of thumbs down among clicks on acceptable answers."""
    down_if_bad: Fraction = 0.8
    """Share of thumbs down among clicks on unacceptable answers."""

    def thinned(self, thin: float) -> tuple[Self, float]:
        """Let as many more click, up to all of those who do most."""
        most = max(self.response_if_good, self.response_if_bad)
        factor = min(thin, 1 / most) if most else 1.0
        good, bad = self.response_if_good * factor, self.response_if_bad * factor
        return self.model_copy(update={"response_if_good": good, "response_if_bad": bad}), thin / factor

    def count(self, seen: Seen) -> Ints:
        """Count clicks and thumbs down."""
        responds = np.where(seen.acceptable, self.response_if_good, self.response_if_bad)
        clicks = np.flatnonzero(seen.uniform(Purpose.GATE_SAMPLE, self.name) < responds)
        down_share = np.where(seen.acceptable[clicks], self.down_if_good, self.down_if_bad)
        down = seen.uniform(Purpose.GATE_VERDICT, self.name)[clicks] < down_share
        return counted(len(self.streams(seen.routes)), self.group(seen)[clicks], down)
