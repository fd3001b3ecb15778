"""What labelled data say of scores and routers: tables, JSON, CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.text import Text

from sim.experiment.summary import json_bytes
from sim.report.escapes import escaped
from sim.report.grids import ABSENT, Grid, Row
from sim.report.layout import fitted
from sim.report.naming import named
from sim.report.numbers import Written
from sim.report.tables import grid_lines
from sim.report.terminal import Encodable, remarks

if TYPE_CHECKING:
    from sim.study.fit.confidence import Bin, Cut, Ranged, ScoreFit
    from sim.study.fit.router import Measure, RouterFit

_ROUTER = {
    "apgr": ("APGR", 1.0),
    "cpt50": ("CPT(50)\n%", 100.0),
    "cpt80": ("CPT(80)\n%", 100.0),
    "pgr10": ("PGR at\n10 %", 1.0),
    "pgr30": ("PGR at\n30 %", 1.0),
    "aiq": ("AIQ", 1.0),
    "arena": ("arena\nscore", 1.0),
    "arena_share": ("at strong\n%", 100.0),
}
"""Metrics of the table of routers: heading, and what they are multiplied with."""


_DEFINED = (
    "PGR: part of the gap between both models that is recovered; APGR: its mean over shares of strong calls; CPT(x): "
    "least share of strong calls that recovers x % of it"
)
_ROUTED = "routers 'by' something are cross-validated; prompts with equal scores are sent in random order"
_ESCALATE = (
    "answers whose score is at or below the threshold escalate; thresholds and what follows have intervals from "
    "answers drawn with replacement"
)
_PLACE = (
    "a threshold is a place among your own answers: the same number means another share for another model, prompt or "
    "score. Without labels start with the share: escalate the lowest as many as you expect to be wrong"
)
_TAKE = "and take the score that this share of a day's answers lies below"

# ---- routers


def render_routers(found: RouterFit, console: Console) -> None:
    """Print the table of routers and what it rests on."""
    head = Text(found.file, style="bold").append(f"\n{found.rows:,} prompts", style="not bold")
    _show(console, [head, fitted(_router_grid(found), console.width), remarks("Notes", router_notes(found), "")])


def router_notes(found: RouterFit) -> list[str]:
    """Say what the numbers mean."""
    costs = "USD" if found.in_usd else "the share of strong calls, since no costs are given"
    gains, losses = 100 * found.gains, 100 * found.losses
    alone = f"the strong one alone is right on {gains:.1f} % of the prompts, the weak one alone on {losses:.1f} %"
    return [
        f"weak model {100 * found.weak:.1f} %, strong model {100 * found.strong:.1f} %; {alone}",
        _DEFINED,
        f"AIQ: mean quality of the convex hull over cost, in {costs}",
        f"intervals of {100 * found.level:g} % from prompts drawn with replacement; {_ROUTED}",
    ]


def routers_json(found: RouterFit) -> bytes:
    """Give all of it as one JSON object, with the curve of each router at hundredths."""
    shares = [k / 100 for k in range(101)]
    return json_bytes(
        {
            "schema": 1,
            "file": found.file,
            "prompts": found.rows,
            "weak": found.weak,
            "strong": found.strong,
            "only_strong_right": found.gains,
            "only_weak_right": found.losses,
            "level": found.level,
            "routers": {
                one.name: {
                    **{key: _plain(value) for key, value in one.metrics.items()},
                    "pgr_by_hundredths": [one.curve.pgr(share) for share in shares],
                }
                for one in found.routers
            },
            "notes": router_notes(found),
        }
    )


def writer_for_routers(path: Path) -> Callable[[RouterFit], bytes]:
    """Return what writes the bytes of `path`. InvalidInput naming the extensions there are."""
    return named(path, {".json": routers_json, ".csv": _routers_csv, ".md": _routers_markdown})


def _router_grid(found: RouterFit) -> Grid:
    keys = [key for key in _ROUTER if any(key in one.metrics for one in found.routers)]
    rows = [
        Row((one.name,), tuple(_measured(one.metrics[key], _ROUTER[key][1]) for key in keys)) for one in found.routers
    ]
    return Grid("Routers", ("router",), tuple(_ROUTER[key][0] for key in keys), rows)


def _measured(found: Measure | Ranged, factor: float = 1.0) -> Written:
    value, low, high = (factor * part for part in (found.value, found.lower, found.upper))
    half = (high - low) / 2
    digits = max(0, min(4, 1 - math.floor(math.log10(half)))) if half > 0 and math.isfinite(half) else 4
    text = f"{value:.{digits}f}" if half > 0 else f"{value:.4g}"
    return Written(text, f"[{low:.{digits}f}, {high:.{digits}f}]" if half > 0 else "")


def _routers_csv(found: RouterFit) -> bytes:
    rows = [
        {"router": one.name, "metric": key, "value": value.value, "lower": value.lower, "upper": value.upper}
        for one in found.routers
        for key, value in one.metrics.items()
    ]
    return _csv(rows)


def _routers_markdown(found: RouterFit) -> bytes:
    lines = [f"## {escaped(found.file)}", "", *grid_lines(_router_grid(found)), ""]
    return ("\n".join([*lines, *(f"- {escaped(note)}" for note in router_notes(found))]) + "\n").encode()


# ---- scores


def render_scores(found: Mapping[str, ScoreFit], file: str, console: Console) -> None:
    """Print what a score is worth, its reliability, and its thresholds; one block for each task class."""
    blocks: list[Any] = [Text(file, style="bold")]
    for group, fit in found.items():
        blocks += [Text(line) for line in _score_lines(group, fit)]
        blocks += [fitted(grid, console.width) for grid in (_bin_grid(group, fit), _cut_grid(group, fit))]
    _show(console, [*blocks, remarks("Notes", score_notes(found), "")])


def score_notes(found: Mapping[str, ScoreFit]) -> list[str]:
    """Say what the numbers mean, and what to do without labels."""
    one = next(iter(found.values()))
    wrong = f"{100 * (1 - one.accuracy.value):.0f} % here"
    return [_ESCALATE, f"{_PLACE} ({wrong}), since a perfect score would escalate just those, {_TAKE}"]


def _score_lines(group: str, fit: ScoreFit) -> Iterator[str]:
    area = ABSENT if fit.auroc is None else str(_measured(fit.auroc))
    ece = ", ".join(f"{value:.3f} {kind}" for kind, value in fit.ece.items())
    name = fit.name if group == "all" else f"{fit.name} in {group}"
    yield (
        f"{name}: {fit.count:,} answers, {_measured(fit.accuracy, 100)} % acceptable, AUROC {area}\n"
        f"calibration error (ECE): {ece}\n"
        f"as a probability: 1 / (1 + exp(-({fit.platt.slope:.4g} x score {fit.platt.offset:+.4g})))"
    )


def _bin_grid(group: str, fit: ScoreFit) -> Grid:
    rows = [_bin_row(one) for one in fit.bins]
    return Grid(f"Reliability{_of(group)}", ("score",), ("answers", "acceptable %", "isotonic %"), rows)


def _bin_row(one: Bin) -> Row:
    between = f"{one.low:.4g} to {one.high:.4g}" if one.low != one.high else f"{one.low:.4g}"
    cells = (Written(f"{one.count:,}"), _measured(one.right, 100), Written(f"{100 * one.calibrated:.1f}"))
    return Row((between,), cells)


def _cut_grid(group: str, fit: ScoreFit) -> Grid:
    columns: dict[str, list[Written]] = {
        "score at\nor below": [_score(cut.threshold) for cut in fit.cuts],
        "escalated %": [_measured(cut.escalated, 100) for cut in fit.cuts],
        "acceptable\nof kept %": [_or_none(cut.kept) for cut in fit.cuts],
    }
    if any(cut.quality is not None for cut in fit.cuts):
        columns["acceptable\nof all %"] = [_or_none(cut.quality) for cut in fit.cuts]
    if any(cut.usd is not None for cut in fit.cuts):
        columns["USD/1k"] = [Written(ABSENT if cut.usd is None else f"{cut.usd:,.2f}") for cut in fit.cuts]
    rows = [
        Row((cut.asked,), tuple(column[number] for column in columns.values())) for number, cut in enumerate(fit.cuts)
    ]
    return Grid(f"Thresholds{_of(group)}", ("for",), tuple(columns), rows)


def _of(group: str) -> str:
    return "" if group == "all" else f" in {group}"


def _score(found: Ranged) -> Written:
    if not math.isfinite(found.value):
        return Written("none")
    ends = [f"{end:.4g}" if math.isfinite(end) else "none" for end in (found.lower, found.upper)]
    return Written(f"{found.value:.4g}", f"[{ends[0]}, {ends[1]}]")


def _or_none(found: Ranged | None) -> Written:
    return Written(ABSENT) if found is None else _measured(found, 100)


def scores_json(found: Mapping[str, ScoreFit], file: str) -> bytes:
    """Give all of it as one JSON object."""
    return json_bytes(
        {
            "schema": 1,
            "file": file,
            "groups": {group: _score_plain(fit) for group, fit in found.items()},
            "notes": score_notes(found),
        }
    )


def _score_plain(fit: ScoreFit) -> dict[str, Any]:
    return {
        "score": fit.name,
        "answers": fit.count,
        "accuracy": _plain(fit.accuracy),
        "auroc": None if fit.auroc is None else _plain(fit.auroc),
        "ece": dict(fit.ece),
        "platt": {"slope": fit.platt.slope, "offset": fit.platt.offset},
        "reliability": [
            {
                "answers": one.count,
                "low": one.low,
                "high": one.high,
                "right": _plain(one.right),
                "isotonic": one.calibrated,
            }
            for one in fit.bins
        ],
        "thresholds": [_cut_plain(cut) for cut in fit.cuts],
    }


def _cut_plain(cut: Cut) -> dict[str, Any]:
    parts = {"threshold": cut.threshold, "escalated": cut.escalated, "kept": cut.kept, "quality": cut.quality}
    plain = {name: None if part is None else _plain(part) for name, part in parts.items()}
    return {"for": cut.asked, **plain, "usd_per_1k": cut.usd}


def writer_for_scores(path: Path, file: str) -> Callable[[Mapping[str, ScoreFit]], bytes]:
    """Return what writes the bytes of `path`. InvalidInput naming the extensions there are."""

    def as_json(found: Mapping[str, ScoreFit]) -> bytes:
        return scores_json(found, file)

    known: dict[str, Callable[[Mapping[str, ScoreFit]], bytes]] = {".json": as_json, ".csv": _scores_csv}
    return named(path, known)


def _scores_csv(found: Mapping[str, ScoreFit]) -> bytes:
    rows = []
    for group, fit in found.items():
        for cut in fit.cuts:
            row: dict[str, Any] = {"task": group, "score": fit.name, "for": cut.asked, "usd_per_1k": cut.usd}
            for name, part in (("threshold", cut.threshold), ("escalated", cut.escalated), ("kept", cut.kept)):
                plain = {} if part is None else _plain(part)
                row |= {f"{name}.{end}": plain.get(end) for end in ("value", "lower", "upper")}
            rows.append(row)
    return _csv(rows)


# ---- both


def _plain(found: Measure | Ranged) -> dict[str, float | None]:
    ends = {"value": found.value, "lower": found.lower, "upper": found.upper}
    return {name: end if math.isfinite(end) else None for name, end in ends.items()}


def _csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _show(console: Console, blocks: Sequence[Any]) -> None:
    spaced = [part for block in blocks for part in (block, Text(""))][:-1]
    console.print(Encodable(Group(*spaced)), highlight=False)
