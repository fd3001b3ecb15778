"""A plain CSV or Parquet file whose columns the user names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sim.schema import Spec
from sim.workload.traces.gathering import Wanted, gather
from sim.workload.traces.source import TraceSource
from sim.workload.traces.tables import open_table
from sim.workload.traces.times import TimeUnit
from sim.workload.traces.trace import Trace

ColumnName = Annotated[str, Field(min_length=1, max_length=1000)]
"""Name of a column, exactly as in the header."""


class ColumnNames(Spec):
    """Which column of the file holds what."""

    arrival: ColumnName
    """When the request arrived."""
    input_tokens: ColumnName | None = None
    """Tokens of the whole prompt, cached ones included."""
    output_tokens: ColumnName | None = None
    """Tokens of the answer."""
    cached_tokens: ColumnName | None = None
    """Tokens of the prompt that a prompt cache held."""
    task: ColumnName | None = None
    """Task class."""
    segment: ColumnName | None = None
    """Segment (tenant)."""

    @model_validator(mode="after")
    def _one_use_each(self) -> Self:
        named = [column for column in self.model_dump().values() if column]
        twice = next((column for column in named if named.count(column) > 1), None)
        if twice is not None:
            raise ValueError(
                f"the column {twice!r} is named twice; name each column once and leave out what is not there"
            )
        return self


class ColumnsTrace(TraceSource):
    """A CSV (also gzipped) or Parquet file, one row per request."""

    format: Literal["columns"]
    """Named columns of a CSV or Parquet file."""
    columns: ColumnNames
    """Which column holds what."""
    time_unit: TimeUnit
    """Unit of the arrival column: numbers in ns, us, ms or s from any start, or iso for ISO 8601 text or timestamps."""
    delimiter: Literal[",", ";"] = ","
    """What separates the columns of a CSV file."""
    zero_output: Literal["refuse", "failed"] = "refuse"
    """What a request with 0 output tokens is: a mistake in the file, or a request that failed."""

    def read(self, path: Path, *, file: str) -> Trace:
        """Read the trace at `path`."""
        named = {name: column or "" for name, column in self.columns.model_dump().items()}
        wanted = Wanted(**named, time_unit=self.time_unit, zero_output_fails=self.zero_output == "failed")
        return gather(open_table(path, file, delimiter=self.delimiter), wanted)
