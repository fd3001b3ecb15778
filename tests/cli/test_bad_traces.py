"""Bad traces: exit code 2, the message at the line of the trace or at its path in the experiment, nothing written.

What each format makes of each value is tested where traces are read; here it is what the user of the command is told.
"""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cli.commands import TINY, invoke, refusal

OWN_COLUMNS = "columns: {arrival: t, input_tokens: i, output_tokens: o}, time_unit: s"
BAD_ROWS = [
    # what is in the file, and how each message begins
    ("t,i,o\n1,nan,1\n", ["2:3: error: i: 'nan' is not a finite number"]),
    ("t,i,o\n1,1,inf\n", ["2:5: error: o: 'inf' is not a finite number"]),
    ("t,i,o\n1,-5,1\n", ["2:3: error: i: '-5' is negative"]),
    ("t,i,o\n1,1000000000,1\n", ["2:3: error: i: '1000000000' is more than 10,000,000"]),
    ("t,i,o\n1,1.5,1\n", ["2:3: error: i: '1.5' is not a whole number"]),
    ("t,i,o\n1,many,1\n", ["2:3: error: i: 'many' is not a number"]),
    ("t,i,o\n1,,1\n", ["2:3: error: i: the value is missing"]),
    ("t,i,o\n1,1,0\n", ["2:5: error: o: '0' tokens are no answer"]),
    ("t,i,o\n-1,1,1\n", ["2:1: error: t: '-1' is negative"]),
    ("t,i,o\n1e10,1,1\n", ["2:1: error: t: '1e10' s is after the year 2262"]),
    ("t,i,o\n2026-01-01,1,1\n", ["2:1: error: t: '2026-01-01' is not a number"]),
    ("t,i,o\n1,1\n2,2,2,2\n", ["2:1: error: this row has 2 columns", "3:1: error: this row has 4 columns"]),
    ('t,i,o,n\n1,1,x,"a\nb"\n2,y,1,c\n', ["2:5: error: o: 'x' is not a number", "4:3: error: i: 'y' is not a number"]),
    ('n,t,i,o\n"a\n\n,b",1,x,1\n', ["4:7: error: i: 'x' is not a number"]),
    ("t,i,output\n1,1,1\n", ["1:1: error: o: there is no column 'o'; the columns are 't', 'i', 'output'"]),
    ("t,note,o,i,o\n1,1,1,1,1\n", ["1:8: error: o: the column 'o' is there 2 times"]),
    ("t;i;o\n1;1;1\n", ["1:1: error: t: ", "1:1: error: i: ", "1:1: error: o: "]),
    ("t,i,o\n", ["1:1: error: the file has a header but no rows"]),
    ("\n\n", ["1:1: error: the file has no header: it holds nothing but empty lines"]),
]
BAD_FILES = [
    ("bad.csv", "t,i,o\n1,1,1\n".encode("utf-16"), "the file is UTF-16 text"),
    ("bad.csv", b"t,i,o\n1,1,caf\xe9\n", "the file is not UTF-8 text: byte 14 is 0xe9"),
    ("bad.csv", b"\x00\x01\x02", "the file is binary, not CSV text"),
    ("bad.csv.gz", gzip.compress(b"t,i,o\n1,1,1\n" * 100)[:-9], "the file cannot be read to its end"),
    ("bad.csv.gz", b"\x1f\x8b" + b"\0" * 50, "the file cannot be read to its end"),
    ("bad.parquet", b"t,i,o\n1,1,1\n", "this is no Parquet file: it starts with 't,i,'"),
    ("bad.parquet", b"PAR1" + b"\0" * 100 + b"PAR1", "the Parquet file is truncated or damaged"),
]


def replaying(file: str, form: str = "columns", more: str = OWN_COLUMNS, **replay: str) -> str:
    """Give the small experiment with a trace instead of arrivals, played twice to its end."""
    source = f"{{format: {form}, file: {file}{', ' if more else ''}{more}}}"
    options = "".join(f"    {key}: {value}\n" for key, value in replay.items())
    text = TINY.replace("    kind: poisson\n    rate_per_s: 5\n", f"    kind: trace\n    source: {source}\n{options}")
    return text.replace("  requests: 40\n  replications: 3\n", "  replications: 2\n")


def parquet(**columns: pa.Array | list[int]) -> bytes:
    """Give the bytes of a Parquet file."""
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


@pytest.mark.parametrize(("content", "messages"), BAD_ROWS, ids=[repr(content) for content, _ in BAD_ROWS])
def test_bad_rows_are_refused_where_they_stand(content: str, messages: list[str]) -> None:
    """If rows of a trace cannot be used, each is told with file, line and the character where the value begins."""
    Path("bad.csv").write_text(content, encoding="utf-8", newline="")
    lines = refusal("replay.yaml", replaying("bad.csv"))
    found = [line for line in lines if ": error: " in line]
    assert [line.startswith(f"bad.csv:{message}") for line, message in zip(found, messages, strict=True)] == [
        True for _ in messages
    ]


