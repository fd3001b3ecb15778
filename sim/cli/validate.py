"""`tiercast validate`: every mistake in every file, at once."""

from __future__ import annotations

from pathlib import Path

import click

from sim.cli.answer import say
from sim.errors import InvalidInput, Issue
from sim.experiment.resolve import load


@click.command("validate")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--set", "overrides", multiple=True, metavar="A.B=V", help="Change one value first; repeatable.")
def command(files: tuple[Path, ...], overrides: tuple[str, ...]) -> None:
    """Check experiment FILES without running them."""
    issues: list[Issue] = []
    for file in files:
        try:
            experiment = load(file, overrides)
        except InvalidInput as error:
            issues += error.issues
        else:
            say(f"{file}: ok, hash {experiment.hash[:12]}")
    if issues:
        raise InvalidInput(dict.fromkeys(issues))  # a workload that two experiments share is blamed once
