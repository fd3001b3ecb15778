"""Two forecasts held against each other: in tables, in words, and as JSON, CSV or a pull-request comment."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, TypeAlias

from rich.console import Console, RenderableType
from rich.text import Text

from sim.experiment.summary import json_bytes
from sim.report.diff import SIGNS, edited, folded, in_marker
from sim.report.escapes import escaped
from sim.report.forecast import levels_as_names
from sim.report.forecast_words import chance, money, usd_cell
from sim.report.grids import ABSENT, Grid, Row
from sim.report.layout import fitted, tidy
from sim.report.naming import named
from sim.report.numbers import Written, plural
from sim.report.tables import grid_lines
from sim.report.terminal import Encodable, remarks
from sim.study.diff.answer import State
from sim.study.diff.spend import PatternSpend, SpendChange, SpendDifference

SCHEMA: Final = 2
"""Version of the layout of the JSON."""

SpendWriter: TypeAlias = Callable[[SpendDifference], bytes]


def render_spend_diff(found: SpendDifference, console: Console) -> None:
    """Print what was edited, the whole of every pattern, the months of those that have changed, and it in words."""
    head = Text(tidy(found.experiment), style="bold").append(f"\n{_facts(found)}", style="not bold")
    blocks: list[RenderableType] = [head]
    if found.edits:
        blocks.append(remarks("Edited", list(edited(found.edits)), "", bullets=False))
    blocks += [fitted(grid, console.width) for grid in _grids(found)]
    blocks += [remarks("In words", list(spend_in_words(found)), ""), remarks("Notes", found.notes, "")]
    spaced = [part for block in blocks for part in (block, Text(""))][:-1]
    for block in spaced:
        console.print(Encodable(block), highlight=False)


def spend_diff_writer_for(path: Path) -> SpendWriter:
    """Return what turns a comparison into the bytes of `path`. InvalidInput naming the extensions there are."""
    return named(path, _WRITERS)


def spend_diff_of(found: SpendDifference) -> dict[str, Any]:
    """Give a comparison as plain data, for JSON."""
    content: dict[str, Any] = levels_as_names({"schema": SCHEMA, **asdict(found)})
    return {**content, "patterns": {one.pop("name"): one for one in content["patterns"]}}


def spend_in_words(found: SpendDifference) -> Iterator[str]:
    """Say of every pattern what a month costs more or less in the mean, over months and futures."""
    for pattern in found.patterns:
        months, before, after, change = len(pattern.months), *_parts(pattern.total)
        if change is None:
            which = after or before
            if which is not None:
                yield f"{pattern.name} is {pattern.state.value}: {money(which.mean / months)} a month in the mean."
        elif pattern.state is not State.SAME and before is not None and after is not None:
            share = f", {100 * change.mean / before.mean:+.1f} %" if before.mean else ""
            moved = f"{_signed(change.mean / months)} a month in the mean"
            told = f"{pattern.name}: {moved} ({money(before.mean / months)} -> {money(after.mean / months)}{share})"
            yield f"{told}; {_direction(pattern.total.dearer or 0.0, found.draws)}."
    if same := [pattern.name for pattern in found.patterns if pattern.state is State.SAME]:
        yield f"What it was: {', '.join(same)}."


def _direction(dearer: float, draws: int) -> str:
    """Say in which share of the futures all months together cost more, or less, whichever is the larger."""
    more = dearer >= 0.5  # noqa: PLR2004 - the larger share
    share = chance(dearer if more else 1 - dearer, draws)
    return f"it costs {'more' if more else 'less'} in {share} of the futures".replace("> ", "more than ")


def _parts(one: SpendChange) -> tuple[Any, Any, Any]:
    return one.before, one.after, one.change


def _facts(found: SpendDifference) -> str:
    return f"{tidy(f'{found.before} -> {found.after}')}\n{plural(found.draws, 'future')}, seed {found.seed}"


def _grids(found: SpendDifference) -> Iterator[Grid]:
    months = list(found.patterns[0].months)
    rows = [
        Row((f"{SIGNS[pattern.state]} {pattern.name}",), _row(pattern.total, found.level)) for pattern in found.patterns
    ]
    told = f"median [{100 * found.level:g} % prediction]"
    title = f"Spend of {plural(len(months), 'month')}, USD: {told}"
    yield Grid(title, ("pattern",), ("before", "after", "change", "change,\nmean"), rows)
    changed = [pattern for pattern in found.patterns if pattern.state is State.CHANGED]
    if changed:
        by_month = [
            Row((month,), tuple(_change(pattern.months[month], found.level) for pattern in changed)) for month in months
        ]
        yield Grid(f"Change by month, USD: {told}", ("month",), tuple(pattern.name for pattern in changed), by_month)


def _row(one: SpendChange, level: float) -> tuple[Written, ...]:
    sides = [Written(ABSENT) if side is None else usd_cell(side, level) for side in (one.before, one.after)]
    mean = ABSENT if one.change is None or not one.change.mean else _signed(one.change.mean)
    return (*sides, _change(one, level), Written(mean))


def _change(one: SpendChange, level: float) -> Written:
    if one.change is None:
        return Written(ABSENT)
    if not one.change.mean and one.change.intervals[level] == (0, 0):
        return Written("unchanged")
    return Written(_signed(one.change.median), usd_cell(one.change, level).interval)


def _signed(usd: float) -> str:
    return f"{'+' if usd > 0 else ''}{money(usd)}"


# ---- files


def _markdown(found: SpendDifference) -> bytes:
    """Write a comment for a pull request; its first line is a marker by which it is found and replaced."""
    lines = [f"<!-- tiercast diff --forecast: {in_marker(found.experiment)} -->", f"## {escaped(found.experiment)}", ""]
    lines += [escaped(f"{found.before} -> {found.after}"), ""]
    lines += [*(f"- {escaped(line)}" for line in spend_in_words(found)), ""]
    for grid in _grids(found):
        lines += [f"**{escaped(grid.title)}**", "", *grid_lines(grid), ""]
    lines += folded("Edited", edited(found.edits)) if found.edits else []
    lines += [f"{escaped(note)}<br>" for note in found.notes]
    return ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace")


def _csv(found: SpendDifference) -> bytes:
    """Write one row per pattern and month, and one for all months."""
    stream = io.StringIO(newline="")
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(
        (
            *("pattern", "state", "month", "before_mean_usd", "after_mean_usd", "change_mean_usd"),
            *("change_median_usd", "change_lower_usd", "change_upper_usd", "level"),
        )
    )
    for pattern in found.patterns:
        for month, one in (*pattern.months.items(), ("all", pattern.total)):
            table.writerow((*_names(pattern), month, *_numbers(one, found.level), found.level))
    return stream.getvalue().encode("utf-8", "backslashreplace")


def _names(pattern: PatternSpend) -> tuple[str, str]:
    return pattern.name, pattern.state.value


def _numbers(one: SpendChange, level: float) -> tuple[float | None, ...]:
    sides = [None if side is None else side.mean for side in (one.before, one.after)]
    change = one.change
    return (*sides, *((None,) * 4 if change is None else (change.mean, change.median, *change.intervals[level])))


_WRITERS: Final[dict[str, SpendWriter]] = {
    ".md": _markdown,
    ".json": lambda found: json_bytes(spend_diff_of(found)),
    ".csv": _csv,
}
