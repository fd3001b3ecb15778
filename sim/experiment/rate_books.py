"""Read a book of prices, and tell every mistake at its place."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from sim.errors import InvalidInput, Issue
from sim.experiment.document import Document, dotted
from sim.experiment.issues import issues_from_validation
from sim.experiment.yaml_source import read_yaml
from sim.fleet.rate_card import RateBook


def read_rate_book(path: Path) -> RateBook:
    """Read prices over time from a YAML file. InvalidInput with every mistake in it."""
    return read_marked_book(path)[0]


def read_marked_book(path: Path) -> tuple[RateBook, Document]:
    """Read prices over time as `read_rate_book`, with where each of them stands."""
    document = read_yaml(path)
    try:
        book = RateBook.model_validate(document.data, context={"places": True})
    except ValidationError as error:
        raise InvalidInput(issues_from_validation(error, document, model=RateBook)) from error
    issues = [_issue(document, place, text) for place, text in book.problems()]
    if issues:
        raise InvalidInput(sorted(issues, key=lambda issue: (issue.line, issue.col)))
    return book, document


def _issue(document: Document, place: tuple[str | int, ...], text: str) -> Issue:
    mark = document.mark(place)
    return Issue(text, mark.file, mark.line, mark.col, dotted(document.data, place))
