"""Turns Arrow columns into numbers and labels: whole columns at once, value by value only where something is wrong."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Final

import numpy as np

from sim.columns import Bools, Floats, Ints
from sim.workload.traces.findings import STOP_AFTER, Findings, quoted, refuse
from sim.workload.traces.tables import Batch

MAX_TOKENS: Final = 10_000_000
"""Most tokens of one prompt or answer that are believed."""
MAX_LABELS: Final = 10_000
"""Most different task classes or segments of one file."""

_NEGATIVE, _UNREAD = -1, -2  # stand for values that are no counts until they are reported
_DIRECT: Final = 16  # a piece this short is not halved again but read one by one
_NUMBER = re.compile(r"[+-]?([0-9]{1,40}\.?[0-9]{0,40}|\.[0-9]{1,40})([eE][+-]?[0-9]{1,3})?")
_LONGEST: Final = 1 << 14  # a cast that fails looks at every value all the same
_TRUTHS: Final = ("true", "false")
_DIGITS, _SCALE = 38, 18  # of the decimal type that texts with a point pass through


def read_values(
    values: Any, fast: Callable[[Any, int], None], slow: Callable[[str, int], None]
) -> tuple[list[int], list[str]]:
    """Hand an Arrow array to `fast` in pieces as long as possible, and what it refuses to `slow` one by one.

    ``fast(piece, start)`` stores the values that begin at position `start`, ``slow(text, position)`` stores one; both
    raise ValueError where they cannot, `slow` with the message for the user. Gives the positions that stay without a
    value and why. Halving finds k bad values among n in O(k log n) casts; it ends after `STOP_AFTER` of them.
    """
    bad: list[int] = []
    reasons: list[str] = []
    pieces = [(start, min(start + _LONGEST, len(values))) for start in range(0, len(values), _LONGEST)][::-1]
    while pieces and len(bad) < STOP_AFTER:
        start, stop = pieces.pop()
        try:
            fast(values.slice(start, stop - start), start)
        except (ValueError, NotImplementedError):  # Arrow's own errors derive from these
            if stop - start > _DIRECT:
                middle = (start + stop) // 2
                pieces += [(middle, stop), (start, middle)]
            elif stop - start > 1:
                pieces += [(place, place + 1) for place in reversed(range(start, stop))]
            else:
                try:
                    slow(text_of(values[start]), start)
                except ValueError as error:
                    bad.append(start)
                    reasons.append(str(error))
    return bad, reasons


def whole_numbers(batch: Batch, column: str, findings: Findings, *, zero_hint: str = "") -> Ints:
    """Give a column of token counts as int64.

    A bad value (missing, text, NaN, 1.5, negative, above `MAX_TOKENS`) is a finding, and 0; so is a zero itself where
    `zero_hint` says what to do about it.
    """
    import pyarrow as pa  # noqa: PLC0415 - `validate` imports no pyarrow

    values = batch.columns[column]
    _check_kind(values, column, findings.file, "whole numbers")
    numbers = np.full(len(values), _UNREAD, dtype=np.int64)

    def fast(piece: Any, start: int) -> None:
        numbers[start : start + len(piece)] = np.maximum(_cast(_numeric(piece), pa.int64()), _NEGATIVE)

    def slow(text: str, place: int) -> None:
        number = exact_number(text)
        if number.denominator != 1:
            raise ValueError(f"{quoted(text)} is not a whole number")
        numbers[place] = min(max(int(number), _NEGATIVE), MAX_TOKENS + 1)

    def report(wrong: Bools, words: str, hint: str = "") -> None:
        places = np.flatnonzero(wrong)
        rows = batch.rows_at(places)
        findings.add_rows(rows, column, lambda i: f"{quoted(text_of(values[int(places[i])]))} {words}", hint)

    bad, reasons = read_values(values, fast, slow)
    findings.add_rows(batch.rows_at(bad), column, lambda i: reasons[i])
    report(numbers == _NEGATIVE, "is negative")
    report(numbers > MAX_TOKENS, f"is more than {MAX_TOKENS:,}")
    if zero_hint:
        report(numbers == 0, "tokens are no answer", zero_hint)
    numbers[(numbers < 0) | (numbers > MAX_TOKENS)] = 0
    return numbers


def finite_numbers(batch: Batch, column: str, findings: Findings) -> Floats:
    """Give a column of numbers as float64; a bad value (missing, text, NaN, infinite) is a finding, and 0."""
    import pyarrow as pa  # noqa: PLC0415 - `validate` imports no pyarrow

    values = batch.columns[column]
    _check_kind(values, column, findings.file, "numbers")
    numbers = np.zeros(len(values), dtype=np.float64)

    def fast(piece: Any, start: int) -> None:
        read = _cast(piece, pa.float64())
        if not np.all(np.isfinite(read)):
            raise ValueError("not finite")
        numbers[start : start + len(piece)] = read

    def slow(text: str, place: int) -> None:
        exact = exact_number(text)
        try:
            numbers[place] = float(exact)
        except OverflowError as error:
            raise ValueError(f"{quoted(text)} is too large") from error

    bad, reasons = read_values(values, fast, slow)
    findings.add_rows(batch.rows_at(bad), column, lambda i: reasons[i])
    return numbers


def holds_truths(values: Any) -> bool:
    """Say whether a column is of true and false, as its type or else its first value says."""
    import pyarrow as pa  # noqa: PLC0415 - `validate` imports no pyarrow

    if not pa.types.is_string(values.type):
        return bool(pa.types.is_boolean(values.type))
    first = next((word for value in values if (word := text_of(value).strip())), "")
    return first.lower() in _TRUTHS


def truths(batch: Batch, column: str, findings: Findings) -> Floats:
    """Give a column of true and false (in any case) as float64, 1 and 0; another value is a finding, and 0."""
    import pyarrow as pa  # noqa: PLC0415 - `validate` imports no pyarrow
    from pyarrow import compute  # noqa: PLC0415 - the same

    values = batch.columns[column]
    words = compute.utf8_lower(compute.utf8_trim_whitespace(compute.cast(values, pa.string())))
    known = compute.is_in(words, value_set=pa.array(_TRUTHS)).to_numpy(zero_copy_only=False)
    bad = np.flatnonzero(~known)

    def message(i: int) -> str:
        text = text_of(values[int(bad[i])])
        return f"{quoted(text)} is not true or false" if text.strip() else "the value is missing"

    findings.add_rows(batch.rows_at(bad), column, message)
    right = compute.is_in(words, value_set=pa.array(_TRUTHS[:1])).to_numpy(zero_copy_only=False)
    numbers: Floats = right.astype(np.float64)
    return numbers


class LabelReader:
    """Turns a column of names into codes, numbered in the order in which the names first appear."""

    def __init__(self, column: str, findings: Findings) -> None:
        self.column = column
        self._findings = findings
        self._codes: dict[str, int] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Names seen so far, in order of their code."""
        return tuple(self._codes)

    def read(self, batch: Batch) -> Ints:
        """Give the codes of a batch as int64; a missing or empty name is a finding, and 0."""
        import pyarrow as pa  # noqa: PLC0415 - `validate` imports no pyarrow
        from pyarrow import compute  # noqa: PLC0415 - the same

        encoded = compute.dictionary_encode(compute.cast(batch.columns[self.column], pa.string()))
        local = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        names = encoded.dictionary.to_pylist()
        empty = np.array([not name.strip() for name in names] + [True])  # the last one stands for a missing value
        places = np.flatnonzero(empty[local])
        self._findings.add_rows(batch.rows_at(places), self.column, lambda _: "the name is missing")
        fresh = [name for name in names if name.strip() and name not in self._codes]
        if len(self._codes) + len(fresh) > MAX_LABELS:
            refuse(
                self._findings.file,
                f"the column {self.column!r} has more than {MAX_LABELS:,} different names",
                "name a column of classes, not of identifiers",
            )
        for name in fresh:
            self._codes[name] = len(self._codes)
        codes = np.array([self._codes.get(name, 0) for name in names] + [0], dtype=np.int64)
        read: Ints = codes[local]
        return read


