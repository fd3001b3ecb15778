"""When a cascade is worth more than a pre-route: a table, a map, and the same found by playing."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.text import Text

from sim.experiment.summary import json_bytes
from sim.report.escapes import escaped
from sim.report.grids import Grid, Row
from sim.report.layout import fitted
from sim.report.naming import named
from sim.report.numbers import Written
from sim.report.tables import grid_lines
from sim.report.terminal import Encodable, remarks
from sim.study.plan.breakeven import ACCURACIES

if TYPE_CHECKING:
    from sim.study.plan.breakeven import BreakEven, Floor

_COIN = 0.5


def render_break_even(found: BreakEven, console: Console) -> None:
    """Print floors, map and words."""
    blocks = [
        Text("Cascade or pre-route", style="bold"),
        fitted(_floors(found), console.width),
        fitted(_map(found), console.width),
        remarks("In words", words(found), ""),
    ]
    spaced = [part for block in blocks for part in (block, Text(""))][:-1]
    console.print(Encodable(Group(*spaced)), highlight=False)


def words(found: BreakEven) -> list[str]:
    """Say what follows."""
    kinds, own = found.kinds, found.classifier
    shares = (kinds.both, kinds.only_strong, kinds.only_weak, max(kinds.neither, 0.0))
    text = [f"{100 * share:.1f} %" for share in shares]
    percent = f"{100 * own.classifier:.4g} %"
    right = f"either pattern is right on {shares[0]:.3f} + {shares[1] + shares[2]:.3f} x its accuracy"
    alone = f"only the strong one on {text[1]}, only the weak one on {text[2]}"
    lines = [
        f"both models are right on {text[0]}, {alone}, neither on {text[3]}; {right}.",
        f"an acceptable answer is worth ${found.value:g}.",
    ]
    if own.verifier is None:
        never = "no verifier makes a cascade worth more than a pre-route"
        return [*lines, f"{never} whose classifier is right on {percent}."]
    before = f"the pre-route costs ${own.usd:.2f} of 1,000 requests and is right on {100 * own.quality:.1f} %"
    then = f"the cascade at its floor ${own.cascade_usd:.2f} and {100 * own.cascade_quality:.1f} %"
    floor = f"a cascade is worth more from a verifier on that is right on {100 * own.verifier:.1f} %"
    lines.append(f"against a classifier that is right on {percent}, {floor}; {before}, {then}.")
    if found.played is not None:
        root, low, high = (100 * part for part in found.played)
        lines.append(f"found by playing both on {found.requests:,} requests: {root:.1f} % [{low:.1f}, {high:.1f}].")
    return lines


def break_even_json(found: BreakEven) -> bytes:
    """Give all of it as one JSON object."""
    plain: dict[str, Any] = asdict(found)
    return json_bytes({"schema": 1, **plain, "accuracies": list(ACCURACIES), "words": words(found)})


def writer_for_break_even(path: Path) -> Callable[[BreakEven], bytes]:
    """Return what writes the bytes of `path`. InvalidInput naming the extensions there are."""
    return named(path, {".json": break_even_json, ".csv": _csv, ".md": _markdown})


def _floors(found: BreakEven) -> Grid:
    rows = [Row((f"{100 * one.classifier:.4g} %",), _cells(one)) for one in found.floors]
    headings = ("acceptable %", "cost/1k", "cascade from\nverifier %", "acceptable %\nthen", "cost/1k\nthen")
    return Grid("Floor of the verifier, by accuracy of the classifier", ("classifier",), headings, rows)


def _cells(one: Floor) -> tuple[Written, ...]:
    if one.verifier is None:
        return (
            Written(f"{100 * one.quality:.1f}"),
            Written(f"${one.usd:.2f}"),
            Written("never"),
            Written(""),
            Written(""),
        )
    at = "any" if one.verifier <= _COIN else f"{100 * one.verifier:.1f}"
    return (
        Written(f"{100 * one.quality:.1f}"),
        Written(f"${one.usd:.2f}"),
        Written(at),
        Written(f"{100 * one.cascade_quality:.1f}"),
        Written(f"${one.cascade_usd:.2f}"),
    )


def _map(found: BreakEven) -> Grid:
    """Give by how much a cascade is worth more, in USD of 1,000 requests."""
    rows = [
        Row((f"{100 * one:.4g} %",), tuple(Written(f"{worth:+.1f}") for worth in gains))
        for one, gains in zip(ACCURACIES, found.gains, strict=True)
    ]
    headings = tuple(f"{100 * one:.4g}" for one in ACCURACIES)
    title = (
        "A cascade is worth more by USD of 1,000 requests, by accuracy of the classifier (down) and of the verifier, %"
    )
    return Grid(title, ("classifier",), headings, rows)


def _csv(found: BreakEven) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["classifier", "verifier", "cascade_worth_more_usd_per_1k", "floor"])
    for one, gains, at in zip(ACCURACIES, found.gains, found.floors, strict=True):
        writer.writerows([one, other, worth, at.verifier] for other, worth in zip(ACCURACIES, gains, strict=True))
    return text.getvalue().encode()


def _markdown(found: BreakEven) -> bytes:
    parts = [["## Cascade or pre-route"], list(grid_lines(_floors(found))), list(grid_lines(_map(found)))]
    parts.append([f"- {escaped(line)}" for line in words(found)])
    return ("\n\n".join("\n".join(part) for part in parts) + "\n").encode()
