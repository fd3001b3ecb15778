"""What drift moves: longer prompts and answers, harder requests, and confidence that was calibrated before."""

from __future__ import annotations

import copy
import dataclasses
import math

import numpy as np
from drawing import draw, task, trace, workload
from scenes import QUALITY, WORKLOAD, setting, z_of

from sim.chance.normal import normal_cdf, normal_quantile
from sim.routing.answers import Answers
from sim.routing.thresholds import surety_at_share
from sim.workload.requests import Inputs


def test_factors_multiply_tokens_drawn_and_recorded() -> None:
    """The same requests with the same luck, and every length times the factor, rounded."""
    plain, longer = (draw(workload(tasks={"x": task(input_factor=factor)})) for factor in (1.0, 1.5))
    assert np.array_equal(longer.input_tokens, np.rint(1.5 * plain.input_tokens))
    replay = {"kind": "trace", "source": {"format": "azure_llm", "file": "unread.csv"}}
    recorded = [
        draw(
            workload(arrivals=replay, tasks={"x": task(input_factor=f)}), inputs=Inputs({"all": trace()}), requests=900
        )
        for f in (1.0, 2.0)
    ]
    assert np.array_equal(recorded[1].input_tokens, 2 * recorded[0].input_tokens)


def test_answers_grow_by_their_factor() -> None:
    """An output factor of one class leaves the other as it was."""
    drifted = copy.deepcopy(WORKLOAD)
    drifted["tasks"]["code"]["output_factor"] = 1.2
    before, after = (setting(workload=some).answers for some in (WORKLOAD, drifted))
    code = before.requests.task == before.requests.tasks.index("code")
    for model in ("small", "large"):
        old, new = (some.output_tokens(model) for some in (before, after))
        assert np.array_equal(new[~code], old[~code])
        assert np.array_equal(new[code], np.rint(1.2 * old[code]))


def test_harder_requests_are_answered_worse_by_every_model_and_seen_in_part() -> None:
    """A shift of d takes acceptance p to Phi(Phi^-1(p) - d); the mean confidence falls, and by less than the truth."""
    harder = copy.deepcopy(WORKLOAD)
    harder["tasks"]["code"]["difficulty_shift"] = 0.5
    before, after = (setting(workload=some).answers for some in (WORKLOAD, harder))
    code = before.requests.task == before.requests.tasks.index("code")
    for model in ("small", "large"):
        p = QUALITY["acceptance"]["code"][model]
        expected = float(normal_cdf(normal_quantile(np.array([p])) - 0.5)[0])
        assert abs(z_of(after.acceptable(model)[code].mean(), expected, int(code.sum()))) < 4.6
        assert np.array_equal(after.acceptable(model)[~code], before.acceptable(model)[~code])
    confidence = [some.confidence("small")[code].mean() for some in (before, after)]
    truth = [some.acceptable("small")[code].mean() for some in (before, after)]
    assert truth[0] - truth[1] > confidence[0] - confidence[1] > 0


def test_a_model_that_gets_worse_silently_states_the_old_confidence() -> None:
    """Calibrated when it was good, it says of each reading what was true then; calibrated anew, what is true now."""
    worse = copy.deepcopy(QUALITY)
    worse["acceptance"]["code"]["small"] = 0.45
    then, now = setting(), setting(quality=worse)
    stale = Answers(
        now.requests, now.answers.fleet, dataclasses.replace(now.scene.quality, calibrated=then.scene.quality)
    )
    assert np.array_equal(stale.acceptable("small"), now.answers.acceptable("small"))
    code = now.requests.task == now.requests.tasks.index("code")
    stated, honest, true = (
        stale.confidence("small")[code].mean(),
        now.answers.confidence("small")[code].mean(),
        now.answers.acceptable("small")[code].mean(),
    )
    assert abs(honest - true) < 4.6 * math.sqrt(0.25 / code.sum())
    assert stated > honest + 0.1
    assert abs(stated - then.answers.confidence("small")[code].mean()) < 0.02
    shares = [surety_at_share(some, "small", None, 0.2) for some in (stale, then.answers, now.answers)]
    assert shares[0] == shares[1] != shares[2]
