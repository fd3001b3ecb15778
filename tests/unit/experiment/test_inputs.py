"""Input files: where they lie, what they lack, and that what is wrong with them is told at their place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import sim

TASK = {"input_tokens": 100, "output_tokens": 50}
COLUMNS = {"arrival": "t", "input_tokens": "i", "output_tokens": "o"}
TRACE = "workload.arrivals.source.file"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with a trace of eight requests and a table of four prompts."""
    rows = "".join(f"{k},{100 + k},{10 + k},{'xy'[k % 2]},{'ab'[k // 4]}\n" for k in range(8))
    (tmp_path / "log.csv").write_text(f"t,i,o,s,k\n{rows}", encoding="utf-8")
    table = "task,prompt,small,large,words\n"
    table += "a,11,true,true,5\na,12,false,true,6\nb,13,true,false,7\nb,14,false,false,8\n"
    (tmp_path / "table.csv").write_text(table, encoding="utf-8")
    return tmp_path


def replay(columns: dict[str, str] | None = None, file: str = "log.csv", **more: Any) -> dict[str, Any]:
    """Name the trace."""
    source = {"format": "columns", "file": file, "time_unit": "s", "columns": columns or COLUMNS}
    return {"kind": "trace", "source": source, **more}


def table(**more: Any) -> dict[str, Any]:
    """Name the table."""
    return {"file": "table.csv", "task": "task", "models": {"small": "small", "large": "large"}, **more}


def experiment(folder: Path, workload: dict[str, Any], **changes: Any) -> sim.Experiment:
    """Make an experiment of two models with this workload."""
    tasks = workload.get("tasks", {})
    quality = {} if "outcomes" in changes else {"acceptance": {task: {"small": 0.8, "large": 0.9} for task in tasks}}
    return sim.from_mapping(
        {
            "version": 1,
            "name": "inputs",
            "workload": workload,
            "fleet": {
                "small": {"tier": "cheap", "price": {"input_mtok": 1.0}, "service": "1s"},
                "large": {"tier": "frontier", "price": {"input_mtok": 5.0}, "service": "1s"},
            },
            "quality": quality,
            "run": {"replications": 2},
            **changes,
        },
        folder,
    )


def issues(made: sim.Experiment) -> list[tuple[str, str]]:
    """Give (path, message) of what is wrong with the input files; nothing if they fit."""
    try:
        made.inputs()
    except sim.InvalidInput as error:
        return [(issue.path, issue.message) for issue in error.issues]
    return []


def test_a_trace_is_played_as_recorded(folder: Path) -> None:
    """If a trace is named, each replication plays its rows, with the recorded tokens and arrivals."""
    log = experiment(folder, {"arrivals": replay(), "tasks": {"c": {}}}).run(workers=1).requests("cheap-only")
    assert log["arrival_ns"].tolist() == [k * 10**9 for k in range(8)] * 2
    assert log["input_tokens"].tolist() == [100 + k for k in range(8)] * 2
    assert log["output_tokens"].tolist() == [10 + k for k in range(8)] * 2


def test_labels_of_the_trace_are_used(folder: Path) -> None:
    """If the trace names segment and class, they are the request's, under the workload's own names too."""
    columns = {**COLUMNS, "segment": "s", "task": "k"}
    segments = {"y": {"share": "10%"}, "x": {"share": "90%"}}
    workload = {"arrivals": replay(columns), "tasks": {"a": {}, "b": {}}, "mix": {"a": 1.0, "b": 0.0}}
    for named in ({}, {"segments": segments}):
        log = experiment(folder, {**workload, **named}).run(workers=1).requests("cheap-only")
        assert log["segment"].tolist() == ["x", "y"] * 8
        assert log["task"].tolist() == ["a", "a", "a", "a", "b", "b", "b", "b"] * 2


def test_unknown_labels_are_told(folder: Path) -> None:
    """If the trace has classes or segments that the workload does not know, each is an issue at the file's place."""
    columns = {**COLUMNS, "segment": "s", "task": "k"}
    workload = {"arrivals": replay(columns), "tasks": {"a": {}}, "segments": {"x": {"share": "100%"}}}
    assert issues(experiment(folder, workload)) == [
        (TRACE, "the trace has the task class 'b', the workload does not"),
        (TRACE, "the trace has the segment 'y', the workload does not"),
    ]


