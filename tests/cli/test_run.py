"""`tiercast run`: the answer on stdout, a result on the disk, and an exit code that never lies."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any, NoReturn

import pyarrow.parquet as pq
import pytest
from cli.commands import Answer, invoke

from sim.experiment import resolve, store

PATTERNS = ["cheap-only", "frontier-only", "cascade"]


def run(*arguments: str) -> Answer:
    """Run the small experiment on one worker."""
    return invoke("run", "tiny.yaml", "--workers", "1", *arguments)


def strictly(text: str) -> dict[str, Any]:
    """Read one JSON object; NaN and infinity, which Python reads, are no JSON."""

    def refuse(name: str) -> NoReturn:
        raise ValueError(f"{name} is no JSON")

    read: dict[str, Any] = json.loads(text, parse_constant=refuse)
    return read


def the_result(root: Path = Path("results")) -> Path:
    """Give the one result below a folder."""
    (found,) = root.glob("*/*/manifest.json")
    return found.parent


def test_the_answer_is_on_stdout_and_the_place_on_stderr() -> None:
    """If a run succeeds, stdout holds the tables, stderr one line with the folder of the result, and the code is 0."""
    answer = run()
    assert answer.code == 0
    assert answer.out.startswith("tiny\n120 requests in 3 replications")
    assert [name for name in PATTERNS if name not in answer.out] == []
    assert answer.err == f"results: {the_result()}\n"
    assert store.verify(the_result()) == []


def test_quiet_says_nothing_on_stderr() -> None:
    """If nobody wants to hear of it, stderr is empty and stdout the same."""
    assert run("--quiet") == Answer(0, run().out, "")


def test_json_is_one_strict_object_and_the_summary_byte_by_byte() -> None:
    """If JSON is asked for, stdout is the summary of the result folder, one object without NaN, and nothing else."""
    answer = run("--json")
    assert answer.code == 0
    assert list(strictly(answer.out)["patterns"]) == PATTERNS
    assert answer.out.encode() == (the_result() / "summary.json").read_bytes()


@pytest.mark.parametrize(
    "sets",
    [
        ["run.requests=1", "run.replications=1"],
        ["run.requests=1", "run.replications=2"],
        ["run.requests=2", "run.replications=1"],
        ["run.replications=1"],
        ["quality.acceptance.chat.small=1", "quality.acceptance.chat.large=1"],
        ["quality.acceptance.chat.small=0", "quality.acceptance.chat.large=0"],
        ["fleet.small.price.input_mtok=0", "fleet.small.price.output_mtok=0"],
        ["fleet.large.price.input_mtok=0", "fleet.large.price.output_mtok=0"],
        ["workload.arrivals.rate_per_s=1e9"],
        ["fleet.small.service=0s", "fleet.large.service=0s"],
        ["workload.tasks.chat.input_tokens=0", "workload.tasks.chat.output_tokens=0"],
        ["patterns=[]"],
        ["patterns.cascade.escalate_when.confidence_below=0"],
        ["patterns.cascade.escalate_when.confidence_below=1"],
    ],
    ids=" ".join,
)
def test_degenerate_experiments_are_strict_json_too(sets: list[str]) -> None:
    """If there is hardly anything to measure, the summary has null bounds or absent metrics, never NaN or infinity."""
    answer = run("--json", *(word for assignment in sets for word in ("--set", assignment)))
    assert answer.code == 0, answer.err
    assert strictly(answer.out)["replications"] in {1, 2, 3}


def test_an_overload_is_told_and_is_no_failure_of_the_run() -> None:
    """If a model is offered more than it can do, pattern and answer say unstable, and the code is still 0."""
    sets = ("--set", "workload.arrivals.rate_per_s=50", "--set", "run.requests=2000")
    patterns = strictly(run("--json", *sets).out)["patterns"]
    assert {name: pattern["status"] for name, pattern in patterns.items()} == {
        "cheap-only": "unstable",
        "frontier-only": "ok",
        "cascade": "unstable",
    }
    assert "times the work it can do" in run(*sets).out


@pytest.mark.parametrize(
    "file", ["answer.json", "answer.csv", "answer.parquet", "answer.md", "ANSWER.JSON", "new/folder/answer.md"]
)
def test_an_output_has_the_format_of_its_extension(file: str) -> None:
    """If a file is asked for, it holds the answer in the format that its extension names, in a new folder too."""
    assert run("-o", file).code == 0
    readers = {
        ".json": lambda path: list(strictly(path.read_text(encoding="utf-8"))["patterns"]),
        ".csv": lambda path: [
            row["pattern"] for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines(keepends=True))
        ],
        ".parquet": lambda path: pq.read_table(path)["pattern"].to_pylist(),
        ".md": lambda path: [
            line.split(" ")[1] for line in path.read_text(encoding="utf-8").splitlines() if "|" in line
        ],
    }
    path = Path(file)
    assert set(readers[path.suffix.lower()](path)) >= set(PATTERNS)


def test_outputs_may_be_many() -> None:
    """If several outputs are named, all are written, and stdout is what it is without them."""
    assert run("-o", "a.json", "-o", "b.csv", "--output", "c.md").out == run().out
    assert [Path(name).stat().st_size > 0 for name in ("a.json", "b.csv", "c.md")] == [True] * 3


def test_unknown_extensions_are_refused_before_the_simulation(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a format is unknown, all such outputs are named and the file is not even read, let alone simulated."""
    monkeypatch.setattr("sim.cli.run.load", None)
    answer = run("-o", "a.xlsx", "-o", "fine.json", "-o", "b")
    assert (answer.code, answer.out) == (2, "")
    hint = "  hint: the extension names the format: .json, .csv, .parquet, .md, .om.txt, .bench.json"
    assert answer.err.splitlines() == [
        "a.xlsx: error: output file has extension '.xlsx'",
        hint,
        "b: error: output file has no extension",
        hint,
        "2 errors in 2 files",
    ]
    assert [path.name for path in Path().iterdir()] == ["tiny.yaml"]


