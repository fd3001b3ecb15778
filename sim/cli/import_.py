"""`tiercast import`: what other tools have written, as parts of an experiment."""

from __future__ import annotations

from pathlib import Path

import click

from sim.cli.answer import Verb, remark, say
from sim.exchange.openslo import objectives_yaml, read_openslo


class _Group(Verb, click.Group):
    """A verb with verbs of its own."""


@click.group("import", cls=_Group)
def command() -> None:
    """Take over what other tools have written, as parts of an experiment."""


@command.command("openslo", cls=Verb)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--metric",
    default="latency",
    show_default=True,
    help="What thresholds are of: latency, ttft or wait, with selectors if wanted: 'latency{pattern:cascade}'.",
)
@click.option(
    "--unit",
    type=click.Choice(["s", "ms"]),
    default="s",
    show_default=True,
    help="Unit of the values of thresholds, which OpenSLO does not say.",
)
@click.option(
    "--ratio",
    type=click.Choice(["answered", "acceptable"]),
    default="answered",
    show_default=True,
    help="What makes a request good where an SLO is a ratio.",
)
def openslo_command(file: Path, metric: str, unit: str, ratio: str) -> None:
    """Print the SLOs of an OpenSLO FILE as `objectives` of an experiment; what they leave out is told as comments."""
    found = read_openslo(file, metric, unit, ratio)
    say(objectives_yaml(found).encode())
    for one in found:
        for text in one.remarks:
            remark(f"{one.name}: {text}")
