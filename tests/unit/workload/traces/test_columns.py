"""Traces in plain CSV and Parquet files, and files that are neither."""

from __future__ import annotations

import datetime as dt
import gzip
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from pydantic import ValidationError

from sim.errors import InvalidInput, Issue
from sim.workload.traces import ColumnsTrace, Trace, opening, tables

COLUMNS = {"arrival": "t", "input_tokens": "i", "output_tokens": "o"}


def spec(file: str, unit: str = "s", **more: Any) -> ColumnsTrace:
    """Give a spec with short column names."""
    columns = {**COLUMNS, **more.pop("columns", {})}
    return ColumnsTrace.model_validate(
        {"format": "columns", "file": file, "columns": columns, "time_unit": unit, **more}
    )


def read_csv(folder: Path, text: str | bytes, unit: str = "s", name: str = "trace.csv", **more: Any) -> Trace:
    """Write a text file and read it."""
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return spec(name, unit, **more).load(folder)


def read_parquet(folder: Path, data: dict[str, Any], unit: str = "s", **more: Any) -> Trace:
    """Write a Parquet file, with tokens if the columns have none, and read it."""
    rows = len(data["t"])
    parquet.write_table(pa.table({"i": [1] * rows, "o": [2] * rows, **data}), folder / "trace.parquet")
    return spec("trace.parquet", unit, **more).load(folder)


def issue_of(folder: Path, file: str, unit: str = "s", **more: Any) -> Issue:
    """Give the one issue that reading a file raises."""
    with pytest.raises(InvalidInput) as caught:
        spec(file, unit, **more).load(folder)
    (issue,) = caught.value.issues
    return issue


@pytest.mark.parametrize(("unit", "scale"), [("ns", 1), ("us", 10**3), ("ms", 10**6), ("s", 10**9)])
@pytest.mark.parametrize("texts", [["0", "3", "9000000"], ["0.5", "3.25", "9000000"], ["1e0", "3e2", "4.5E3"]])
def test_numbers_are_exact_in_their_unit(tmp_path: Path, unit: str, scale: int, texts: list[str]) -> None:
    """Whole numbers, decimals and exponents become the decimal times the unit, half to even, less the first."""
    trace = read_csv(tmp_path, "t,i,o\n" + "".join(f"{text},1,1\n" for text in texts), unit)
    exact = [round(Decimal(text) * scale) for text in texts]
    assert trace.arrival_ns.tolist() == [value - exact[0] for value in exact]


def test_long_decimals_are_rounded_half_to_even(tmp_path: Path) -> None:
    """More digits than nanoseconds are rounded, also beyond what a decimal of the fast path holds."""
    texts = ["0", "0.0000000005", "0.0000000015", "1.00000000049999999999999999", "1700000000.1234567890123456789"]
    trace = read_csv(tmp_path, "t,i,o\n" + "".join(f"{text},1,1\n" for text in texts))
    assert trace.arrival_ns.tolist() == [0, 0, 2, 10**9, 1_700_000_000_123_456_789]


def test_times_may_reach_the_last_nanosecond(tmp_path: Path) -> None:
    """The largest int64 is a time; one more is not."""
    assert read_csv(tmp_path, f"t,i,o\n0,1,1\n{2**63 - 1},1,1\n", "ns").arrival_ns.tolist() == [0, 2**63 - 1]
    (tmp_path / "late.csv").write_text(f"t,i,o\n0,1,1\n{2**63},1,1\n")
    issue = issue_of(tmp_path, "late.csv", "ns")
    assert (issue.line, issue.col) == (3, 1)
    assert "2262" in issue.message


def test_labels_are_numbered_as_they_appear(tmp_path: Path) -> None:
    """Task classes and segments become codes into names in order of first appearance."""
    text = "t,i,o,task,who\n0,1,1,math,b\n1,1,1,chat,a\n2,1,1,math,b\n"
    trace = read_csv(tmp_path, text, columns={"task": "task", "segment": "who"})
    assert trace.task is not None
    assert trace.task.names == ("math", "chat")
    assert trace.task.codes.tolist() == [0, 1, 0]
    assert trace.segment is not None
    assert [trace.segment.names[code] for code in trace.segment.codes] == ["b", "a", "b"]


def test_labels_stay_together_across_batches(tmp_path: Path) -> None:
    """In a file of several batches every row keeps its own label."""
    names = [f"task {k * k % 7}" for k in range(150_000)]
    trace = read_parquet(tmp_path, {"t": range(150_000), "task": names}, columns={"task": "task"})
    assert trace.task is not None
    assert [trace.task.names[code] for code in trace.task.codes] == names


