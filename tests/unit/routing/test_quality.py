"""Who would answer acceptably: marginals and dependence come out as written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from scenes import QUALITY, TASKS, WORKLOAD, one_task, setting, z_of

from sim.routing.dependence import right_when_wrong, solve_rho
from sim.routing.quality import DEFAULT_AUROC, DEFAULT_RHO, Quality, QualityModel, quality_model
from sim.workload.outcome_table import ModelOutcomes, OutcomeTable

N = 40_000
ACCEPTANCE: dict[str, dict[str, float]] = QUALITY["acceptance"]


def filled(quality: dict[str, Any], table: OutcomeTable | None = None) -> QualityModel:
    """Give the quality model of two models and the task classes chat and code."""
    written = {"acceptance": {"chat": {"a": 0.8, "b": 0.9}, "code": {"a": 0.6, "b": 0.85}}} if table is None else {}
    return quality_model(Quality.model_validate(written | quality), ("a", "b"), ("a", "b"), ("chat", "code"), table)


def table_of(rows: list[tuple[int, bool, bool]], confidence: list[float] | None = None) -> OutcomeTable:
    """Give a table of (task code, cheap right, strong right)."""
    task, cheap, strong = (np.array(column) for column in zip(*rows, strict=True))
    read = None if confidence is None else np.array(confidence)
    return OutcomeTable(
        ("chat", "code"),
        task.astype(np.int64),
        None,
        {
            "a": ModelOutcomes(cheap, cheap.astype(np.float64), None, read),
            "b": ModelOutcomes(strong, strong.astype(np.float64), None, None),
        },
        len(rows),
        "",
    )


@pytest.mark.parametrize("dependence", [0.0, 0.5, 0.97])
@pytest.mark.parametrize("input_with_difficulty", [-0.9, 0.0, 1.0])
@pytest.mark.parametrize("chat", [0.2, 0.7])
def test_acceptance_is_what_was_written(dependence: float, input_with_difficulty: float, chat: float) -> None:
    """Whatever the dependence, the length correlation or the mix, each model is right in its stated share per task."""
    lengths = {"input_with_difficulty": input_with_difficulty, "output_with_difficulty": 0.8}
    tasks = {name: {**task, "lengths": lengths} for name, task in TASKS.items()}
    workload = {"arrivals": WORKLOAD["arrivals"], "tasks": tasks, "mix": {"chat": chat, "code": 1 - chat}}
    scene = setting(requests=N, workload=workload, quality={**QUALITY, "dependence": dependence})
    for code, task in enumerate(scene.requests.tasks):
        mine = scene.requests.task == code
        for model, p in ACCEPTANCE[task].items():
            assert abs(z_of(scene.answers.acceptable(model)[mine].mean(), p, int(mine.sum()))) <= 4


@pytest.mark.parametrize("target", [0.56, 0.7, 0.8])
def test_the_frontier_saves_the_stated_share(target: float) -> None:
    """P(frontier right | cheap wrong) comes out as it was written."""
    scene = setting(requests=N, **one_task(0.7, 0.82, right_when_cheap_wrong=target))
    wrong = ~scene.answers.acceptable("small")
    assert abs(z_of(scene.answers.acceptable("large")[wrong].mean(), target, int(wrong.sum()))) <= 4


def test_any_two_models_depend_as_stated() -> None:
    """The one number holds for every pair: middle saves what small fails as the copula says."""
    scene = setting(requests=N)
    for code, task in enumerate(scene.requests.tasks):
        wrong = (scene.requests.task == code) & ~scene.answers.acceptable("small")
        expected = right_when_wrong(0.5, ACCEPTANCE[task]["small"], ACCEPTANCE[task]["middle"])
        assert abs(z_of(scene.answers.acceptable("middle")[wrong].mean(), expected, int(wrong.sum()))) <= 4


@pytest.mark.parametrize(("p", "right"), [(0.0, False), (1.0, True)])
def test_certain_models_are_certain(p: float, right: bool) -> None:
    """A model that is always (or never) right is so on every request, and its confidence says so."""
    answers = setting(**one_task(p, 0.9)).answers
    assert set(answers.acceptable("small").tolist()) == {right}
    assert set(answers.confidence("small").tolist()) == {p}


def test_right_when_cheap_wrong_becomes_a_correlation_per_task() -> None:
    """One number is solved for in each task class by itself."""
    rho = filled({"right_when_cheap_wrong": 0.8}).rho
    assert rho == pytest.approx([solve_rho(0.8, 0.8, 0.9), solve_rho(0.8, 0.6, 0.85)], abs=1e-12)


def test_numbers_by_task_leave_the_others_at_the_default() -> None:
    """If a number is given for one task class, the other has the default."""
    model = filled({"dependence": {"code": 0.2}, "confidence": {"a": {"auroc": {"chat": 0.9}}}})
    assert model.rho.tolist() == [DEFAULT_RHO, 0.2]
    assert model.auroc["a"].tolist() == [0.9, DEFAULT_AUROC]
    assert model.auroc["b"].tolist() == [DEFAULT_AUROC] * 2


def test_dependence_is_given_once() -> None:
    """Dependence and P(right | wrong) say the same, so both together are refused."""
    with pytest.raises(ValidationError, match="give one of them"):
        Quality(dependence=0.5, right_when_cheap_wrong=0.6)


@pytest.mark.parametrize(
    ("quality", "message"),
    [
        ({"dependence": {"coed": 0.5}}, r"quality\.dependence names the task class 'coed'; there are chat, code"),
        ({"right_when_cheap_wrong": {"coed": 0.8}}, r"quality\.right_when_cheap_wrong names .*'coed'"),
        ({"confidence": {"a": {"auroc": {"coed": 0.8}}}}, r"quality\.confidence\.a\.auroc names .*'coed'"),
        ({"acceptance": {"chat": {"a": 0.8, "b": 0.9}}}, "no number for task class 'code' and model 'a'"),
    ],
)
def test_a_misspelt_task_class_is_not_ignored(quality: dict[str, Any], message: str) -> None:
    """If a number is written for a task class that does not exist, it is an error and not the default."""
    with pytest.raises(ValueError, match=message):
        filled(quality)


def test_a_cheap_model_that_is_never_wrong_needs_no_conditional() -> None:
    """If the cheap model is always right, P(right | wrong) has no meaning and stops nothing."""
    quality = {"acceptance": {"chat": {"a": 1.0, "b": 0.9}, "code": {"a": 0.6, "b": 0.85}}}
    assert filled({**quality, "right_when_cheap_wrong": 0.8}).rho[0] == 0.0


ROWS = [(0, True, True)] * 70 + [(0, False, True)] * 12 + [(0, False, False)] * 18 + [(1, True, True), (1, False, True)]


def test_a_table_is_fitted_per_task() -> None:
    """A table gives acceptance by counting and the correlation whose conditional is the counted one."""
    model = filled({"outcomes": "fit"}, table_of(ROWS))
    assert model.acceptance["a"].tolist() == [0.7, 0.5]
    assert model.acceptance["b"].tolist() == [0.82, 1.0]
    assert right_when_wrong(model.rho[0], 0.7, 0.82) == pytest.approx(0.4, abs=1e-9)
    assert model.rho[1] == 0.0  # a frontier that is always right leaves no dependence to see
    assert model.table is None


def test_a_replayed_table_stays() -> None:
    """By default the table's rows themselves decide."""
    table = table_of(ROWS)
    assert filled({}, table).table is table


def test_more_independence_than_the_copula_has_is_noted() -> None:
    """If the frontier is better where the cheap model fails, independence is the nearest, and the run says so."""
    rows = [(0, True, False)] * 20 + [(0, True, True)] * 60 + [(0, False, True)] * 20 + [(1, True, True)]
    model = filled({"outcomes": "fit"}, table_of(rows))
    assert model.rho[0] == 0.0
    assert model.notes[0].startswith("task class chat: ")


def test_a_measured_confidence_gives_the_auroc_unless_one_is_stated() -> None:
    """The AUROC is that of the table's score, never below one half; a stated one wins."""
    confidence = [0.9] * 60 + [0.1] * 10 + [0.5] * 30 + [0.2, 0.8]
    table = table_of(ROWS, confidence)
    fitted = filled({"outcomes": "fit"}, table).auroc["a"]
    assert fitted.tolist() == [pytest.approx(6 / 7), 0.5]
    assert filled({"outcomes": "fit", "confidence": {"a": {"auroc": 0.7}}}, table).auroc["a"].tolist() == [0.7, 0.7]
