"""Task class as a classifier sees it: right with a stated accuracy, or by a confusion matrix."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
from pydantic import model_validator

from sim.chance import Purpose
from sim.columns import Floats
from sim.routing.answers import Answers
from sim.routing.signals.signal import Labels, Signal
from sim.units import Fraction
from sim.workload.by_class import rows_by

_SUM_TOLERANCE = 1e-9


class TaskClassifier(Signal):
    """A classifier of the task class: takes time and money and makes mistakes."""

    kind: Literal["task_class"]
    """Predicted task class."""
    accuracy: Fraction | None = None
    """Share of requests put into their true class; mistakes fall evenly on the other classes."""
    confusion: dict[str, dict[str, Fraction]] | None = None
    """Share of predicted classes by true class; each row adds up to 1, classes left out of a row get 0."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.accuracy is None) == (self.confusion is None):
            raise ValueError("a classifier has either an accuracy (accuracy: 85%) or a confusion matrix")
        for true, row in (self.confusion or {}).items():
            if abs(sum(row.values()) - 1) > _SUM_TOLERANCE:
                raise ValueError(f"confusion.{true} adds up to {sum(row.values()):.6g}, not to 1")
        return self

    def is_numeric(self) -> bool:
        """Task classes are labels."""
        return False

    def labels(self, tasks: tuple[str, ...]) -> tuple[str, ...]:
        """Give the task classes."""
        return tasks

    def check(self, tasks: tuple[str, ...]) -> None:
        """Raise ValueError unless the confusion matrix has a row for every task class and names no other."""
        if self.confusion is None or not tasks:
            return
        named = dict.fromkeys((*self.confusion, *(seen for row in self.confusion.values() for seen in row)))
        for name in named:
            if name not in tasks:
                raise ValueError(f"the confusion matrix names the task class {name!r}; there are {', '.join(tasks)}")
        for task in tasks:
            if task not in self.confusion:
                raise ValueError(f"the confusion matrix has no row for {task!r}; write {task}: {{{task}: 1}}")

    def score(self, name: str, answers: Answers, cheap: str) -> Labels:
        """Give the predicted class of every request, by inversion of its row of the confusion matrix."""
        del cheap
        requests = answers.requests
        matrix = self.matrix(requests.tasks)
        uniform = requests.uniform(Purpose.CLASSIFIER, name)
        # The true class comes first, so that the same luck stays right when the accuracy rises.
        predicted = requests.task.copy()
        mistaken = np.flatnonzero(uniform >= np.diagonal(matrix).take(requests.task))
        by_name = sorted(range(len(requests.tasks)), key=requests.tasks.__getitem__)
        for true, rows in rows_by(range(len(requests.tasks)), requests.task[mistaken]):
            order = np.array([true, *(k for k in by_name if k != true)], dtype=np.int64)
            edges = np.cumsum(matrix[true][order])[:-1]
            mine = mistaken[rows]
            predicted[mine] = order[np.searchsorted(edges, uniform[mine], side="right")]
        return Labels(predicted, requests.tasks)

    def matrix(self, tasks: tuple[str, ...]) -> Floats:
        """Give the confusion matrix, float64[true, predicted]."""
        count = len(tasks)
        if self.confusion is not None:
            return np.array([[self.confusion[true].get(seen, 0.0) for seen in tasks] for true in tasks])
        accuracy = 1.0 if self.accuracy is None or count == 1 else self.accuracy
        off = (1 - accuracy) / (count - 1) if count > 1 else 0.0
        return np.full((count, count), off) + np.eye(count) * (accuracy - off)