def test_a_semicolon_is_used_only_when_stated(tmp_path: Path) -> None:
    """A file with semicolons is refused with advice, and read when the delimiter says so."""
    text = "t;i;o\n0;1;1\n"
    assert len(read_csv(tmp_path, text, delimiter=";")) == 1
    with pytest.raises(InvalidInput) as caught:
        read_csv(tmp_path, text)
    assert "delimiter: ';'" in caught.value.issues[0].hint


@pytest.mark.parametrize(
    "values",
    [
        pa.array([10, 11, 13], pa.int32()),
        pa.array([10, 11, 13], pa.uint64()),
        pa.array([10.0, 11.0, 13.0], pa.float32()),
        pa.array([10.0, 11.0, 13.0]),
        pa.array([Decimal("10.000"), Decimal("11.000"), Decimal("13.000")]),
        pa.array(["10", "11", "13"]),
        pa.array(["10", "11", "13"], pa.large_string()),
        pa.array(["10", "11", "13"]).dictionary_encode(),
        pa.array([b"10", b"11", b"13"]),
    ],
    ids=lambda values: str(values.type),
)
def test_parquet_numbers_of_any_type_are_read(tmp_path: Path, values: pa.Array) -> None:
    """Integers, floats, decimals, text and dictionaries hold the same times and tokens."""
    trace = read_parquet(tmp_path, {"t": values, "i": values})
    assert trace.arrival_ns.tolist() == [0, 10**9, 3 * 10**9]
    assert trace.input_tokens is not None
    assert trace.input_tokens.tolist() == [10, 11, 13]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Tokyo"])
