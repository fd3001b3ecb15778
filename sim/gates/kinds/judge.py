"""An LLM judge that looks at a sample of the answers."""

from __future__ import annotations

from typing import Literal

import numpy as np

from sim.chance import Purpose
from sim.columns import Floats, Ints
from sim.gates.kinds.gate import PaidGate
from sim.gates.seen import Seen, counted
from sim.units import Fraction


class Judge(PaidGate):
    """Calls answers bad, with mistakes of both kinds; the same answer gets the same verdict whatever else happens."""

    paid_per = "judged answer"

    kind: Literal["judge"]
    """An LLM judge on a held-out sample."""
    sample: Fraction = 0.05
    """Share of the answers that are judged."""
    sensitivity: Fraction = 0.85
    """Share of the unacceptable answers that it calls bad."""
    specificity: Fraction = 0.95
    """Share of the acceptable answers that it calls good."""

    def count(self, seen: Seen) -> Ints:
        """Count judged answers and those called bad."""
        judged = np.flatnonzero(seen.uniform(Purpose.GATE_SAMPLE, self.name) < self.sample)
        called_bad = np.where(seen.acceptable[judged], 1 - self.specificity, self.sensitivity)
        bad = seen.uniform(Purpose.GATE_VERDICT, self.name)[judged] < called_bad
        return counted(len(self.streams(seen.routes)), self.group(seen)[judged], bad)

    def quality(self, counts: Ints) -> Floats:
        """Give the share of acceptable answers behind the verdicts (Rogan and Gladen 1978), float64[...] in [0, 1].

        NaN where nothing was judged, or where verdicts say nothing (a sensitivity of 1 - specificity).
        """
        informative = self.sensitivity + self.specificity - 1
        with np.errstate(invalid="ignore", divide="ignore"):
            bad = counts[..., 1] / counts[..., 0]
            found: Floats = 1 - (bad - (1 - self.specificity)) / informative
        return np.clip(np.where(informative > 0, found, np.nan), 0.0, 1.0)
