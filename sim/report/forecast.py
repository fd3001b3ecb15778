"""A forecast of spend on the terminal, and as files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.text import Text

from sim.experiment.summary import json_bytes
from sim.report.escapes import escaped
from sim.report.focus import focus_csv, focus_parquet
from sim.report.forecast_grids import grids
from sim.report.forecast_rows import TABLES
from sim.report.forecast_words import in_words
from sim.report.layout import fitted
from sim.report.naming import named
from sim.report.numbers import plural
from sim.report.tables import grid_lines
from sim.report.terminal import Encodable, remarks

if TYPE_CHECKING:
    from sim.study.spend.answers import SpendForecast

SCHEMA = 2
"""Version of the layout of the JSON."""


def render_forecast(found: SpendForecast, console: Console) -> None:
    """Print the months, what they are made of, then the answer in words."""
    head = Text(found.title, style="bold").append(f"\n{_facts(found)}", style="not bold")
    blocks = [head, *(fitted(grid, console.width) for grid in grids(found))]
    blocks += [remarks("In words", list(in_words(found)), ""), remarks("Notes", found.notes, "")]  # type: ignore[list-item]
    spaced = [part for block in blocks for part in (block, Text(""))][:-1]
    console.print(Encodable(Group(*spaced)), highlight=False)


def forecast_json(found: SpendForecast) -> bytes:
    """Give all of it as one JSON object."""
    content = {"schema": SCHEMA, **asdict(found)}
    return json_bytes(levels_as_names(content))


def writer_for_forecast(path: Path) -> Callable[[SpendForecast], bytes]:
    """Return what writes the bytes of `path`. InvalidInput naming the extensions there are."""
    return named(path, _WRITERS)


def levels_as_names(value: Any) -> Any:
    """Turn levels that are keys into names such as p80: JSON knows only text as keys."""
    if isinstance(value, dict):
        return {
            f"p{100 * key:.4g}" if isinstance(key, float) else key: levels_as_names(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [levels_as_names(inner) for inner in value]
    return value


def _markdown(found: SpendForecast) -> bytes:
    parts = [[f"## {escaped(found.title)}"], [escaped(_facts(found))]]
    for grid in grids(found):
        parts += [[f"**{escaped(grid.title)}**"], list(grid_lines(grid))]
    parts += [[f"- {escaped(line)}" for line in in_words(found)], [f"{escaped(line)}<br>" for line in found.notes]]
    return ("\n\n".join("\n".join(part) for part in parts) + "\n").encode()


def _facts(found: SpendForecast) -> str:
    played = f"{plural(found.requests, 'request')} in {plural(found.replications, 'replication')}"
    return f"{plural(found.draws, 'future')} from {played}, seed {found.seed}, hash {found.hash[:12]}"


_WRITERS: dict[str, Callable[[SpendForecast], bytes]] = {
    ".json": forecast_json,
    ".md": _markdown,
    ".focus.csv": focus_csv,
    ".focus.parquet": focus_parquet,
    **{f"{name}.csv": table.csv for name, table in TABLES.items()},
    **{f"{name}.parquet": table.parquet for name, table in TABLES.items()},
}