def test_parquet_timestamps_of_any_unit_are_read(tmp_path: Path, unit: str, zone: str | None) -> None:
    """Timestamps mean the same instant in every unit; a zone is honoured, and its absence noted."""
    ticks = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    values = pa.array([1_700_000_000 * ticks, 1_700_000_003 * ticks], pa.timestamp(unit, zone))
    trace = read_parquet(tmp_path, {"t": values}, "iso")
    assert trace.arrival_ns.tolist() == [0, 3 * 10**9]
    assert trace.origin == dt.datetime.fromtimestamp(1_700_000_000, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert bool(trace.notes) == (zone is None)


def test_floats_keep_their_fraction_beside_large_whole_parts(tmp_path: Path) -> None:
    """A float of epoch seconds becomes the nearest nanosecond of the float's exact value."""
    values = [1_700_000_000.25, 1_700_000_000.1 + 1, 1_700_000_003.7]
    trace = read_parquet(tmp_path, {"t": values})
    exact = [round(Decimal(value) * 10**9) for value in values]
    assert trace.arrival_ns.tolist() == [value - exact[0] for value in exact]


@pytest.mark.parametrize(
    ("columns", "unit", "row", "words"),
    [
        ({"t": [0.0, float("nan")]}, "s", 2, "not a finite number"),
        ({"t": [0.0, float("inf")]}, "s", 2, "not a finite number"),
        ({"t": [0.0, -1.0]}, "s", 2, "is negative"),
        ({"t": [0, None]}, "s", 2, "missing"),
        ({"t": [0, 10**11]}, "s", 2, "2262"),
        ({"t": [0, 1], "i": [1.0, 1.5]}, "s", 2, "not a whole number"),
        ({"t": [0, 1], "i": [None, 1]}, "s", 1, "missing"),
        ({"t": [0, 1], "i": pa.array([None, None], pa.null())}, "s", 1, "missing"),
        ({"t": pa.array([0, 10**11], pa.timestamp("s"))}, "iso", 2, "1970 to 2262"),
        ({"t": pa.array([0, -5], pa.timestamp("s"))}, "iso", 2, "before 1970"),
        ({"t": ["2024-01-01", None]}, "iso", 2, "missing"),
        ({"t": pa.array([0, 1], pa.timestamp("s"))}, "s", 0, "time_unit: iso"),
        ({"t": [0, 1]}, "iso", 0, "time_unit: ms"),
        ({"t": [True, False]}, "s", 0, "holds bool, not times"),
        ({"t": pa.array([0, 1], pa.duration("s"))}, "s", 0, "no point in time"),
        ({"t": [0, 1], "i": [True, False]}, "s", 0, "holds bool, not whole numbers"),
        ({"t": [0, 1], "i": [[1], [2]]}, "s", 0, "nested"),
        ({"t": pa.array([b"\xff", b"1"])}, "s", 0, "UTF8"),
    ],
)
def test_bad_parquet_values_are_named_with_their_row(
    tmp_path: Path, columns: dict[str, Any], unit: str, row: int, words: str
) -> None:
    """Each bad value of a Parquet file is an issue with its row, each unfit column one about the file."""
    with pytest.raises(InvalidInput) as caught:
        read_parquet(tmp_path, columns, unit)
    first = caught.value.issues[0]
    assert first.line == row
    assert words in first.message + first.hint


def test_zero_output_is_refused_unless_it_means_failure(tmp_path: Path) -> None:
    """A request with 0 output tokens is an issue, or a failed request where the spec says so."""
    text = "t,i,o\n0,1,1\n1,1,0\n2,1,x\n"
    with pytest.raises(InvalidInput) as caught:
        read_csv(tmp_path, text)
    zero, unread = caught.value.issues
    assert (zero.line, zero.col) == (3, 5)
    assert "zero_output: failed" in zero.hint
    assert (unread.line, unread.message) == (4, "'x' is not a number")
    trace = read_csv(tmp_path, text.replace("x", "7"), zero_output="failed")
    assert trace.failed is not None
    assert trace.failed.tolist() == [False, True, False]


def test_cached_tokens_are_part_of_the_prompt(tmp_path: Path) -> None:
    """If more is cached than the prompt holds, the row is an issue."""
    more = {"columns": {"cached_tokens": "c"}}
    trace = read_csv(tmp_path, "t,i,o,c\n0,5,1,5\n1,5,1,0\n", **more)
    assert trace.cached_tokens is not None
    assert trace.cached_tokens.tolist() == [5, 0]
    (tmp_path / "bad.csv").write_text("t,i,o,c\n0,5,1,5\n1,5,1,6\n")
    issue = issue_of(tmp_path, "bad.csv", **more)
    assert (issue.line, issue.col) == (3, 7)
    assert "6 cached tokens are more than the 5 input tokens" in issue.message


def test_a_column_of_identifiers_is_no_label(tmp_path: Path) -> None:
    """More than ten thousand different names are refused, and a missing name is an issue with its line."""
    (tmp_path / "ids.csv").write_text("t,i,o,task\n" + "".join(f"0,1,1,id{k}\n" for k in range(10_001)))
    assert "more than 10,000 different names" in issue_of(tmp_path, "ids.csv", columns={"task": "task"}).message
    (tmp_path / "gap.csv").write_text("t,i,o,task\n0,1,1,chat\n0,1,1,\n")
    assert issue_of(tmp_path, "gap.csv", columns={"task": "task"}).line == 3


def test_missing_and_doubled_columns_are_named(tmp_path: Path) -> None:
    """All missing columns are reported at once, with the nearest name; a doubled one only if it is wanted."""
    (tmp_path / "trace.csv").write_text("T,input,o,o,x,x\n0,1,1,1,1,1\n")
    with pytest.raises(InvalidInput) as caught:
        spec("trace.csv", columns={"input_tokens": "inputs"}).load(tmp_path)
    missing_time, missing_input, doubled = caught.value.issues
    assert missing_time.hint == "did you mean 'T'?"
    assert missing_input.hint == "did you mean 'input'?"
    assert "'T', 'input', 'o', 'o', 'x', 'x'" in missing_input.message
    assert (doubled.path, doubled.col) == ("o", 9)
    assert len(read_csv(tmp_path, "t,i,o,x,x\n0,1,1,1,1\n")) == 1


def test_one_column_cannot_be_two_things() -> None:
    """Naming a column twice is a mistake in the spec."""
    with pytest.raises(ValidationError, match="named twice"):
        spec("trace.csv", columns={"output_tokens": "i"})


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (b"", "trace.csv", "0 bytes"),
        (b"\n\n", "trace.csv", "no header"),
        (b"t,i,o\n", "trace.csv", "no rows"),
        (b"t,i,o\n\r\n\n", "trace.csv", "no rows"),
        ("t,i,o\n0,1,1\n".encode("utf-16"), "trace.csv", "UTF-16"),
        (b"t,i,o,\xe9\n0,1,1,1\n", "trace.csv", "byte 7 is 0xe9"),
        (b"t\0i\n", "trace.csv", "binary"),
        (b'"t,i,o\n0,1,1\n', "trace.csv", "header cannot be read"),
        (b"t,i,o\n" + b"9" * (9 << 20), "trace.csv", "a row is longer than 4 MiB"),
        (b"t,i,o\n0,1,1\n", "trace.parquet", "no Parquet file"),
        (b"PAR1" + bytes(100), "trace.parquet", "truncated or damaged"),
        (b"\x1f\x8b\x08\0garbage", "trace.csv.gz", "cannot be read to its end"),
        (
            gzip.compress(b"t,i,o\n" + np.random.default_rng(7).bytes(9999).hex().encode(), mtime=0)[:-3000],
            "trace.csv.gz",
            "to its end",
        ),
        (gzip.compress(b"t,i,o\n0,1,1\n", mtime=0)[:-4], "trace.csv.gz", "to its end"),
    ],
)
def test_a_file_of_another_kind_is_one_issue(tmp_path: Path, content: bytes, name: str, words: str) -> None:
    """Empty, binary, broken and misnamed files are refused with one issue that says what they are."""
    (tmp_path / name).write_bytes(content)
    issue = issue_of(tmp_path, name)
    assert issue.file == name
    assert words in issue.message


