"""Collects what is wrong with the rows of an input file, and says it all at once."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

from sim.errors import InvalidInput, Issue

SHOWN: Final = 20
"""Issues shown of one file; the others are counted."""
STOP_AFTER: Final = 100
"""Bad values after which a column is not read further: the file is of another kind."""

_COLUMNS_NAMED: Final = 20
_COLUMNS_COMPARED: Final = 1_000
_QUOTED: Final = 60


@dataclass(frozen=True, slots=True)
class _Finding:
    row: int
    column: str
    message: str
    hint: str


class Findings:
    """Bad values of one file. `row` counts the data rows that were read, from 0; it becomes a line when raised."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.count = 0
        self._kept: list[_Finding] = []

    @property
    def full(self) -> bool:
        """Whether so much is wrong that reading on tells nothing new."""
        return self.count >= STOP_AFTER

    def add(self, row: int, column: str, message: str, hint: str = "") -> None:
        """Record one bad value."""
        self.count += 1
        self._kept.append(_Finding(row, column, message, hint))

    def add_rows(self, rows: Sequence[int], column: str, message_of: Callable[[int], str], hint: str = "") -> None:
        """Record bad values in ascending rows; `message_of(i)` says what is wrong with ``rows[i]``.

        Only as many messages are made as can be shown, so that a file full of errors costs no memory.
        """
        self._kept.extend(_Finding(int(row), column, message_of(i), hint) for i, row in enumerate(rows[:SHOWN]))
        self.count += len(rows)

    def raise_if_any(
        self,
        lines_of: Callable[[Sequence[int]], Sequence[int]],
        position: Mapping[str, int],
        found: Iterable[Issue] = (),
    ) -> None:
        """Raise InvalidInput with the first issues in order of line, if there are any.

        `lines_of` turns rows into lines (or row numbers, for files without lines), `position` gives each column's place
        from 1 (which the issue has as its `col`), `found` are issues that already know their line.
        """
        ready = list(found)
        total = self.count + len(ready)
        if not total:
            return
        kept = sorted(self._kept, key=lambda item: (item.row, position.get(item.column, 0)))[:SHOWN]
        for item, line in zip(kept, lines_of([item.row for item in kept]), strict=True):
            column = position.get(item.column, 1)
            ready.append(Issue(item.message, self.file, line, column, item.column, item.hint))
        shown = sorted(ready, key=lambda issue: (issue.line, issue.col))[:SHOWN]
        rest = total - len(shown)
        if rest:
            least = "at least " if self.full else ""
            shown.append(Issue(f"and {least}{rest:,} more rows or values that cannot be used", self.file))
        raise InvalidInput(shown)


def refuse(file: str, message: str, hint: str = "", *, line: int = 0) -> NoReturn:
    """Raise InvalidInput with one issue about the file as a whole (or one line of it)."""
    raise InvalidInput([Issue(message, file, line, 1 if line else 0, hint=hint)])


def check_columns(file: str, header: Sequence[str], wanted: Sequence[str], separator: str = "") -> None:
    """Raise InvalidInput, one issue per column, unless every wanted column is in the header exactly once.

    `separator` is what text files were split at; a header in one piece is then told from a wrong separator.
    """
    issues = []
    for name in dict.fromkeys(wanted):
        times = header.count(name)
        if times > 1:
            column = header.index(name) + 1
            issues.append(
                Issue(f"the column {name!r} is there {times} times", file, 1, column, name, "keep one of them")
            )
        elif not times:
            message = f"there is no column {name!r}; the columns are {_listed(header)}"
            issues.append(Issue(message, file, 1, 1, name, _advice(name, header, separator)))
    if issues:
        raise InvalidInput(issues)


def quoted(value: object) -> str:
    """Give a value as it stands in a message: quoted, and cut when long."""
    text = str(value)
    return repr(text if len(text) <= _QUOTED else f"{text[: _QUOTED - 3]}...")


def _listed(header: Sequence[str]) -> str:
    names = ", ".join(quoted(name) for name in header[:_COLUMNS_NAMED])
    more = len(header) - _COLUMNS_NAMED
    return f"{names} and {more} more" if more > 0 else names or "none"


def _advice(name: str, header: Sequence[str], separator: str) -> str:
    other = next((mark for mark in ";\t|," if mark != separator and len(header) == 1 and mark in header[0]), "")
    if separator and other:
        ways = "use format: columns with delimiter: ';'" if other == ";" else "save the file with commas"
        return f"the columns seem to be separated by {other!r}; {ways}"
    known = header[:_COLUMNS_COMPARED]
    near = difflib.get_close_matches(name, known, n=1)
    same = [other_name for other_name in known if other_name.strip().lower() == name.strip().lower()]
    best = same or near
    return f"did you mean {best[0]!r}?" if best else ""
