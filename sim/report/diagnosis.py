"""Why two months differ, in a table, in words, and as files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

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
    from sim.study.drift.diagnose import Diagnosis, Explained

SCHEMA = 1
"""Version of the layout of the JSON."""

_HEADINGS: Final = {
    "escalated": "escalated\n(points)",
    "accepted": "accepted\n(points)",
    "cost_per_1k": "cost/1k",
    "latency_p95": "P95",
}
_WHAT: Final = {
    "escalated": "the escalation rate",
    "accepted": "the share of accepted answers",
    "cost_per_1k": "the cost of 1,000 requests",
    "latency_p95": "the P95",
}
_LEAST_TOLD: Final = 0.005
_REMEDIES: Final = {
    "classifier and signals": "train the signals anew",
    "confidence calibration": "calibrate the confidence anew",
    "models": "pin the model's version, or move the threshold",
    "thresholds and rules": "take the change of the rules back",
    "task mix": "route the growing classes by a rule of their own",
    "lengths": "shorten prompts, or cache what repeats",
    "difficulty": "move the threshold, or send the hard class to the frontier",
}


def render_diagnosis(found: Diagnosis, console: Console) -> None:
    """Print the tables, then the answer in words, then what it rests on."""
    head = Text(found.title, style="bold").append(f"\n{_facts(found)}", style="not bold")
    blocks = [head, *(fitted(grid, console.width) for grid in _grids(found)), remarks("In words", in_words(found), "")]
    blocks.append(remarks("Notes", notes(found), ""))
    spaced = [part for block in blocks for part in (block, Text(""))][:-1]
    console.print(Encodable(Group(*spaced)), highlight=False)


def in_words(found: Diagnosis) -> list[str]:
    """Give one sentence for each metric that has changed: by how much, and what the largest parts are."""
    return [_sentence(one) for one in found.explained if _is_sure(one.change)]


def notes(found: Diagnosis) -> list[str]:
    """Say what the parts rest on."""
    moves = [f"{cause}: {', '.join(places)}" for cause, places in found.moves.items()]
    return [
        *moves,
        f"both months are played with the requests and the luck of {found.later}; volume and calendar are its own",
        "a part is the mean of what a cause adds over all orders in which causes move (Shapley); parts add up exactly",
    ]


def diagnosis_json(found: Diagnosis) -> bytes:
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
            "earlier": found.earlier,
            "later": found.later,
            "moves": {cause: list(places) for cause, places in found.moves.items()},
            "explained": [_plain_explained(one) for one in found.explained],
            "words": in_words(found),
            "notes": notes(found),
        }
    )


def writer_for_diagnosis(path: Path) -> Callable[[Diagnosis], bytes]:
    """Return what writes the bytes of `path`. InvalidInput naming the extensions there are."""
    return named(path, _WRITERS)


def _facts(found: Diagnosis) -> str:
    return (
        f"what has changed from {found.earlier} to {found.later}, in {plural(found.replications, 'replication')}, "
        f"seed {found.seed}, hash {found.hash[:12]}"
    )


def _grids(found: Diagnosis) -> Iterator[Grid]:
    for pattern in dict.fromkeys(one.pattern for one in found.explained):
        own = {one.metric: one for one in found.explained if one.pattern == pattern}
        headings = tuple(_HEADINGS[metric] for metric in own)
        causes = [part.cause for part in next(iter(own.values())).parts]
        rows = [Row((found.earlier,), tuple(written(one.before, plain=True) for one in own.values()))]
        rows += [
            Row((f"+ {cause}",), tuple(_signed(one.parts[number].adds) for one in own.values()))
            for number, cause in enumerate(causes)
        ]
        rows.append(Row((found.later,), tuple(written(one.after, plain=True) for one in own.values())))
        rows += [
            Row((f"without {cause}",), tuple(_signed(one.parts[number].undone) for one in own.values()))
            for number, cause in enumerate(causes)
        ]
        yield Grid(pattern, ("",), headings, rows)


def _signed(found: Estimate) -> Written:
    return written(found, signed=True, plain=True) if found.value or found.lower else Written(ABSENT)


def _is_sure(change: Estimate) -> bool:
    if change.lower is None or change.upper is None:
        return bool(change.value)
    return change.lower > 0 or change.upper < 0


def _sentence(one: Explained) -> str:
    ends = f"goes from {_level(one.before)} to {_level(one.after)}"
    sign = 1 if one.change.value > 0 else -1
    largest = sorted(one.parts, key=lambda part: -sign * part.adds.value)
    told = [
        f"{100 * part.adds.value / one.change.value:.0f} % of it by {part.cause}"
        for part in largest[:3]
        if part.adds.value / one.change.value >= _LEAST_TOLD
    ]
    remedy = _REMEDIES.get(largest[0].cause, "")
    hint = ""
    if remedy and told:
        hint = f"; {remedy}: without that cause it would move by {_signed(largest[0].undone).value}"
    return f"{one.pattern}: {_WHAT[one.metric]} {ends}, {', '.join(told)}{hint}."


def _level(found: Estimate) -> str:
    return written(found).value.replace(" points", " %")


def _plain(found: Estimate) -> Mapping[str, Any]:
    return {"value": found.value, "lower": found.lower, "upper": found.upper, "unit": found.unit}


def _plain_explained(one: Explained) -> Mapping[str, Any]:
    return {
        "pattern": one.pattern,
        "metric": one.metric,
        "before": _plain(one.before),
        "after": _plain(one.after),
        "change": _plain(one.change),
        "parts": [
            {"cause": part.cause, "adds": _plain(part.adds), "undone": _plain(part.undone)} for part in one.parts
        ],
    }


def _markdown(found: Diagnosis) -> bytes:
    parts = [[f"## {escaped(found.title)}"], [escaped(_facts(found))]]
    for grid in _grids(found):
        parts += [[f"### {escaped(grid.title)}"], list(grid_lines(grid))]
    parts.append([f"- {escaped(line)}" for line in in_words(found)])
    parts.append([f"{escaped(line)}<br>" for line in notes(found)])
    return ("\n\n".join("\n".join(part) for part in parts if part) + "\n").encode()


_WRITERS: dict[str, Callable[[Diagnosis], bytes]] = {".json": diagnosis_json, ".md": _markdown}
