"""`tiercast capacity`: typed as a user types it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from cli.commands import TINY, invoke, process

SEARCH = (
    "--find",
    "fleet.small.capacity.concurrency",
    "--from",
    "1",
    "--to",
    "6",
    "--replications",
    "3",
    "--set",
    "run.requests=600",
    "--quiet",
)
UNTIL = ("--until", "wait.mean<100ms", "--until", "failure.rate<1%")


def test_the_answer_is_told_in_a_table_and_in_words() -> None:
    """If a number is searched, the table has a row per pattern, and a sentence says what meets and what fails."""
    answer = invoke("capacity", "tiny.yaml", *SEARCH, *UNTIL)
    assert (answer.code, answer.err) == (0, "")
    assert "Border of fleet.small.capacity.concurrency" in answer.out
    for pattern in ("cheap-only", "frontier-only", "cascade"):
        assert any(line.startswith(f"{pattern} ") for line in answer.out.splitlines())
    assert "\u2022 frontier-only still meets all at 6, " in answer.out
    assert "one border" in answer.out
    assert "an unstable system meets nothing" in answer.out


def test_json_and_files_tell_the_same() -> None:
    """If JSON is asked for and files are named, all tell the same answers, and numbers that are whole stay so."""
    outputs = [argument for name in ("a.json", "a.csv", "a.md") for argument in ("-o", name)]
    answer = invoke("capacity", "tiny.yaml", *SEARCH, *UNTIL, "--json", *outputs)
    found = json.loads(answer.out)
    assert Path("a.json").read_text(encoding="utf-8") == answer.out
    assert [one["pattern"] for one in found["answers"]] == ["cheap-only", "frontier-only", "cascade"]
    small = found["answers"][0]
    assert small["state"] == "found"
    assert small["sought"] == "least"
    assert (type(small["meets"]["value"]), type(small["fails"]["value"])) == (int, int)
    assert small["meets"]["metrics"]["wait.mean"]["upper"] < 0.1 <= small["fails"]["metrics"]["wait.mean"]["lower"]
    with Path("a.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["meets"] for row in rows] == [str((one["meets"] or {"value": ""})["value"]) for one in found["answers"]]
    markdown = Path("a.md").read_text(encoding="utf-8")
    assert all(f"| {one['pattern']} |" in markdown for one in found["answers"])


def test_settings_become_columns() -> None:
    """If a search is made at several values of a key, each is a row, and the key a column."""
    at = ("--at", "workload.arrivals.rate_per_s=1,2", "--pattern", "cheap-only")
    answer = invoke("capacity", "tiny.yaml", *SEARCH, *UNTIL, *at, "-o", "a.csv")
    with Path("a.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["workload.arrivals.rate_per_s"] for row in rows] == ["1", "2"]
    assert "cheap-only at workload.arrivals.rate_per_s=2 " in answer.out


def test_the_rate_is_searched_where_nothing_is_named() -> None:
    """If nothing is to be found, it is the arrival rate, in requests per second."""
    few = ("--replications", "2", "--pattern", "cheap-only")
    answer = invoke("capacity", "tiny.yaml", "--until", "wait.mean<1h", *few)
    assert (answer.code, answer.err) == (0, "")
    assert "Border of arrival rate, requests/s" in answer.out


def test_the_answer_is_the_same_everywhere() -> None:
    """If other workers in another process search, stdout is the same, byte by byte."""
    arguments = ("capacity", "tiny.yaml", *SEARCH, *UNTIL, "--json", "--pattern", "cascade")
    assert process(*arguments, "--workers", "2", PYTHONHASHSEED="2").out == invoke(*arguments).out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "--until: error: there is no condition to meet"),
        (("--until", "latncy.p95<4s"), "did you mean 'latency.p95'?"),
        (
            (*UNTIL, "--find", "fleet.small.capacity.concurrency"),
            "--find: error: fleet.small.capacity.concurrency: from",
        ),
        ((*UNTIL, "--find", "fleet.small.service", "--from", "1", "--to", "2"), "only numbers can be searched"),
        ((*UNTIL, "--at", "seed"), "--at: error: 'seed' is not a key with values"),
        ((*UNTIL, "--pattern", "cascad"), "--pattern: error: there is no pattern 'cascad'"),
        ((*UNTIL, "-o", "a.parquet"), "the extension names the format: .json, .csv, .md"),
        ((*UNTIL, "--replications", "1"), "1 is not in the range"),
        ((*UNTIL, "--from", "2", "--to", "1"), "--from: error: 2 is above --to 1"),
    ],
)
def test_what_cannot_be_used_is_exit_code_2(arguments: tuple[str, ...], message: str) -> None:
    """If the command line cannot be used, the code is 2, stderr says why, and nothing is written."""
    answer = invoke("capacity", "tiny.yaml", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err
    assert [path.name for path in Path().iterdir()] == ["tiny.yaml"]


def test_a_value_that_the_experiment_refuses_is_told() -> None:
    """If an end of the search is no value for its key, the message is that of --set."""
    answer = invoke("capacity", "tiny.yaml", *UNTIL, *SEARCH, "--from", "0")
    assert answer.code == 2
    assert "--set: error: fleet.small.capacity.concurrency: " in answer.err


def test_names_do_no_harm() -> None:
    """If a pattern's title holds markup, the Markdown shows it and does not obey it."""
    Path("odd.yaml").write_text(TINY.replace("patterns:", "title: 'a | b <i>'\npatterns:"), encoding="utf-8")
    invoke("capacity", "odd.yaml", *SEARCH, *UNTIL, "--pattern", "cascade", "-o", "a.md")
    assert Path("a.md").read_text(encoding="utf-8").startswith("## a \\| b &lt;i&gt;\n")
