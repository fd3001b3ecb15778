"""`tiercast drift` on the command line."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from cli.commands import invoke

SHORT = (
    *("--set", "drift.months=1", "--set", "drift.thin=500", "--replications", "2"),
    *("--workers", "1", "--engine", "compiled", "--quiet"),
)
ROOT = Path(__file__).resolve().parents[2]
EXPERIMENT = str(ROOT / "experiments" / "six-month-drift.yaml")


def test_months_are_printed_and_written(tmp_path: Path) -> None:
    """If the shipped months are played, tables and words are printed, and each day is a row of the CSV file."""
    days, report = tmp_path / "days.csv", tmp_path / "report.md"
    done = invoke("drift", EXPERIMENT, *SHORT, "-o", str(days), "-o", str(report))
    assert (done.code, done.err) == (0, "")
    assert "pre-route, as numbers move" in done.out
    assert "cascade, with gates that act" in done.out
    assert "In words" in done.out
    rows = list(csv.DictReader(days.read_text(encoding="utf-8").splitlines()))
    assert len({row["date"] for row in rows}) == 31
    assert report.read_text(encoding="utf-8").startswith("## Six months forward")


def test_json_holds_everything() -> None:
    """If --json is given, one object holds plays, gates, days and words, without a NaN."""
    done = invoke("drift", EXPERIMENT, *SHORT, "--json")
    found = json.loads(done.out, parse_constant=pytest.fail)
    assert {one["play"] for one in found["played"]} == {"moving", "acting", "still"}
    assert {gate["gate"] for gate in found["gates"]} >= {"judge-500", "thumbs"}
    assert found["words"]


def test_an_experiment_without_drift_is_told_what_to_write() -> None:
    """If a file says nothing about the months ahead, the error names it and what to write."""
    done = invoke("drift", str(ROOT / "experiments" / "quickstart.yaml"))
    assert done.code == 2
    assert "says nothing about the months ahead" in done.err
    assert "hint: write for example drift:" in done.err
