"""`tiercast fit`: numbers from labelled data."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from sim.cli.answer import Verb, say
from sim.cli.fit_change import change
from sim.cli.fit_history import history
from sim.cli.outputs import output_option, writers
from sim.cli.paper import drawn
from sim.errors import InvalidInput, Issue
from sim.experiment.durable import replace_file
from sim.report.break_even import break_even_json, render_break_even, writer_for_break_even
from sim.report.fit import (
    render_routers,
    render_scores,
    routers_json,
    scores_json,
    writer_for_routers,
    writer_for_scores,
)
from sim.study.fit.confidence import Costs, ScoreFit, Target, fit_score
from sim.study.fit.labelled import Labelled, Wanted, read_labelled
from sim.study.fit.responses import SCORES, read_responses
from sim.study.fit.router import Prompts, fit_routers
from sim.study.plan.breakeven import Bills, Kinds, break_even_of, measured_kinds
from sim.units import parse_fraction

if TYPE_CHECKING:
    from sim.columns import Bools

_LINES = (".jsonl", ".ndjson", ".jsonl.gz")


class _Group(Verb, click.Group):
    """A verb with verbs of its own."""


@click.group("fit", cls=_Group)
def command() -> None:
    """Learn numbers from labelled data: what a router is worth, and where the threshold of a score belongs."""


command.add_command(change)
command.add_command(history)

_where = click.option(
    "--where", multiple=True, metavar="COLUMN=VALUE", help="Take only rows with this value; repeatable."
)
_right_from = click.option(
    "--right-from",
    type=float,
    default=0.5,
    show_default=True,
    help="Lowest number that is acceptable, where labels are numbers.",
)
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@command.command("router", cls=Verb)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--weak", required=True, metavar="COLUMN", help="Whether the weak model's answer is acceptable.")
@click.option("--strong", required=True, metavar="COLUMN", help="Whether the strong model's answer is acceptable.")
@click.option(
    "--score",
    "scores",
    multiple=True,
    metavar="COLUMN",
    help="A router's score: higher goes to the strong model. Repeatable; a minus before it turns it round.",
)
@click.option(
    "--class",
    "classes",
    multiple=True,
    metavar="COLUMN",
    help="Also measure a router that goes by this class, cross-validated; repeatable.",
)
@click.option(
    "--number",
    "numbers",
    multiple=True,
    metavar="COLUMN",
    help="Also measure a router that goes by this number, such as prompt tokens, cross-validated; repeatable.",
)
@click.option("--weak-usd", type=click.FloatRange(min=0), help="Cost of 1,000 calls of the weak model.")
@click.option("--strong-usd", type=click.FloatRange(min=0), help="Cost of 1,000 calls of the strong model.")
@_where
@_right_from
@_json
@output_option(".json, .csv, .md")
def router(
    file: Path,
    *,
    weak: str,
    strong: str,
    scores: tuple[str, ...],
    classes: tuple[str, ...],
    numbers: tuple[str, ...],
    weak_usd: float | None,
    strong_usd: float | None,
    where: tuple[str, ...],
    right_from: float,
    as_json: bool,
    outputs: tuple[Path, ...],
) -> None:
    """Measure routers between two models on FILE (CSV or Parquet): PGR, APGR, CPT, AIQ, RouterArena's score."""
    written = writers(outputs, writer_for_routers)
    if (weak_usd is None) != (strong_usd is None):
        raise InvalidInput([Issue("give the costs of both models, or of neither", "--weak-usd")])
    names = [name.removeprefix("-") for name in scores]
    wanted = Wanted((*names, *numbers), (weak, strong), None, _pairs(where), right_from)
    data = read_labelled(file, wanted)
    codes = {name: read_labelled(file, Wanted(task=name, where=wanted.where)).task for name in dict.fromkeys(classes)}
    costs = None
    if weak_usd is not None and strong_usd is not None:
        costs = np.full(data.rows, weak_usd / 1000), np.full(data.rows, strong_usd / 1000)
    prompts = Prompts(data.truths[weak].astype(np.float64), data.truths[strong].astype(np.float64), costs)
    signs = {name: -1.0 if name.startswith("-") else 1.0 for name in scores}
    try:
        found = fit_routers(
            str(file),
            prompts,
            {name: sign * data.numbers[name.removeprefix("-")] for name, sign in signs.items()},
            classes=codes,
            numbers={name: data.numbers[name] for name in numbers},
        )
    except ValueError as error:
        raise InvalidInput([Issue(str(error), str(file))]) from None
    for output, write in written.items():
        replace_file(output, write(found))
    say(routers_json(found) if as_json else drawn(lambda console: render_routers(found, console)))


