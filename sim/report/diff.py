"""A comparison of two experiments: in tables, and as JSON, CSV or the Markdown of a pull-request comment."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from rich.console import Console, RenderableType
from rich.text import Text

from sim.experiment.summary import estimate_entry, json_bytes
from sim.outcome.estimates import Estimate
from sim.report.escapes import clipped, escaped
from sim.report.grids import ABSENT, Grid, Row
from sim.report.layout import fitted, tidy
from sim.report.naming import named
from sim.report.numbers import Written, plural, written
from sim.report.tables import grid_lines
from sim.report.terminal import Encodable, remarks
from sim.study.diff.answer import Difference, Direction, Moved, PatternDifference, State

if TYPE_CHECKING:
    from sim.study.diff.edits import Edit

SCHEMA: Final = 1
"""Version of the layout of the JSON."""

DiffWriter: TypeAlias = Callable[[Difference], bytes]

SIGNS: Final = {State.CHANGED: "~", State.SAME: "=", State.NEW: "+", State.GONE: "-"}
_HEADINGS: Final = ("before", "after", "change", "")
_LONGEST_VALUE: Final = 60
_MOST_EDITS: Final = 40
_UNITS: Final = {"fraction": "points"}


def render_diff(found: Difference, console: Console) -> None:
    """Print what was edited, then every pattern with what it does to its metrics."""
    head = Text(tidy(found.experiment), style="bold").append(f"\n{_facts(found)}", style="not bold")
    blocks: list[RenderableType] = [head]
    if found.edits:
        blocks.append(remarks("Edited", list(edited(found.edits)), "", bullets=False))
    blocks += [fitted(_grid(pattern), console.width) for pattern in found.patterns if pattern.state is not State.SAME]
    if same := [pattern.name for pattern in found.patterns if pattern.state is State.SAME]:
        blocks.append(Text(tidy(f"{SIGNS[State.SAME]} unchanged: {', '.join(same)}")))
    blocks.append(remarks("Notes", _notes(found), ""))
    spaced = [part for block in blocks for part in (block, Text(""))][:-1]
    for block in spaced:
        console.print(Encodable(block), highlight=False)


def diff_writer_for(path: Path) -> DiffWriter:
    """Return what turns a comparison into the bytes of `path`. InvalidInput naming the extensions there are."""
    return named(path, _WRITERS)


def diff_of(found: Difference) -> dict[str, Any]:
    """Give a comparison as plain data, for JSON."""
    return {
        "schema": SCHEMA,
        "experiment": found.experiment,
        "before": found.before,
        "after": found.after,
        "seed": found.seed,
        "replications": found.replications,
        "level": found.level,
        "level_each": found.each,
        "paired": found.paired,
        "edits": [{"path": one.path, "before": _plain(one.before), "after": _plain(one.after)} for one in found.edits],
        "patterns": {pattern.name: _pattern_entry(pattern) for pattern in found.patterns},
        "notes": list(found.notes),
    }


def _pattern_entry(pattern: PatternDifference) -> dict[str, Any]:
    return {
        "state": pattern.state.value,
        "status_before": pattern.statuses[0] or None,
        "status_after": pattern.statuses[1] or None,
        "metrics": {one.metric: _metric_entry(one) for one in pattern.moved},
    }


def _metric_entry(one: Moved) -> dict[str, Any]:
    change = one.change
    return {
        "unit": one.unit,
        "before": None if one.before is None else estimate_entry(one.before),
        "after": None if one.after is None else estimate_entry(one.after),
        "change": None if change is None else {"value": change.value, "lower": change.lower, "upper": change.upper},
        "change_is": _kind(one),
        "direction": one.direction.value,
    }


def _plain(text: str | None) -> Any:
    return None if text is None else json.loads(text)


# ---- in words


def _facts(found: Difference) -> str:
    facts = f"{plural(found.replications, 'replication')}, seed {found.seed}"
    return f"{tidy(f'{found.before} -> {found.after}')}\n{facts}"


def edited(edits: tuple[Edit, ...]) -> Iterator[str]:
    """Yield what was edited, a line each; not more than one reads."""
    for one in edits[:_MOST_EDITS]:
        if one.before is None:
            yield f"+ {one.path}: {_value(one.after)}"
        elif one.after is None:
            yield f"- {one.path}: {_value(one.before)}"
        else:
            yield f"~ {one.path}: {_value(one.before)} -> {_value(one.after)}"
    if len(edits) > _MOST_EDITS:
        yield f"and {len(edits) - _MOST_EDITS:,} more, all of which -o FILE.json has"


def _value(text: str | None) -> str:
    return clipped(text or "", _LONGEST_VALUE)


def _notes(found: Difference) -> list[str]:
    told = [*found.notes]
    level = f"{100 * found.level:g} %"
    each = f"{100 * found.each:.4g} %"
    if found.paired:
        told.append(
            "both sides meet the same requests with the same luck: changes come from the differences of replications"
        )
    told.append(
        f"changes are told at {each} each, so that all of them together keep {level}"
        if found.each != found.level
        else f"changes are told at {level}"
    )
    if any(one.direction is Direction.UNCLEAR for pattern in found.patterns for one in pattern.moved):
        told.append(f"{Direction.UNCLEAR.value}: the interval of the change holds zero")
    return told


def _grid(pattern: PatternDifference) -> Grid:
    """Give the table of one pattern: what is exactly as it was is only named."""
    shown = [one for one in pattern.moved if one.direction is not Direction.SAME or pattern.state is State.SAME]
    rows = [
        Row((one.metric,), (_cell(one.before, one), _cell(one.after, one), _change(one), Written(_word(one, pattern))))
        for one in shown
    ]
    return Grid(_title(pattern), ("metric",), _HEADINGS, rows)


def _title(pattern: PatternDifference) -> str:
    title = f"{SIGNS[pattern.state]} {pattern.name}"
    if pattern.state in {State.NEW, State.GONE}:
        title += f" ({pattern.state.value})"
    before, after = pattern.statuses
    if "unstable" in pattern.statuses and before and after:
        title += ": unstable before and after" if before == after else f": {before} before, {after} after"
    elif "unstable" in pattern.statuses:
        title += ": unstable"
    same = [one.metric for one in pattern.moved if one.direction is Direction.SAME]
    return title + (f"; the same: {', '.join(same)}" if same and pattern.state is State.CHANGED else "")


def _cell(found: Estimate | None, one: Moved) -> Written:
    """Write a value alone: the interval that counts is that of the change."""
    if found is None:
        return Written(ABSENT)
    digits = written(found)
    return Written(digits.value) if one.change is not None else digits


def _change(one: Moved) -> Written:
    change = one.change
    if change is None:
        return Written(ABSENT)
    if change.value == change.lower == change.upper == 0:
        return Written("unchanged")
    unit = "fraction" if one.relative else _UNITS.get(one.unit, one.unit)
    factor = 100.0 if unit == "points" and one.unit == "fraction" else 1.0
    bounds = [None if bound is None else factor * bound for bound in (change.lower, change.upper)]
    return written(Estimate(factor * change.value, bounds[0], bounds[1], unit, "", change.few_data), signed=True)


def _word(one: Moved, pattern: PatternDifference) -> str:
    return one.direction.value if pattern.state in {State.CHANGED, State.SAME} else pattern.state.value


# ---- files


def _markdown(found: Difference) -> bytes:
    """Write a comment for a pull request; its first line is a marker by which it is found and replaced."""
    lines = [f"<!-- tiercast diff: {in_marker(found.experiment)} -->", f"## {escaped(found.experiment)}", ""]
    lines += [escaped(f"{found.before} -> {found.after}"), ""]
    if found.edits:
        lines += folded("Edited", edited(found.edits))
    for pattern in found.patterns:
        if pattern.state is not State.SAME:
            lines += [f"**{escaped(_title(pattern))}**", "", *grid_lines(_grid(pattern)), ""]
    if same := [pattern.name for pattern in found.patterns if pattern.state is State.SAME]:
        lines += [escaped(f"unchanged: {', '.join(same)}"), ""]
    lines += [f"{escaped(note)}<br>" for note in _notes(found)]
    return ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace")


def folded(title: str, lines: Iterable[str]) -> list[str]:
    """Return Markdown that is unfolded by a click."""
    return [f"<details><summary>{title}</summary>", "", *(f"- {escaped(line)}" for line in lines), "", "</details>", ""]


def in_marker(text: str) -> str:
    """Return a name as it may stand in a comment of HTML."""
    return "".join(letter if letter.isalnum() else "-" for letter in text)[:60]


def _csv(found: Difference) -> bytes:
    """Write one row per pattern and metric."""
    stream = io.StringIO(newline="")
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(
        ("pattern", "state", "metric", "unit", "before", "after", "change", "lower", "upper", "change_is", "direction")
    )
    for pattern in found.patterns:
        for one in pattern.moved:
            table.writerow((pattern.name, pattern.state.value, *_cells(one)))
    return stream.getvalue().encode("utf-8", "backslashreplace")


def _cells(one: Moved) -> tuple[str | float | None, ...]:
    before, after = (None if side is None else side.value for side in (one.before, one.after))
    change = one.change
    told = (None, None, None) if change is None else (change.value, change.lower, change.upper)
    return (one.metric, one.unit, before, after, *told, _kind(one), one.direction.value)


def _kind(one: Moved) -> str:
    """Say what the change is of."""
    return "share of before" if one.relative else "difference"


_WRITERS: Final[dict[str, DiffWriter]] = {
    ".md": _markdown,
    ".json": lambda found: json_bytes(diff_of(found)),
    ".csv": _csv,
}
