"""Azure LLM inference traces."""

from __future__ import annotations

import datetime as dt
import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sim.errors import InvalidInput, Issue
from sim.workload.traces import AzureLlmTrace, ColumnNames, ColumnsTrace, Trace

HEADER = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
DATA = Path(__file__).resolve().parents[4] / ".." / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the shared data folder is not here")


def read(folder: Path, text: str | bytes, name: str = "trace.csv") -> Trace:
    """Write a file and read it."""
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return AzureLlmTrace(format="azure_llm", file=name).load(folder)


def issues_of(call: Callable[[], object]) -> tuple[Issue, ...]:
    """Give the issues that a call raises."""
    with pytest.raises(InvalidInput) as caught:
        call()
    return caught.value.issues


def test_hundred_nanosecond_digits_survive(tmp_path: Path) -> None:
    """Times with seven digits of a second keep them: the difference of two rows is exact in ns."""
    trace = read(tmp_path, HEADER + "2023-11-16 18:15:46.6805900,374,44\n2023-11-16 18:15:50.9951697,396,109\n")
    assert trace.arrival_ns.tolist() == [0, 4_314_579_700]
    assert trace.arrival_ns.dtype == np.int64
    assert trace.origin == "2023-11-16T18:15:46.68059Z"
    assert trace.notes == ("times without a UTC offset were read as UTC",)


def test_offsets_are_applied(tmp_path: Path) -> None:
    """Rows with different UTC offsets are brought to UTC, with and without a fraction of a second."""
    text = HEADER + "2024-05-10 00:00:00.009930+00:00,2162,5\n2024-05-10 02:00:01+02:00,1,1\n2024-05-10T00:00:02Z,0,3\n"
    trace = read(tmp_path, text)
    assert trace.arrival_ns.tolist() == [0, 990_070_000, 1_990_070_000]
    assert trace.notes == ()
    assert trace.input_tokens is not None
    assert trace.input_tokens.tolist() == [2162, 1, 0]


def test_times_are_those_of_the_standard_library(tmp_path: Path) -> None:
    """Random times read by the fast path equal what datetime says, row by row."""
    generator = np.random.default_rng(1)
    moments = np.sort(generator.integers(0, 8 * 10**15, 500))
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    texts = [(epoch + dt.timedelta(microseconds=int(moment))).isoformat(" ") for moment in moments]
    trace = read(tmp_path, HEADER + "".join(f"{text},1,1\n" for text in texts))
    assert trace.arrival_ns.tolist() == [(int(moment) - int(moments[0])) * 1000 for moment in moments]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\ufeff" + text,
        lambda text: text.rstrip("\n"),
        lambda text: "\n\n" + text + "\n\n",
        lambda text: text.replace(",7", ',"7"'),
    ],
    ids=["CRLF", "BOM", "no final newline", "blank lines", "quotes"],
)
def test_text_may_come_in_many_dresses(tmp_path: Path, change: Callable[[str], str]) -> None:
    """Line ends, a byte-order mark, blank lines and quotes change nothing."""
    text = HEADER + "2024-05-10 00:00:00,5,7\n2024-05-10 00:00:01,6,7\n"
    plain, dressed = read(tmp_path, text), read(tmp_path, change(text))
    assert dressed.arrival_ns.tolist() == plain.arrival_ns.tolist() == [0, 10**9]
    assert dressed.output_tokens is not None
    assert dressed.output_tokens.tolist() == [7, 7]


def test_inserted_columns_are_found_by_name(tmp_path: Path) -> None:
    """The 2025 files, gzipped and with NumImages after TIMESTAMP, read like the others."""
    text = "TIMESTAMP,NumImages,ContextTokens,GeneratedTokens\n2025-01-01 00:00:00+00:00,3,10,20\n"
    trace = read(tmp_path, gzip.compress(text.encode()), "trace.csv.gz")
    assert trace.input_tokens is not None
    assert trace.input_tokens.tolist() == [10]


