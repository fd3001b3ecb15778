"""Reads arrival times: numbers in a stated unit, ISO 8601 text or timestamps, all to int64 nanoseconds since 1970."""

from __future__ import annotations

import re
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from sim.columns import Ints
from sim.units import NS_PER_UNIT
from sim.workload.traces.findings import Findings, quoted, refuse
from sim.workload.traces.tables import Batch
from sim.workload.traces.values import exact_number, read_values, scaled_integers, text_of

TimeUnit = Literal["ns", "us", "ms", "s", "iso"]
"""What a column of times holds: numbers in a unit, or points in time (ISO 8601 text, Parquet timestamps)."""

_LAST_NS: Final = 2**63 - 1
_DATE = re.compile(r"([0-9]{4,5})-[0-9]{2}-[0-9]{2}([T ][0-9:.,]+)?(Z|[+-][0-9:]+)?")
_FIRST_YEAR, _LAST_YEAR = 1970, 2262
_ISO_HINT: Final = "write for example 2026-03-01T09:30:00.250Z, with at most 9 digits of a second"


class TimeReader:
    """Reads one column of times, batch after batch, and watches that UTC offsets stand in all rows or in none."""

    def __init__(self, column: str, unit: TimeUnit, findings: Findings) -> None:
        self.column = column
        self.zoned: bool | None = None
        """Whether the times carry a UTC offset: None before the first point in time, and for numbers."""
        self._unit = unit
        self._findings = findings

    def read(self, batch: Batch) -> Ints:
        """Give a batch in ns since 1970 (or since where the numbers start) as int64; a bad time is a finding."""
        values = batch.columns[self.column]
        self._check_kind(values)
        times = np.zeros(len(values), dtype=np.int64)
        (self._points if self._unit == "iso" else self._numbers)(batch, values, times)
        negative = np.flatnonzero(times < 0)
        words = "is before 1970" if self._unit == "iso" else "is negative"
        self._findings.add_rows(
            batch.rows_at(negative),
            self.column,
            lambda i: f"{quoted(text_of(values[int(negative[i])]))} {words}",
        )
        return times

    def _numbers(self, batch: Batch, values: Any, times: Ints) -> None:
        scale = NS_PER_UNIT[self._unit]

        def fast(piece: Any, start: int) -> None:
            times[start : start + len(piece)] = scaled_integers(piece, scale)

        def slow(text: str, place: int) -> None:
            nanoseconds = round(exact_number(text) * scale)
            if nanoseconds > _LAST_NS:
                raise ValueError(f"{quoted(text)} {self._unit} is after the year 2262")
            times[place] = max(nanoseconds, -1)

        bad, reasons = read_values(values, fast, slow)
        self._findings.add_rows(batch.rows_at(bad), self.column, lambda i: reasons[i])

    def _points(self, batch: Batch, values: Any, times: Ints) -> None:
        import pyarrow as pa  # noqa: PLC0415 - `validate` imports no pyarrow
        from pyarrow import compute  # noqa: PLC0415 - the same

        zoned = np.full(len(values), -1, dtype=np.int8)  # -1: not read
        ways = [(pa.timestamp("ns"), False), (pa.timestamp("ns", tz="UTC"), True)]
        if not pa.types.is_string(values.type):
            aware = getattr(values.type, "tz", None) is not None
            ways = [(pa.timestamp("ns"), aware)]  # Arrow keeps timestamps with a zone in UTC

        def fast(piece: Any, start: int) -> None:
            if piece.null_count:
                raise ValueError("missing")
            # What the rows before had comes first: a failed cast of a long piece costs time.
            for kind, has_offset in sorted(ways, key=lambda way: way[1] != (self.zoned or False)):
                try:
                    read = compute.cast(compute.cast(piece, kind), pa.int64())
                except pa.ArrowInvalid:
                    continue
                times[start : start + len(piece)] = read.to_numpy()
                zoned[start : start + len(piece)] = has_offset
                if self.zoned is None and len(piece):
                    self.zoned = has_offset
                return
            raise ValueError("not a time")

        bad, reasons = read_values(values, fast, _explain_point)
        self._findings.add_rows(batch.rows_at(bad), self.column, lambda i: reasons[i], _ISO_HINT)
        self._check_offsets(batch, zoned)

    def _check_offsets(self, batch: Batch, zoned: NDArray[np.int8]) -> None:
        odd = (zoned >= 0) & (zoned != bool(self.zoned))
        message = (
            "this time has no UTC offset, the first one has"
            if self.zoned
            else "this time has a UTC offset, the first one has none"
        )
        rows = batch.rows_at(np.flatnonzero(odd))
        self._findings.add_rows(rows, self.column, lambda _: message, "write offsets in all rows or in none")

    def _check_kind(self, values: Any) -> None:
        import pyarrow as pa  # noqa: PLC0415 - `validate` imports no pyarrow

        kind, file = values.type, self._findings.file
        if pa.types.is_string(kind) or pa.types.is_null(kind):
            return
        if pa.types.is_temporal(kind) and not (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
            refuse(file, f"the column {self.column!r} holds {kind}, which is no point in time", "write timestamps")
        if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
            if self._unit != "iso":
                refuse(file, f"the column {self.column!r} holds {kind}, not numbers", "write time_unit: iso")
        elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
            refuse(file, f"the column {self.column!r} holds {kind}, not times")
        elif self._unit == "iso":
            refuse(
                file, f"the column {self.column!r} holds numbers ({kind})", "write their unit, such as time_unit: ms"
            )


def utc_text(nanoseconds: int) -> str:
    """Give a point in time, in ns since 1970, as ISO 8601 text in UTC with as many digits as it needs."""
    text = str(np.datetime64(nanoseconds, "ns"))
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return f"{text}Z"


def _explain_point(text: str, _place: int) -> None:
    """Say why a text is no point in time (always raises ValueError)."""
    if not text.strip():
        raise ValueError("the time is missing")
    match = _DATE.match(text)
    if match and not _FIRST_YEAR <= int(match[1]) <= _LAST_YEAR:
        raise ValueError(f"{quoted(text)} is outside the years 1970 to 2262")
    raise ValueError(f"{quoted(text)} is not a time in ISO 8601")