def exact_number(text: str) -> Fraction:
    """Give the number that a text says, exactly; ValueError says what else it is."""
    stripped = text.strip()
    if not stripped:
        raise ValueError("the value is missing")
    if stripped.lower().lstrip("+-") in {"nan", "inf", "infinity"}:
        raise ValueError(f"{quoted(text)} is not a finite number")
    if not _NUMBER.fullmatch(stripped):
        raise ValueError(f"{quoted(text)} is not a number")
    return Fraction(stripped)


def scaled_integers(piece: Any, scale: int) -> Ints:
    """Give numbers times `scale` (a power of ten up to 10**9), rounded half to even, as int64. ValueError if any fails.

    Whole numbers and decimals are exact; binary floats are split, so that the fraction is not lost beside large whole
    parts.
    """
    import pyarrow as pa  # noqa: PLC0415 - `validate` imports no pyarrow
    from pyarrow import compute  # noqa: PLC0415 - the same

    piece = _numeric(piece)
    if pa.types.is_integer(piece.type):
        whole: Ints = _cast(piece, pa.int64())
        _check_limit(np.abs(whole.astype(np.float64)) * scale)
        return whole * np.int64(scale)
    if pa.types.is_floating(piece.type):
        number: Floats = _cast(piece, pa.float64())
        _check_limit(np.abs(number) * scale)
        floor = np.floor(number)
        return floor.astype(np.int64) * np.int64(scale) + np.rint((number - floor) * scale).astype(np.int64)
    digits = round(math.log10(scale))
    rounded = compute.round(
        compute.cast(piece, pa.decimal128(_DIGITS, _SCALE)), ndigits=digits, round_mode="half_to_even"
    )
    # Arrow adds the digits of the factors, and 27 + 10 + 1 is what the type holds.
    narrow = compute.cast(rounded, pa.decimal128(27, digits))
    product: Ints = _cast(compute.multiply(narrow, pa.scalar(scale, pa.decimal128(10, 0))), pa.int64())
    return product


