"""Read a book of prices, and tell every mistake at its place."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from sim.errors import InvalidInput, Issue
from sim.experiment.document import Document, dotted
from sim.experiment.issues import issues_from_validation
from sim.experiment.yaml_source import read_yaml
from sim.fleet.rate_card import DatedPrices, RateBook


def read_rate_book(path: Path) -> RateBook:
    """Read prices over time from a YAML file. InvalidInput with every mistake in it."""
    return read_marked_book(path)[0]


def read_marked_book(path: Path) -> tuple[RateBook, Document]:
    """Read prices over time as `read_rate_book`, with where each of them stands."""
    document = read_yaml(path)
    try:
        book = RateBook.model_validate(document.data, context={"places": True})
    except ValidationError as error:
        issues = [*issues_from_validation(error, document, model=RateBook), *_of_sound_models(document)]
        raise InvalidInput(sorted(issues, key=lambda issue: (issue.line, issue.col))) from error
    issues = [_issue(document, place, text) for place, text in book.problems()]
    if issues:
        raise InvalidInput(sorted(issues, key=lambda issue: (issue.line, issue.col)))
    return book, document


def _of_sound_models(document: Document) -> Iterator[Issue]:
    """Yield what does not fit together among the models that have no other mistake, in a book that has some."""
    models = document.data.get("models") if isinstance(document.data, dict) else None
    sound = {}
    for name, written in models.items() if isinstance(models, dict) else ():
        with contextlib.suppress(ValidationError):
            DatedPrices.model_validate(written)
            sound[name] = written
    with contextlib.suppress(ValidationError):
        book = RateBook.model_validate({**document.data, "models": sound}, context={"places": True})
        for place, text in book.problems():
            if place[-1] != "successor":  # which may be one of the others
                yield _issue(document, place, text)


_HINTS = {
    "since": "each period begins where the one before ends: write until: 2027-03-01, then since: 2027-03-01",
    "until": "a period ends after it begins; the last one may go on without an end",
    "currency": "keep a book for each currency, or write all prices in one",
    "successor": "name a model of this book that does not retire before, or leave it out",
}
"""By the key at which parts of a book do not fit together."""


def _issue(document: Document, place: tuple[str | int, ...], text: str) -> Issue:
    mark = document.mark(place)
    return Issue(text, mark.file, mark.line, mark.col, dotted(document.data, place), _HINTS.get(str(place[-1]), ""))
