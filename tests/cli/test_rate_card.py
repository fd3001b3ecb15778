"""Prices by name in an experiment: looked up in a frozen book, at a date, by their exact names."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli.commands import invoke

import sim

BOOK = """models:
  maker/large:
    periods:
    - {until: 2027-01-01, input_mtok: 2.5, output_mtok: 10}
    - since: 2027-01-01
      input_mtok: 3
      output_mtok: 12
      cache_read_mtok: 0.3
      above: [{input_tokens: 200000, input_mtok: 6}]
      hours: [{after: "01:00", before: "02:00", input_mtok: 2, output_mtok: 8}]
    - {since: 2027-06-01, input_mtok: 2, output_mtok: 8, above: [{input_tokens: 200000, input_mtok: 4}]}
  maker/small:
    periods:
    - {input_mtok: 0.25, output_mtok: 1.25, services: {batch: {input_mtok: 0.125, output_mtok: 0.625}}}
"""
CARD = "rate_card: {book: prices.yaml, on: 2026-12-01}\n"


@pytest.fixture
def by_name() -> Path:
    """Write the tiny experiment with the large model's price by name, and its book."""
    written = Path("tiny.yaml").read_text(encoding="utf-8")
    path = Path("named.yaml")
    path.write_text(
        CARD + written.replace("price: {input_mtok: 2.5, output_mtok: 10}", "price: maker/large"), encoding="utf-8"
    )
    Path("prices.yaml").write_text(BOOK, encoding="utf-8")
    return path


def test_a_price_by_name_is_that_of_the_book_at_its_date(by_name: Path) -> None:
    """Numbers are those of the date, another date gives others, and what a run leaves out of them is told."""
    known = sim.load(by_name)
    assert known.spec.fleet["large"].price.rates() == sim.load("tiny.yaml").spec.fleet["large"].price.rates()
    assert known.origins["fleet.large.price.output_mtok"].endswith("prices.yaml:3")
    later = known.set("rate_card.on=2027-01-01")
    assert later.spec.fleet["large"].price.output_mtok == 12
    assert later.spec.fleet["large"].price.above[0].input_mtok == 6
    last = known.set("rate_card.on=2027-06-01")
    assert (last.hash != later.hash, last.plays_hash == later.plays_hash) == (True, True)
    assert later.plays_hash != known.plays_hash  # prompts that pay other prices are counted apart
    assert known.with_(seed=5).spec.fleet["large"].price.output_mtok == 10
    told = invoke("validate", str(by_name), "--set", "rate_card.on=2027-01-01")
    assert told.code == 0
    assert "large: left out of maker/large: prices at other hours of the day" in told.out + told.err


def test_a_resolved_experiment_reads_back(by_name: Path) -> None:
    """Numbers beside a name are let pass where they are those of the book."""
    known = sim.load(by_name)
    assert sim.from_mapping(known.resolved, by_name.parent).hash == known.hash


def test_a_book_that_changes_elsewhere_changes_no_experiment(by_name: Path) -> None:
    """The content hash is of the numbers that are paid, not of the book."""
    before = sim.load(by_name).hash
    Path("prices.yaml").write_text(BOOK.replace("1.25", "1.5"), encoding="utf-8")
    assert sim.load(by_name).hash == before


@pytest.mark.parametrize(
    ("change", "place", "message", "hint"),
    [
        (
            ("maker/large", "maker/large-2"),
            "21:12",
            "'maker/large-2' is no model of this book",
            "near ones: maker/large",
        ),
        (("maker/large", "large"), "21:12", "'large' is no model of this book", "near ones: maker/large"),
        (("maker/large", "{model: maker/small, service: flex}"), "21:12", "has no service 'flex'", ""),
        (
            ("maker/large", "{model: maker/large, input_mtok: 3}"),
            "21:12",
            "names maker/large, and states other prices",
            "",
        ),
        (("maker/large", "{input_mtok: 3, service: batch}"), "1:12", "no price names a model of it", ""),
        ((CARD, ""), "20:12", "a price by name needs a rate_card", "rate_card: {book: prices.yaml"),
        (("on: 2026-12-01", "on: soon"), "1:36", "soon is no date", ""),
        (("prices.yaml", "price.yaml"), "1:19", "there is no file price.yaml", ""),
    ],
)
def test_names_that_lead_nowhere_are_told_at_their_line(
    by_name: Path, change: tuple[str, str], place: str, message: str, hint: str
) -> None:
    """A name is never taken for another that begins alike; every mistake has its line, and nothing runs."""
    by_name.write_text(by_name.read_text(encoding="utf-8").replace(*change), encoding="utf-8")
    answer = invoke("run", str(by_name))
    assert answer.code == 2
    assert f"named.yaml:{place}: error: " in answer.err
    assert message in answer.err
    assert hint in answer.err


def test_another_currency_is_refused(by_name: Path) -> None:
    """Experiments are in USD, and nothing is converted."""
    Path("prices.yaml").write_text(f"currency: EUR\n{BOOK}", encoding="utf-8")
    answer = invoke("validate", str(by_name))
    assert answer.code == 2
    assert "named.yaml:1:19: error: rate_card.book: prices are in EUR" in answer.err


def test_mistakes_of_the_book_are_told_in_the_book(by_name: Path) -> None:
    """An overlap is an error of the book, at its line."""
    Path("prices.yaml").write_text(BOOK.replace("since: 2027-01-01", "since: 2026-06-01"), encoding="utf-8")
    answer = invoke("validate", str(by_name))
    assert answer.code == 2
    assert "prices.yaml:5:14: error: models.maker/large.periods.1.since: overlap" in answer.err
