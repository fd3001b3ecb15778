"""The task classifier and its mistakes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from scenes import QUALITY, TASKS, WORKLOAD, Setting, setting, z_of

from sim.chance import Purpose
from sim.routing.signals.task_class import TaskClassifier

N = 20_000
THREE = ("chat", "code", "math")
CONFUSION = {
    "chat": {"chat": 0.9, "code": 0.1},
    "code": {"code": 0.6, "chat": 0.3, "math": 0.1},
    "math": {"math": 1.0},
}


def three_tasks() -> Setting:
    """Give a scene with three task classes."""
    acceptance: dict[str, Any] = QUALITY["acceptance"]
    return setting(
        requests=N,
        workload={
            "arrivals": WORKLOAD["arrivals"],
            "tasks": {**TASKS, "math": TASKS["chat"]},
            "mix": {"chat": 0.5, "code": 0.3, "math": 0.2},
        },
        quality={"acceptance": {**acceptance, "math": acceptance["code"]}},
    )


def classifier(**fields: Any) -> TaskClassifier:
    """Give the signal."""
    return TaskClassifier.model_validate({"kind": "task_class", **fields})


@pytest.mark.parametrize(
    ("signal", "matrix"),
    [
        (classifier(accuracy=0.85), [[0.85, 0.075, 0.075], [0.075, 0.85, 0.075], [0.075, 0.075, 0.85]]),
        (classifier(confusion=CONFUSION), [[0.9, 0.1, 0], [0.3, 0.6, 0.1], [0, 0, 1]]),
    ],
    ids=["accuracy", "confusion"],
)
def test_predictions_follow_the_confusion_matrix(signal: TaskClassifier, matrix: list[list[float]]) -> None:
    """Each true class is put into each class with its share: in every cell within four standard errors."""
    scene = three_tasks()
    assert signal.matrix(THREE) == pytest.approx(np.array(matrix), abs=1e-12)
    predicted = signal.score("t", scene.answers, "small")
    assert predicted.names == THREE
    for true, row in enumerate(matrix):
        mine = scene.requests.task == true
        shares = np.bincount(predicted.codes[mine], minlength=3) / mine.sum()
        assert max(abs(z_of(share, p, int(mine.sum()))) for share, p in zip(shares, row, strict=True)) <= 4


@pytest.mark.parametrize("accuracy", [0.0, 1.0])
def test_the_ends_of_accuracy(accuracy: float) -> None:
    """A perfect classifier makes no mistake and one of accuracy 0 only mistakes."""
    scene = three_tasks()
    right = classifier(accuracy=accuracy).score("t", scene.answers, "small").codes == scene.requests.task
    assert set(right.tolist()) == {bool(accuracy)}


def test_a_better_classifier_keeps_what_it_had_right() -> None:
    """If only the accuracy rises, no prediction becomes wrong."""
    scene = three_tasks()
    worse, better = (
        classifier(accuracy=a).score("t", scene.answers, "small").codes == scene.requests.task for a in (0.6, 0.7)
    )
    assert not np.any(worse & ~better)


def test_classifiers_of_two_names_err_apart() -> None:
    """Two classifiers are right together with the product of their accuracies."""
    scene = three_tasks()
    one, other = (
        classifier(accuracy=0.8).score(name, scene.answers, "small").codes == scene.requests.task for name in "ab"
    )
    assert abs(z_of((one & other).mean(), 0.64, N)) <= 4


def test_one_class_is_always_right() -> None:
    """With a single task class there is nothing to confuse, whatever the accuracy."""
    assert classifier(accuracy=0.3).matrix(("chat",)).tolist() == [[1.0]]


@pytest.mark.parametrize("fields", [{}, {"accuracy": 0.9, "confusion": CONFUSION}])
def test_one_way_to_say_it(fields: dict[str, Any]) -> None:
    """A classifier has an accuracy or a confusion matrix, never both or neither."""
    with pytest.raises(ValidationError, match="either an accuracy"):
        classifier(**fields)


def test_rows_add_up() -> None:
    """A row of the confusion matrix that does not add up to 1 is named."""
    with pytest.raises(ValidationError, match=r"confusion\.code adds up to 0\.9, not to 1"):
        classifier(confusion={"code": {"code": 0.9}})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"math": None}, "has no row for 'math'; write math: {math: 1}"),
        ({"chat": {"chat": 0.9, "coed": 0.1}}, "names the task class 'coed'"),
        ({"coed": {"code": 1.0}}, "names the task class 'coed'; there are chat, code, math"),
    ],
)
def test_the_matrix_fits_the_task_classes(changes: dict[str, Any], message: str) -> None:
    """A missing row or an unknown class is found before anything runs."""
    rows = {true: row for true, row in (CONFUSION | changes).items() if row is not None}
    with pytest.raises(ValueError, match=message.replace("{", r"\{")):
        classifier(confusion=rows).check(THREE)
    classifier(confusion=CONFUSION).check(THREE)


@pytest.mark.parametrize("signal", [classifier(accuracy=0.85), classifier(confusion=CONFUSION)])
def test_every_prediction_is_read_off_its_row_by_inversion(signal: TaskClassifier) -> None:
    """The prediction is the first class, the true one and then the others by name, that the shares up to it pass u."""
    scene = three_tasks()
    uniform = scene.requests.uniform(Purpose.CLASSIFIER, "t")
    matrix = signal.matrix(THREE)
    expected = []
    for true, u in zip(scene.requests.task.tolist(), uniform.tolist(), strict=True):
        order = [true, *(k for k in range(3) if k != true)]
        passed = sum(u >= edge for edge in np.cumsum(matrix[true][order])[:-1])
        expected.append(order[passed])
    assert signal.score("t", scene.answers, "small").codes.tolist() == expected
