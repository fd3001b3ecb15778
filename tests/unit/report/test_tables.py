"""The answer as files and frames."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from pathlib import Path
from unittest.mock import Mock

import pandas as pd
import pyarrow.parquet as pq
import pytest

from sim.errors import InvalidInput, RunError
from sim.experiment.result import RunResult
from sim.experiment.summary import COLUMNS, summary_bytes
from sim.report.tables import markdown, to_frame, write_output


def rows(result: RunResult) -> int:
    """Count the estimates."""
    return sum(len(pattern.estimates) for pattern in result.patterns.values())


def test_frame_has_a_row_per_estimate(result: RunResult) -> None:
    """The long frame has one row per pattern and metric, with the estimate's own numbers."""
    frame = to_frame(result)
    assert tuple(frame.columns) == COLUMNS
    assert len(frame) == rows(result)
    row = frame[(frame["pattern"] == "cascade") & (frame["metric"] == "latency.escalated.p95")].iloc[0]
    assert (row["value"], row["lower"], row["upper"], row["unit"], row["few_data"]) == (4.4, 4.2, 4.6, "s", True)


def test_frame_without_bounds_stays_numeric(result: RunResult) -> None:
    """Bounds that do not exist are NaN in a column of floats."""
    one = result.patterns["cascade"]
    cost = dataclasses.replace(one.estimates["cost.per_1k"], lower=None, upper=None)
    frame = to_frame(
        dataclasses.replace(result, patterns={"c": dataclasses.replace(one, estimates={"cost.per_1k": cost})})
    )
    assert frame["lower"].dtype == "float64"
    assert frame["lower"].isna().all()


def test_frame_of_nothing_has_its_columns(result: RunResult) -> None:
    """Without patterns the frame is empty and still has columns and types."""
    frame = to_frame(dataclasses.replace(result, patterns={}))
    assert tuple(frame.columns) == COLUMNS
    assert frame.empty


def test_json_is_the_summary(result: RunResult, tmp_path: Path) -> None:
    """A .json file holds exactly the bytes of summary.json."""
    write_output(result, tmp_path / "a" / "out.json")
    assert (tmp_path / "a" / "out.json").read_bytes() == summary_bytes(result)
    assert json.loads(summary_bytes(result))["patterns"]["cascade"]["cost.saving"]["value"] == 0.61


def test_csv_reads_back_exactly(result: RunResult, tmp_path: Path) -> None:
    """Every float in the CSV reads back as the same float."""
    write_output(result, tmp_path / "out.CSV")
    with (tmp_path / "out.CSV").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert [float(row["value"]) for row in found] == to_frame(result)["value"].tolist()
    assert tuple(found[0]) == COLUMNS


def test_parquet_is_the_frame(result: RunResult, tmp_path: Path) -> None:
    """The Parquet file holds the long table."""
    write_output(result, tmp_path / "out.parquet")
    table = pq.read_table(tmp_path / "out.parquet", page_checksum_verification=True)
    pd.testing.assert_frame_equal(table.to_pandas(), to_frame(result), check_dtype=False)


@pytest.mark.parametrize(
    ("name", "found"), [("x.xlsx", "extension '.xlsx'"), ("x", "no extension"), (".md", "no extension")]
)
def test_unknown_format_is_refused_by_naming_the_known(
    result: RunResult, tmp_path: Path, name: str, found: str
) -> None:
    """An extension nobody writes is the user's to mend, and the hint names those there are."""
    with pytest.raises(InvalidInput, match=found) as caught:
        write_output(result, tmp_path / name)
    assert (
        caught.value.issues[0].hint
        == "the extension names the format: .json, .csv, .parquet, .md, .om.txt, .bench.json"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file(result: RunResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the new content cannot be put on the disk, the old file stays and no scrap is left."""
    (tmp_path / "out.md").write_text("old")

    monkeypatch.setattr("os.fsync", Mock(side_effect=OSError(28, "No space left on device")))
    with pytest.raises(RunError, match=r"out\.md: No space left on device$"):
        write_output(result, tmp_path / "out.md")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("out.md", "old")]


def test_markdown_table_is_rectangular(result: RunResult) -> None:
    """Every line of the table has as many cells as the heading."""
    lines = [line for line in markdown(result).splitlines() if line.startswith("|")]
    assert len(lines) == 2 + len(result.patterns)
    assert {line.count("|") for line in lines} == {9}
    assert lines[2] == (
        "| cascade | $4.82 [4.80, 4.84] | 61 % [59, 63] | 95.7 % [95.4, 96.0] | 0.6 [0.3, 0.9] | 820 ms [812, 828] "
        "| 2.44 s [2.37, 2.51] | 21.5 % [21.1, 21.9] |"
    )
    assert "pre-route **unstable**" in lines[3]


def test_names_are_escaped_in_the_table(result: RunResult) -> None:
    """A pattern with a bar and a tag in its name does not add cells or tags."""
    name = "a|b<img>"
    renamed = {name: dataclasses.replace(result.patterns["cascade"], name=name)}
    text = markdown(dataclasses.replace(result, patterns=renamed, title="<b>|"))
    assert "| a\\|b&lt;img&gt; | $4.82" in text
    assert text.startswith("## &lt;b&gt;\\|\n")
    assert "<img" not in text


def test_csv_of_awkward_names_reads_back(result: RunResult, tmp_path: Path) -> None:
    """Commas, quotes and line breaks in names survive the CSV."""
    name = 'a,"b"\nc'
    renamed = {name: dataclasses.replace(result.patterns["cascade"], name=name)}
    write_output(dataclasses.replace(result, patterns=renamed), tmp_path / "o.csv")
    found = list(csv.DictReader(io.StringIO((tmp_path / "o.csv").read_bytes().decode(), newline="")))
    assert {row["pattern"] for row in found} == {name}
