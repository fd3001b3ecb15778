"""Prompt length: known before any call, exact, free."""

from __future__ import annotations

from typing import Literal

import numpy as np

from sim.routing.answers import Answers
from sim.routing.signals.signal import Numbers, Signal


class PromptLength(Signal):
    """Number of prompt tokens."""

    kind: Literal["prompt_length"]
    """Prompt length in tokens."""

    def score(self, name: str, answers: Answers, cheap: str) -> Numbers:
        """Give the prompt tokens of every request."""
        del name, cheap
        return Numbers(answers.requests.input_tokens.astype(np.float64))
