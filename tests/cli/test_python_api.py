"""The same from Python, as the docstring of `sim` shows it."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from cli.commands import invoke

import sim

COLUMNS = ["pattern", "metric", "value", "lower", "upper", "unit", "baseline", "few_data"]


@pytest.fixture
def run(folder: Path) -> sim.Run:
    """Run the small experiment from Python."""
    return sim.load(folder / "tiny.yaml").run(workers=1)


def test_the_summary_is_a_frame_of_the_numbers_on_stdout(run: sim.Run) -> None:
    """If the summary is asked for, it is a frame with a row per pattern and metric, equal to those of `--json`."""
    assert isinstance(run.summary, pd.DataFrame)
    assert list(run.summary.columns) == COLUMNS
    patterns = json.loads(invoke("run", "tiny.yaml", "--workers", "1", "--json").out)["patterns"]
    printed = {
        (pattern, metric): entry["value"]
        for pattern, entries in patterns.items()
        for metric, entry in entries.items()
        if isinstance(entry, dict) and "value" in entry
    }
    assert run.summary.set_index(["pattern", "metric"])["value"].to_dict() == printed


def test_the_requests_are_a_frame_of_integers(run: sim.Run) -> None:
    """If the requests are asked for, there is a row per pattern, replication and request; times and money are whole."""
    everything, cascade = run.requests(), run.requests("cascade")
    assert isinstance(everything, pd.DataFrame)
    assert (len(everything), len(cascade)) == (3 * 3 * 40, 3 * 40)
    assert set(everything["pattern"]) == {"cheap-only", "frontier-only", "cascade"}
    assert {str(cascade[name].dtype) for name in ("arrival_ns", "latency_ns", "cost_nano_usd")} == {"int64"}


def test_a_frame_of_a_pattern_nobody_ran_is_a_key_error(run: sim.Run) -> None:
    """If the requests of an unknown pattern are asked for, that is a KeyError as for any mapping."""
    with pytest.raises(KeyError, match="cascad"):
        run.requests("cascad")


def test_errors_are_those_of_the_command_line(folder: Path) -> None:
    """If a file is bad, the exception carries the issues that `validate` prints."""
    (folder / "bad.yaml").write_text("version: 1\nname: bad\n", encoding="utf-8")
    with pytest.raises(sim.InvalidInput) as caught:
        sim.load("bad.yaml")
    assert all(str(issue) in invoke("validate", "bad.yaml").err for issue in caught.value.issues)
    assert [issue.path for issue in caught.value.issues] == ["workload", "fleet"]