def test_a_segments_own_trace_needs_no_segment_labels(folder: Path) -> None:
    """If a trace is a segment's own, all its requests are of that segment, whatever a column of it says."""
    workload = {"segments": {"mine": {"arrivals": replay({**COLUMNS, "segment": "s"})}}, "tasks": {"c": {}}}
    log = experiment(folder, workload).run(workers=1).requests("cheap-only")
    assert set(log["segment"]) == {"mine"}


def test_tokens_that_nobody_gives_are_told(folder: Path) -> None:
    """If neither the trace nor the class says how long prompts and answers are, both are issues."""
    found = issues(experiment(folder, {"arrivals": replay({"arrival": "t"}), "tasks": {"c": {}}}))
    assert found == [
        (TRACE, "the trace has no input_tokens and neither has task class 'c'"),
        (TRACE, "the trace has no output_tokens and neither has task class 'c'"),
    ]


def test_recorded_tokens_are_never_thrown_away(folder: Path) -> None:
    """If one source records tokens and another does not, that is refused, since recorded ones would be lost."""
    segments = {"log": {"arrivals": replay()}, "drawn": {"arrivals": {"kind": "poisson", "rate_per_s": 1.0}}}
    made = experiment(folder, {"segments": segments, "tasks": {"c": TASK}}, run={"duration": "5s"})
    place = "workload.segments.log.arrivals.source.file"
    found = issues(made)
    assert [path for path, _ in found] == [place, place]
    assert "records input_tokens, and 'drawn' does not" in found[0][1]
    without = {**segments, "log": {"arrivals": replay({"arrival": "t"})}}
    assert issues(experiment(folder, {"segments": without, "tasks": {"c": TASK}}, run={"duration": "5s"})) == []


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"window": {"start": "1h"}}, "no request arrives in the window 1h"),
        ({"speed_up": 1e-12}, "the trace lasts longer than 292 years"),
        ({"columns": {**COLUMNS, "arrival": "when"}}, "when"),
    ],
)
def test_what_is_wrong_with_a_trace_is_told_where_it_is_named(folder: Path, more: dict[str, Any], message: str) -> None:
    """If a trace cannot be used, the issue has the file or the place in the YAML, and says what was found."""
    with pytest.raises(sim.InvalidInput) as caught:
        experiment(folder, {"arrivals": replay(**more), "tasks": {"c": {}}}).inputs()
    issue = caught.value.issues[0]
    assert message in str(issue)
    assert issue.file == str(folder / "log.csv") or issue.path == TRACE


def test_all_files_are_read_before_anything_is_said(folder: Path) -> None:
    """If trace and table are both wrong, both are told."""
    (folder / "log.csv").write_text("t,i\n0,1\n", encoding="utf-8")
    made = experiment(folder, {"arrivals": replay()}, outcomes=table(input_tokens="length"))
    with pytest.raises(sim.InvalidInput) as caught:
        made.inputs()
    assert {issue.file for issue in caught.value.issues} == {str(folder / "log.csv"), str(folder / "table.csv")}


def test_a_table_alone_makes_requests(folder: Path) -> None:
    """If there are no classes, requests are rows of the table: its acceptance is the answer's, exactly, per pass."""
    workload = {"arrivals": {"kind": "constant", "rate_per_s": 1.0}, "default_task": {"output_tokens": 3}}
    made = experiment(folder, workload, outcomes=table(input_tokens="prompt"), run={"requests": 4, "replications": 3})
    log = made.run(workers=1).requests("cheap-only")
    assert sorted(log["input_tokens"]) == [11] * 3 + [12] * 3 + [13] * 3 + [14] * 3
    assert log["acceptable"].tolist() == log["input_tokens"].isin([11, 13]).tolist()
    assert set(log["output_tokens"]) == {3}


def test_lengths_that_nobody_gives_are_told_for_tables(folder: Path) -> None:
    """If neither table nor default class says how long prompts and answers are, both are issues."""
    workload = {"arrivals": {"kind": "constant", "rate_per_s": 1.0}}
    found = issues(experiment(folder, workload, outcomes=table(), run={"requests": 4}))
    assert found == [
        ("outcomes.file", "neither the table nor workload.default_task says how long prompts are"),
        ("outcomes.file", "neither the table nor workload.default_task says how long the answers of 'small' are"),
    ]


