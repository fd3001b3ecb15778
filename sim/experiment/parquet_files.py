"""Columns to Parquet and nothing else: checksums on every page, units beside the columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, BinaryIO, Self, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

Columns: TypeAlias = Mapping[str, Sequence[Any] | NDArray[Any]]
"""Arrays or lists of one length."""


def write_parquet(file: BinaryIO, columns: Columns, units: Mapping[str, str] | None = None) -> int:
    """Write `columns` to an open file and return the number of rows; `units` as in `ParquetFile`."""
    with ParquetFile(file, units) as parquet:
        return parquet.add(columns)


class ParquetFile:
    """A Parquet file that is written part by part, each a row group.

    `units` goes into the metadata of the fields as ``unit``. Pages are compressed with zstd and carry a checksum:
    without one, pyarrow reads a flipped byte as a wrong number. Only text is dictionary-encoded.
    """

    def __init__(self, file: BinaryIO, units: Mapping[str, str] | None = None) -> None:
        self._file = file
        self._units = units or {}
        self._writer: pq.ParquetWriter | None = None

    def add(self, columns: Columns) -> int:
        """Append a part and return its number of rows."""
        arrays = {name: _array(column) for name, column in columns.items()}
        fields = [_field(name, array.type, self._units.get(name, "")) for name, array in arrays.items()]
        table = pa.table(list(arrays.values()), schema=pa.schema(fields))
        if self._writer is None:
            texts = [field.name for field in fields if pa.types.is_string(field.type)]
            self._writer = pq.ParquetWriter(
                self._file,
                table.schema,
                compression="zstd",
                use_dictionary=texts or False,
                write_page_checksum=True,
                store_schema=True,
            )
        self._writer.write_table(table)
        return int(table.num_rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write the end of the file."""
        if self._writer is not None:
            self._writer.close()


def _array(column: Sequence[Any] | NDArray[Any]) -> Any:
    """Give a column to Arrow; objects are text, even where there are none to tell by."""
    return pa.array(column, type=pa.string() if getattr(column, "dtype", None) == np.dtype(object) else None)


def _field(name: str, kind: Any, unit: str) -> Any:
    return pa.field(name, kind, metadata={"unit": unit} if unit else None)
