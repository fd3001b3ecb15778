"""Columns to Parquet and nothing else: checksums on every page, units beside the columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray


def write_parquet(
    file: BinaryIO, columns: Mapping[str, Sequence[Any] | NDArray[Any]], units: Mapping[str, str] | None = None
) -> int:
    """Write `columns` (arrays or lists of one length) to an open file and return the number of rows.

    `units` goes into the metadata of the fields as ``unit``. Pages are compressed with zstd and carry a checksum:
    without one, pyarrow reads a flipped byte as a wrong number. Only text is dictionary-encoded.
    """
    arrays = {name: pa.array(column) for name, column in columns.items()}
    fields = [_field(name, array.type, (units or {}).get(name, "")) for name, array in arrays.items()]
    table = pa.table(list(arrays.values()), schema=pa.schema(fields))
    texts = [field.name for field in fields if pa.types.is_string(field.type)]
    pq.write_table(
        table, file, compression="zstd", use_dictionary=texts or False, write_page_checksum=True, store_schema=True
    )
    return int(table.num_rows)


def _field(name: str, kind: Any, unit: str) -> Any:
    return pa.field(name, kind, metadata={"unit": unit} if unit else None)
