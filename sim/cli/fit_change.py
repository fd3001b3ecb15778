"""`tiercast fit change`: what two logs tell of why a rate has changed."""

from __future__ import annotations

from pathlib import Path

import click

from sim.cli.answer import Verb, say
from sim.cli.outputs import output_option, writers
from sim.cli.paper import drawn
from sim.errors import InvalidInput, Issue
from sim.experiment.durable import replace_file
from sim.report.change import change_json, render_change, writer_for_change
from sim.study.fit.change import Log, change_of, doublings, joined
from sim.study.fit.labelled import Wanted, read_labelled


@click.command("change", cls=Verb)
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path))
@click.option(
    "--of",
    required=True,
    metavar="COLUMN",
    help="What the rate is of: true, or a number from .5 on.",
)
@click.option("--class", "classes", multiple=True, metavar="COLUMN", help="Class of a request; repeatable.")
@click.option(
    "--number",
    "numbers",
    multiple=True,
    metavar="COLUMN",
    help="Number of a request, such as prompt tokens, cut at its doublings; repeatable.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@output_option(".json, .csv, .md")
def change(
    before: Path,
    after: Path,
    *,
    of: str,
    classes: tuple[str, ...],
    numbers: tuple[str, ...],
    as_json: bool,
    outputs: tuple[Path, ...],
) -> None:
    """Take the change of a rate between two logs apart: what the mix of classes explains, and the rest.

    BEFORE and AFTER are CSV or Parquet files with a row per request, such as `run --requests` writes.
    """
    written = writers(outputs, writer_for_change)
    if not classes and not numbers:
        raise InvalidInput([Issue("say by what: --class or --number", "--class", hint="--class task")])
    found = change_of(of, (*classes, *numbers), *(_log(path, of, classes, numbers) for path in (before, after)))
    for output, write in written.items():
        replace_file(output, write(found))
    say(change_json(found) if as_json else drawn(lambda console: render_change(found, console)))


def _log(path: Path, of: str, classes: tuple[str, ...], numbers: tuple[str, ...]) -> Log:
    data = read_labelled(path, Wanted(numbers=numbers, truths=(of,)))
    columns = {}
    for name in classes:
        one = read_labelled(path, Wanted(task=name))
        columns[name] = one.task, one.tasks
    columns |= {name: doublings(data.numbers[name]) for name in numbers}
    return Log(data.truths[of], *joined(columns))
