"""Tables that fit the terminal: of several forms, the first whose lines are not longer than the terminal is wide."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from rich.cells import cell_len
from rich.text import Text

from sim.report.grids import Grid, Row

RULE = "\N{BOX DRAWINGS LIGHT HORIZONTAL}"
_HEADING, _ALARM, _INTERVAL = "bold", "bold red", "dim"
_INDENT = "  "
_LEAST_WIDTH = 12
"""Narrower than this, nothing is made to fit and the terminal wraps as it likes."""


def fitted(grid: Grid, width: int) -> Text:
    """Draw `grid` with its title; below the width of any table each row becomes a list of its cells."""
    forms: tuple[Callable[[], list[Text]], ...] = (
        lambda: _table(grid, stacked=False, beside=True),
        lambda: _table(grid, stacked=True, beside=True),
        lambda: _table(grid, stacked=True, beside=False),
    )
    lines = next((lines for form in forms if fits(lines := form(), width)), None)
    title = Text(tidy(grid.title), style=_HEADING)
    return Text("\n").join([title, *(lines or _lists(grid, width))])


def tidy(text: str) -> str:
    """Make the user's text safe to show: control characters, escape sequences among them, become a mark."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def fits(lines: Iterable[Text], width: int) -> bool:
    """Say whether no line is longer than `width` cells."""
    return all(line.cell_len <= width for line in lines)


def _table(grid: Grid, *, stacked: bool, beside: bool) -> list[Text]:
    """Return the lines of a table: intervals below their value if `stacked`, keys above their row unless `beside`."""
    keys = len(grid.keys) if beside else 0
    headings = [_stack(heading, _HEADING) for heading in (*grid.keys[:keys], *grid.headings)]
    rows = [_cells(row, stacked=stacked, beside=beside) for row in grid.rows]
    columns = list(zip(headings, *rows, strict=True))
    widths = [max((line.cell_len for cell in column for line in cell), default=0) for column in columns]
    indent = "" if beside else _INDENT
    bottom = max(map(len, headings))
    padded = [[Text()] * (bottom - len(heading)) + heading for heading in headings]
    lines = list(_lines(padded, widths, keys, indent))
    lines.append(Text(RULE * max(map(cell_len, (line.plain for line in lines)), default=0), style=_INTERVAL))
    for row, cells in zip(grid.rows, rows, strict=True):
        lines += [] if beside else _name(row)
        lines += _lines(cells, widths, keys, indent)
    return lines


def _lines(cells: Sequence[list[Text]], widths: Sequence[int], keys: int, indent: str) -> Iterator[Text]:
    """Yield the lines of one row: keys to the left, numbers to the right, two spaces between."""
    for at in range(max(map(len, cells), default=0)):
        line = Text(indent)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True)):
            text = cell[at] if at < len(cell) else Text()
            blank = Text(" " * (width - text.cell_len))
            line += Text("  " if column else "") + (text + blank if column < keys else blank + text)
        line.rstrip()
        yield line


def _cells(row: Row, *, stacked: bool, beside: bool) -> list[list[Text]]:
    """Return the lines of each cell of a row."""
    cells = [[Text(tidy(key))] for key in row.keys] if beside else []
    if cells and row.alarm:
        cells[0].append(Text(row.alarm, style=_ALARM))
    for cell in row.cells:
        parts = [Text(tidy(cell.value))] + ([Text(cell.interval, style=_INTERVAL)] if cell.interval else [])
        cells.append(parts if stacked else [Text(" ").join(parts)])
    return cells


def _lists(grid: Grid, width: int) -> Iterator[Text]:
    """Yield each row as a list of headings and cells."""
    headings = [heading.replace("\n", " ") for heading in grid.headings]
    room = max(map(cell_len, headings), default=0)
    indent = _INDENT if width > _LEAST_WIDTH else ""
    for row in grid.rows:
        yield from _name(row)
        for heading, parts in zip(headings, _cells(row, stacked=True, beside=False), strict=True):
            whole = Text(" ").join(parts)
            beside = [Text(indent + heading + " " * (room - cell_len(heading) + 1)) + whole]
            below = [Text(indent + heading), Text(indent * 2) + whole]
            apart = [Text(indent + heading), *(Text(indent * 2) + part for part in parts)]
            yield from next((lines for lines in (beside, below) if fits(lines, width)), apart)


def _name(row: Row) -> list[Text]:
    """Return the line that names a row above its cells."""
    name = Text(tidy(" / ".join(row.keys)), style=_HEADING)
    return [name + Text(f"  {row.alarm}", style=_ALARM)] if row.alarm else [name]


def _stack(heading: str, style: str) -> list[Text]:
    return [Text(tidy(line), style=style) for line in heading.split("\n")]
