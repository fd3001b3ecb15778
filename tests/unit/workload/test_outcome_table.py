"""Outcome tables: reading, filtering and what is fitted to them."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from pydantic import TypeAdapter, ValidationError

from sim.errors import InvalidInput, Issue
from sim.workload.outcome_table import ModelOutcomes, OutcomeColumns, OutcomeTable, OutcomeTableSpec

DATA = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the shared data folder is not here")


def read(folder: Path, content: str | dict[str, Any], **more: Any) -> OutcomeTable:
    """Write a CSV (from text) or Parquet file (from columns) and read it."""
    name = "table.csv" if isinstance(content, str) else "table.parquet"
    if isinstance(content, str):
        (folder / name).write_text(content)
    else:
        parquet.write_table(pa.table(content), folder / name)
    return OutcomeTableSpec.model_validate({"file": name, "models": {"cheap": "c", "strong": "s"}, **more}).read(folder)


def issues_of(folder: Path, content: str | dict[str, Any], **more: Any) -> tuple[Issue, ...]:
    """Give the issues that reading raises."""
    with pytest.raises(InvalidInput) as caught:
        read(folder, content, **more)
    return caught.value.issues


def table_of(tasks: list[int], confidence: list[float] | None, **correct: list[bool]) -> OutcomeTable:
    """Give a table of two task classes made of plain lists."""
    models = {
        name: ModelOutcomes(
            np.array(right), np.array(right, dtype=float), None, None if confidence is None else np.array(confidence)
        )
        for name, right in correct.items()
    }
    return OutcomeTable(("a", "b"), np.array(tasks, dtype=np.int64), None, models, len(tasks), "")


def test_true_and_false_are_read_as_they_are(tmp_path: Path) -> None:
    """RouteLLM's form, a prompt and one True or False per model, is read; prompts may hold commas and line ends."""
    text = 'prompt,c,s\n"one, two\nthree",True,False\nx,false,TRUE\n'
    table = read(tmp_path, text, acceptable_from=7)
    assert table.tasks == ("all",)
    assert table.task_code.tolist() == [0, 0]
    assert table.models["cheap"].correct.tolist() == [True, False]
    assert table.models["strong"].score.tolist() == [0.0, 1.0]
    assert table.sha256 == hashlib.sha256((tmp_path / "table.csv").read_bytes()).hexdigest()


def test_scores_are_acceptable_from_the_bar_on(tmp_path: Path) -> None:
    """A numeric score equal to the bar is acceptable, one just below is not; Not Diamond's column names work."""
    text = "prompt,openai/gpt-4o/score,s\nx,7,6.999\ny,6.5,10\n"
    models = {"cheap": {"score": "openai/gpt-4o/score"}, "strong": "s"}
    table = read(tmp_path, text, models=models, acceptable_from=7.0)
    assert table.models["cheap"].correct.tolist() == [True, False]
    assert table.models["strong"].correct.tolist() == [False, True]
    assert table.models["strong"].score.tolist() == [6.999, 10.0]


def test_all_columns_of_a_model_are_read(tmp_path: Path) -> None:
    """Task classes, prompt tokens, answer tokens and confidence come along, each row with its own."""
    text = "task,n,c,ct,cc,s\nmath,10,1,5,-0.25,0\nchat,20,0,6,-0.5,1\nmath,30,1,7,0,1\n"
    cheap = {"score": "c", "output_tokens": "ct", "confidence": "cc"}
    table = read(tmp_path, text, task="task", input_tokens="n", models={"cheap": cheap, "strong": "s"})
    assert table.rows == 3
    assert [table.tasks[code] for code in table.task_code] == ["math", "chat", "math"]
    assert table.input_tokens is not None
    assert table.input_tokens.tolist() == [10, 20, 30]
    outcomes = table.models["cheap"]
    assert outcomes.output_tokens is not None
    assert outcomes.output_tokens.tolist() == [5, 6, 7]
    assert outcomes.confidence is not None
    assert outcomes.confidence.tolist() == [-0.25, -0.5, 0.0]


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        ({"set": "x"}, [0, 2]),
        ({"set": "x", "fold": 2}, [2]),
        ({"fold": 2.0}, [1, 2]),
        ({"used": True}, [0, 1]),
        ({"used": False, "set": "x"}, [2]),
    ],
)
@pytest.mark.parametrize("as_text", [True, False])
def test_where_keeps_the_rows_that_fit(
    tmp_path: Path, where: dict[str, Any], kept: list[int], *, as_text: bool
) -> None:
    """Rows are kept by equality of text, number or truth, the same from CSV and Parquet; others are not checked."""
    columns: dict[str, Any] = {
        "set": ["x", "y", "x", "z"],
        "fold": [1, 2, 2, 7],
        "used": [True, True, False, None],
        "c": [0.0, 1.0, 2.0, None],
        "s": [1.0, 1.0, 1.0, 1.0],
    }
    rows = zip(*columns.values(), strict=True)
    lines = [",".join("" if value is None else str(value) for value in row) for row in rows]
    table = read(tmp_path, "\n".join([",".join(columns), *lines]) if as_text else columns, where=where)
    assert table.models["cheap"].score.tolist() == [float(row) for row in kept]


