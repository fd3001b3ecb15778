"""router-plan.md: the plan as a document for a review."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import yaml

from sim.report.escapes import escaped
from sim.report.plan_remarks import remarks_of
from sim.report.plan_tables import (
    alternatives,
    capacity,
    drift,
    expectations,
    gates,
    ordered,
    thresholds,
    tornado,
    worth_it,
)
from sim.report.plan_words import computed, listed, recommendation
from sim.report.tables import grid_lines
from sim.study.plan.candidates import AS_WRITTEN
from sim.version import __version__

if TYPE_CHECKING:
    from sim.study.plan.answer import RouterPlan


_NEEDED = (
    "Needed at the present rate by first tries alone; a limit is reached at the arrival rate at which it is used to "
    "the full, and waits grow long before."
)
_CHARTS = (
    "Each is a CUSUM chart with a look a day against the first four weeks. The days until a change is found count from "
    "the change, on average."
)


_WORTH = (
    "An option pays where an acceptable answer is worth less than what is saved for each one lost. For it speaks what "
    "is saved in 30 days, against it how many more users get an answer that is not acceptable."
)
_MOVED = (
    "Each assumption is moved by itself, and the plan kept as it is: its thresholds are scores that were set while the "
    "experiment was believed. The next column says from where on another kind of plan would be better by more than "
    "the indifference, thresholds set anew; it was looked for as far as three times the range. The last one is what "
    "knowing it for sure would save on average, with a point of quality at the price that it has along the plan's "
    "thresholds, if it lies low, as assumed and high with chances of 1/4, 1/2 and 1/4."
)


def plan_markdown(found: RouterPlan) -> str:
    """Give the plan as GitHub Markdown."""
    sections = [section for section in _sections(found) if section]
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _sections(found: RouterPlan) -> Iterator[list[str]]:
    yield [f"# Router plan: {escaped(found.title)}"]
    yield [" ".join(escaped(sentence) for sentence in recommendation(found))]
    yield [f"- {escaped(line)}" for line in remarks_of(found)]
    if found.chosen is not None:
        yield ["## The pattern"]
        written = found.chosen.kind == AS_WRITTEN
        yield ["As the experiment has it:" if written else "To be put under `patterns` of the experiment:"]
        yield ["```yaml", *_yaml([dict(found.chosen.settings)]), "```"]
        if found.thresholds:
            yield list(grid_lines(thresholds(found)))
            yield [_on_scores(found)]
        yield ["## What to expect"]
        yield list(grid_lines(expectations(found)))
    yield ["## Alternatives"]
    yield list(grid_lines(alternatives(found)))
    yield [_on_front(found)]
    if worth_it(found).rows:
        yield ["## Is it worth it"]
        yield list(grid_lines(worth_it(found)))
        yield [_WORTH]
    if found.ceilings:
        yield ["## Capacity"]
        yield list(grid_lines(capacity(found)))
        yield [_NEEDED]
    if found.watches:
        yield ["## Gates to install"]
        yield list(grid_lines(gates(found)))
        yield [_CHARTS]
        yield ["To be put into the experiment, for `tiercast drift` to play them:"]
        yield ["```yaml", *_yaml({"gates": [dict(one.settings) for one in found.watches]}), "```"]
    if found.ahead is not None:
        yield from _of_drift(found)
    if found.tornado is not None and found.tornado.entries:
        yield ["## What would change the decision"]
        yield list(grid_lines(tornado(found)))
        yield [_MOVED]
    yield ["## How it was computed"]
    yield [f"- {escaped(line)}" for line in _how(found)]


def _yaml(data: object) -> list[str]:
    text: str = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100)
    return text.rstrip("\n").split("\n")


def _on_scores(found: RouterPlan) -> str:
    if all(one.measured for one in found.thresholds):
        return "Confidence is the measured score of the outcome table, on its own scale."
    return (
        "The share is what counts. The confidence is that of the simulated score, a probability as the experiment says "
        "it is stated; on another scale, take the score that the same share of your own answers lies below."
    )


def _on_front(found: RouterPlan) -> str:
    beaten = [one.name for one in ordered(found) if one.name not in found.front and one.status != "unstable"]
    text = f"Nothing in this table beats {escaped(listed(list(found.front)))} in cost, loss and P95 at once."
    if not beaten:
        return text
    verb = "is" if len(beaten) == 1 else "are"
    return f"{text} {escaped(listed(beaten))} {verb} beaten."


def _of_drift(found: RouterPlan) -> Iterator[list[str]]:
    ahead = found.ahead
    if ahead is None:
        return
    yield ["## When it stops being right"]
    yield list(grid_lines(drift(found)))
    hard = (
        f"Hard classes are those that the cheap model answers worse than average: {escaped(listed(list(ahead.hard)))}."
    )
    yield [
        (hard if ahead.hard else "There is one task class, so that only tokens grow.")
        + " Thresholds, models and prices stay as they are. The rates are those of public data (OpenRouter, State of "
        "AI, arXiv 2601.10088)."
    ]


def _how(found: RouterPlan) -> list[str]:
    return [
        f"{computed(found)}.",
        f"tiercast {__version__}, seed {found.seed}, content hash {found.hash}.",
        f"Command: {found.command}" if found.command else "From Python.",
        *(f"{note[0].upper()}{note[1:]}." for note in found.notes),
    ]
