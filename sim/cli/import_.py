"""`tiercast import`: what other tools have written, as parts of an experiment."""

from __future__ import annotations

from pathlib import Path

import click

from sim.cli.answer import Verb, remark, say
from sim.exchange.openslo import Meaning, objectives_yaml, read_openslo
from sim.experiment.selectors import BadSelector, parse_selector

_DURATIONS = ("latency", "ttft", "wait")


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
    _must_be_duration(metric)
    found = read_openslo(file, Meaning(metric, unit, ratio))
    say(objectives_yaml(found).encode())
    for told in dict.fromkeys((*found.remarks, *(text for one in found.objectives for text in one.remarks))):
        remark(str(told))


def _must_be_duration(metric: str) -> None:
    """Raise UsageError for what no experiment takes as an objective's duration; names in it are the experiment's."""
    try:
        base = parse_selector(metric).metric
    except BadSelector as error:
        raise click.UsageError(f"--metric: {error}; {error.hint}") from error
    if base not in _DURATIONS:
        raise click.UsageError(f"--metric: {base!r} is none of {', '.join(_DURATIONS)}")
