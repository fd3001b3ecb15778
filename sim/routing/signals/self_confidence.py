"""Self-confidence of a first answer: its log-probability score, a refusal, hedging words."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from sim.columns import Bools, Floats
from sim.routing.answers import Answers
from sim.routing.signals.signal import Numbers, Signal


class SelfConfidence(Signal):
    """Confidence in the answer of a model that has been called; what cascades escalate on."""

    known_before_call: ClassVar[bool] = False

    kind: Literal["confidence"]
    """Confidence in a first answer."""
    model: str | None = None
    """The model whose answer is read; the cheap model where not given."""

    def score(self, name: str, answers: Answers, cheap: str) -> Numbers:
        """Give the confidence in the first answer to every request."""
        del name
        return Numbers(answers.confidence(self.model or cheap))

    @staticmethod
    def reading(answers: Answers, model: str, auroc: float | None) -> Floats:
        """Give the confidence that a check with its own AUROC (None: the model itself) has in the model's answer."""
        return answers.confidence(model, auroc)

    @staticmethod
    def worded(answers: Answers, model: str, *, refusal: bool, hedging: bool) -> Bools:
        """Say which answers refuse (if asked) or hedge (if asked)."""
        flagged = np.zeros(len(answers.requests), dtype=np.bool_)
        if refusal:
            flagged |= answers.refused(model)
        if hedging:
            flagged |= answers.hedged(model)
        return flagged
