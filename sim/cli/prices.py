"""`tiercast prices`: what models cost over time, and prices taken over from a package."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from sim.cli.answer import Verb, remark, say, say_json
from sim.errors import InvalidInput, Issue
from sim.exchange.genai import catalogue, freeze
from sim.experiment.document import did_you_mean
from sim.experiment.durable import replace_file
from sim.experiment.rate_books import read_rate_book
from sim.fleet.instants import parse_instant
from sim.fleet.rate_card import STANDARD
from sim.report.prices import book_json, book_yaml, card_yaml, render_book

_EXPERIMENTS_IN = "USD"


class _Group(Verb, click.Group):
    """A verb with verbs of its own."""


@click.group("prices", cls=_Group)
def command() -> None:
    """Books of prices: dated, by service and length of the prompt; written by hand or frozen from genai-prices."""


@command.command("freeze", cls=Verb)
@click.argument("names", nargs=-1, required=True, metavar="PROVIDER/MODEL...")
@click.option("--on", "day", metavar="DATE", help="Day to note as that of the freeze; today where not given.")
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Write to FILE instead of stdout.")
def freeze_command(names: tuple[str, ...], day: str | None, output: Path | None) -> None:
    """Take prices over from the package genai-prices into a book, with all their dates, announced ones included.

    Names must be exact: nothing is taken for a model because its name begins alike. Nothing is fetched.
    """
    content = book_yaml(freeze(names, _instant("--on", day) or _today()))
    if output is None:
        say(content.encode())
        return
    replace_file(output, content.encode())
    remark(f"wrote {output}")


@command.command("show", cls=Verb)
@click.argument("book", type=click.Path(path_type=Path))
@click.option("--at", metavar="DATE", help="Only what holds at this date, or at an instant such as 2026-03-01T09:00Z.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show_command(book: Path, at: str | None, as_json: bool) -> None:
    """Check a BOOK of prices (YAML), and print it as a table."""
    instant = _instant("--at", at)
    found = read_rate_book(book)
    if as_json:
        say_json(book_json(found, instant))
    else:
        say(render_book(found, instant))


@command.command("card", cls=Verb)
@click.argument("book", type=click.Path(path_type=Path))
@click.argument("model")
@click.option("--at", required=True, metavar="DATE", help="Date or instant of the prices.")
@click.option("--service", default=STANDARD, show_default=True, help="Service of the calls: batch, flex, priority.")
def card_command(book: Path, model: str, at: str, service: str) -> None:
    """Print the price line for a model of an experiment's fleet, from a BOOK at a date.

    What such a line cannot say (other prices at other hours of the day) is told on stderr.
    """
    instant, found = _written_instant("--at", at), read_rate_book(book)
    if found.currency != _EXPERIMENTS_IN:
        raise InvalidInput([Issue(f"prices are in {found.currency}, and those of experiments in USD", str(book))])
    try:
        card, lacks = found.card_at(model, instant, service=service)
    except ValueError as error:
        hint = did_you_mean(model, found.models) if model not in found.models else ""
        raise InvalidInput([Issue(str(error), str(book), hint=hint)]) from error
    say(card_yaml(card, found, model, instant, service))
    for lack in lacks:
        remark(f"{model}: left out: {lack}")


@command.command("list", cls=Verb)
@click.argument("word", required=False, default="")
def list_command(word: str) -> None:
    """Name the models of the package genai-prices whose name contains WORD."""
    names = sorted(name for name in catalogue() if word.lower() in name.lower())
    if not names:
        raise InvalidInput([Issue(f"no model of genai-prices has '{word}' in its name", "WORD")])
    say("\n".join(names))


def _instant(option: str, written: str | None) -> datetime | None:
    return None if written is None else _written_instant(option, written)


def _written_instant(option: str, written: str) -> datetime:
    try:
        return parse_instant(written)
    except ValueError as error:
        raise InvalidInput([Issue(str(error), option)]) from error


def _today() -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
