"""Prompt length: known, exact, free."""

from __future__ import annotations

import numpy as np
from scenes import setting

from sim.routing.signals.prompt_length import PromptLength


def test_the_length_is_that_of_the_request() -> None:
    """The score is the number of prompt tokens."""
    scene = setting()
    score = PromptLength(kind="prompt_length").score("s", scene.answers, "small")
    assert np.array_equal(score.values, scene.requests.input_tokens)
