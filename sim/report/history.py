"""What a usage file says of the traffic to come: words, a part of an experiment, JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.text import Text

from sim.experiment.summary import json_bytes
from sim.report.layout import tidy
from sim.report.naming import named
from sim.report.numbers import plural
from sim.report.terminal import Encodable, remarks

if TYPE_CHECKING:
    from sim.study.fit.history import HistoryFit

SCHEMA: Final = 1
"""Version of the layout of the JSON."""


def render_history(found: HistoryFit, console: Console) -> None:
    """Print what was found, how it would have forecast, and the part of an experiment to paste."""
    head = Text(tidy(found.file), style="bold").append(
        f"\n{plural(found.days, 'day')} from {found.first} to {found.last}, {found.mean:,.4g} a day", style="not bold"
    )
    for block in (head, Text(""), remarks("In words", list(history_in_words(found)), ""), Text("")):
        console.print(Encodable(block), highlight=False)
    console.print(Encodable(Text(traffic_yaml(found).rstrip())), highlight=False)


def history_in_words(found: HistoryFit) -> Iterator[str]:
    """Say what was found, and whether it is worth anything."""
    low, middle, high = (f"{100 * growth:+.1f} %" for growth in found.growth_per_month)
    yield f"growth a month: {middle}, between {low} and {high} with a probability of 80 %"
    if found.weekday is None:
        yield "less than two weeks: weekdays cannot be told from growth"
    yield f"day-to-day noise beside that: {100 * found.day_to_day:.1f} %"
    test = found.tested
    if test is None:
        yield "too few days to let them forecast each other"
        return
    kept = f"{100 * test.covered:.0f} % of {test.predictions:,} predictions up to a week ahead lay in their interval"
    kept += f" of {100 * test.level:.0f} %"
    ratio = test.error / test.naive if test.naive else float("inf")
    verdict = "better" if ratio < 1 else "no better"
    yield f"{kept}; their mean error is {ratio:.2f} of that of the same weekday a week before: {verdict}"


def traffic_yaml(found: HistoryFit) -> str:
    """Write the traffic of a forecast."""
    low, _, high = found.growth_per_month
    lines = ["forecast:", "  traffic:", f"    growth_per_month: {{p10: {_percent(low)}, p90: {_percent(high)}}}"]
    if found.weekday is not None:
        lines.append(f"    weekday: [{', '.join(f'{factor:.3f}' for factor in found.weekday)}]")
    lines.append(f"    day_to_day: {_percent(found.day_to_day)}")
    return "\n".join(lines) + "\n"


def history_json(found: HistoryFit) -> bytes:
    """Give all of it as one JSON object."""
    return json_bytes({"schema": SCHEMA, **asdict(found)})


def writer_for_history(path: Path) -> Callable[[HistoryFit], bytes]:
    """Return what writes the bytes of `path`. InvalidInput naming the extensions there are."""
    return named(path, {".json": history_json, ".yaml": lambda found: traffic_yaml(found).encode()})


def _percent(share: float) -> str:
    return f"{100 * share:.2f}%"
