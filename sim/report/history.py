"""What a usage file says of the traffic to come: words, a part of an experiment, JSON."""

from __future__ import annotations

import datetime as dt
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
from sim.workload.arrivals.profile import LEAST_GROWTH, MOST_GROWTH

if TYPE_CHECKING:
    from sim.study.fit.history import BackTest, HistoryFit

SCHEMA: Final = 1
"""Version of the layout of the JSON."""

_ROUNDING: Final = 1e-9


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
    low, middle, high = (f"{100 * growth:+,.1f} %" for growth in found.growth_per_month)
    yield f"growth a month: {middle}, between {low} and {high} with a probability of 80 %"
    if found.weekday is None:
        yield "less than two weeks: weekdays cannot be told from growth"
    yield f"day-to-day noise beside that: {100 * found.day_to_day:.1f} %"
    yield from _of_the_test(found.tested)
    yield from _cuts(found)


def _of_the_test(test: BackTest | None) -> Iterator[str]:
    if test is None:
        yield "too few days to let them forecast each other"
        return
    kept = f"{100 * test.covered:.0f} % of {test.predictions:,} predictions up to a week ahead lay in their interval"
    kept += f" of {100 * test.level:.0f} %"
    if not test.naive:
        yield f"{kept}; every day was as the same weekday a week before, so nothing can be better"
        return
    ratio = test.error / test.naive
    if test.better:
        verdict = "better, and by more than chance explains"
    elif ratio < 1:
        verdict = f"less, but {plural(test.origins, 'day')} to predict from do not show that it is better"
    else:
        verdict = "no better"
    yield f"{kept}; their mean error is {ratio:.2f} of that of the same weekday a week before: {verdict}"


def traffic_yaml(found: HistoryFit) -> str:
    """Write a forecast from the month after the history: what one may state of traffic; comments say what was cut."""
    last = dt.date.fromisoformat(found.last)
    start = (last.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
    lines = ["forecast:", f"  start: {start:%Y-%m}", "  traffic:", *(f"    # {cut}" for cut in _cuts(found))]
    growth = _growth(found)
    if growth is not None:
        lines.append(f"    growth_per_month: {{p10: {_percent(growth[0])}, p90: {_percent(growth[1])}}}")
    if found.weekday is not None:
        lines.append(f"    weekday: [{', '.join(f'{factor:.3f}' for factor in found.weekday)}]")
    lines.append(f"    day_to_day: {_percent(min(found.day_to_day, 1.0))}")
    return "\n".join(lines) + "\n"


def _growth(found: HistoryFit) -> tuple[float, float] | None:
    """Give the range of growth around its estimate, which a forecast takes as its median, as wide as the interval.

    The interval is wider above than below, and a forecast draws from a normal law: through both of its ends the median
    would be above the estimate. The range is narrowed to what a forecast takes; None if that leaves out the estimate.
    """
    low, middle, high = found.growth_per_month
    if not LEAST_GROWTH < middle < MOST_GROWTH:
        return None
    reach = min((high - low) / 2, middle - LEAST_GROWTH, MOST_GROWTH - middle)
    return middle - reach, middle + reach


def _cuts(found: HistoryFit) -> Iterator[str]:
    """Say what a forecast does not take as it was found."""
    low, middle, high = found.growth_per_month
    growth = _growth(found)
    most = f"from {100 * LEAST_GROWTH:.0f} to {100 * MOST_GROWTH:+.0f} % a month"
    if growth is None:
        yield f"growth of {100 * middle:+,.4g} % a month is left out: a forecast takes {most}; this is a ramp, no trend"
    elif growth[1] - growth[0] < (high - low) * (1 - _ROUNDING):
        yield f"growth is less certain than the range says: a forecast takes {most}; give more days"
    if found.day_to_day > 1:
        yield f"noise of {100 * found.day_to_day:.0f} % is cut to 100 %, the most that a forecast takes"


def history_json(found: HistoryFit) -> bytes:
    """Give all of it as one JSON object."""
    return json_bytes({"schema": SCHEMA, **asdict(found)})


def writer_for_history(path: Path) -> Callable[[HistoryFit], bytes]:
    """Return what writes the bytes of `path`. InvalidInput naming the extensions there are."""
    return named(path, {".json": history_json, ".yaml": lambda found: traffic_yaml(found).encode()})


def _percent(share: float) -> str:
    return f"{round(100 * share, 2) + 0.0:.2f}%"
