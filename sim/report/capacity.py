"""How much a system takes, in a table, in words, and as files."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
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
    from sim.study.capacity import Answer, Capacity, Edge

SCHEMA = 1
"""Version of the layout of the JSON."""


def render_capacity(found: Capacity, console: Console) -> None:
    """Print the table, then the answer in words, then what it rests on."""
    head = Text(found.title, style="bold").append(f"\n{_facts(found)}", style="not bold")
    blocks = [
        head,
        fitted(_grid(found), console.width),
        remarks("In words", in_words(found), ""),
        remarks("Notes", notes(found), ""),
    ]
    spaced = [part for block in blocks for part in (block, Text(""))][:-1]
    console.print(Encodable(Group(*spaced)), highlight=False)


def in_words(found: Capacity) -> list[str]:
    """Give one sentence per answer."""
    return [_sentence(found, answer) for answer in found.answers]


def notes(found: Capacity) -> list[str]:
    """Say what the answers rest on."""
    conditions = " and ".join(until.text for until in found.untils)
    looks = f"{', '.join(map(str, found.looks))} replications"
    levels = f"{found.level:.4g} over {plural(len(found.looks), 'look')} makes {found.look_level:.4g} for each"
    lines = [
        f"to be met: {conditions}; an unstable system meets nothing",
        f"a value is played until its intervals decide ({looks}; a level of {levels}); all values see the same luck",
        "it is taken for granted that there is one border, with the conditions met on one side of it only",
    ]
    for answer in found.answers:
        name = _named(answer)
        if answer.state != "found":
            lines += [f"{name}: undecided: {reason}" for reason in answer.reasons]
    return [*lines, *found.notes]


def capacity_json(found: Capacity) -> bytes:
    """Give all of it as one JSON object."""
    return json_bytes(
        {
            "schema": SCHEMA,
            "experiment": found.experiment,
            "title": found.title,
            "hash": found.hash,
            "seed": found.seed,
            "find": found.path,
            "unit": found.unit,
            "until": [until.text for until in found.untils],
            "level": found.level,
            "look_level": found.look_level,
            "looks": list(found.looks),
            "precision": found.precision,
            "answers": [_plain(found, answer) for answer in found.answers],
            "notes": notes(found),
        }
    )


def writer_for_capacity(path: Path) -> Callable[[Capacity], bytes]:
    """Return what writes the bytes of `path`. InvalidInput naming the extensions there are."""
    return named(path, _WRITERS)


def _facts(found: Capacity) -> str:
    probes = sum(answer.probes for answer in found.answers)
    replications = sum(answer.replications for answer in found.answers)
    played = f"{plural(probes, 'value')} looked at in {plural(replications, 'replication')}"
    return f"{played}, seed {found.seed}, hash {found.hash[:12]}"


def _grid(found: Capacity) -> Grid:
    paths = list(found.answers[0].at)
    metrics = list(dict.fromkeys(until.metric for until in found.untils))
    headings = ("meets", "fails", *(f"{metric}\nwhere it meets" for metric in metrics), "breaks", "values", "runs")
    rows = []
    for answer in found.answers:
        ends = [_bare(found, answer.meets), _bare(found, answer.fails)]
        cells = [_cell(answer.meets, metric) for metric in metrics]
        broken = ", ".join(answer.fails.broken) if answer.fails else ""
        counts = (broken or ABSENT, str(answer.probes), str(answer.replications))
        keys = (*(answer.at[path] for path in paths), answer.pattern)
        rows.append(Row(keys, (*map(Written, ends), *cells, *map(Written, counts))))
    what = f"arrival rate, {found.unit}" if found.unit else found.path
    return Grid(f"Border of {what}", (*paths, "pattern"), headings, rows)


def _cell(edge: Edge | None, metric: str) -> Written:
    estimate = None if edge is None else edge.found.get(metric)
    return Written(ABSENT) if estimate is None else written(estimate)


def _bare(found: Capacity, edge: Edge | None) -> str:
    return ABSENT if edge is None else _number(found, edge.value)


def _number(found: Capacity, value: float) -> str:
    return f"{int(value):,}" if found.whole else f"{value:.4g}"


def _value(found: Capacity, value: float) -> str:
    return f"{_number(found, value)} {found.unit}".rstrip()


def _named(answer: Answer) -> str:
    at = ", ".join(f"{path}={value}" for path, value in answer.at.items())
    return f"{answer.pattern} at {at}" if at else answer.pattern


def _sentence(found: Capacity, answer: Answer) -> str:
    name, low, high = _named(answer), _value(found, answer.low), _value(found, answer.high)
    meets = "" if answer.meets is None else _value(found, answer.meets.value)
    fails = "" if answer.fails is None else f"{_value(found, answer.fails.value)} ({', '.join(answer.fails.broken)})"
    if meets and fails:
        return f"{name} {_BOTH[answer.largest is not False].format(meets, fails)}."
    if answer.state in {"meets", "fails"}:
        return (
            f"{name} {'still meets all' if meets else 'already fails'} at {meets or fails}, the last value looked at."
        )
    if meets:
        return f"{name} meets all at {meets}; where it fails for sure was not found from {low} to {high}."
    if fails:
        return f"{name} fails at {fails}; where it meets all for sure was not found from {low} to {high}."
    return f"{name} is undecided wherever it was looked at, from {low} to {high}."


_BOTH = {
    True: "meets all up to {} and fails from {} on",
    False: "meets all with {} or more and fails with {} or less",
}


def _plain(found: Capacity, answer: Answer) -> dict[str, Any]:
    return {
        "pattern": answer.pattern,
        "at": answer.at,
        "state": answer.state,
        "sought": {True: "largest", False: "least", None: None}[answer.largest],
        "meets": _plain_edge(found, answer.meets),
        "fails": _plain_edge(found, answer.fails),
        "looked_from": _plain_number(found, answer.low),
        "looked_to": _plain_number(found, answer.high),
        "values": answer.probes,
        "replications": answer.replications,
        "reasons": list(answer.reasons),
        "words": _sentence(found, answer),
    }


def _plain_number(found: Capacity, value: float) -> float | int:
    return int(value) if found.whole else value


def _plain_edge(found: Capacity, edge: Edge | None) -> dict[str, Any] | None:
    if edge is None:
        return None
    return {
        "value": _plain_number(found, edge.value),
        "replications": edge.replications,
        "breaks": list(edge.broken),
        "metrics": {metric: _plain_estimate(estimate) for metric, estimate in edge.found.items()},
    }


def _plain_estimate(found: Estimate) -> Mapping[str, Any]:
    return {"value": found.value, "lower": found.lower, "upper": found.upper, "unit": found.unit}


def _csv(found: Capacity) -> bytes:
    text = io.StringIO()
    rows = [_flat(found, answer) for answer in found.answers]
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _flat(found: Capacity, answer: Answer) -> dict[str, Any]:
    """Give one row: settings, pattern, the ends of the border, and what was measured at each."""
    row: dict[str, Any] = {
        **answer.at,
        "pattern": answer.pattern,
        "find": found.path,
        "unit": found.unit,
        "state": answer.state,
        "values": answer.probes,
        "replications": answer.replications,
    }
    for end, edge in (("meets", answer.meets), ("fails", answer.fails)):
        row[end] = None if edge is None else _plain_number(found, edge.value)
        for metric in dict.fromkeys(until.metric for until in found.untils):
            estimate = None if edge is None else edge.found.get(metric)
            for part in ("value", "lower", "upper"):
                row[f"{end}.{metric}.{part}"] = None if estimate is None else getattr(estimate, part)
    return row


def _markdown(found: Capacity) -> bytes:
    parts = [
        [f"## {escaped(found.title)}"],
        [escaped(_facts(found))],
        list(grid_lines(_grid(found))),
        [f"- {escaped(line)}" for line in in_words(found)],
        [f"{escaped(line)}<br>" for line in notes(found)],
    ]
    return ("\n\n".join("\n".join(part) for part in parts) + "\n").encode()


_WRITERS: dict[str, Callable[[Capacity], bytes]] = {".json": capacity_json, ".csv": _csv, ".md": _markdown}