def test_rows_out_of_order_are_sorted_stably_and_counted(tmp_path: Path) -> None:
    """Rows that go back in time are sorted, ties stay in file order, and the note counts the late rows."""
    seconds = [5, 3, 5, 3, 9, 1] * 50
    rows = [f"2024-05-10 00:00:0{second},{place},1\n" for place, second in enumerate(seconds)]
    trace = read(tmp_path, HEADER + "".join(rows))
    order = sorted(range(300), key=lambda place: seconds[place])
    assert trace.input_tokens is not None
    assert trace.input_tokens.tolist() == order
    assert trace.arrival_ns.tolist() == [(seconds[place] - 1) * 10**9 for place in order]
    late = sum(second < max(seconds[: place + 1]) for place, second in enumerate(seconds))
    assert f"{late} of 300 rows were out of order: sorted by arrival" in trace.notes


def test_requests_without_output_are_marked_as_failed(tmp_path: Path) -> None:
    """0 output tokens of a public trace are kept as failures, never dropped."""
    trace = read(tmp_path, HEADER + "2024-05-10 00:00:00,5,0\n2024-05-10 00:00:01,6,7\n")
    assert trace.failed is not None
    assert trace.failed.tolist() == [True, False]
    assert trace.rows_read == 2


@pytest.mark.parametrize(
    ("row", "column", "words"),
    [
        ("2024-05-10 00:00:00,nan,1", 21, "not a finite number"),
        ("2024-05-10 00:00:00,-5,1", 21, "'-5' is negative"),
        ("2024-05-10 00:00:00,5,1.5", 23, "not a whole number"),
        ("2024-05-10 00:00:00,5,many", 23, "'many' is not a number"),
        ("2024-05-10 00:00:00,5,0x10", 23, "'0x10' is not a number"),
        ("2024-05-10 00:00:00,5,1_000", 23, "not a number"),
        ("2024-05-10 00:00:00,5,", 23, "missing"),
        ("2024-05-10 00:00:00,10000001,1", 21, "more than 10,000,000"),
        ("2024-05-10 00:00:00,99999999999999999999999,1", 21, "more than 10,000,000"),
        ("yesterday,5,1", 1, "'yesterday' is not a time"),
        (",5,1", 1, "the time is missing"),
        ("2024-02-30 00:00:00,5,1", 1, "not a time"),
        ("2024-05-10 00:00:00.1234567891,5,1", 1, "not a time"),
        ("1969-12-31 23:59:59,5,1", 1, "before 1970"),
        ("1066-10-14 00:00:00,5,1", 1, "1970"),
        ("2262-04-12 00:00:00,5,1", 1, "not a time"),
        ("9999-01-01 00:00:00,5,1", 1, "outside the years 1970 to 2262"),
        ("2024-05-10 00:00:00+00:00,5,1", 1, "has a UTC offset, the first one has none"),
        ("2024-05-10 00:00:00,5", 1, "this row has 2 columns, the header has 3"),
        ("2024-05-10 00:00:00,5,1,9", 1, "this row has 4 columns, the header has 3"),
    ],
)
def test_a_bad_value_is_named_with_its_line(tmp_path: Path, row: str, column: int, words: str) -> None:
    """Each bad value is one issue with the line of the file, the character where it stands and what was found."""
    good = "2024-05-10 00:00:00,5,1\n"
    found = issues_of(lambda: read(tmp_path, HEADER + good * 3 + "\n" + row + "\n" + good))
    assert [(issue.file, issue.line, issue.col) for issue in found] == [("trace.csv", 6, column)]
    assert words in found[0].message


def test_lines_are_counted_through_quoted_line_ends_and_bad_rows(tmp_path: Path) -> None:
    """If quoted fields span lines and rows before are too short, later issues still name line and character."""
    text = (
        "note,TIMESTAMP,ContextTokens,GeneratedTokens\n"  # 1
        '"two\nlines, and ""quotes""",2024-05-10 00:00:00,1,1\n'  # 2-3
        "short,2024-05-10 00:00:00,1\n"  # 4
        ",2024-05-10 00:00:00,x,1\n"  # 5
        '"a\n\nb",2024-05-10 00:00:00,1,1\n'  # 6-8
        ",2024-05-10 00:00:00,1,y\n"  # 9
        '"a\nb",2024-05-10 00:00:00,1,z\n'  # 10-11
    )
    found = issues_of(lambda: read(tmp_path, text))
    assert [(issue.line, issue.col) for issue in found] == [(4, 1), (5, 22), (9, 24), (11, 26)]


