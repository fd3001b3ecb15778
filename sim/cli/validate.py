"""`tiercast validate`: every mistake in every file, at once."""

from __future__ import annotations

from pathlib import Path

import click

from sim.cli.answer import Verb, say
from sim.errors import InvalidInput, Issue
from sim.experiment.crosscheck import warnings_of
from sim.experiment.resolve import load


@click.command("validate", cls=Verb)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--set", "overrides", multiple=True, metavar="A.B=V", help="Change one value first; repeatable.")
def command(files: tuple[Path, ...], overrides: tuple[str, ...]) -> None:
    """Check experiment FILES without running them; what is allowed but probably not meant is a warning."""
    issues: list[Issue] = []
    for file in files:
        try:
            experiment = load(file, overrides)
        except InvalidInput as error:
            issues += error.issues
        else:
            say(f"{file}: ok, hash {experiment.hash[:12]}")
            for warning in warnings_of(experiment):
                click.echo(f"{file}: warning: {warning}", err=True)
    if issues:
        raise InvalidInput(dict.fromkeys(issues))  # a workload that two experiments share is blamed once
