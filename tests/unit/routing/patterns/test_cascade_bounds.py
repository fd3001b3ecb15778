"""A measured score that lies exactly on the bound of a cascade."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import sim

ROWS = "prompt_tokens,small,large,sure\n101,1,1,0.25\n102,0,1,0.5\n103,1,1,0.75\n104,1,0,1.0\n"
BY_SCORE = {0.25: 101, 0.5: 102, 0.75: 103, 1.0: 104}
"""Prompt tokens, by which the log knows a row, of each score."""


def escalated(folder: Path, when: dict[str, Any], rows: str = ROWS) -> list[int]:
    """Ask every row of the table ten times and give the prompt tokens of the rows that escalate, ascending."""
    (folder / "rows.csv").write_text(rows)
    experiment = sim.from_mapping(
        {
            "version": 1,
            "name": "bounds",
            "outcomes": {
                "file": "rows.csv",
                "input_tokens": "prompt_tokens",
                "models": {"small": {"score": "small", "confidence": "sure"}, "large": "large"},
            },
            "workload": {
                "arrivals": {"kind": "constant", "rate_per_s": 1.0},
                "default_task": {"output_tokens": 20},
            },
            "fleet": {
                "small": {"tier": "cheap", "price": {"input_mtok": 1.0}, "service": "1s"},
                "large": {"tier": "frontier", "price": {"input_mtok": 9.0}, "service": "2s"},
            },
            "patterns": [{"name": "climb", "kind": "cascade", "ladder": ["small", "large"], "escalate_when": when}],
            "run": {"requests": 40, "replications": 1},
        },
        folder,
    )
    log = experiment.run(workers=1).requests("climb")
    return sorted(log["input_tokens"][log["escalated"]].tolist())


@pytest.mark.parametrize(
    ("bound", "scores"),
    [(0.25, []), (0.5, [0.25]), (0.75, [0.25, 0.5]), (0.7500001, [0.25, 0.5, 0.75])],
)
def test_a_score_on_the_bound_is_not_below_it(tmp_path: Path, bound: float, scores: list[float]) -> None:
    """If a score equals `confidence_below`, it is trusted; the next lower one escalates."""
    found = escalated(tmp_path, {"confidence_below": bound})
    assert found == [BY_SCORE[score] for score in scores for _ in range(10)]


def test_a_score_on_the_bound_of_its_task_is_not_below_it(tmp_path: Path) -> None:
    """If a score equals the bound of its task class, it is trusted there too."""
    found = escalated(tmp_path, {"confidence_below": {"all": 0.5}})
    assert found == [101] * 10


@pytest.mark.parametrize(
    ("share", "scores"),
    [(0.0, []), (0.25, [0.25]), (0.5, [0.25, 0.5]), (1.0, [0.25, 0.5, 0.75, 1.0])],
)
def test_the_lowest_share_holds_the_score_at_its_edge(tmp_path: Path, share: float, scores: list[float]) -> None:
    """If a share of the rows is to escalate, the row at its edge does, so that the share is met exactly."""
    found = escalated(tmp_path, {"lowest": share})
    assert found == [BY_SCORE[score] for score in scores for _ in range(10)]


def test_rows_that_tie_at_the_edge_escalate_together(tmp_path: Path) -> None:
    """If the rows at the edge of the share have the same score, all of them escalate."""
    tied = ROWS.replace("0.75", "0.5")
    found = escalated(tmp_path, {"lowest": 0.5}, tied)
    assert found == [row for row in (101, 102, 103) for _ in range(10)]