def test_the_line_of_a_trace_is_shown_with_a_caret() -> None:
    """If a value in a text file is bad, its line is shown and the caret stands under the value."""
    Path("bad.csv").write_text("t,i,o\n10,100,many\n", encoding="utf-8")
    assert refusal("replay.yaml", replaying("bad.csv"))[1:3] == ["  10,100,many", "         ^"]


@pytest.mark.parametrize("name", ["bad.csv.gz", "bad.parquet"])
def test_files_without_lines_are_not_shown(name: str) -> None:
    """If a value in a compressed or binary file is bad, its row is told and no garbage is printed."""
    contents = {
        "bad.csv.gz": gzip.compress(b"t,i,o\n1,1,1\n2,1,-1\n"),
        "bad.parquet": parquet(t=[1, 2], i=[1, 1], o=[1, -1]),
    }
    Path(name).write_bytes(contents[name])
    first, count = refusal("replay.yaml", replaying(name))
    assert first.endswith("error: o: '-1' is negative")
    assert count == "1 error"


@pytest.mark.parametrize(("name", "content", "message"), BAD_FILES, ids=[message for _, _, message in BAD_FILES])
def test_a_file_of_another_kind_is_refused(name: str, content: bytes, message: str) -> None:
    """If a file is not what its place or name says, one message says what it is."""
    Path(name).write_bytes(content)
    lines = refusal("replay.yaml", replaying(name))
    assert lines[0].startswith(f"{name}: error: {message}")
    assert lines[-1] == "1 error"


@pytest.mark.parametrize("verb", ["run", "explain", "validate"])
@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("nowhere.csv", "the file does not exist (looked at nowhere.csv)"),
        ("folder", "this is a folder, not a file (looked at folder)"),
        ("loop.csv", "the file cannot be opened: too many levels of symbolic links (looked at loop.csv)"),
        ("tiny.yaml/x.csv", "the file cannot be opened: not a directory (looked at tiny.yaml/x.csv)"),
        ("empty.csv", "the file is empty (0 bytes) (looked at empty.csv)"),
        ("/dev/null", "this is not a regular file (looked at /dev/null)"),
        ("https://example.org/t.csv", "this is a URL, and files are not fetched from the network; download it first"),
        ("s3://bucket/t.csv", "this is a URL, and files are not fetched from the network; download it first"),
        ("x" * 300, f"the file cannot be opened: file name too long (looked at {'x' * 300})"),
    ],
)
def test_a_path_without_a_file_is_refused_where_it_is_written(verb: str, file: str, message: str) -> None:
    """If no file can be read at a path, every verb says so at the path in the experiment, before anything is played."""
    Path("folder").mkdir()
    Path("empty.csv").touch()
    Path("loop.csv").symlink_to("loop.csv")
    text = replaying(file)
    line = text.splitlines()[6]
    where = f"replay.yaml:7:{line.index('file: ') + 7}"
    assert refusal("replay.yaml", text, verb)[0] == f"{where}: error: workload.arrivals.source.file: {message}"


def test_a_missing_public_trace_says_where_to_get_it() -> None:
    """If the file of a public trace is missing, the hint names its source."""
    lines = refusal("replay.yaml", replaying("conv.csv", "azure_llm", ""))
    assert lines[3].startswith("  hint: the public file is github.com/Azure/AzurePublicDataset")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "{format: columns, file: §'', columns: {arrival: t}, time_unit: s}",
            "file: needs at least 1 character, found ''",
        ),
        ("{format: columns, file: t, §columns: {arival: t}, time_unit: s}", "columns.arrival: arrival is required"),
        ("{format: columns, file: t, columns: {arrival: §1}, time_unit: s}", "columns.arrival: expected text, found 1"),
        ("{format: columns, file: t, columns: {arrival: t}, time_unit: §min}", "time_unit: 'min' is not allowed"),
        ("{format: columns, file: t, columns: §t, time_unit: s}", "columns: expected a mapping of keys and values"),
        ("{format: §azure, file: t}", "format: unknown format 'azure'; one of: azure_llm, "),
    ],
)
def test_a_mistake_in_the_source_is_marked_at_the_word(source: str, message: str) -> None:
    """If the source is misspelled, the message stands at the word that is wrong, not at another of the same name."""
    line = f"    source: {source}"
    text = replaying("x").replace(replaying("x").splitlines()[6], line.replace("§", ""))
    first = refusal("replay.yaml", text)[0]
    assert first.startswith(f"replay.yaml:7:{line.index('§') + 1}: error: workload.arrivals.source.{message}")


