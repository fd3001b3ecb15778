"""Outcome tables: one row per evaluated prompt, one score column per model, measured by the user."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
from pydantic import BeforeValidator, Field

from sim.columns import Bools, Floats, Ints
from sim.schema import Spec
from sim.workload.traces.columns import ColumnName
from sim.workload.traces.findings import Findings
from sim.workload.traces.selection import chosen, refuse_empty
from sim.workload.traces.tables import Batch, Table, open_table
from sim.workload.traces.values import (
    LabelReader,
    finite_numbers,
    holds_truths,
    truths,
    whole_numbers,
)

WITHOUT_TASKS: Final = "all"
"""Name of the one task class of a table that has no column of them."""

_TRUE: Final = 1.0  # what `true` is as a score


class OutcomeColumns(Spec):
    """The columns of one model."""

    score: ColumnName
    """How good the answers were: true or false, or a number that is acceptable from `acceptable_from` on."""
    output_tokens: ColumnName | None = None
    """Tokens of the answers."""
    confidence: ColumnName | None = None
    """What the model (or a verifier) said of its own answers: higher is surer, on any scale."""


def _from_score(value: object) -> object:
    return {"score": value} if isinstance(value, str) else value


class OutcomeTableSpec(Spec):
    """A CSV (also gzipped) or Parquet file with one row per evaluated prompt and one score column per model."""

    file: Annotated[str, Field(min_length=1, max_length=4096)]
    """Path of the file, relative to the file that names it."""
    task: ColumnName | None = None
    """Column of the task class; without it all rows are one class."""
    input_tokens: ColumnName | None = None
    """Column of the prompt's tokens."""
    where: dict[ColumnName, str | int | float | bool] = Field(default_factory=dict)
    """Which rows to use: those whose columns have these values, such as {dataset: mmlu}."""
    acceptable_from: float = 0.5
    """The lowest numeric score that is acceptable."""
    models: Annotated[
        dict[str, Annotated[OutcomeColumns, BeforeValidator(_from_score, json_schema_input_type=str | OutcomeColumns)]],
        Field(min_length=1),
    ]
    """The score column of each model of the fleet, or all its columns."""

    def read(self, base: Path) -> OutcomeTable:
        """Read the table; `base` is the folder that the path is relative to. InvalidInput says all that is wrong."""
        path = base / self.file
        table = open_table(path, self.file)
        reader = _Reader(self, table)
        for batch in table.batches(reader.names):
            reader.read(batch)
            if reader.findings.full:
                break
        return reader.finish(_sha256(path))


@dataclass(frozen=True, slots=True)
class ModelOutcomes:
    """One model's rows.

    `correct` bool[n] whether the answer was acceptable, `score` float64[n] (1 and 0 for true and false),
    `output_tokens` int64[n] and `confidence` float64[n] where measured.
    """

    correct: Bools
    score: Floats
    output_tokens: Ints | None
    confidence: Floats | None


@dataclass(frozen=True, slots=True)
class OutcomeTable:
    """Measured outcomes of several models on the same prompts.

    `task_code` int64[rows] into `tasks` (in order of first appearance), `input_tokens` int64[rows] where given,
    `models` by name; `sha256` is the hash of the file. `thresholds` keeps what `confidence_at_share` has found: it is
    asked again for each chunk of requests.
    """

    tasks: tuple[str, ...]
    task_code: Ints
    input_tokens: Ints | None
    models: Mapping[str, ModelOutcomes]
    rows: int
    sha256: str
    thresholds: dict[tuple[object, ...], float] = field(default_factory=dict, init=False, repr=False, compare=False)

    def acceptance(self, model: str) -> dict[str, float]:
        """Give the share of acceptable answers of a model, per task class."""
        correct = self.models[model].correct
        right = np.bincount(self.task_code, weights=correct, minlength=len(self.tasks))
        count = np.bincount(self.task_code, minlength=len(self.tasks))
        return {task: float(right[code] / count[code]) for code, task in enumerate(self.tasks)}

    def conditional(self, cheap: str, strong: str) -> dict[str, float | None]:
        """Give P(strong acceptable | cheap not acceptable) per task class; None where cheap is always acceptable."""
        wrong = ~self.models[cheap].correct
        saved = wrong & self.models[strong].correct
        shares: dict[str, float | None] = {}
        for code, task in enumerate(self.tasks):
            mine = self.task_code == code
            count = int(np.count_nonzero(wrong & mine))
            shares[task] = int(np.count_nonzero(saved & mine)) / count if count else None
        return shares

    def auroc(self, model: str) -> dict[str, float | None]:
        """Give the area under the ROC curve of a model's confidence against being acceptable, per task class.

        None where no confidence was measured, or all answers of a class are alike.
        """
        outcomes = self.models[model]
        if outcomes.confidence is None:
            return dict.fromkeys(self.tasks)
        areas: dict[str, float | None] = {}
        for code, task in enumerate(self.tasks):
            mine = self.task_code == code
            areas[task] = _area(outcomes.confidence[mine], outcomes.correct[mine])
        return areas

    def confidence_at_share(self, model: str, task_shares: Mapping[str, float], share: float) -> float:
        """Give the least confidence at or below which this share of a model's answers lies.

        With the task classes in the proportions of `task_shares`, each spread evenly over its rows. ValueError where
        no confidence was measured.
        """
        key = (model, tuple(task_shares.items()), share)
        if key not in self.thresholds:
            confidence = self.models[model].confidence
            if confidence is None:
                raise ValueError(f"the table has no confidence of {model!r}")
            count = np.bincount(self.task_code, minlength=len(self.tasks))
            each = np.array([task_shares.get(task, 0.0) for task in self.tasks]) / np.maximum(count, 1)
            self.thresholds[key] = _weighted_quantile(confidence, each[self.task_code], share)
        return self.thresholds[key]


