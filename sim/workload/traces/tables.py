"""Reads the columns of a CSV or Parquet file in batches, and knows the line of each row."""

from __future__ import annotations

import abc
import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from sim.columns import Bools, Ints
from sim.errors import InvalidInput, Issue
from sim.workload.traces.findings import STOP_AFTER, Findings, check_columns, quoted, refuse
from sim.workload.traces.opening import MAX_ROWS, check_file, compression_of, first_bytes, open_bytes

_PARQUET: Final = b"PAR1"
_HEAD_BYTES: Final = 1 << 18
_BLOCK_BYTES: Final = 4 << 20
_BATCH_ROWS: Final = 1 << 16
_RECORD_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows: `columns` are Arrow arrays by name (text, for a CSV file), `numbers` int64 counts data rows from 0."""

    numbers: Ints
    columns: dict[str, Any]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.numbers)

    def rows_at(self, places: Ints | Sequence[int]) -> list[int]:
        """Give the row numbers at some positions of the batch."""
        rows: list[int] = self.numbers[np.asarray(places, dtype=np.int64)].tolist()
        return rows

    def take(self, chosen: Bools) -> Batch:
        """Give the rows that are chosen; the others are dropped."""
        import pyarrow as pa  # noqa: PLC0415 - `validate` imports no pyarrow

        if chosen.all():
            return self
        mask = pa.array(chosen)
        return Batch(self.numbers[chosen], {name: values.filter(mask) for name, values in self.columns.items()})


class Table(abc.ABC):
    """A file of named columns."""

    header: tuple[str, ...]

    def __init__(self, path: Path, file: str, delimiter: str) -> None:
        self.path = path
        self.file = file
        self.delimiter = delimiter

    def batches(self, names: Sequence[str]) -> Iterator[Batch]:
        """Yield the named columns; InvalidInput where one is missing, is there twice, or the file is broken."""
        try:
            check_columns(self.file, self.header, names, self.delimiter)
        except InvalidInput as error:
            raise InvalidInput(self._pointed(error.issues)) from None
        rows = 0
        for columns in self._read(list(dict.fromkeys(names))):
            count = len(next(iter(columns.values())))
            batch = Batch(np.arange(rows, rows + count, dtype=np.int64), columns)
            rows += count
            if rows > MAX_ROWS:
                refuse(self.file, f"the file has more than {MAX_ROWS:,} rows", "split it")
            yield batch
        if not rows and not self._broken():
            refuse(self.file, "the file has a header but no rows", line=1)

    def raise_if_any(self, findings: Findings) -> None:
        """Raise InvalidInput with the findings and with the rows that could not be split, by line."""
        position = {name: place for place, name in enumerate(self.header, start=1)}
        try:
            findings.raise_if_any(self._lines_of, position, self._broken())
        except InvalidInput as error:
            raise InvalidInput(self._pointed(error.issues)) from None

    @abc.abstractmethod
    def _read(self, names: list[str]) -> Iterator[dict[str, Any]]:
        """Yield the named columns, batch after batch."""

    @abc.abstractmethod
    def _lines_of(self, rows: Sequence[int]) -> Sequence[int]:
        """Give what a message says of these rows: their lines, or their numbers where a file has none."""

    def _broken(self) -> list[Issue]:
        return []

    def _pointed(self, issues: Sequence[Issue]) -> Sequence[Issue]:
        """Turn the number of a column into what `Issue.col` is in this kind of file."""
        return issues


def open_table(path: Path, file: str, *, delimiter: str = ",", source: str = "") -> Table:
    """Open a CSV (also gzipped) or Parquet file, told apart by content; `file` is its name in messages."""
    check_file(path, file, source)
    start = first_bytes(path, len(_PARQUET))
    named_parquet = path.suffix.lower() in {".parquet", ".pq"}
    if start == _PARQUET:
        return _ParquetTable(path, file)
    if named_parquet:
        refuse(
            file, f"this is no Parquet file: it starts with {quoted(start.decode('latin-1'))}", "name CSV files .csv"
        )
    return _CsvTable(path, file, delimiter)


class _CsvTable(Table):
    """Text with a header line. All columns are read as text, so that a bad value can be quoted with its line."""

    def __init__(self, path: Path, file: str, delimiter: str) -> None:
        super().__init__(path, file, delimiter)
        self.header = _read_header(path, file, delimiter)
        self._odd: dict[int, int] = {}  # record number (the header is 1) -> how many columns it has

    def _read(self, names: list[str]) -> Iterator[dict[str, Any]]:
        import pyarrow as pa  # noqa: PLC0415 - `validate` imports no pyarrow
        from pyarrow import csv as arrow_csv  # noqa: PLC0415 - the same

        options = {
            # One thread: rows then carry their number, and it is faster at this block size.
            "read_options": arrow_csv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES),
            "parse_options": arrow_csv.ParseOptions(
                delimiter=self.delimiter, newlines_in_values=True, invalid_row_handler=self._note_odd_row
            ),
            "convert_options": arrow_csv.ConvertOptions(
                include_columns=names, column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        }
        # Arrow opens the file itself: it reads ahead in threads of its own, and a process that ends while one of them
        # is in Python code is aborted.
        with pa.input_stream(str(self.path), compression=compression_of(self.path, self.file)) as stream:
            try:
                with arrow_csv.open_csv(stream, **options) as reader:
                    for batch in reader:
                        yield {name: batch.column(name) for name in names}
            except (pa.ArrowException, OSError) as error:
                if "straddling" in str(error):
                    longest = f"a row is longer than {_BLOCK_BYTES // 2**20} MiB"
                    refuse(self.file, longest, "look for a quote that is opened and never closed")
                if not self._odd:
                    refuse(self.file, f"this cannot be read as CSV: {_one_line(error)}")

    def _note_odd_row(self, row: Any) -> str:
        self._odd[row.number] = row.actual_columns
        return "skip" if len(self._odd) < STOP_AFTER else "error"

    def _broken(self) -> list[Issue]:
        lines = self._lines_of_records(sorted(self._odd))
        return [
            Issue(f"this row has {columns} columns, the header has {len(self.header)}", self.file, line, 1)
            for line, (_, columns) in zip(lines, sorted(self._odd.items()), strict=True)
        ]

    def _lines_of(self, rows: Sequence[int]) -> Sequence[int]:
        records = []
        for row in rows:
            record = row + 2  # the header is record 1
            for odd in sorted(self._odd):
                record += odd <= record  # a row that was skipped has a record of its own
            records.append(record)
        return self._lines_of_records(records)

    def _lines_of_records(self, records: Sequence[int]) -> Sequence[int]:
        """Find the line where each record begins: blank lines are no records, quoted line ends are no ends."""
        missing = set(records)
        lines: dict[int, int] = {}
        record, inside = 0, False
        with closing(open_bytes(self.path, self.file)) as stream:
            for number, line in enumerate(stream if missing else (), start=1):
                if not inside and line.strip(b"\r\n"):
                    record += 1
                    if record in missing:
                        lines[record] = number
                        missing.remove(record)
                        if not missing:
                            break
                inside ^= bool(line.count(b'"') & 1)
        return [lines.get(wanted, wanted) for wanted in records]

    def _pointed(self, issues: Sequence[Issue]) -> Sequence[Issue]:
        """Point at the character where the value begins: that is where editors go, and where the caret stands."""
        records = self._records_at({issue.line for issue in issues if issue.line and issue.col > 1})
        pointed = []
        for issue in issues:
            down, col = _start_of_field(records.get(issue.line, ""), issue.col - 1, self.delimiter)
            pointed.append(replace(issue, line=issue.line + down, col=col) if issue.line in records else issue)
        return pointed

    def _records_at(self, lines: set[int]) -> dict[int, str]:
        """Give the records that begin at some lines, by line; of a very long one the beginning."""
        records: dict[int, bytes] = {}
        begun = 0
        with closing(open_bytes(self.path, self.file)) as stream:
            for number, line in enumerate(stream if lines else (), start=1):
                begun = number if number in lines else begun
                if begun:
                    records[begun] = (records.get(begun, b"") + line)[:_RECORD_BYTES]
                    more = records[begun].count(b'"') & 1 and len(records[begun]) < _RECORD_BYTES
                    begun = begun if more else 0
                if number >= max(lines) and not begun:
                    break
        return {line: text.decode("utf-8", "replace").removeprefix("\ufeff") for line, text in records.items()}


class _ParquetTable(Table):
    """Parquet: typed columns; rows are counted from 1 in messages."""

    def __init__(self, path: Path, file: str) -> None:
        super().__init__(path, file, "")
        with self._open() as parquet:
            self.header = tuple(parquet.schema_arrow.names)
            if parquet.metadata.num_rows > MAX_ROWS:
                refuse(file, f"the file says it has {parquet.metadata.num_rows:,} rows; at most {MAX_ROWS:,} are read")

    def _open(self) -> Any:
        import pyarrow as pa  # noqa: PLC0415 - `validate` imports no pyarrow
        from pyarrow import parquet  # noqa: PLC0415 - the same

        try:
            return parquet.ParquetFile(self.path, page_checksum_verification=True)
        except (pa.ArrowException, OSError) as error:
            refuse(self.file, f"the Parquet file is truncated or damaged: {_one_line(error)}", "fetch it again")

    def _read(self, names: list[str]) -> Iterator[dict[str, Any]]:
        import pyarrow as pa  # noqa: PLC0415 - `validate` imports no pyarrow

        with self._open() as parquet:
            for name in names:
                kind = parquet.schema_arrow.field(name).type
                if pa.types.is_nested(kind):
                    refuse(self.file, f"the column {name!r} is nested ({kind})", "write a plain column")
            rows, claimed = 0, parquet.metadata.num_rows
            try:
                for batch in parquet.iter_batches(batch_size=_BATCH_ROWS, columns=names):
                    rows += batch.num_rows
                    yield {name: _plain(batch.column(name)) for name in names}
            except (pa.ArrowException, OSError) as error:
                refuse(self.file, f"the Parquet file is truncated or damaged: {_one_line(error)}", "fetch it again")
            if rows != claimed:
                message = f"the Parquet file is damaged: it says it has {claimed:,} rows, and holds {rows:,}"
                refuse(self.file, message, "fetch it again")

    def _lines_of(self, rows: Sequence[int]) -> Sequence[int]:
        return [row + 1 for row in rows]


def _plain(values: Any) -> Any:
    """Decode dictionaries, and give every kind of text one type."""
    import pyarrow as pa  # noqa: PLC0415 - `validate` imports no pyarrow

    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    texts = (pa.types.is_large_string, pa.types.is_string_view, pa.types.is_binary, pa.types.is_large_binary)
    if any(test(values.type) for test in texts):
        values = values.cast(pa.string())
    return values


def _read_header(path: Path, file: str, delimiter: str) -> tuple[str, ...]:
    """Give the column names of a CSV file; InvalidInput when it starts with anything but text."""
    with closing(open_bytes(path, file)) as stream:
        text = _decode_head(stream.read(_HEAD_BYTES), file)
    records = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = next((record for record in records if record), None)
    except csv.Error as error:
        refuse(file, f"the header cannot be read as CSV: {error}", line=1)
    if header is None:
        refuse(file, "the file has no header: it holds nothing but empty lines", line=1)
    return tuple(header)


def _decode_head(head: bytes, file: str) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        refuse(file, "the file is UTF-16 text", "save it as UTF-8")
    if b"\0" in head:
        refuse(file, "the file is binary, not CSV text", "use a CSV, CSV.gz or Parquet file")
    try:
        return codecs.getincrementaldecoder("utf-8-sig")().decode(head)
    except UnicodeDecodeError as error:
        refuse(
            file, f"the file is not UTF-8 text: byte {error.start + 1} is {head[error.start]:#04x}", "save it as UTF-8"
        )


def _start_of_field(record: str, index: int, delimiter: str) -> tuple[int, int]:
    """Give the lines down and the column, from 1, at which a field of a record begins."""
    at, inside = 0, False
    for place, letter in enumerate(record):
        if not index:
            break
        if letter == '"':
            inside = not inside
        elif letter == delimiter and not inside:
            index, at = index - 1, place + 1
    return record.count("\n", 0, at), at - record.rfind("\n", 0, at)


def _one_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