def test_invalid_text_behind_the_head_is_one_issue(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 far into the file are refused too."""
    (tmp_path / "trace.csv").write_bytes(b"t,i,o,x\n" + b"0,1,1,1\n" * 100_000 + b"0,\xff,1,1\n")
    assert "UTF8" in issue_of(tmp_path, "trace.csv").message


def test_a_truncated_or_flipped_parquet_file_is_refused(tmp_path: Path) -> None:
    """A Parquet file cut short, or with a flipped byte in a page that has a checksum, is not read as numbers."""
    path = tmp_path / "trace.parquet"
    table = pa.table({"t": list(range(1000)), "i": [1] * 1000, "o": [1] * 1000})
    parquet.write_table(table, path, write_page_checksum=True, compression="none", use_dictionary=False)
    whole = path.read_bytes()
    path.write_bytes(whole[:-50])
    assert "truncated or damaged" in issue_of(tmp_path, path.name).message
    place = whole.index((500).to_bytes(8, "little") + (501).to_bytes(8, "little"))
    path.write_bytes(whole[:place] + b"\x07" + whole[place + 1 :])
    assert "truncated or damaged" in issue_of(tmp_path, path.name).message


def test_a_path_that_is_no_file_is_refused(tmp_path: Path) -> None:
    """Folders, pipes, loops, URLs, over-long names and missing files are issues, not tracebacks."""
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    expected = {
        "folder": "folder",
        "pipe": "not a regular file",
        "loop": "cannot be opened",
        "https://example.org/trace.csv": "download it first",
        "s3://bucket/trace.csv": "download it first",
        "x" * 300: "cannot be opened",
        "nowhere.csv": "does not exist",
        "nul\0.csv": "cannot be opened",
    }
    for name, words in expected.items():
        assert words in issue_of(tmp_path, name).message


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused(tmp_path: Path) -> None:
    """An unreadable file is one issue."""
    (tmp_path / "trace.csv").write_text("t,i,o\n0,1,1\n")
    (tmp_path / "trace.csv").chmod(0)
    assert "permission" in issue_of(tmp_path, "trace.csv").message


def test_a_gzip_bomb_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that grows a thousandfold is refused once past the free bytes; a small one is not judged."""
    (tmp_path / "bomb.csv.gz").write_bytes(gzip.compress(b"t,i,o\n" + b"0,1,1\n" * 200_000, mtime=0))
    assert len(spec("bomb.csv.gz").load(tmp_path)) == 200_000
    monkeypatch.setattr(opening, "FREE_BYTES", 1 << 20)
    assert "grows more than 200 times" in issue_of(tmp_path, "bomb.csv.gz").message


def test_sizes_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the limit of rows, or of text bytes, reading stops with one issue."""
    monkeypatch.setattr(tables, "MAX_ROWS", 10)
    parquet.write_table(pa.table({"t": range(11), "i": range(11), "o": range(11)}), tmp_path / "trace.parquet")
    assert "11 rows; at most 10" in issue_of(tmp_path, "trace.parquet").message
    (tmp_path / "rows.csv").write_bytes(b"t,i,o\n" + b"0,1,1\n" * 11)
    assert "more than 10 rows" in issue_of(tmp_path, "rows.csv").message
    monkeypatch.setattr(opening, "MAX_BYTES", 1000)
    (tmp_path / "trace.csv").write_bytes(b"t,i,o\n" + b"0,1,1\n" * 1000)
    assert "larger than" in issue_of(tmp_path, "trace.csv").message
