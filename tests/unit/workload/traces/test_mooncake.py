"""Mooncake traces."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sim.errors import InvalidInput, Issue
from sim.workload.traces import MooncakeTrace, Trace

DATA = Path(__file__).resolve().parents[4] / ".." / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the shared data folder is not here")


def row(time: object = 0, prompt: object = 2000, answer: object = 10, **more: object) -> str:
    """Give one line of the format."""
    return json.dumps({"timestamp": time, "input_length": prompt, "output_length": answer, **more}) + "\n"


def read(folder: Path, text: str | bytes) -> Trace:
    """Write a file and read it."""
    (folder / "trace.jsonl").write_bytes(text.encode() if isinstance(text, str) else text)
    return MooncakeTrace(format="mooncake", file="trace.jsonl").load(folder)


def issues_of(folder: Path, text: str | bytes) -> tuple[Issue, ...]:
    """Give the issues that reading raises."""
    with pytest.raises(InvalidInput) as caught:
        read(folder, text)
    return caught.value.issues


def test_only_the_leading_run_of_known_blocks_is_cached(tmp_path: Path) -> None:
    """A known block behind an unknown one is no prefix; the cached part never exceeds the prompt."""
    text = (
        row(0, hash_ids=[1, 2, 3])
        + row(0, hash_ids=[1, 2, 9, 3])
        + row(3000, hash_ids=[7, 1])
        + row(3000, 700, hash_ids=[1, 2])
        + row(6000, hash_ids=[])
    )
    trace = read(tmp_path, text)
    assert trace.cached_tokens is not None
    assert trace.cached_tokens.tolist() == [0, 1024, 0, 700, 0]
    assert trace.arrival_ns.tolist() == [0, 0, 3 * 10**9, 3 * 10**9, 6 * 10**9]


def test_files_without_hash_ids_have_no_cached_column(tmp_path: Path) -> None:
    """If no row has hash ids, nothing is known about caching; times count from the first row."""
    trace = read(tmp_path, "\ufeff" + row(1500) + "\n" + row(1500.25))
    assert trace.cached_tokens is None
    assert trace.arrival_ns.tolist() == [0, 250_000]


@needs_data
def test_the_published_file_gives_the_known_prefix_hits() -> None:
    """Cached tokens of the conversation trace are 512 per prefix hit of its Parquet twin, capped by the prompt."""
    parquet = pytest.importorskip("pyarrow.parquet")
    twin = parquet.read_table(DATA / "mooncake_conversation.parquet")
    columns = {name: twin.column(name).to_numpy() for name in twin.column_names}
    trace = MooncakeTrace(format="mooncake", file="raw/mooncake_conversation_trace.jsonl").load(DATA)
    assert len(trace) == 12_031
    assert np.array_equal(trace.arrival_ns, (columns["arrival_ms"] - columns["arrival_ms"][0]) * 10**6)
    assert trace.input_tokens is not None
    assert np.array_equal(trace.input_tokens, columns["input_tokens"])
    assert trace.output_tokens is not None
    assert np.array_equal(trace.output_tokens, columns["output_tokens"])
    assert trace.cached_tokens is not None
    cached = np.minimum(512 * columns["prefix_hit_blocks"].astype(np.int64), columns["input_tokens"])
    assert np.array_equal(trace.cached_tokens, cached)


@pytest.mark.parametrize(
    ("bad", "path", "words"),
    [
        (row(-1), "timestamp", "negative"),
        (row(float("nan")), "timestamp", "not a finite number"),
        (row(1e300), "timestamp", "more than"),
        (row("0"), "timestamp", "'0' is not a number"),
        (row(True), "timestamp", "not a number"),
        (row(prompt=1.5), "input_length", "not a whole number"),
        (row(prompt=None), "input_length", "not a number"),
        (row(answer=10_000_001), "output_length", "more than 10,000,000"),
        ('{"timestamp": 1, "output_length": 1}\n', "input_length", "there is no 'input_length'"),
        (row(hash_ids=[1, "2"]), "hash_ids", "not a list of whole numbers"),
        (row(hash_ids=7), "hash_ids", "not a list of whole numbers"),
        ("{timestamp: 0}\n", "", "not JSON"),
        ("[" * 100_000 + "\n", "", "not JSON"),
        ("[1]\n", "", "not a JSON object"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, bad: str, path: str, words: str) -> None:
    """Each bad value is one issue with its line and key."""
    start = row(hash_ids=[5]) if "hash_ids" in bad else row()
    (issue,) = issues_of(tmp_path, start + "\n" + bad)
    assert (issue.line, issue.path) == (3, path)
    assert words in issue.message


def test_rows_out_of_order_are_refused(tmp_path: Path) -> None:
    """Sorting would change what is cached, so a row that goes back in time is an issue."""
    (issue,) = issues_of(tmp_path, row(5) + row(4) + row(6))
    assert (issue.line, issue.path) == (2, "timestamp")


def test_hash_ids_in_some_rows_only_are_refused(tmp_path: Path) -> None:
    """A row without hash ids among rows that have them is an issue, and the other way round."""
    assert [issue.line for issue in issues_of(tmp_path, row(hash_ids=[1]) + row())] == [2]
    assert [issue.line for issue in issues_of(tmp_path, row() + row(hash_ids=[1]))] == [2]


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "empty"), (b"\n\n", "no rows"), (b"PAR1\0\0", "Parquet"), (b"x" * (5 << 20), "longer than 4 MiB")],
)
def test_files_of_another_kind_are_refused(tmp_path: Path, content: bytes, words: str) -> None:
    """A file that holds no JSON lines is one issue that says what it is."""
    (issue,) = issues_of(tmp_path, content)
    assert words in issue.message


def test_a_missing_file_says_where_it_comes_from(tmp_path: Path) -> None:
    """The issue of a missing public file names its source and licence."""
    with pytest.raises(InvalidInput) as caught:
        MooncakeTrace(format="mooncake", file="nowhere.jsonl").load(tmp_path)
    (issue,) = caught.value.issues
    assert issue.file == "nowhere.jsonl"
    assert "github.com/kvcache-ai/Mooncake" in issue.hint
    assert "Apache-2.0" in issue.hint
