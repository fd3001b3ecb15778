"""Prices that name a model of a book: the numbers of the book at a date, put where the name stands."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

from pydantic import Field, ValidationError

from sim.errors import InvalidInput, Issue
from sim.experiment.document import Document, Mark, Place, dotted
from sim.experiment.issues import issues_from_validation
from sim.experiment.overrides import replaced
from sim.experiment.rate_books import read_marked_book
from sim.fleet.instants import Instant, parse_instant
from sim.fleet.prices import RateCard
from sim.fleet.rate_card import STANDARD
from sim.schema import Spec
from sim.workload.traces.opening import A_URL, is_url

if TYPE_CHECKING:
    from sim.experiment.resolve import Experiment
    from sim.fleet.rate_card import RateBook

_CURRENCY = "USD"
RATE_CARD: Final = "rate_card"
"""Key of the book that prices by name come from."""

_NAMED = frozenset({"model", "service"})
_NEAR = 4
_ADOPT: Place = ("forecast", "prices", "adopt")


class BookedPrices(Spec):
    """The book of prices that prices by name come from: frozen numbers, and nothing is fetched."""

    book: Annotated[str, Field(min_length=1, max_length=4096)]
    """File that `tiercast prices freeze` has written, or that was written by hand; relative to this file."""
    on: Instant
    """Date whose prices a run pays, such as 2026-12-01. A forecast pays those of each of its days."""


def with_prices(document: Document, folders: Mapping[str, Path], *, again: bool = False) -> Document:
    """Put numbers where a price names a model of the book. InvalidInput with every name that leads nowhere.

    `again` fills in anew what was filled in before; else numbers beside a name must be those of the book, as they are
    in a resolved experiment.
    """
    places = list(_named(document.data))
    written = document.data.get(RATE_CARD) if isinstance(document.data, dict) else None
    if not places:
        if written is None or again:
            return document
        message = "no price names a model of it"
        raise InvalidInput(
            [_issue(document, (RATE_CARD,), message, "write under a model for example price: openai/gpt-5")]
        )
    if written is None and again:
        return document  # from a baseline, which keeps numbers and no book
    if written is None:
        hint = "add for example rate_card: {book: prices.yaml, on: 2026-12-01}"
        message = "a price by name needs a rate_card to look it up in"
        raise InvalidInput([_issue(document, place, message, hint) for place in places])
    try:
        at = BookedPrices.model_validate(written).on
    except ValidationError as error:
        raise InvalidInput(issues_from_validation(error, document, (RATE_CARD,), model=BookedPrices)) from error
    book, inside = _book(document, folders, written["book"])
    filled, issues = document, list[Issue]()
    for place in places:
        asked = _asked(document.data, place)
        name, service = asked["model"], asked.get("service", STANDARD)
        try:
            card, _ = book.card_at(name, _date(document.data, place, at), service=service)
        except ValueError as error:
            issues.append(_issue(document, place, str(error), _near(name, book)))
            continue
        if not again and set(asked) - _NAMED and not _says(asked, card):
            message = f"names {name}, and states other prices than the book has"
            issues.append(_issue(document, place, message, "leave one of them out"))
            continue
        numbers = card.model_dump(exclude_unset=True)
        marks = {(*place, key): inside.mark(("models", name)) for key in numbers}
        value = {key: asked[key] for key in ("model", "service") if key in asked} | numbers
        filled = _replaced(filled, place, value, marks)
    if issues:
        raise InvalidInput(sorted(issues, key=lambda issue: (issue.file, issue.line, issue.col)))
    return filled


def with_stand_ins(document: Document) -> Document:
    """Put some price where one is named, so that what else is wrong with an experiment can be told."""
    for place in _named(document.data):
        document = _replaced(document, place, {"input_mtok": 1.0, "output_mtok": 1.0}, {})
    return document


def book_of(experiment: Experiment) -> RateBook | None:
    """Read the book that prices by name come from; None where there is none. InvalidInput as `with_prices`."""
    card = experiment.spec.rate_card
    if card is None:
        return None
    place = (RATE_CARD, "book")
    return _book(experiment.document, {experiment.document.mark(place).file: experiment.folder_of(place)}, card.book)[0]


def left_out(experiment: Experiment) -> Iterator[str]:
    """Yield what prices by name lack in a run: other prices by the hour."""
    card, book = experiment.spec.rate_card, book_of(experiment)
    if card is None or book is None:
        return
    for name, model in experiment.spec.fleet.items():
        if model.price.model is not None:
            _, lacks = book.card_at(model.price.model, card.on, service=model.price.service or STANDARD)
            yield from (f"{name}: left out of {model.price.model}: {lack}" for lack in lacks)


def _named(data: Any) -> Iterator[Place]:
    """Yield the place of every price that names a model."""
    for place, price in _prices(data):
        if isinstance(price, str) or (isinstance(price, dict) and isinstance(price.get("model"), str)):
            yield place


def _prices(data: Any) -> Iterator[tuple[Place, Any]]:
    fleet = data.get("fleet") if isinstance(data, dict) else None
    for name, model in fleet.items() if isinstance(fleet, dict) else ():
        if isinstance(model, dict):
            yield ("fleet", name, "price"), model.get("price")
    for number, one in enumerate(_adopted(data)):
        if isinstance(one, dict):
            yield (*_ADOPT, number, "price"), one.get("price")


def _adopted(data: Any) -> list[Any]:
    """Give the models that a forecast takes up, as written."""
    for part in _ADOPT:
        data = data.get(part) if isinstance(data, dict) else None
    return data if isinstance(data, list) else []


def _date(data: Any, place: Place, otherwise: datetime) -> datetime:
    """Give the date whose price a place shows: that of the run, or the day on which a model is taken up."""
    if place[: len(_ADOPT)] != _ADOPT:
        return otherwise
    try:
        return parse_instant(_adopted(data)[cast("int", place[-2])].get("on"))
    except ValueError:
        return otherwise  # told with all other mistakes


def _asked(data: Any, place: Place) -> dict[str, Any]:
    for part in place:
        data = data[part]
    return {"model": data} if isinstance(data, str) else data


def _says(asked: Mapping[str, Any], card: RateCard) -> bool:
    """Tell whether the numbers beside a name are those of the book."""
    try:
        return RateCard.model_validate(asked).rates() == card.rates()
    except ValidationError:
        return False


def _book(document: Document, folders: Mapping[str, Path], written: str) -> tuple[RateBook, Document]:
    """Read the book, with where its parts stand."""
    place: Place = (RATE_CARD, "book")
    mark = document.mark(place)
    if is_url(written):
        raise InvalidInput([_issue(document, place, A_URL)])
    path = folders.get(mark.file, folders.get(document.file, Path())) / written
    if not path.is_file():
        raise InvalidInput([_issue(document, place, f"there is no file {written}", f"looked at {path}")])
    book, inside = read_marked_book(path)
    if book.currency != _CURRENCY:
        message = f"prices are in {book.currency}, and those of experiments in {_CURRENCY}; nothing is converted"
        hint = "write the prices of the book in USD, at a rate of your own, and currency: USD"
        raise InvalidInput([_issue(document, place, message, hint)])
    return book, inside


def _near(name: str, book: RateBook) -> str:
    """Name what may be meant; a name is never taken for another, however much alike."""
    if name in book.models:
        return ""
    near = [full for full in book.models if full.endswith(f"/{name}") or name.startswith(full)]
    near += difflib.get_close_matches(name, book.models, n=_NEAR, cutoff=0.6)
    listed = ", ".join(list(dict.fromkeys(near))[:_NEAR])
    return f"names must be exact; near ones: {listed}" if near else "names must be exact"


def _replaced(document: Document, place: Place, value: Any, marks: Mapping[Place, Mark]) -> Document:
    """Put a value where another stood, and keep where that was written."""
    data = replaced(document.data, [str(part) for part in place], value)
    return Document(data, {**document.marks, **marks}, document.key_marks, document.file)


def _issue(document: Document, place: Place, message: str, hint: str = "") -> Issue:
    mark = document.mark(place)
    return Issue(message, mark.file, mark.line, mark.col, dotted(document.data, place), hint)
