"""A shadow ensemble: both ends of the fleet answer a sample, and a comparison says how often they differ."""

from __future__ import annotations

from typing import Literal

import numpy as np

from sim.chance import Purpose
from sim.columns import Ints
from sim.gates.kinds.gate import By, PaidGate
from sim.gates.seen import Seen, counted
from sim.units import Fraction


class ShadowDisagreement(PaidGate):
    """Disagreement between the cheap model and the frontier on the same requests.

    Answers of which one is acceptable and the other is not are told apart with the `sensitivity`; others are called
    different by the share that `noise` says, since two good answers need not read the same.
    """

    paid_per = "shadow call"

    kind: Literal["shadow"]
    """Disagreement of two models on a sample."""
    sample: Fraction = 0.02
    """Share of the requests that both models answer."""
    sensitivity: Fraction = 0.8
    """Share of the pairs of a good and a bad answer that are called different."""
    noise: Fraction = 0.1
    """Share of all other pairs that are called different."""
    by: By = "all"
    """All routes together: both models answer, whatever the route."""

    def count(self, seen: Seen) -> Ints:
        """Count pairs and those called different."""
        sampled = np.flatnonzero(seen.uniform(Purpose.GATE_SAMPLE, self.name) < self.sample)
        differ = (seen.cheap_acceptable ^ seen.frontier_acceptable)[sampled]
        called = seen.uniform(Purpose.GATE_VERDICT, self.name)[sampled] < np.where(differ, self.sensitivity, self.noise)
        return counted(len(self.streams(seen.routes)), self.group(seen)[sampled], called)
