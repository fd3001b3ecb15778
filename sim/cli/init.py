"""`tiercast init`: something that runs, to start from."""

from __future__ import annotations

from pathlib import Path

import click

from sim.cli.answer import Verb, say
from sim.errors import InvalidInput, Issue
from sim.experiment.durable import replace_file
from sim.experiment.examples import examples_dir, starter


@click.command("init", cls=Verb)
@click.argument("folder", default=Path(), type=click.Path(path_type=Path), metavar="[DIR]")
@click.option("--force", is_flag=True, help="Overwrite files that are already there.")
def command(folder: Path, *, force: bool) -> None:
    """Copy a quick experiment and its workload to DIR (default: here)."""
    source = examples_dir()
    names = starter(source)
    present = [folder / name for name in names if (folder / name).exists()]
    if present and not force:
        hint = "name another folder, or overwrite with --force"
        raise InvalidInput([Issue("this file exists already", file=str(path), hint=hint) for path in present])
    for name in names:
        replace_file(folder / name, (source / name).read_bytes())
        click.echo(f"wrote {folder / name}", err=True)
    say(f"tiercast run {folder / names[0]}")
