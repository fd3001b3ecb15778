"""The answer as files: data frame, CSV, Parquet, JSON, Markdown, OpenMetrics, benchmark JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from sim.experiment.durable import replace_file
from sim.experiment.result import RunResult
from sim.experiment.summary import metric_columns, summary_bytes
from sim.report.benchmark_json import benchmark_json
from sim.report.escapes import escaped
from sim.report.grids import Footnotes, Grid, main_grid
from sim.report.naming import named
from sim.report.numbers import plural
from sim.report.openmetrics import openmetrics
from sim.report.sentences import in_words

if TYPE_CHECKING:
    import pandas as pd


def to_frame(result: RunResult) -> pd.DataFrame:
    """Return the long table: one row per pattern and metric; NaN for a bound that does not exist."""
    import pandas as pd  # noqa: PLC0415 - half a second that only those pay who want a frame

    numbers = {"value": "float64", "lower": "float64", "upper": "float64", "few_data": "bool"}
    return pd.DataFrame(metric_columns(result)).astype(numbers)


def write_output(result: RunResult, path: Path) -> None:
    """Write `result` in the format that the extension of `path` names, atomically.

    InvalidInput for an unknown extension, RunError if the file cannot be written.
    """
    replace_file(path, writer_for(path)(result))


def writer_for(path: Path) -> Callable[[RunResult], bytes]:
    """Return what turns a result into the bytes of `path`. InvalidInput naming the extensions there are."""
    return named(path, _WRITERS)


def markdown(result: RunResult) -> str:
    """Return title, main table, footnotes and the answer in words as GitHub Markdown."""
    return f"## {escaped(result.title or result.experiment)}\n\n{markdown_body(result)}"


def markdown_body(result: RunResult) -> str:
    """Return the same without the title."""
    notes = Footnotes()
    table = list(grid_lines(main_grid(result, notes)))
    warnings = [f"{pattern.name}: {text}" for pattern in result.patterns.values() for text in pattern.warnings]
    remarks = [*notes.lines(result), *warnings, *result.notes]
    facts = f"{result.requests:,} requests in {plural(result.replications, 'replication')}"
    parts = [
        [f"{facts}, seed {result.seed}, hash {result.hash[:12]}"],
        table,
        [f"- {escaped(line)}" for line in in_words(result)],
        [f"{escaped(remark)}<br>" for remark in remarks],
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def grid_lines(grid: Grid) -> Iterable[str]:
    """Yield a table as GitHub Markdown."""
    headings = (*grid.keys, *(heading.replace("\n", " ") for heading in grid.headings))
    yield f"| {' | '.join(headings)} |"
    yield f"|{' --- |' * len(grid.keys)}{' ---: |' * len(grid.headings)}"
    for row in grid.rows:
        first, *others = (escaped(key) for key in row.keys)
        named = f"{first} **{row.alarm}**" if row.alarm else first
        cells = [str(cell).translate(_IN_CELLS) for cell in row.cells]
        yield f"| {' | '.join((named, *others, *cells))} |"


_IN_CELLS = str.maketrans({"~": "\\~", "|": "\\|", "<": "&lt;", ">": "&gt;"})
"""In cells: two tildes would strike out what is between them, a bar would end the cell, and a tag would be one."""


def _csv(result: RunResult) -> bytes:
    columns = metric_columns(result)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue().encode()


def _parquet(result: RunResult) -> bytes:
    from sim.experiment.parquet_files import write_parquet  # noqa: PLC0415 - other files need not wait for pyarrow

    file = io.BytesIO()
    write_parquet(file, metric_columns(result))
    return file.getvalue()


def _markdown(result: RunResult) -> bytes:
    return markdown(result).encode()


_WRITERS: dict[str, Callable[[RunResult], bytes]] = {
    ".json": summary_bytes,
    ".csv": _csv,
    ".parquet": _parquet,
    ".md": _markdown,
    ".om.txt": openmetrics,
    ".bench.json": benchmark_json,
}