@command.command("confidence", cls=Verb)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--score",
    required=True,
    metavar="COLUMN",
    help=f"The score; higher is surer. Of chat completions (.jsonl) one of: {', '.join(SCORES)}.",
)
@click.option("--correct", default="correct", show_default=True, metavar="COLUMN", help="Whether it is acceptable.")
@click.option("--strong", metavar="COLUMN", help="Whether the strong model's answer to the same prompt is acceptable.")
@click.option("--task", metavar="COLUMN", help="Task class: every class gets a threshold of its own.")
@click.option("--escalate", multiple=True, metavar="SHARE", help="Set a threshold that escalates this share, as 25%.")
@click.option("--kept", multiple=True, metavar="SHARE", help="... that leaves this share of what is kept acceptable.")
@click.option(
    "--quality", multiple=True, metavar="SHARE", help="... with which this share of all answers is acceptable."
)
@click.option(
    "--cost", multiple=True, type=click.FloatRange(min=0), help="... that costs this in USD of 1,000 requests."
)
@click.option("--weak-usd", type=click.FloatRange(min=0), help="Cost of 1,000 first answers, checks included.")
@click.option("--strong-usd", type=click.FloatRange(min=0), help="Cost of 1,000 answers of the strong model.")
@_where
@_right_from
@_json
@output_option(".json, .csv")
def confidence(
    file: Path,
    *,
    score: str,
    correct: str,
    strong: str | None,
    task: str | None,
    escalate: tuple[str, ...],
    kept: tuple[str, ...],
    quality: tuple[str, ...],
    cost: tuple[float, ...],
    weak_usd: float | None,
    strong_usd: float | None,
    where: tuple[str, ...],
    right_from: float,
    as_json: bool,
    outputs: tuple[Path, ...],
) -> None:
    """Find out what a score is worth on FILE, and where its threshold belongs.

    FILE is CSV or Parquet with a column of scores, or chat completions in the format of the OpenAI API, one a line
    (.jsonl), with labels beside them.
    """
    written = writers(outputs, functools.partial(writer_for_scores, file=str(file)))
    if (weak_usd is None) != (strong_usd is None):
        raise InvalidInput([Issue("give the costs of both models, or of neither", "--weak-usd")])
    costs = None if weak_usd is None or strong_usd is None else Costs(weak_usd, strong_usd)
    targets = [
        *_targets("escalation", "--escalate", escalate),
        *_targets("kept", "--kept", kept),
        *_targets("quality", "--quality", quality),
        *(Target("cost", value) for value in cost),
    ]
    wanted = Wanted((), (correct, *([strong] if strong else [])), task, _pairs(where), right_from)
    data = _read(file, score, wanted)
    better = data.truths[strong] if strong else None
    found = _fits(data, score, data.truths[correct], strong=better, targets=targets, costs=costs)
    for output, write in written.items():
        replace_file(output, write(found))
    say(scores_json(found, str(file)) if as_json else drawn(lambda console: render_scores(found, str(file), console)))


@command.command("break-even", cls=Verb)
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--weak", metavar="COLUMN", help="Whether the weak model's answer is acceptable.")
@click.option("--strong", metavar="COLUMN", help="Whether the strong model's answer is acceptable.")
@click.option(
    "--outcomes",
    metavar="BOTH,STRONG,WEAK",
    help="Without FILE: shares of prompts that both models get right, only the strong one, only the weak one.",
)
@click.option("--weak-usd", type=click.FloatRange(min=0), required=True, help="Cost of 1,000 weak answers.")
@click.option("--strong-usd", type=click.FloatRange(min=0), required=True, help="Cost of 1,000 strong answers.")
@click.option("--classifier-usd", type=click.FloatRange(min=0), default=0.0, help="Cost of classifying 1,000 requests.")
@click.option("--verifier-usd", type=click.FloatRange(min=0), default=0.0, help="Cost of checking 1,000 answers.")
@click.option("--value", type=click.FloatRange(min=0), required=True, help="Worth of one acceptable answer in USD.")
@click.option(
    "--classifier",
    default="85%",
    show_default=True,
    metavar="ACCURACY",
    help="Accuracy of the classifier whose floor is also found by playing both patterns.",
)
@click.option(
    "--requests",
    type=click.IntRange(min=1_000, max=10_000_000),
    default=100_000,
    show_default=True,
    help="Requests to be played for it.",
)
@_where
@_right_from
@_json
@output_option(".json, .csv, .md")
def break_even(
    file: Path | None,
    *,
    weak: str | None,
    strong: str | None,
    outcomes: str | None,
    weak_usd: float,
    strong_usd: float,
    classifier_usd: float,
    verifier_usd: float,
    value: float,
    classifier: str,
    requests: int,
    where: tuple[str, ...],
    right_from: float,
    as_json: bool,
    outputs: tuple[Path, ...],
) -> None:
    """Find the accuracy from which on a cascade is worth more than a pre-route, and where it never is.

    The outcomes of both models come from FILE (CSV or Parquet), or from --outcomes.
    """
    written = writers(outputs, writer_for_break_even)
    kinds = _kinds(file, (weak, strong), outcomes, Wanted(where=_pairs(where), right_from=right_from))
    bills = Bills(weak_usd, strong_usd, classifier_usd, verifier_usd)
    accuracy = _targets("accuracy", "--classifier", (classifier,))[0].value
    try:
        found = break_even_of(kinds, bills, value, accuracy, requests)
    except ValueError as error:
        raise InvalidInput([Issue(str(error), "--value")]) from None
    for output, write in written.items():
        replace_file(output, write(found))
    say(break_even_json(found) if as_json else drawn(lambda console: render_break_even(found, console)))


