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


def test_a_card_is_the_price_line_of_a_fleet(tmp_path: Path) -> None:
    """The line reads back as a price of a model; what it cannot say is told, and a service without price refused."""
    tiers = "above: [{input_tokens: 200000, input_mtok: 5}], services: {batch: {input_mtok: 1.25, output_mtok: 5}}"
    tiers += ", hours: [{after: '01:00', before: '02:00', input_mtok: 1, output_mtok: 5}]"
    periods = f"[{{input_mtok: 2.5, output_mtok: 10, cache_read_mtok: 0.00001, {tiers}}}]"
    (tmp_path / "book.yaml").write_text(f"models: {{large: {{periods: {periods}}}}}\n")
    card = invoke("prices", "card", "book.yaml", "large", "--at", "2026-11-25")
    numbers = "input_mtok: 2.5, output_mtok: 10.0, cache_read_mtok: 0.00001"
    line = f"price: {{{numbers}, above: [{{input_tokens: 200000, input_mtok: 5.0}}]}}  # large at 2026-11-25\n"
    assert (card.code, card.out) == (0, line)
    assert card.err == "large: left out: prices at other hours of the day\n"
    tiny = Path("tiny.yaml").read_text(encoding="utf-8")
    Path("tiny.yaml").write_text(
        tiny.replace("price: {input_mtok: 2.5, output_mtok: 10}\n", card.out), encoding="utf-8"
    )
    assert invoke("validate", "tiny.yaml").code == 0
    batch = invoke("prices", "card", "book.yaml", "large", "--at", "2026-11-25", "--service", "batch")
    assert batch.out == "price: {input_mtok: 1.25, output_mtok: 5.0}  # large batch at 2026-11-25\n"
    assert invoke("prices", "card", "book.yaml", "large", "--at", "2026-11-25", "--service", "flex").code == 2
    assert "did you mean 'large'?" in invoke("prices", "card", "book.yaml", "larg", "--at", "2026-11-25").err