@pytest.mark.parametrize(
    ("replay", "message"),
    [
        ({"window": "{start: 1d}"}, "no request arrives in the window 1d"),
        ({"speed_up": "0"}, "must be greater than 0, found 0"),
        ({"speed_up": "1e-6"}, "the trace lasts longer than 292 years"),
        ({"bootstrap": "1d"}, "is not between 0 and the length of the trace"),
    ],
)
def test_a_replay_that_cannot_be_is_refused(replay: dict[str, str], message: str) -> None:
    """If window, speed or blocks do not go with the trace, that is told before anything is played."""
    Path("t.csv").write_text("t,i,o\n0,1,1\n20000,1,1\n", encoding="utf-8")
    text = replaying("t.csv", **replay).replace("run:\n", "run:\n  requests: 10\n")
    first = refusal("replay.yaml", text)[0]
    assert first.startswith("replay.yaml:")
    assert message in first


def test_only_the_first_of_many_bad_rows_are_shown() -> None:
    """If thousands of rows are bad, twenty are shown and the rest are counted."""
    Path("bad.csv").write_text("t,i,o\n" + "1,x,1\n" * 5_000, encoding="utf-8")
    lines = refusal("replay.yaml", replaying("bad.csv"))
    assert len([line for line in lines if line.startswith("bad.csv:")]) == 21
    assert lines[-2].startswith("bad.csv: error: and at least ")


def test_messages_lead_to_the_file_from_where_the_command_is_typed() -> None:
    """If the experiment lies elsewhere, the path in a message is that from here, so that an editor can open it."""
    Path("far/data").mkdir(parents=True)
    Path("far/data/bad.csv").write_text("t,i,o\n1,x,1\n", encoding="utf-8")
    first, source, caret, _ = refusal("far/replay.yaml", replaying("data/bad.csv"))
    assert first == "far/data/bad.csv:2:3: error: i: 'x' is not a number"
    assert (source, caret) == ("  1,x,1", "    ^")


@pytest.mark.parametrize(
    "content",
    [
        b"t,i,o\n1,5,5\n2,5,5\n2,5,5\n",
        b"\xef\xbb\xbft,i,o\r\n1,5,5\r\n2,5,5\r\n2,5,5\r\n",
        b"more,t,o,i\n,1,5,5\n,2,5,5\n,2,5,5\n",
        b't,i,o,"no\nte"\n1,5,5,"a\nb"\n2,5,5,\n2,5,5,""\n',
        gzip.compress(b"t,i,o\n1,5,5\n2,5,5\n2,5,5\n"),
        gzip.compress(b"t,i,o\n1,5,5\n2,") + gzip.compress(b"5,5\n2,5,5\n"),
        parquet(t=[1, 2, 2], i=[5, 5, 5], o=[5, 5, 5]),
        parquet(
            t=pa.array([1, 2, 2]).cast(pa.decimal128(30, 3)), i=[5, 5, 5], o=pa.array([5, 5, 5]).dictionary_encode()
        ),
    ],
    ids=[
        "duplicates",
        "BOM and CRLF",
        "more columns",
        "quoted line ends",
        "gzip",
        "gzip in two parts",
        "parquet",
        "decimals, dictionary",
    ],
)
def test_what_is_odd_but_plain_is_played(content: bytes) -> None:
    """If a trace is only written differently, it is played, and always to the same numbers."""
    Path("t.csv").write_bytes(content)
    Path("replay.yaml").write_text(replaying("t.csv"), encoding="utf-8")
    answer = invoke("run", "replay.yaml", "--workers", "1", "--json")
    assert (answer.code, json.loads(answer.out)["requests"]) == (0, 6)
    assert json.loads(answer.out)["patterns"]["frontier-only"]["latency.mean"]["value"] == 0.9


def test_rows_out_of_order_are_sorted_and_told() -> None:
    """If times go back, the rows are played in order of time, and a note in the answer says so."""
    Path("t.csv").write_text("t,i,o\n9,5,5\n1,5,5\n5,5,5\n", encoding="utf-8")
    Path("replay.yaml").write_text(replaying("t.csv"), encoding="utf-8")
    answer = invoke("run", "replay.yaml", "--workers", "1", "--json", "--quiet")
    notes = json.loads(answer.out)["notes"]
    assert answer.code == 0
    assert "all: 2 of 3 rows were out of order: sorted by arrival" in notes


def test_a_trace_above_capacity_is_unstable() -> None:
    """If a trace brings more work than a model can do, the pattern is unstable and the answer says so."""
    Path("t.csv").write_text("t,i,o\n" + "".join(f"{k / 50},5,5\n" for k in range(500)), encoding="utf-8")
    Path("replay.yaml").write_text(replaying("t.csv"), encoding="utf-8")
    patterns = json.loads(invoke("run", "replay.yaml", "--workers", "1", "--json").out)["patterns"]
    assert {name: pattern["status"] for name, pattern in patterns.items()} == {
        "cheap-only": "unstable",
        "frontier-only": "ok",
        "cascade": "unstable",
    }
