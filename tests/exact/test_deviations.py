"""The table of docs/verification.md is about the systems that are tested, at the values that theory gives now."""

from __future__ import annotations

from pathlib import Path

from exact.deviations import SYSTEMS
from exact.test_conditions import LARGEST_T

PAGE = Path(__file__).parents[2] / "docs" / "verification.md"


def test_the_table_names_every_value() -> None:
    """If a system or value comes, goes or changes, the table has to be made anew; what it shows is within the limit."""
    lines = PAGE.read_text(encoding="utf-8").partition("| t, compiled |")[2].partition("</details>")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")][1:]
    assert [row[:3] for row in rows] == [
        [name, value.name, f"{value.exact:.5g}"] for name, system in SYSTEMS.items() for value in system.values
    ]
    assert all(abs(float(t)) <= LARGEST_T for row in rows for t in row[3:])
