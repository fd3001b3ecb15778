"""Self-confidence of a first answer."""

from __future__ import annotations

import numpy as np
from scenes import setting

from sim.routing.signals.self_confidence import SelfConfidence


def test_the_cheap_model_is_read_unless_another_is_named() -> None:
    """The score is the confidence in the named model's answer."""
    answers = setting().answers
    for model, name in ((None, "small"), ("middle", "middle")):
        score = SelfConfidence(kind="confidence", model=model).score("s", answers, "small")
        assert np.array_equal(score.values, answers.confidence(name))


def test_it_is_known_after_a_call_only() -> None:
    """No rule in front of the first call can use it."""
    assert not SelfConfidence.known_before_call


def test_wordings_are_read_if_asked() -> None:
    """Refusals and hedged answers are flagged when asked for, and nothing else is."""
    answers = setting().answers
    refused, hedged = answers.refused("small"), answers.hedged("small")
    assert np.array_equal(SelfConfidence.worded(answers, "small", refusal=True, hedging=False), refused)
    assert np.array_equal(SelfConfidence.worded(answers, "small", refusal=True, hedging=True), refused | hedged)
    assert not SelfConfidence.worded(answers, "small", refusal=False, hedging=False).any()
