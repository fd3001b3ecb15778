"""What two logs tell of a change: a table, words, JSON, CSV, Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.text import Text

from sim.experiment.summary import json_bytes
from sim.outcome.estimates import Estimate
from sim.report.escapes import escaped
from sim.report.grids import ABSENT, Grid, Row
from sim.report.layout import fitted, tidy
from sim.report.naming import named
from sim.report.numbers import Written, written
from sim.report.tables import grid_lines
from sim.report.terminal import Encodable, remarks

if TYPE_CHECKING:
    from sim.study.fit.change import Ranged, RateChange

SCHEMA: Final = 1
"""Version of the layout of the JSON."""

_MOST_CLASSES: Final = 20

_TELLS: Final = (
    "the mix is what other shares of the classes do by themselves; the rest is what has changed within them: harder or "
    "longer requests, another model, another threshold, another calibration look the same in a log. Where the months "
    "are simulated, tiercast drift --diagnose takes them apart"
)
NOTES: Final = (
    _TELLS,
    "both parts add up to the change (Kitagawa 1955); a class that only one log has counts as mix",
    "95 % intervals from both logs drawn anew 2,000 times, request by request",
)


def render_change(found: RateChange, console: Console) -> None:
    """Print the parts, then the classes that make most of them."""
    head = Text(f"Rate of {tidy(found.of)} by {tidy(', '.join(found.by))}", style="bold")
    head.append(f"\n{found.rows[0]:,} requests before, {found.rows[1]:,} after", style="not bold")
    blocks = [head, *(fitted(grid, console.width) for grid in _grids(found)), remarks("Notes", NOTES, "")]
    spaced = [part for block in blocks for part in (block, Text(""))][:-1]
    for block in spaced:
        console.print(Encodable(block), highlight=False)


def change_json(found: RateChange) -> bytes:
    """Give all of it as one JSON object."""
    return json_bytes({"schema": SCHEMA, **asdict(found), "notes": list(NOTES)})


def writer_for_change(path: Path) -> Callable[[RateChange], bytes]:
    """Return what writes the bytes of `path`. InvalidInput naming the extensions there are."""
    return named(path, _WRITERS)


def _grids(found: RateChange) -> list[Grid]:
    parts = [
        Row(("before",), (_share(found.before),)),
        Row(("+ mix",), (_points(found.mix),)),
        Row(("+ the rest",), (_points(found.within),)),
        Row(("after",), (_share(found.after),)),
        Row(("change",), (_points(found.change),)),
    ]
    classes = [
        Row(
            (one.name,),
            (
                *(Written(f"{100 * share:.1f} %") for share in one.shares),
                *(Written(ABSENT if rate is None else f"{100 * rate:.1f} %") for rate in one.rates),
                Written(f"{100 * one.mix:+.2f}"),
                Written(f"{100 * one.within:+.2f}"),
            ),
        )
        for one in found.classes[:_MOST_CLASSES]
    ]
    left = len(found.classes) - len(classes)
    title = "Classes by what they add, in points" + (f" ({left:,} more in -o FILE.csv)" if left else "")
    headings = ("share\nbefore", "share\nafter", "rate\nbefore", "rate\nafter", "mix", "the rest")
    return [Grid("Change", ("part",), (f"rate of {found.of}",), parts), Grid(title, ("class",), headings, classes)]


def _share(found: Ranged) -> Written:
    return written(Estimate(found.value, found.lower, found.upper, "fraction"))


def _points(found: Ranged) -> Written:
    return written(Estimate(100 * found.value, 100 * found.lower, 100 * found.upper, "points"), signed=True)


def _csv(found: RateChange) -> bytes:
    stream = io.StringIO(newline="")
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(("class", "share_before", "share_after", "rate_before", "rate_after", "mix", "within"))
    for one in found.classes:
        table.writerow((one.name, *one.shares, *one.rates, one.mix, one.within))
    return stream.getvalue().encode("utf-8", "backslashreplace")


def _markdown(found: RateChange) -> bytes:
    lines = [f"## Rate of {escaped(found.of)} by {escaped(', '.join(found.by))}", ""]
    for grid in _grids(found):
        lines += [f"**{escaped(grid.title)}**", "", *grid_lines(grid), ""]
    lines += [f"{escaped(note)}<br>" for note in NOTES]
    return ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace")


_WRITERS: Final[dict[str, Callable[[RateChange], bytes]]] = {".json": change_json, ".csv": _csv, ".md": _markdown}
