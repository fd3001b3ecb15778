"""What a workload may say: mixes and shares that are whole, names that exist, sources that fit."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from sim.workload.tasks import Lengths
from sim.workload.workload import Workload

POISSON = {"kind": "poisson", "rate_per_s": 10.0}
TASK = {"input_tokens": 10, "output_tokens": 10}
TWO = {"a": TASK, "b": TASK}


def test_rates_of_segments_with_arrivals_add_up() -> None:
    """If segments have arrivals of their own, the rate of the workload is their sum."""
    segments = {name: {"arrivals": {**POISSON, "rate_per_s": rate}} for name, rate in (("p", 1.0), ("q", 3.0))}
    assert Workload.model_validate({"segments": segments, "tasks": {"a": TASK}}).rate_per_s() == 4
    assert Workload.model_validate({"arrivals": POISSON, "tasks": {"a": TASK}}).rate_per_s() == 10


def test_one_class_needs_no_mix() -> None:
    """If there is one class, every request is of it."""
    assert Workload.model_validate({"arrivals": POISSON, "tasks": {"a": TASK}}).mix_of(None) == {"a": 1.0}


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"tasks": TWO, "mix": {"a": "90%", "b": "20%"}}, "add up to 1.1, not to 1"),
        ({"tasks": TWO}, "several task classes need a mix, such as"),
        ({"tasks": TWO, "mix": {"a": "90%", "c": "10%"}}, "mix names the task class 'c'"),
        ({"segments": {"p": {"share": "30%"}, "q": {"share": "30%"}}}, "the shares of the segments add up to 0.6"),
        ({"segments": {"p": {}}}, "either a share of the arrivals"),
        ({"segments": {"p": {"share": "100%", "arrivals": POISSON}}}, "either a share of the arrivals"),
        ({"segments": {"p": {"share": "100%"}, "q": {"arrivals": POISSON}}}, "either all segments have a share"),
        ({"segments": {"p": {"arrivals": POISSON}}}, "arrivals stand beside segments"),
        ({"arrivals": None}, "arrivals are missing; write for example"),
        ({"segments": {"p": {"share": "100%", "mix": {"a": "50%"}}}}, "the task mix add up to 0.5"),
        ({"version": 2}, "less than or equal to 1"),
        ({"rate": 5}, "Extra inputs"),
    ],
)
def test_what_does_not_fit_is_refused(written: dict[str, Any], message: str) -> None:
    """If shares are not whole, names lead nowhere or sources clash, the message says what was found."""
    with pytest.raises(ValidationError, match=message):
        Workload.model_validate({"arrivals": POISSON, "tasks": {"a": TASK}, **written})


def test_difficulty_explains_at_most_what_models_share() -> None:
    """If answers go with difficulty by r, those of two models correlate by r^2 at least; the message says the least."""
    assert Lengths(output_with_difficulty=0.5, output_between_models=0.25)
    with pytest.raises(ValidationError, match=r"write output_between_models: 0\.25 or more"):
        Lengths(output_with_difficulty=0.5, output_between_models=0.2)
