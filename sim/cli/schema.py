"""`tiercast schema`: the JSON Schema that lets editors complete and check experiment files."""

from __future__ import annotations

from pathlib import Path

import click

from sim.cli.answer import Verb, say
from sim.experiment.durable import replace_file
from sim.experiment.spec import experiment_schema
from sim.experiment.summary import json_bytes


@click.command("schema", cls=Verb)
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Write to FILE instead of stdout.")
def command(output: Path | None) -> None:
    """Print the JSON Schema of experiment files.

    Name it in the first line of an experiment: # yaml-language-server: $schema=experiment.schema.json
    """
    content = json_bytes(experiment_schema())
    if output is None:
        say(content)
    else:
        replace_file(output, content)
        click.echo(f"wrote {output}", err=True)