def _area(confidence: Floats, correct: Bools) -> float | None:
    """Give the share of (acceptable, not acceptable) pairs in the right order, ties counting half.

    The statistic of Mann & Whitney (1947), from whole counts, so exact up to one division.
    """
    good = int(np.count_nonzero(correct))
    bad = len(correct) - good
    if not good or not bad:
        return None
    _, place = np.unique(confidence, return_inverse=True)
    good_at = np.bincount(place, weights=correct).astype(np.int64)
    bad_at = np.bincount(place, weights=~correct).astype(np.int64)
    bad_below = np.cumsum(bad_at) - bad_at
    doubled = int(np.sum(good_at * (2 * bad_below + bad_at)))
    return doubled / (2 * good * bad)


def _weighted_quantile(score: Floats, weights: Floats, share: float) -> float:
    """Give the smallest score at or below which at least this share of the weight lies."""
    order = np.argsort(score, kind="stable")
    reached = np.cumsum(weights[order]) / weights.sum()
    slack = 1e-12  # a cumulative sum of equal weights falls a little short of the share it stands for
    return float(score[order][min(int(np.searchsorted(reached, share - slack)), len(score) - 1)])


class _Reader:
    """Reads a table batch after batch: drops the rows that `where` leaves out, checks the others."""

    def __init__(self, spec: OutcomeTableSpec, table: Table) -> None:
        self.findings = Findings(table.file)
        self._spec = spec
        self._table = table
        self._seen = 0
        self._labels = None if spec.task is None else LabelReader(spec.task, self.findings)
        self._scores = [columns.score for columns in spec.models.values()]
        self._confidences = [columns.confidence for columns in spec.models.values() if columns.confidence]
        tokens = [columns.output_tokens for columns in spec.models.values()]
        self._counts = [name for name in (spec.input_tokens, *tokens) if name]
        self._pieces: dict[tuple[str, str], list[Any]] = {}
        self._boolean: set[str] = set()

    @property
    def names(self) -> list[str]:
        """The columns to read."""
        task = [self._spec.task] if self._spec.task else []
        return list(dict.fromkeys([*task, *self._scores, *self._confidences, *self._counts, *self._spec.where]))

    def read(self, batch: Batch) -> None:
        """Take in a batch."""
        self._seen += batch.rows
        part = batch.take(chosen(batch, self._spec.where))
        if not part.rows:
            return
        if self._labels is not None:
            self._keep("label", self._labels.column, self._labels.read(part))
        else:
            self._keep("label", "", np.zeros(part.rows, dtype=np.int64))
        for name in dict.fromkeys(self._scores):
            self._keep("score", name, self._score(part, name))
        for name in dict.fromkeys(self._confidences):
            self._keep("confidence", name, finite_numbers(part, name, self.findings))
        for name in dict.fromkeys(self._counts):
            self._keep("count", name, whole_numbers(part, name, self.findings))

    def finish(self, sha256: str) -> OutcomeTable:
        """Give the table, or raise InvalidInput with the findings."""
        self._table.raise_if_any(self.findings)
        spec = self._spec
        if not self._pieces:
            refuse_empty(self._table.file, self._seen, spec.where, "the outcome table")
        columns = {key: np.concatenate(pieces) for key, pieces in self._pieces.items()}
        task_code: Ints = columns["label", spec.task or ""]
        models = {}
        for model, names in spec.models.items():
            score: Floats = columns["score", names.score]
            models[model] = ModelOutcomes(
                correct=score >= (_TRUE if names.score in self._boolean else spec.acceptable_from),
                score=score,
                output_tokens=columns["count", names.output_tokens] if names.output_tokens else None,
                confidence=columns["confidence", names.confidence] if names.confidence else None,
            )
        return OutcomeTable(
            tasks=(WITHOUT_TASKS,) if self._labels is None else self._labels.names,
            task_code=task_code,
            input_tokens=columns["count", spec.input_tokens] if spec.input_tokens else None,
            models=models,
            rows=len(task_code),
            sha256=sha256,
        )

    def _score(self, batch: Batch, column: str) -> Floats:
        """Read a score column; the first batch says whether it is one of true and false or one of numbers."""
        if ("score", column) not in self._pieces and holds_truths(batch.columns[column]):
            self._boolean.add(column)
        read = truths if column in self._boolean else finite_numbers
        return read(batch, column, self.findings)

    def _keep(self, kind: str, column: str, values: Any) -> None:
        self._pieces.setdefault((kind, column), []).append(values)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
