"""`tiercast prices`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli.commands import invoke

BOOK = """currency: USD
models:
  a:
    periods:
    - {input_mtok: 1.25, output_mtok: 10, until: 2026-03-01}
    - {since: 2026-02-01, input_mtok: -1, output_mtok: 10}
  b:
    currency: EUR
    successor: c
    periods:
    - {input_mtok: 1, output_mtok: 1, until: 2026-03-01}
    - {since: 2026-04-01, input_mtok: 1, output_mtok: 1}
"""


def test_every_mistake_of_a_book_is_told_at_its_place(tmp_path: Path) -> None:
    """Overlaps, gaps, another currency, unknown successors: each at line and column; negative prices before them."""
    (tmp_path / "book.yaml").write_text(BOOK)
    negative = invoke("prices", "show", "book.yaml")
    assert negative.code == 2
    assert "book.yaml:6:39: error: models.a.periods.1.input_mtok: must be at least 0, found -1" in negative.err
    (tmp_path / "book.yaml").write_text(BOOK.replace("-1,", "1,"))
    found = invoke("prices", "show", "book.yaml")
    assert found.code == 2
    assert [line.split(" error: ")[0] for line in found.err.splitlines() if " error: " in line] == [
        "book.yaml:6:15:",
        "book.yaml:8:15:",
        "book.yaml:9:16:",
        "book.yaml:9:16:",
        "book.yaml:12:15:",
    ]
    for words in ("overlap: begins at 2026-02-01", "EUR in a book of USD", "no model of this book", "gap: nothing"):
        assert words in found.err


def test_frozen_prices_are_read_back_and_shown() -> None:
    """What is frozen says where it is from, is the same bytes again, and shows what holds at a date."""
    pytest.importorskip("genai_prices", reason="needs the extra [prices]")
    names = ("openai/gpt-4o-mini", "anthropic/claude-opus-4-6")
    assert invoke("prices", "freeze", *names, "--on", "2026-11-25", "--output", "book.yaml").code == 0
    again = invoke("prices", "freeze", *names, "--on", "2026-11-25")
    assert again.out == Path("book.yaml").read_text()
    assert "taken over on 2026-11-25 by" in again.out
    shown = json.loads(invoke("prices", "show", "book.yaml", "--at", "2026-11-25", "--json").out)
    assert shown["source"]["package"] == "genai-prices"
    mini = next(row for row in shown["prices"] if row["model"] == names[0] and row["service"] == "standard")
    assert (mini["femto"]["input"], mini["femto"]["output"]) == (150_000_000, 600_000_000)


def test_prices_that_end_are_no_numbers(tmp_path: Path) -> None:
    """At a date without a price the table says so, and JSON has null."""
    periods = "[{input_mtok: 1, output_mtok: 2, until: 2026-03-01}]"
    (tmp_path / "book.yaml").write_text(f"models: {{m: {{periods: {periods}}}}}\n")
    assert "m has no price at 2026-03-01" in invoke("prices", "show", "book.yaml", "--at", "2026-03-01").out
    shown = json.loads(invoke("prices", "show", "book.yaml", "--at", "2026-03-01", "--json").out)
    assert shown["prices"][0]["femto"] is None
    assert invoke("prices", "show", "book.yaml", "--at", "tomorrow").code == 2