def test_issues_end_at_twenty_and_count_the_rest(tmp_path: Path) -> None:
    """Of 57 bad values the first twenty are shown by line, and the last issue counts the other 37."""
    rows = [f"2024-05-10 00:00:00,{'x' if place % 10 == 3 else 1},1\n" for place in range(570)]
    found = issues_of(lambda: read(tmp_path, HEADER + "".join(rows)))
    assert [issue.line for issue in found[:-1]] == [5 + 10 * number for number in range(20)]
    assert found[-1].message == "and 37 more rows or values that cannot be used"


def test_the_first_lines_are_shown_whatever_their_column(tmp_path: Path) -> None:
    """If an early column is bad in late rows and a late column in early ones, the issues shown are the early rows."""
    rows = ["2024-05-10 00:00:00,1,x\n"] * 15 + ["never,1,1\n"] * 30
    found = issues_of(lambda: read(tmp_path, HEADER + "".join(rows)))
    assert [issue.line for issue in found[:-1]] == list(range(2, 22))
    assert found[-1].message.startswith("and 25 more")


def test_a_file_of_another_kind_is_given_up_early(tmp_path: Path) -> None:
    """If nothing in a column is usable, reading stops and the count is a lower bound."""
    found = issues_of(lambda: read(tmp_path, HEADER + "a,b,c\n" * 50_000))
    assert len(found) == 21
    assert found[-1].message.startswith("and at least ")


def test_offsets_mixed_across_batches_are_found(tmp_path: Path) -> None:
    """A naive time far behind the first block of the file is held against the first row's offset."""
    row = "2024-05-10 00:00:00.000000+00:00,1,1\n"
    found = issues_of(lambda: read(tmp_path, HEADER + row * 150_000 + "2024-05-10 00:00:01,1,1\n"))
    assert [issue.line for issue in found] == [150_002]
    assert "no UTC offset, the first one has" in found[0].message


@needs_data
def test_the_published_file_is_read_whole() -> None:
    """The 2023 chat trace gives all 19,366 rows and the arrivals of its Parquet twin to the microsecond."""
    raw = AzureLlmTrace(format="azure_llm", file="raw/AzureLLMInferenceTrace_conv.csv").load(DATA)
    twin = ColumnsTrace(
        format="columns",
        file="azure2023_conv.parquet",
        columns=ColumnNames(arrival="arrival_us", input_tokens="input_tokens", output_tokens="output_tokens"),
        time_unit="us",
    ).load(DATA)
    assert len(raw) == raw.rows_read == 19_366
    assert np.array_equal(raw.arrival_ns // 1000, twin.arrival_ns // 1000)
    assert raw.input_tokens is not None
    assert twin.input_tokens is not None
    assert np.array_equal(raw.input_tokens, twin.input_tokens)
    assert raw.output_tokens is not None
    assert twin.output_tokens is not None
    assert np.array_equal(raw.output_tokens, twin.output_tokens)
    assert raw.origin == "2023-11-16T18:15:46.68059Z"


@needs_data
def test_the_published_file_has_its_own_sums() -> None:
    """Token sums and the last arrival equal those that plain line splitting finds."""
    path = DATA / "raw" / "AzureLLMInferenceTrace_conv.csv"
    rows = [line.split(",") for line in path.read_text().splitlines()[1:]]
    trace = AzureLlmTrace(format="azure_llm", file=path.name).load(path.parent)
    assert trace.input_tokens is not None
    assert int(trace.input_tokens.sum()) == sum(int(row[1]) for row in rows)
    assert trace.output_tokens is not None
    assert int(trace.output_tokens.sum()) == sum(int(row[2]) for row in rows)
    clock = [int(row[0][11:13]) * 3600 + int(row[0][14:16]) * 60 + int(row[0][17:19]) for row in rows]
    ticks = [second * 10**7 + int(row[0][20:]) for second, row in zip(clock, rows, strict=True)]
    assert int(trace.arrival_ns[-1]) == 100 * (max(ticks) - min(ticks))
