"""A router plan on the terminal and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.text import Text

from sim.experiment.summary import estimate_entry, json_bytes
from sim.report.layout import fitted
from sim.report.naming import named
from sim.report.numbers import plural
from sim.report.plan_document import plan_markdown
from sim.report.plan_remarks import remarks_of
from sim.report.plan_tables import alternatives
from sim.report.plan_words import computed, recommendation
from sim.report.terminal import Encodable, remarks
from sim.study.plan.effects import COST, RIGHT

if TYPE_CHECKING:
    from sim.study.plan.answer import RouterPlan
    from sim.study.plan.options import Option

SCHEMA = 1
"""Version of the layout of the JSON."""


def render_plan(found: RouterPlan, console: Console) -> None:
    """Print the recommendation, the alternatives, and what is to be known beside."""
    facts = f"{plural(found.searched, 'candidate')} searched, seed {found.seed}, hash {found.hash[:12]}"
    blocks = [
        Text(found.title, style="bold").append(f"\n{facts}", style="not bold"),
        Text(" ".join(recommendation(found))),
        fitted(alternatives(found), console.width),
        *([remarks("In words", words, "")] if (words := remarks_of(found)) else []),
        remarks("Notes", [computed(found), *found.notes], ""),
    ]
    spaced = [part for block in blocks for part in (block, Text(""))][:-1]
    console.print(Encodable(Group(*spaced)), highlight=False)


def plan_json(found: RouterPlan) -> bytes:
    """Give all of it as one JSON object."""
    goal = found.goal
    return json_bytes(
        {
            "schema": SCHEMA,
            "experiment": found.experiment,
            "title": found.title,
            "hash": found.hash,
            "seed": found.seed,
            "level": found.level,
            "minimise": goal.minimise,
            "conditions": [until.text for until in goal.conditions],
            "utilisation": goal.utilisation,
            "indifference": goal.indifference,
            "baseline": found.baseline,
            "yardstick": {
                **_plain(found.yardstick, ("usd", "acceptance", "unanswered")),
                "stable": found.yardstick.is_stable,
            },
            "rate_per_s": found.rate_per_s,
            "candidates": found.searched,
            "requests": found.requests,
            "fresh_requests": found.fresh_requests,
            "replications": found.replications,
            "fresh_seeds": _seeds(found),
            "recommendation": recommendation(found),
            "chosen": None if found.chosen is None else found.chosen.name,
            "nearest": found.nearest or None,
            "beyond": _beyond(found),
            "alike": list(found.alike),
            "front": list(found.front),
            "options": {one.name: _option(one) for one in found.options},
            "thresholds": [_plain(one, ("model", "share", "score", "measured")) for one in found.thresholds],
            "capacity": [_plain(one, _OF_CEILING) for one in found.ceilings],
            "gates": [_plain(one, _OF_WATCH) for one in found.watches],
            "drift": _drift(found),
            "sensitivity": _sensitivity(found),
            "notes": [computed(found), *found.notes],
        }
    )


def writer_for_plan(path: Path) -> Callable[[RouterPlan], bytes]:
    """Return what writes the bytes of `path`. InvalidInput naming the extensions there are."""
    return named(path, _WRITERS)


def _option(one: Option) -> dict[str, Any]:
    compared = {"dearer": one.dearer, "worse": one.worse, "saved_per_answer": one.saved_per_answer}
    return {
        "kind": one.kind,
        "pattern": dict(one.settings),
        "standing": str(one.judgement.standing),
        "breaks": list(one.judgement.broken),
        "status": one.status,
        **{key: None if found is None else estimate_entry(found) for key, found in compared.items()},
        "added_by_playing": _effect(one),
        "metrics": {name: estimate_entry(found) for name, found in one.estimates.items()},
    }


def _effect(one: Option) -> dict[str, Any] | None:
    """Give what playing adds to cost and loss, each with half its interval; None where it can add nothing."""
    effect = one.effect
    if not effect.requests:
        return None
    usd, points = (effect.more[COST], effect.half[COST]), (-effect.more[RIGHT], effect.half[RIGHT])
    return {
        "requests": effect.requests,
        "usd_per_1k": [float(value) / 1e6 for value in usd],
        "points_lost": [100 * float(value) for value in points],
    }


def _beyond(found: RouterPlan) -> dict[str, Any] | None:
    beyond = found.beyond
    if beyond is None:
        return None
    return {
        "kind": beyond.candidate.kind,
        "pattern": dict(beyond.settings),
        **_plain(beyond, ("usd", "loss")),
        "short": [_plain(one, _OF_CEILING) for one in beyond.short],
    }


def _plain(one: object, names: tuple[str, ...]) -> Mapping[str, Any]:
    return {name: getattr(one, name) for name in names}


_OF_CEILING = ("owner", "limit", "allowed", "offered", "used", "reached_at_per_s")
_OF_MONTH = ("month", "hard", "loss", "usd", "saving", "escalated")
_OF_WATCH = (
    "what",
    "settings",
    "looks_at",
    "share",
    "finds",
    "threshold",
    "false_alarm_days",
    "delay_days",
    "headroom",
    "headroom_days",
)


def _seeds(found: RouterPlan) -> Mapping[str, Any] | None:
    if found.fresh_seeds is None:
        return None
    return _plain(found.fresh_seeds, ("seeds", "within", "over", "give_or_take"))


def _drift(found: RouterPlan) -> dict[str, Any] | None:
    if found.ahead is None:
        return None
    return {
        "hard_tasks": list(found.ahead.hard),
        "horizons": {
            horizon.drift.name: {
                **_plain(horizon.drift, ("logit", "input_growth", "output_growth")),
                "breaks_in_month": horizon.breaks,
                "overspends_in_month": horizon.overspends,
                "months": [_plain(month, _OF_MONTH) for month in horizon.months],
            }
            for horizon in found.ahead.horizons
        },
    }


def _sensitivity(found: RouterPlan) -> dict[str, Any] | None:
    if found.tornado is None:
        return None
    ends = ("words", "usd", "loss", "best", "best_usd")
    return {
        **_plain(found.tornado, ("point_usd", "usd", "loss")),
        "assumptions": [
            {
                "name": one.name,
                "low": _plain(one.low, ends),
                "high": _plain(one.high, ends),
                **_plain(one, ("flips_at", "flips_to")),
                "worth_usd_per_30d": one.worth,
            }
            for one in found.tornado.entries
        ],
    }


def _markdown(found: RouterPlan) -> bytes:
    return plan_markdown(found).encode()


_WRITERS: dict[str, Callable[[RouterPlan], bytes]] = {".json": plan_json, ".md": _markdown}