def test_an_output_that_cannot_be_written_fails_and_the_result_stays() -> None:
    """If an output cannot be written, the code is 1 with one line, and the finished result is kept."""
    answer = run("-o", "tiny.yaml/answer.json")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err == "tiercast: error: cannot write tiny.yaml/answer.json: File exists\n"
    assert store.verify(the_result()) == []


def test_a_results_folder_that_cannot_be_written_fails_in_one_line() -> None:
    """If the results folder is a file, the code is 1, stderr has one line, and stdout nothing."""
    answer = run("--results", "tiny.yaml")
    assert (answer.code, answer.out) == (1, "")
    (line,) = answer.err.splitlines()
    assert line.startswith("tiercast: error: cannot write tiny.yaml/tiny/")
    assert line.endswith(": Not a directory")


def test_results_go_where_they_are_sent() -> None:
    """If another folder is named, the result is there and the usual one is not made."""
    assert run("--results", "else/where").code == 0
    assert the_result(Path("else/where")).parts[:3] == ("else", "where", "tiny")
    assert not Path("results").exists()


def test_requests_are_kept_when_asked_for() -> None:
    """If the requests are wanted, the result has a table per pattern and replication with a row per request."""
    run("--requests")
    parts = sorted(the_result().glob("requests/*/*.parquet"))
    assert len(parts) == len(PATTERNS) * 3
    assert [pq.read_metadata(part).num_rows for part in parts] == [40] * 9
    run()
    assert not (the_result() / "requests").exists()


def test_a_value_may_be_set() -> None:
    """If values are set, the run is that of a file which says so, hash included."""
    changed = Path("tiny.yaml").read_text(encoding="utf-8").replace("requests: 40", "requests: 20")
    Path("changed.yaml").write_text(changed.replace("service: 900ms", "service: 1s"), encoding="utf-8")
    set_there = run("--json", "--set", "run.requests=20", "--set", "fleet.large.service=1s")
    assert set_there.out == invoke("run", "changed.yaml", "--workers", "1", "--json").out


def test_seed_and_replications_are_those_of_the_file_if_it_said_so() -> None:
    """If seed and replications are given, the summary says so and equals that of the same values set."""
    asked = run("--json", "--seed", "8", "--replications", "2")
    assert (strictly(asked.out)["seed"], strictly(asked.out)["replications"]) == (8, 2)
    assert asked.out == run("--json", "--set", "seed=8", "--set", "run.replications=2").out
    assert asked.out != run("--json", "--replications", "2").out


def test_a_seed_that_is_not_written_is_recorded() -> None:
    """If the file has no seed, the one that was used stands in the summary and in the resolved experiment."""
    text = Path("tiny.yaml").read_text(encoding="utf-8").replace("seed: 3\n", "")
    Path("tiny.yaml").write_text(text, encoding="utf-8")
    summary = strictly(run("--json").out)
    resolved = strictly((the_result() / "resolved.json").read_text(encoding="utf-8"))
    assert summary["seed"] == resolved["seed"] == 1


@pytest.mark.parametrize("columns", ["1", "0", "20", "80", "100000", "wide", "-5", ""])
def test_any_width_is_drawn(monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    """If COLUMNS is anything at all, the report is drawn with every pattern in it."""
    monkeypatch.setenv("COLUMNS", columns)
    answer = run()
    assert answer.code == 0
    assert [name for name in PATTERNS if name not in answer.out] == []


def test_an_interrupt_of_the_simulation_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the user interrupts, the code is 130, stderr has one line, and no result is written."""

    def interrupt(*_: object, **__: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr("sim.experiment.workers.play_replication", interrupt)
    answer = run()
    assert (answer.code, answer.out) == (130, "")
    assert answer.err == "tiercast: interrupted: interrupted before the run had ended; nothing was written\n"
    assert not Path("results").exists()


def test_a_bug_is_one_line_and_a_traceback_only_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the program itself fails, the code is 1 and one line says what to report; TIERCAST_DEBUG=1 adds the rest."""

    def broken(*_: object, **__: object) -> NoReturn:
        raise ZeroDivisionError("by\nnought")

    monkeypatch.setattr(resolve.Experiment, "run", broken)
    answer = run()
    assert (answer.code, answer.out) == (1, "")
    (line,) = answer.err.splitlines()
    assert line.startswith("tiercast: internal error: ZeroDivisionError: by nought; please report this line")
    monkeypatch.setenv("TIERCAST_DEBUG", "1")
    assert run().err.startswith("Traceback (most recent call last):\n")
