"""The months ahead in tables, in words, and as files."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.text import Text

from sim.experiment.summary import json_bytes
from sim.outcome.estimates import Estimate
from sim.report.escapes import escaped
from sim.report.grids import ABSENT, Grid, Row
from sim.report.layout import fitted
from sim.report.naming import named
from sim.report.numbers import Written, plural, written
from sim.report.tables import grid_lines
from sim.report.terminal import Encodable, remarks

if TYPE_CHECKING:
    from sim.study.drift.answer import Acted, DriftAnswer, Played
    from sim.study.drift.noticed import Noticed, Point

SCHEMA = 1
"""Version of the layout of the JSON."""

MONTHS = {
    "cheap": "by the\ncheap model",
    "escalated": "escalated",
    "accepted": "accepted",
    "loss": "loss\n(points)",
    "cost_per_1k": "cost/1k",
    "spend": "spend",
    "latency_p95": "P95",
}
"""Measures of the table of months and their headings."""

_DIGITS_OF_COUNTS = 3


def render_drift(found: DriftAnswer, console: Console) -> None:
    """Print the tables, then the answer in words, then what it rests on."""
    head = Text(found.title, style="bold").append(f"\n{_facts(found)}", style="not bold")
    blocks = [head, *(fitted(grid, console.width) for grid in _grids(found)), remarks("In words", in_words(found), "")]
    if notes := list(found.notes):
        blocks.append(remarks("Notes", notes, ""))
    spaced = [part for block in blocks for part in (block, Text(""))][:-1]
    console.print(Encodable(Group(*spaced)), highlight=False)


def in_words(found: DriftAnswer) -> list[str]:
    """Give sentences: what becomes of patterns on which nobody acts, what each gate noticed, what acting changed."""
    own = {gate.pattern for gate in found.gates} or {acted.pattern for acted in found.acted}
    moving = [
        one for one in found.played if not one.play.still and not one.play.acts and one.play.pattern != found.baseline
    ]
    lines = [_fate(one) for one in moving if not own or one.play.pattern in own]
    lines += [_gate_sentence(gate) for gate in found.gates]
    lines += [
        _acted_sentence(acted) if acted.deeds else f"{acted.pattern}: no action was taken in any run."
        for acted in found.acted
    ]
    return lines


def drift_json(found: DriftAnswer) -> bytes:
    """Give all of it as one JSON object."""
    return json_bytes(
        {
            "schema": SCHEMA,
            "experiment": found.experiment,
            "title": found.title,
            "hash": found.hash,
            "seed": found.seed,
            "replications": found.replications,
            "level": found.level,
            "begin": found.begin,
            "end": found.end,
            "baseline": found.baseline,
            "moves": list(found.moves),
            "played": [_plain_play(one) for one in found.played],
            "gates": [_plain_gate(gate) for gate in found.gates],
            "acted": [_plain_acted(acted) for acted in found.acted],
            "days": list(found.days),
            "words": in_words(found),
            "notes": list(found.notes),
        }
    )


def writer_for_drift(path: Path) -> Callable[[DriftAnswer], bytes]:
    """Return what writes the bytes of `path`. InvalidInput naming the extensions there are."""
    return named(path, _WRITERS)


def _facts(found: DriftAnswer) -> str:
    played = f"{found.begin} to {found.end} in {plural(found.replications, 'replication')}"
    moves = ", ".join(found.moves) or "nothing"
    return f"{played}, seed {found.seed}, hash {found.hash[:12]}\nwhat moves: {moves}"


def _grids(found: DriftAnswer) -> Iterator[Grid]:
    for one in found.played:
        if not one.play.still and one.play.pattern != found.baseline:
            yield _months(one)
    if found.gates:
        yield _gates(found)
    curves = [gate for gate in found.gates if gate.curve]
    if curves:
        yield _curves(curves)
    if any(acted.deeds for acted in found.acted):
        yield _acts(found)


def _months(one: Played) -> Grid:
    shown = [name for name in MONTHS if any(name in stretch.estimates for stretch in one.stretches)]
    shown = [name for name in shown if name != "escalated" or one.stretches[0].estimates[name].value]
    title = f"{one.play.pattern}, with gates that act" if one.play.acts else f"{one.play.pattern}, as numbers move"
    rows = [
        Row((stretch.label if stretch.label == "all" else stretch.begin[:7],), _cells(stretch.estimates, shown))
        for stretch in (*one.stretches[1:], one.stretches[0])
    ]
    return Grid(title, ("month",), tuple(MONTHS[name] for name in shown), rows)


def _cells(estimates: Mapping[str, Estimate], shown: list[str]) -> tuple[Written, ...]:
    return tuple(written(estimates[name], plain=True) if name in estimates else Written(ABSENT) for name in shown)


def _gates(found: DriftAnswer) -> Grid:
    headings = (
        "false alarms\nin 6 months",
        "allowed",
        "noticed\nnothing",
        "days until noticed\n10 / 50 / 90 % of runs",
        "bad answers\nbefore",
        "cost a month",
    )
    rows = [
        Row(
            (gate.gate, gate.pattern),
            (
                written(gate.false_alarms),
                Written(ABSENT if gate.allowed is None else f"{gate.allowed:.2g}"),
                written(gate.silent),
                Written(_days(gate.delay_days)),
                Written(ABSENT) if gate.bad_before is None else _count(gate.bad_before),
                written(gate.cost) if gate.cost.value else Written(ABSENT),
            ),
        )
        for gate in found.gates
    ]
    return Grid("Gates: what each would have noticed, had nobody acted", ("gate", "pattern"), headings, rows)


def _curves(gates: list[Noticed]) -> Grid:
    """Give a column for each setting: half of the runs have noticed after so many days, with so many false alarms."""
    settings = list(dict.fromkeys(point.every_days for gate in gates for point in gate.curve))
    rows = []
    for gate in gates:
        points = {point.every_days: point for point in gate.curve}
        cells = [_point(points[every]) if every in points else Written(ABSENT) for every in settings]
        rows.append(Row((gate.gate, gate.pattern), tuple(cells)))
    title = "Each gate alone, by its setting: days until half of the runs had noticed (false alarms in 6 months)"
    headings = tuple(f"one in\n{every:.0f} days" for every in settings)
    return Grid(title, ("gate", "pattern"), headings, rows)


def _point(point: Point) -> Written:
    day = point.delay_days[1]
    return Written("never" if day is None else f"{day:.0f}", f"({point.false_alarms.value:.1f})")


def _acts(found: DriftAnswer) -> Grid:
    rows = [
        Row(
            (acted.pattern, f"{deed.what} ({deed.gate})"),
            (
                Written(f"{deed.replications} of {found.replications}"),
                Written(f"{deed.times:.2g}"),
                Written(deed.first),
            ),
        )
        for acted in found.acted
        for deed in acted.deeds
    ]
    headings = ("replications", "times in one", "first")
    return Grid("What was done", ("pattern", "deed"), headings, rows)


def _days(days: tuple[float | None, ...]) -> str:
    return " / ".join("never" if day is None else f"{day:.0f}" for day in days)


def _count(found: Estimate) -> Written:
    """Write a count of answers in whole ones."""
    value = f"{found.value:,.0f}"
    if found.lower is None or found.upper is None:
        return Written(value)
    return Written(value, f"[{found.lower:,.0f}, {found.upper:,.0f}]")


def _fate(one: Played) -> str:
    first, last, whole = one.stretches[1].estimates, one.stretches[-1].estimates, one.stretches[0].estimates
    parts = [f"{one.play.pattern}: from the first month to the last"]
    parts.append(f"accepted answers go from {_of(first, 'accepted')} to {_of(last, 'accepted')}")
    if whole["escalated"].value:
        parts.append(f"escalations from {_of(first, 'escalated')} to {_of(last, 'escalated')}")
    else:
        parts.append(f"the cheap model's share from {_of(first, 'cheap')} to {_of(last, 'cheap')}")
    parts.append(f"and the bill from {_of(first, 'spend')} to {_of(last, 'spend')} a month")
    return f"{parts[0]} {', '.join(parts[1:])}."


def _of(estimates: Mapping[str, Estimate], name: str) -> str:
    return str(written(estimates[name]).value) if name in estimates else ABSENT


def _gate_sentence(gate: Noticed) -> str:
    middle, silent = gate.delay_days[1], gate.silent.value
    name = f"{gate.gate} over {gate.pattern}"
    if middle is None:
        return f"{name} notices nothing in {silent:.0%} of runs." if silent < 1 else f"{name} never notices anything."
    first = f"{name} notices after {middle:.0f} days in the middle run"
    first += f", and nothing in {silent:.0%} of runs" if silent else ""
    if gate.bad_before is None or gate.bad_before.value <= 0:
        return f"{first}."
    return (
        f"{first}; {gate.bad_before.value:,.0f} more unacceptable answers than without drift have been served by then."
    )


def _acted_sentence(acted: Acted) -> str:
    verb = "saves" if acted.avoided.value >= 0 else "adds"
    spent = "more" if acted.extra.value >= 0 else "less"
    return (
        f"{acted.pattern}: acting on alarms {verb} {_count(_absolute(acted.avoided))} unacceptable answers "
        f"and costs {written(_absolute(acted.extra))} {spent}."
    )


def _absolute(found: Estimate) -> Estimate:
    if found.value >= 0:
        return found
    lower = None if found.upper is None else -found.upper
    upper = None if found.lower is None else -found.lower
    return Estimate(-found.value, lower, upper, found.unit, found.baseline, found.few_data)


def _plain(found: Estimate | None) -> Mapping[str, Any] | None:
    if found is None:
        return None
    return {"value": found.value, "lower": found.lower, "upper": found.upper, "unit": found.unit}


def _plain_play(one: Played) -> Mapping[str, Any]:
    return {
        "pattern": one.play.pattern,
        "play": "still" if one.play.still else "acting" if one.play.acts else "moving",
        "stretches": [
            {
                "label": stretch.label,
                "begin": stretch.begin,
                "estimates": {name: _plain(some) for name, some in stretch.estimates.items()},
            }
            for stretch in one.stretches
        ],
    }


def _plain_gate(gate: Noticed) -> Mapping[str, Any]:
    return {
        "gate": gate.gate,
        "kind": gate.kind,
        "pattern": gate.pattern,
        "charts": list(gate.charts),
        "allowed": gate.allowed,
        "false_alarms": _plain(gate.false_alarms),
        "silent": _plain(gate.silent),
        "delay_days": list(gate.delay_days),
        "bad_before": _plain(gate.bad_before),
        "cost": _plain(gate.cost),
        "curve": [_plain_point(point) for point in gate.curve],
    }


def _plain_point(point: Point) -> Mapping[str, Any]:
    return {
        "every_days": point.every_days,
        "false_alarms": _plain(point.false_alarms),
        "silent": _plain(point.silent),
        "delay_days": list(point.delay_days),
    }


def _plain_acted(acted: Acted) -> Mapping[str, Any]:
    return {
        "pattern": acted.pattern,
        "gained": _plain(acted.gained),
        "avoided": _plain(acted.avoided),
        "extra": _plain(acted.extra),
        "deeds": [
            {
                "gate": deed.gate,
                "what": deed.what,
                "replications": deed.replications,
                "times": deed.times,
                "first": deed.first,
            }
            for deed in acted.deeds
        ],
    }


def _csv(found: DriftAnswer) -> bytes:
    text = io.StringIO()
    names = list(dict.fromkeys(name for row in found.days for name in row))
    writer = csv.DictWriter(text, fieldnames=names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(found.days)
    return text.getvalue().encode()


def _markdown(found: DriftAnswer) -> bytes:
    parts = [[f"## {escaped(found.title)}"], [escaped(line) for line in _facts(found).splitlines()]]
    for grid in _grids(found):
        parts += [[f"### {escaped(grid.title)}"], list(grid_lines(grid))]
    parts.append([f"- {escaped(line)}" for line in in_words(found)])
    parts.append([f"{escaped(line)}<br>" for line in found.notes])
    return ("\n\n".join("\n".join(part) for part in parts if part) + "\n").encode()


_WRITERS: dict[str, Callable[[DriftAnswer], bytes]] = {".json": drift_json, ".csv": _csv, ".md": _markdown}