def _kinds(file: Path | None, columns: tuple[str | None, str | None], outcomes: str | None, wanted: Wanted) -> Kinds:
    """Give the shares of outcomes. InvalidInput unless they come from one place."""
    weak, strong = columns
    if (file is None) == (outcomes is None) or (file is not None and (weak is None or strong is None)):
        hint = "write FILE --weak COLUMN --strong COLUMN, or --outcomes 62%,18%,5%"
        raise InvalidInput([Issue("outcomes come from a file with two columns, or from --outcomes", hint=hint)])
    if file is not None and weak is not None and strong is not None:
        data = read_labelled(file, Wanted((), (weak, strong), None, wanted.where, wanted.right_from))
        return measured_kinds(data.truths[weak].astype(np.float64), data.truths[strong].astype(np.float64))
    shares = [one.value for one in _targets("share", "--outcomes", (outcomes or "").split(","))]
    try:
        return Kinds(*shares)
    except (TypeError, ValueError):
        hint = "write for example --outcomes 62%,18%,5%; what is left neither gets right"
        raise InvalidInput([Issue(f"{outcomes!r} are no three shares", "--outcomes", hint=hint)]) from None


def _read(file: Path, score: str, wanted: Wanted) -> Labelled:
    if not file.name.lower().endswith(_LINES):
        return read_labelled(file, Wanted((score,), wanted.truths, wanted.task, wanted.where, wanted.right_from))
    if score not in SCORES:
        hint = f"there are: {', '.join(SCORES)}"
        raise InvalidInput([Issue(f"no score {score!r} can be made of chat completions", "--score", hint=hint)])
    if wanted.where:
        raise InvalidInput([Issue("chat completions have no columns to choose rows by", "--where")])
    return read_responses(file, score, wanted)


def _fits(
    data: Labelled,
    score: str,
    right: Bools,
    *,
    strong: Bools | None,
    targets: Sequence[Target],
    costs: Costs | None,
) -> Mapping[str, ScoreFit]:
    """Fit all answers together, and each task class by itself. InvalidInput says where one has too few."""
    groups = {"all": np.ones(data.rows, dtype=np.bool_)}
    if len(data.tasks) > 1:
        groups |= {name: data.task == code for code, name in enumerate(data.tasks)}
    found, issues = {}, list[Issue]()
    for name, mine in groups.items():
        try:
            found[name] = fit_score(
                score,
                data.numbers[score][mine],
                right[mine],
                strong=None if strong is None else strong[mine],
                targets=targets,
                costs=costs,
            )
        except ValueError as error:
            where = str(error) if name == "all" else f"{name}: {error}"
            issues.append(Issue(where, data.file))
    if issues:
        raise InvalidInput(issues)
    return found


def _targets(what: str, option: str, texts: Sequence[str]) -> list[Target]:
    found = []
    for text in texts:
        try:
            found.append(Target(what, parse_fraction(text if "%" in text else float(text))))
        except ValueError as error:
            raise InvalidInput([Issue(f"{text!r}: {error}", option, hint="write for example 25%")]) from None
    return found


def _pairs(where: Sequence[str]) -> dict[str, str | float]:
    found: dict[str, str | float] = {}
    for text in where:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise InvalidInput([Issue(f"{text!r} is no column with a value", "--where", hint="--where dataset=mmlu")])
        found[name.strip()] = value.strip()
    return found
