"""`tiercast explain`: what would run, and where each value comes from."""

from __future__ import annotations

from pathlib import Path

import click

from sim.cli.answer import Verb, say, say_json
from sim.experiment.explain import explain
from sim.experiment.resolve import load


@click.command("explain", cls=Verb)
@click.argument("experiment", type=click.Path(path_type=Path))
@click.option("--set", "overrides", multiple=True, metavar="A.B=V", help="Change one value first; repeatable.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(experiment: Path, overrides: tuple[str, ...], *, as_json: bool) -> None:
    """Show what EXPERIMENT resolves to, the load on each model, which limit breaks first, and origins."""
    explanation = explain(load(experiment, overrides))
    if as_json:
        say_json(explanation.to_dict())
    else:
        say("\n".join(explanation.lines()))
