"""Usage by day as gateways export it in JSON: OpenRouter's ``/api/v1/activity``, LiteLLM's ``/user/daily/activity``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

from sim.errors import InvalidInput, Issue
from sim.experiment.document import Document
from sim.experiment.yaml_source import parse_yaml
from sim.workload.traces.findings import quoted, refuse
from sim.workload.traces.opening import check_file, open_bytes

JSON: Final = ".json"

_MOST_BYTES: Final = 256 << 20
_TOO_MUCH: Final = 1e18
_WHAT: Final = "OpenRouter's activity has a list data, LiteLLM's daily activity a list results"


@dataclass(frozen=True, slots=True)
class _Shape:
    """An export: the list that holds its rows, where in a row the numbers stand, and what they are called."""

    rows: str
    inside: tuple[str, ...]
    fields: Mapping[str, tuple[str, ...]]


_SHAPES: Final = (
    _Shape(
        "data",
        (),
        {
            "requests": ("requests",),
            "tokens": ("prompt_tokens", "completion_tokens"),
            "usd": ("usage", "byok_usage_inference"),  # paid to OpenRouter, and to providers with keys of one's own
        },
    ),
    _Shape(
        "results",
        ("metrics",),
        {"requests": ("api_requests",), "tokens": ("total_tokens",), "usd": ("spend",)},
    ),
)


@dataclass(frozen=True, slots=True)
class Export:
    """The rows of an export: (date as it is written, number) by place in the list, and what cannot be read.

    `bad` has (row, column, message); `fields` are the columns that are added up, `rows_in` names the list.
    """

    file: str
    rows_in: str
    fields: tuple[str, ...]
    rows: Mapping[int, tuple[str, float]]
    bad: Sequence[tuple[int, str, str]]
    document: Document | None

    def issue(self, row: int, column: str, message: str, hint: str = "") -> Issue:
        """Give an issue about a row at its line, where the file is small enough to be read with positions."""
        path = f"{self.rows_in}[{row}].{column}"
        if self.document is None:
            return Issue(message, self.file, path=path, hint=hint)
        mark = self.document.mark((self.rows_in, row, *column.split(".")))
        return Issue(message, self.file, mark.line, mark.col, path, hint)


def read_export(path: Path, value: str) -> Export:
    """Read an export; `value` is requests, tokens or usd. InvalidInput where it is none, or only a page of one."""
    file = str(path)
    text = _text(path, file)
    data = _parsed(text, file)
    shape = next((one for one in _SHAPES if isinstance(data, dict) and isinstance(data.get(one.rows), list)), None)
    if shape is None:
        refuse(file, "this is no usage by day that is known", _WHAT)
    if value not in shape.fields:
        raise InvalidInput([Issue(f"{value!r} is not in an export", "--value", hint=f"take {', '.join(shape.fields)}")])
    _whole(data, file)
    if not data[shape.rows]:
        refuse(file, f"{shape.rows} is an empty list", "ask for a longer time")
    fields = tuple(".".join((*shape.inside, name)) for name in shape.fields[value])
    return Export(file, shape.rows, fields, *_rows(data[shape.rows], fields), _positions(text, file))


def _text(path: Path, file: str) -> str:
    check_file(path, file)
    with closing(open_bytes(path, file)) as stream:
        content = stream.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        refuse(file, f"the file is larger than {_MOST_BYTES >> 20} MiB", "ask for days, not for requests")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        refuse(file, f"the file is not UTF-8 text: byte {error.start + 1} is {content[error.start]:#04x}")


def _parsed(text: str, file: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise InvalidInput([Issue(f"this is no JSON: {error.msg}", file, error.lineno, error.colno)]) from None
    except (ValueError, RecursionError) as error:
        raise InvalidInput([Issue(f"this is no JSON: {error}", file)]) from None


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _whole(data: Mapping[str, Any], file: str) -> None:
    """Refuse a page of several: it has days that are cut off, which would look like a fall."""
    told = data.get("metadata")
    told = told if isinstance(told, dict) else {}
    pages = told.get("total_pages")
    if told.get("has_more") is True or (isinstance(pages, int) and pages > 1):
        of = f" of {pages}" if isinstance(pages, int) else ""
        message = f"this is page {told.get('page', 1)}{of}: days may be cut off at its ends"
        raise InvalidInput([Issue(message, file, path="metadata", hint="ask for all days with page_size=1000")])


def _rows(
    items: Sequence[Any], fields: tuple[str, ...]
) -> tuple[dict[int, tuple[str, float]], list[tuple[int, str, str]]]:
    """Give date and number by row, and (row, column, message) of what is neither."""
    rows: dict[int, tuple[str, float]] = {}
    bad: list[tuple[int, str, str]] = []
    for row, item in enumerate(items):
        date = item.get("date") if isinstance(item, dict) else None
        if not isinstance(date, str):
            bad.append((row, "date", "there is no date"))
        total = 0.0
        for field in fields:
            try:
                total += _number(_at(item, field))
            except ValueError as error:
                bad.append((row, field, str(error)))
        if isinstance(date, str):
            rows[row] = date, total
    return rows, bad


def _number(value: Any) -> float:
    if value is None:
        raise ValueError("the value is missing")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{quoted(value)} is not a number")  # noqa: TRY004 - caught as one with what is too large
    if not abs(value) < _TOO_MUCH:
        raise ValueError(f"{quoted(value)} is too large")
    return float(value)


def _at(item: Any, field: str) -> Any:
    for step in field.split("."):
        item = item.get(step) if isinstance(item, dict) else None
    return item


def _positions(text: str, file: str) -> Document | None:
    """Give where each value stands; None for a file that is too large for that, or written with tabs."""
    try:
        return parse_yaml(text, file)
    except InvalidInput:
        return None