def test_bad_scores_name_their_row_behind_a_filter(tmp_path: Path) -> None:
    """If rows before are filtered out, the issue still names the line of the file."""
    text = "set,c,s\ny,bad,1\nx,1,1\ny,,1\nx,nan,1\nx,,1\nx,0.5,True\n"
    found = issues_of(tmp_path, text, where={"set": "x"})
    assert [(issue.line, issue.col, issue.message) for issue in found] == [
        (5, 3, "'nan' is not a finite number"),
        (6, 3, "the value is missing"),
        (7, 7, "'True' is not a number"),
    ]


@pytest.mark.parametrize(
    ("columns", "line", "words"),
    [
        ({"c": [True, None]}, 2, "missing"),
        ({"c": ["True", "maybe"]}, 2, "'maybe' is not true or false"),
        ({"c": [0.5, float("nan")]}, 2, "not a finite number"),
        ({"c": [0.5, float("inf")]}, 2, "not a finite number"),
        ({"c": ["1", "1e999"]}, 2, "too large"),
        ({"c": [[1.0], [2.0]]}, 0, "nested"),
        ({"c": pa.array([0, 1], pa.timestamp("s"))}, 0, "not numbers"),
    ],
)
def test_bad_parquet_scores_are_named(tmp_path: Path, columns: dict[str, Any], line: int, words: str) -> None:
    """A score that is missing or no score is an issue with its row."""
    (issue,) = issues_of(tmp_path, {**columns, "s": [1.0, 0.0]})
    assert issue.line == line
    assert words in issue.message


def test_a_filter_that_keeps_nothing_says_so(tmp_path: Path) -> None:
    """If no row fits, the issue repeats what was asked for and how many rows there were."""
    (issue,) = issues_of(tmp_path, "set,c,s\nx,1,1\ny,1,1\n", where={"set": "mmul"})
    assert issue.message == "none of the 2 rows has set = 'mmul'"


def test_unknown_columns_are_all_named(tmp_path: Path) -> None:
    """Every unknown column is an issue with the nearest name and the list of columns."""
    first, second = issues_of(tmp_path, "prompt,score_c,s\nx,1,1\n", models={"m": "scorec", "n": "s"}, task="promt")
    assert (first.path, first.hint) == ("promt", "did you mean 'prompt'?")
    assert (second.path, second.hint) == ("scorec", "did you mean 'score_c'?")
    assert "'prompt', 'score_c', 's'" in second.message


def test_files_that_are_no_tables_are_refused(tmp_path: Path) -> None:
    """Missing and empty files and a header without rows are one issue each."""
    assert "no rows" in issues_of(tmp_path, "c,s\n")[0].message
    assert "0 bytes" in issues_of(tmp_path, "")[0].message
    with pytest.raises(InvalidInput, match="does not exist"):
        OutcomeTableSpec.model_validate({"file": "nowhere.csv", "models": {"m": "c"}}).read(tmp_path)