def test_lengths_of_a_trace_are_enough_for_a_table(folder: Path) -> None:
    """If a trace records prompts and answers, the table needs no lengths: the trace's are used."""
    log = experiment(folder, {"arrivals": replay()}, outcomes=table()).run(workers=1).requests("cheap-only")
    assert log["input_tokens"].tolist() == [100 + k for k in range(8)] * 2
    assert log["output_tokens"].tolist() == [10 + k for k in range(8)] * 2
    assert log["acceptable"].sum() == 8


def test_a_class_without_rows_is_told(folder: Path) -> None:
    """If the workload has a class of which the table has no row, that is an issue."""
    workload = {"arrivals": {"kind": "constant", "rate_per_s": 1.0}, "tasks": {"a": TASK, "z": TASK}}
    workload["mix"] = {"a": 0.5, "z": 0.5}
    found = issues(experiment(folder, workload, outcomes=table(), run={"requests": 4}))
    assert found == [("outcomes.file", "the table has no rows of task class 'z'")]


def test_a_fitted_table_is_not_replayed(folder: Path) -> None:
    """If a table is only fitted, acceptance per class is the table's, but the answers are drawn."""
    workload = {"arrivals": {"kind": "constant", "rate_per_s": 1.0}, "tasks": {"a": TASK}}
    made = experiment(
        folder, workload, outcomes=table(), quality={"outcomes": "fit"}, run={"requests": 400, "replications": 2}
    )
    log = made.run(workers=1).requests("cheap-only")
    assert abs(log["acceptable"].mean() - 0.5) <= 4 * (0.25 / 800) ** 0.5
    first, second = (log[log.replication == number]["acceptable"].tolist() for number in (0, 1))
    assert first != second


def test_hashes_of_files_are_those_of_sha256(folder: Path) -> None:
    """If an experiment reads files, it says their SHA-256, the one that the reader of the table found."""
    made = experiment(
        folder,
        {"arrivals": replay()},
        outcomes=table(),
    )
    read = made.inputs().table
    assert read is not None
    assert set(made.files) == {"log.csv", "table.csv"}
    assert made.files["table.csv"] == read.sha256


def test_a_run_longer_than_its_trace_is_refused(folder: Path) -> None:
    """If a trace ends before the run, what follows would dilute every rate: an issue, unless it goes on."""
    workload = {"arrivals": replay(), "tasks": {"c": {}}}
    ((path, message),) = issues(experiment(folder, workload, run={"duration": "1h"}))
    assert path == "workload.arrivals.source.file"
    assert message.startswith("the trace ends after 7s, before the run does; write bootstrap: 1m")
    assert issues(experiment(folder, workload, run={"duration": "8s"})) == []
    endless = {"arrivals": replay(bootstrap="5s"), "tasks": {"c": {}}}
    assert issues(experiment(folder, endless, run={"duration": "1h"})) == []


def test_the_fate_of_a_request_does_not_depend_on_later_ones(folder: Path) -> None:
    """If difficulty follows the rank of recorded prompts, fewer requests are the first of more in every column."""
    workload = {"arrivals": replay(), "tasks": {"c": {"lengths": {"input_with_difficulty": 0.5}}}}
    few, many = (
        experiment(folder, workload, run={"requests": count, "replications": 1}).run(workers=1).requests("cheap-only")
        for count in (3, 8)
    )
    assert many.iloc[:3].equals(few)


def test_what_every_replication_shares_is_said(folder: Path) -> None:
    """If replications share a trace or a table, a note says what their intervals leave out."""
    traced = experiment(folder, {"arrivals": replay(), "tasks": {"c": {}}}).run(workers=1).result.notes
    assert any("intervals hold given this trace" in note for note in traced)
    asked = {"arrivals": {"kind": "poisson", "rate_per_s": 5.0}, "default_task": TASK}
    notes = (
        experiment(folder, asked, outcomes=table(), run={"requests": 4, "replications": 2}).run(workers=1).result.notes
    )
    assert any("the same 4 rows" in note and "to within 49 points at worst" in note for note in notes)
