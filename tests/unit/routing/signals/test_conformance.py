"""What every signal owes, whatever its kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter
from scenes import setting

from sim.routing.signals import SIGNALS, AnySignal, Labels, Numbers, Signal
from sim.schema import kind_of

EXAMPLES: dict[str, dict[str, Any]] = {
    "confidence": {"kind": "confidence"},
    "prompt_length": {"kind": "prompt_length"},
    "segment": {"kind": "segment"},
    "similarity": {"kind": "similarity", "auroc": 0.7},
    "task_class": {"kind": "task_class", "accuracy": 0.85},
}
KINDS = sorted(SIGNALS)


@pytest.fixture(params=KINDS)
def signal(request: pytest.FixtureRequest) -> Signal:
    """Every kind in turn."""
    made: Signal = TypeAdapter(AnySignal).validate_python(EXAMPLES[request.param])
    return made


def test_every_kind_has_an_example() -> None:
    """A new signal file is under these tests."""
    assert set(EXAMPLES) == set(SIGNALS)
    assert all(kind_of(model) == kind and model.__doc__ for kind, model in SIGNALS.items())


def test_a_score_for_every_request(signal: Signal) -> None:
    """A signal gives one finite number, or one label of those it names, per request: as `is_numeric` says."""
    scene = setting()
    score = signal.score("s", scene.answers, "small")
    assert isinstance(score, Numbers if signal.is_numeric() else Labels)
    if isinstance(score, Numbers):
        assert score.values.dtype == np.float64
        assert np.isfinite(score.values).all()
        assert len(score.values) == len(scene.requests)
    else:
        assert score.codes.dtype == np.int64
        assert len(score.codes) == len(scene.requests)
        assert (score.codes.min(), score.codes.max()) >= (0, 0)
        assert score.codes.max() < len(score.names)


def test_a_score_is_a_function_of_its_name(signal: Signal) -> None:
    """Asked twice, in a fresh scene, the score is the same: nothing is drawn by order."""
    one, other = (setting(requests=count).answers for count in (2_000, 1_999))
    first, second = (signal.score("s", answers, "small") for answers in (one, other))
    columns = [score.values if isinstance(score, Numbers) else score.codes for score in (first, second)]
    assert np.array_equal(columns[0][:1_999], columns[1])


def test_signals_are_free_unless_priced(signal: Signal) -> None:
    """Without time and price a signal has none."""
    assert signal.time is None
    assert signal.usd_per_call == 0


def test_what_fits_passes(signal: Signal) -> None:
    """The examples fit any task classes, also none."""
    signal.check(("chat", "code"))
    signal.check(())
    assert set(signal.labels(("chat", "code"))) <= {"chat", "code"}


def test_the_base_gives_no_score() -> None:
    """A signal that forgets to score says so."""
    with pytest.raises(TypeError, match="gives no score"):
        Signal().score("s", setting().answers, "small")