def _numeric(piece: Any) -> Any:
    """Give text as integers if it is all digits, else as decimals; other types as they are. ValueError if neither."""
    import pyarrow as pa  # noqa: PLC0415 - `validate` imports no pyarrow
    from pyarrow import compute  # noqa: PLC0415 - the same

    if not pa.types.is_string(piece.type):
        return piece
    if compute.all(compute.ascii_is_decimal(piece)).as_py():
        return compute.cast(piece, pa.int64())
    return compute.cast(piece, pa.decimal128(_DIGITS, _SCALE))


def _cast(piece: Any, kind: Any) -> Any:
    """Cast without loss, to NumPy. ValueError for a missing value."""
    from pyarrow import compute  # noqa: PLC0415 - `validate` imports no pyarrow

    if piece.null_count:
        raise ValueError("missing")
    return compute.cast(piece, kind).to_numpy(zero_copy_only=False)


def _check_limit(size: Floats) -> None:
    # 2**63 - 1024 is the last float below 2**63; NaN compares false.
    if not np.all(size < 2.0**63):
        raise ValueError("too large")


def _check_kind(values: Any, column: str, file: str, expected: str) -> None:
    import pyarrow as pa  # noqa: PLC0415 - `validate` imports no pyarrow

    kind = values.type
    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_string, pa.types.is_null)
    if not any(test(kind) for test in tests):
        refuse(file, f"the column {column!r} holds {kind}, not {expected}")


def text_of(value: Any) -> str:
    """Give an Arrow scalar as text; a missing one is empty."""
    import pyarrow as pa  # noqa: PLC0415 - `validate` imports no pyarrow

    return str(value.cast(pa.string()).as_py()) if value.is_valid else ""
