"""Similarity to known-hard requests: a normal law of cosines that reads the latent."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pydantic import ValidationError
from scenes import one_task, setting, z_of
from scipy import stats

from sim.columns import Bools, Floats
from sim.routing.confidence import measured_auroc
from sim.routing.signals.similarity import Cosine

N = 20_000


def cosine(auroc: float | dict[str, float], mean: float = 0.7, sd: float = 0.12) -> Cosine:
    """Give the signal."""
    return Cosine(kind="similarity", auroc=auroc, mean=mean, sd=sd)


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.88, 0.95])
@pytest.mark.parametrize("auroc", [0.5, 0.68, 0.9])
def test_a_threshold_selects_the_normal_tail(threshold: float, auroc: float) -> None:
    """At or above a cosine of .88, with mean .70 and sd .12, lies the normal tail 1 - Phi(1.5), whatever the AUROC."""
    score = cosine(auroc).score("s", setting().answers, "small").values
    tail = float(stats.norm.sf((threshold - 0.7) / 0.12))
    assert abs(z_of((score >= threshold).mean(), tail, N)) <= 4


def within_four_errors(score: Floats, wrong: Bools, auroc: float) -> bool:
    """Say whether the AUROC of a score against failing agrees with the stated one."""
    measured = measured_auroc(score, wrong)
    error = math.sqrt(auroc * (1 - auroc) / min(wrong.sum(), (~wrong).sum()))
    return measured is not None and abs(measured - auroc) <= 4 * error


@pytest.mark.parametrize("auroc", [0.5, 0.68, 0.9])
def test_it_tells_what_the_cheap_model_fails(auroc: float) -> None:
    """The cosine of failed requests is higher with the stated AUROC, in each task class."""
    scene = setting(requests=N)
    score = cosine(auroc).score("s", scene.answers, "small").values
    wrong = ~scene.answers.acceptable("small")
    for code in range(2):
        mine = scene.requests.task == code
        assert within_four_errors(score[mine], wrong[mine], auroc)


def test_an_auroc_per_task() -> None:
    """A class without an AUROC of its own is not told apart at all."""
    scene = setting(requests=N)
    score = cosine({"code": 0.9}).score("s", scene.answers, "small").values
    wrong = ~scene.answers.acceptable("small")
    for code, auroc in enumerate((0.5, 0.9)):
        mine = scene.requests.task == code
        assert within_four_errors(score[mine], wrong[mine], auroc)


def test_an_oracle_separates() -> None:
    """With an AUROC of 1 every failed request is more similar than every other."""
    scene = setting(**one_task(0.84, 0.9))
    score = cosine(1.0, sd=0.05).score("s", scene.answers, "small").values
    right = scene.answers.acceptable("small")
    assert score[right].max() < score[~right].min()


def test_a_cosine_stays_one() -> None:
    """A wide law is cut at -1 and 1, where its tails gather."""
    score = cosine(0.7, mean=0.5, sd=1.0).score("s", setting().answers, "small").values
    assert (score.min(), score.max()) == (-1.0, 1.0)
    assert abs(z_of((score == 1).mean(), float(stats.norm.sf(0.5)), N)) <= 4


def test_signals_of_another_name_err_apart() -> None:
    """Two similarity signals have noise of their own; the same name has the same noise at any mean."""
    answers = setting().answers
    one, same, other = (
        cosine(0.5, mean, sd=0.1).score(name, answers, "small").values
        for name, mean in (("a", 0.3), ("a", 0.2), ("b", 0.3))
    )
    assert one == pytest.approx(same + 0.1, abs=1e-12)
    assert abs(np.corrcoef(one, other)[0, 1]) <= 4 / math.sqrt(N)


def test_a_whole_number_is_an_auroc() -> None:
    """YAML's 1 is an oracle, and an AUROC below one half is refused."""
    made = Cosine.model_validate({"kind": "similarity", "auroc": 1})
    assert made.auroc == 1.0
    assert isinstance(made.auroc, float)
    with pytest.raises(ValidationError, match=r"greater than or equal to 0\.5"):
        cosine(0.4)


def test_an_auroc_of_an_unknown_task_is_refused() -> None:
    """A misspelt task class does not silently mean 0.5; without task classes nothing can be said."""
    with pytest.raises(ValueError, match="'coed'; there are chat, code"):
        cosine({"coed": 0.9}).check(("chat", "code"))
    cosine({"coed": 0.9}).check(())
