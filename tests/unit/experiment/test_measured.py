"""Measured calls of an experiment: read, checked, and played by both engines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

import sim
from sim.errors import InvalidInput, Issue
from sim.experiment.measured import read_calls
from sim.fleet import CallRows, MeasuredCalls

CALLS = """endpoint,error,ttft,e2e,n,pace
a,,0.2,1.2,11,0.1
a,429,0,0,0,0
b,,0.5,0.6,2,0.1
a,,0.3,2.3,21,0.1
"""
MEASURED: dict[str, Any] = {
    "file": "calls.csv",
    "where": {"endpoint": "a", "error": ""},
    "unit": "s",
    "ttft": "ttft",
    "total": "e2e",
    "output_tokens": "n",
}
MS = 1_000_000


def read(folder: Path, text: str = CALLS, **keys: Any) -> CallRows:
    """Write a file and read the calls in it."""
    (folder / "calls.csv").write_text(text, encoding="utf-8")
    return read_calls(MeasuredCalls(**{**MEASURED, **keys}), folder)


def issues_of(folder: Path, text: str, **keys: Any) -> list[Issue]:
    """Give the issues that reading raises."""
    with pytest.raises(InvalidInput) as caught:
        read(folder, text, **keys)
    return list(caught.value.issues)


def experiment(folder: Path, *, tokens: int | None = 50, model: dict[str, Any] | None = None, **keys: Any) -> Any:
    """Give an experiment of one model that is served as measured."""
    (folder / "calls.csv").write_text(CALLS, encoding="utf-8")
    task = {"input_tokens": 100} if tokens is None else {"input_tokens": 100, "output_tokens": tokens}
    return {
        "version": 1,
        "name": "measured",
        "workload": {"arrivals": {"kind": "poisson", "rate_per_s": 2}, "tasks": {"chat": task}},
        "fleet": {
            "a": {
                "price": {"output_mtok": 1.0},
                "service": {"measured": {**MEASURED, **keys}},
                "capacity": {"concurrency": 3},
                **(model or {}),
            }
        },
        "quality": {"acceptance": {"chat": {"a": 0.9}}},
        "run": {"requests": 400, "replications": 2},
    }


def test_rows_are_chosen_and_turned_into_ttft_and_decode(tmp_path: Path) -> None:
    """Failed calls and other endpoints are left out unread; decode is what follows the first token."""
    rows = read(tmp_path)
    assert rows.ttft_ns.tolist() == [200 * MS, 300 * MS]
    assert rows.decode_ns.tolist() == [1000 * MS, 2000 * MS]
    assert rows.gaps.tolist() == [10, 20]
    assert rows.output_tokens is None


def test_an_inter_token_column_is_the_pace(tmp_path: Path) -> None:
    """With inter-token latencies instead of whole times the pace is read, and lengths where they are asked for."""
    columns = {"total": None, "inter_token": "pace", "lengths": "measured"}
    rows = read(tmp_path, **columns)
    assert (rows.decode_ns / rows.gaps).tolist() == [100 * MS, 100 * MS]
    assert rows.output_tokens is not None
    assert rows.output_tokens.tolist() == [11, 21]


def test_a_missing_value_of_parquet_is_an_empty_text(tmp_path: Path) -> None:
    """Parquet with nulls and categories gives the rows that CSV with empty fields gives."""
    columns = {
        "endpoint": pa.array(["a", "a", "b", "a"]).dictionary_encode(),
        "error": pa.array([None, "429", None, None]),
        "ttft": pa.array([0.2, 0.0, 0.5, 0.3]),
        "e2e": pa.array([1.2, 0.0, 0.6, 2.3]),
        "n": pa.array([11, 0, 2, 21], pa.int16()),
    }
    parquet.write_table(pa.table(columns), tmp_path / "calls.parquet")
    rows, same = read(tmp_path), read(tmp_path, file="calls.parquet")
    assert rows.ttft_ns.tolist() == same.ttft_ns.tolist()
    assert rows.decode_ns.tolist() == same.decode_ns.tolist()


@pytest.mark.parametrize(
    ("row", "column", "words"),
    [
        ("a,,-1,2,9,0", "ttft", "'-1' is negative"),
        ("a,,fast,2,9,0", "ttft", "'fast' is not a number"),
        ("a,,,2,9,0", "ttft", "the value is missing"),
        ("a,,nan,2,9,0", "ttft", "'nan' is not a finite number"),
        ("a,,0.5,0.4,9,0", "e2e", "the last token came before the first one"),
        ("a,,0.5,604801,9,0", "e2e", "no call takes more than a week"),
        ("a,,0.5,0.6,1,0", "n", "an answer of 1 tokens says nothing of the pace"),
        ("a,,0.5,0.6,2.5,0", "n", "'2.5' is not a whole number"),
    ],
)
def test_a_bad_call_is_named_by_line_and_column(tmp_path: Path, row: str, column: str, words: str) -> None:
    """If a value cannot be, one issue says where and why; rows that are left out are not looked at."""
    first = issues_of(tmp_path, f"{CALLS}{row}\n")[0]
    assert (first.line, first.path) == (6, column)
    assert words in first.message


def test_every_bad_value_comes_at_once(tmp_path: Path) -> None:
    """Several mistakes in several rows are several issues, in the order of the file."""
    found = issues_of(tmp_path, f"{CALLS}a,,-1,2,9,0\na,,0.1,x,9,0\na,,0.1,0.2,1,0\n")
    assert [(issue.line, issue.path) for issue in found if issue.path != "n"] == [(6, "ttft"), (7, "e2e")]
    assert (8, "n") in [(issue.line, issue.path) for issue in found]


def test_no_row_left_is_an_issue(tmp_path: Path) -> None:
    """If `where` fits nothing, the message repeats it."""
    (issue,) = issues_of(tmp_path, CALLS, where={"endpoint": "c"})
    assert issue.message == "none of the 4 rows has endpoint = 'c'"


@pytest.mark.parametrize("lengths", ["workload", "measured"])
def test_engines_serve_the_same_measured_calls(tmp_path: Path, lengths: str) -> None:
    """Both engines give the same log, and each call's own time is that of a row at its length."""
    made = sim.from_mapping(experiment(tmp_path, lengths=lengths), tmp_path)
    logs = [made.run(workers=1, engine=engine).requests("frontier-only") for engine in ("reference", "compiled")]
    assert logs[0].equals(logs[1])
    own = (logs[0].latency_ns - logs[0].wait_ns).to_numpy()
    allowed = {200 + 4_900, 300 + 4_900} if lengths == "workload" else {1_200, 2_300}
    assert set(own // MS) == allowed
    assert set(logs[0].output_tokens) == ({50} if lengths == "workload" else {11, 21})


def test_workers_are_given_the_measured_calls(tmp_path: Path) -> None:
    """Two processes give the numbers of one."""
    made = sim.from_mapping(experiment(tmp_path), tmp_path)
    one, two = (made.run(workers=count).summary for count in (1, 2))
    assert one.equals(two)


def test_a_retry_has_other_luck_and_the_same_length(tmp_path: Path) -> None:
    """A retried call draws another row for its times; the answer is as long as it was, so that the bill is one."""
    model = {"client": {"timeout": "2250ms", "retries": 1}, "capacity": "unlimited"}
    document = experiment(tmp_path, lengths="measured", model=model)
    log = sim.from_mapping(document, tmp_path).run(workers=1, replications=1).requests("frontier-only")
    answered = log[~log.failed]
    assert set(answered.output_tokens) == {11, 21}
    # 21 tokens take 2.3 s in their own row, too long, and 0.2 s + 20 x 0.1 s at the pace of the other one
    assert (answered[answered.output_tokens == 21].latency_ns >= (2_250 + 2_200) * MS).all()


def test_the_file_is_part_of_the_experiment(tmp_path: Path) -> None:
    """The report names the file and how much so few rows can tell; another content gives another hash."""
    made = sim.from_mapping(experiment(tmp_path), tmp_path)
    result = made.run(workers=1).result
    assert list(result.files) == ["calls.csv"]
    (note,) = [note for note in result.notes if "measured" in note]
    assert "one of 2 measured ones" in note
    before = made.hash
    (tmp_path / "calls.csv").write_text(CALLS + "a,,0.4,0.9,3,0.25\n", encoding="utf-8")
    assert made.hash != before


def test_lengths_need_no_law_where_all_are_measured(tmp_path: Path) -> None:
    """If every model's answers are as long as measured, task classes need not say how long; else they must."""
    assert sim.from_mapping(experiment(tmp_path, tokens=None, lengths="measured"), tmp_path).run(workers=1)
    with pytest.raises(InvalidInput, match="output_tokens is missing"):
        sim.from_mapping(experiment(tmp_path, tokens=None), tmp_path)


def test_nothing_else_may_say_how_long_answers_are(tmp_path: Path) -> None:
    """With measured lengths a verbosity, or a table's lengths of that model, would do nothing: both are refused."""
    document = experiment(tmp_path, lengths="measured", model={"verbosity": 1.5})
    document["outcomes"] = {"file": "calls.csv", "models": {"a": {"score": "n", "output_tokens": "n"}}}
    del document["quality"]
    with pytest.raises(InvalidInput) as caught:
        sim.from_mapping(document, tmp_path)
    paths = {issue.path for issue in caught.value.issues if "does nothing" in issue.message}
    assert paths == {"fleet.a.verbosity", "outcomes.models.a.output_tokens"}


def test_a_trace_that_records_lengths_does_not_go_with_measured_ones(tmp_path: Path) -> None:
    """If a trace records output tokens, the message says how to serve them at the measured pace, and that works."""
    trace = [{"timestamp": 1000 * k, "input_length": 9, "output_length": 3 + k} for k in range(5)]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in trace), encoding="utf-8")
    document = experiment(tmp_path, tokens=None, lengths="measured")
    source = {"format": "mooncake", "file": "t.jsonl"}
    document["workload"]["arrivals"] = {"kind": "trace", "source": source}
    del document["run"]["requests"]
    with pytest.raises(InvalidInput, match="write lengths: workload"):
        sim.from_mapping(document, tmp_path).run(workers=1)
    document["fleet"]["a"]["service"]["measured"]["lengths"] = "workload"
    log = sim.from_mapping(document, tmp_path).run(workers=1, replications=1).requests("frontier-only")
    pace = (log.latency_ns - log.ttft_ns) / (log.output_tokens - 1)
    assert np.allclose(pace, 100 * MS, rtol=1e-9)


def test_a_missing_file_is_an_issue_at_its_place(tmp_path: Path) -> None:
    """If the file is not there, validation says so where it is named."""
    document = experiment(tmp_path, file="nowhere.csv")
    with pytest.raises(InvalidInput) as caught:
        sim.from_mapping(document, tmp_path)
    assert [issue.path for issue in caught.value.issues] == ["fleet.a.service.measured.file"]