def test_a_spec_without_models_or_with_unknown_keys_is_refused() -> None:
    """A table is of at least one model, and each model's columns are known ones; the schema allows the short form."""
    with pytest.raises(ValidationError):
        OutcomeTableSpec.model_validate({"file": "x.csv", "models": {}})
    with pytest.raises(ValidationError, match="scores"):
        OutcomeTableSpec.model_validate({"file": "x.csv", "models": {"m": {"score": "a", "scores": "b"}}})
    spec = OutcomeTableSpec.model_validate({"file": "x.csv", "models": {"m": "a"}})
    assert spec.models == {"m": OutcomeColumns(score="a")}
    assert OutcomeTableSpec.model_validate(spec.model_dump()) == spec
    values = TypeAdapter(OutcomeTableSpec).json_schema()["properties"]["models"]["additionalProperties"]["anyOf"]
    assert {"type": "string"} in [{"type": form["type"]} for form in values if "type" in form]


def test_fits_are_shares_of_counts() -> None:
    """Acceptance and the conditional are ratios of counts per task class; a class without wrong answers has none."""
    table = table_of(
        [0, 0, 0, 0, 1, 1],
        None,
        cheap=[True, False, False, False, True, True],
        strong=[False, True, True, False, True, False],
    )
    assert table.acceptance("cheap") == {"a": 1 / 4, "b": 1.0}
    assert table.conditional("cheap", "strong") == {"a": 2 / 3, "b": None}
    assert table.conditional("strong", "cheap") == {"a": 1 / 2, "b": 1.0}
    assert table.auroc("cheap") == {"a": None, "b": None}


def test_auroc_counts_pairs_with_ties_as_halves() -> None:
    """The area equals the share of good-bad pairs in the right order, counted pair by pair, per class."""
    generator = np.random.default_rng(3)
    tasks = generator.integers(0, 2, 200)
    right = generator.random(200) < 0.6
    confidence = np.round(generator.random(200) + 0.3 * right, 1)
    table = table_of(tasks.tolist(), confidence.tolist(), m=right.tolist())
    expected = {}
    for code, name in enumerate(table.tasks):
        good, bad = (confidence[(tasks == code) & (right == kind)].tolist() for kind in (True, False))
        pairs = sum(Fraction(1) if g > b else Fraction(int(g == b), 2) for g in good for b in bad)
        expected[name] = float(pairs / (len(good) * len(bad)))
    assert table.auroc("m") == expected


def test_auroc_needs_answers_of_both_kinds() -> None:
    """If all answers of a class are acceptable, or none, its area is not defined."""
    table = table_of([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4], m=[True, True, False, True])
    assert table.auroc("m") == {"a": None, "b": 1.0}


@needs_data
def test_published_pairs_give_the_published_means() -> None:
    """MMLU of RouteLLM's table: 9560 and 11315 of 14042 right, as counted with plain Python lists."""
    spec = OutcomeTableSpec.model_validate(
        {
            "file": "weak_strong_licensed.parquet",
            "where": {"dataset": "mmlu"},
            "input_tokens": "prompt_tokens",
            "models": {"cheap": "weak_correct", "strong": "strong_correct"},
        }
    )
    table = spec.read(DATA)
    rows = [row for row in parquet.read_table(DATA / spec.file).to_pylist() if row["dataset"] == "mmlu"]
    weak, strong = (sum(row[f"{side}_correct"] for row in rows) for side in ("weak", "strong"))
    saved = sum(row["strong_correct"] and not row["weak_correct"] for row in rows)
    assert (table.rows, weak, strong) == (14_042, 9_560, 11_315)
    assert table.acceptance("cheap") == {"all": weak / 14_042}
    assert table.acceptance("strong") == {"all": strong / 14_042}
    assert table.conditional("cheap", "strong") == {"all": saved / (14_042 - weak)}
    assert table.input_tokens is not None
    assert int(table.input_tokens.sum()) == sum(row["prompt_tokens"] for row in rows)


@needs_data
def test_published_subjects_are_task_classes() -> None:
    """With a task column the 57 subjects of MMLU each have a share, and their weighted mean is the whole."""
    spec = OutcomeTableSpec.model_validate(
        {
            "file": "weak_strong_licensed.parquet",
            "task": "task",
            "where": {"dataset": "mmlu"},
            "models": {"m": "weak_correct"},
        }
    )
    table = spec.read(DATA)
    count = np.bincount(table.task_code)
    right = [round(share * rows) for share, rows in zip(table.acceptance("m").values(), count, strict=True)]
    assert len(table.tasks) == 57
    assert sum(right) == 9_560
