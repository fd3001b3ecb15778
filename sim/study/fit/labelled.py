"""Labelled data: columns of a CSV or Parquet file, with every bad row named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sim.columns import Bools, Floats, Ints
from sim.workload.traces.findings import Findings
from sim.workload.traces.selection import chosen, refuse_empty
from sim.workload.traces.tables import Batch, open_table
from sim.workload.traces.values import LabelReader, finite_numbers, holds_truths, truths


@dataclass(frozen=True, slots=True)
class Wanted:
    """Columns to read: `numbers`, `truths`, and that of a class.

    Truths are true and false, or numbers that are right from `right_from` on; `where` chooses rows.
    """

    numbers: Sequence[str] = ()
    truths: Sequence[str] = ()
    task: str | None = None
    where: Mapping[str, str | float] = field(default_factory=dict)
    right_from: float = 0.5


@dataclass(frozen=True, slots=True)
class Labelled:
    """What was read: float64, bool and int64 columns of equal length; `tasks` are the names of the classes."""

    file: str
    rows: int
    numbers: Mapping[str, Floats]
    truths: Mapping[str, Bools]
    task: Ints
    tasks: tuple[str, ...]


def read_labelled(path: Path, wanted: Wanted) -> Labelled:
    """Read the columns of a file. InvalidInput says every row that cannot be used, by its line."""
    table = open_table(path, str(path))
    findings = Findings(table.file)
    labels = None if wanted.task is None else LabelReader(wanted.task, findings)
    names = [*wanted.numbers, *wanted.truths, *([wanted.task] if wanted.task else []), *wanted.where]
    pieces: dict[tuple[str, str], list[Any]] = {}
    seen = rows = 0
    for batch in table.batches(list(dict.fromkeys(names))):
        seen += batch.rows
        part = batch.take(chosen(batch, wanted.where))
        if not part.rows:
            continue
        rows += part.rows
        for name in dict.fromkeys(wanted.numbers):
            pieces.setdefault(("number", name), []).append(finite_numbers(part, name, findings))
        for name in dict.fromkeys(wanted.truths):
            pieces.setdefault(("truth", name), []).append(_right(part, name, findings, wanted.right_from))
        codes = np.zeros(part.rows, dtype=np.int64) if labels is None else labels.read(part)
        pieces.setdefault(("task", ""), []).append(codes)
        if findings.full:
            break
    table.raise_if_any(findings)
    if not rows:
        refuse_empty(table.file, seen, wanted.where, "--where")
    columns = {key: np.concatenate(some) for key, some in pieces.items()}
    return Labelled(
        file=str(path),
        rows=rows,
        numbers={name: columns["number", name] for name in wanted.numbers},
        truths={name: columns["truth", name] for name in wanted.truths},
        task=columns["task", ""],
        tasks=("all",) if labels is None else labels.names,
    )


def _right(batch: Batch, column: str, findings: Findings, right_from: float) -> Bools:
    """Say which answers are right: true and false, or a number from a limit on."""
    if holds_truths(batch.columns[column]):
        return truths(batch, column, findings) > 0
    return finite_numbers(batch, column, findings) >= right_from
