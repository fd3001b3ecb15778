"""`tiercast capacity`: how much an experiment takes before its conditions break."""

from __future__ import annotations

from pathlib import Path

import click

from sim.cli.answer import Verb, say
from sim.cli.outputs import output_option, writers
from sim.cli.paper import drawn
from sim.cli.progress import shown
from sim.errors import InvalidInput, Issue
from sim.experiment.durable import replace_file
from sim.experiment.resolve import load
from sim.report.capacity import capacity_json, render_capacity, writer_for_capacity
from sim.study.capacity import RATE, Search, capacity
from sim.study.probes import Effort
from sim.study.until import parse_untils, thresholds

_LOOKS = 4


@click.command("capacity", cls=Verb)
@click.argument("experiment", type=click.Path(path_type=Path))
@click.option(
    "--until",
    "untils",
    multiple=True,
    metavar="METRIC<LIMIT",
    help="What has to be met, such as 'latency.p95<4s' or 'failure.rate<1%'; repeatable. The file's thresholds if left "
    "out.",
)
@click.option(
    "--find",
    "path",
    default=RATE,
    metavar="A.B",
    help="Number of the experiment to search, such as fleet.large.capacity.concurrency; the arrival rate if left out.",
)
@click.option("--from", "low", type=float, help="Lowest value; of the rate, in requests per second.")
@click.option("--to", "high", type=float, help="Highest value; of the rate, in requests per second.")
@click.option(
    "--precision",
    type=click.FloatRange(min=0.0001, max=1),
    default=0.02,
    show_default=True,
    help="Share of a value below which values are not told apart; whole numbers always are.",
)
@click.option(
    "--at",
    "settings",
    multiple=True,
    metavar="A.B=V,W,...",
    help="Search at each of these values of another key; repeatable, for all combinations.",
)
@click.option("--pattern", "patterns", multiple=True, metavar="NAME", help="Search for this pattern only; repeatable.")
@click.option("--set", "overrides", multiple=True, metavar="A.B=V", help="Change one value first; repeatable.")
@click.option(
    "--replications",
    type=click.IntRange(min=2, max=100_000),
    help="Most replications of one value; four times the experiment's if left out.",
)
@click.option("--workers", type=click.IntRange(min=1, max=1024), help="Cores to use; the answer does not depend on it.")
@click.option(
    "--engine",
    type=click.Choice(["auto", "reference", "compiled"]),
    default="auto",
    show_default=True,
    help="What plays the requests; the answer does not depend on it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@output_option(".json, .csv, .md")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def command(
    experiment: Path,
    *,
    untils: tuple[str, ...],
    path: str,
    low: float | None,
    high: float | None,
    precision: float,
    settings: tuple[str, ...],
    patterns: tuple[str, ...],
    overrides: tuple[str, ...],
    replications: int | None,
    workers: int | None,
    engine: str,
    as_json: bool,
    outputs: tuple[Path, ...],
    quiet: bool,
) -> None:
    """Find the largest arrival rate at which EXPERIMENT meets all conditions, or the least of any number in it."""
    written = writers(outputs, writer_for_capacity)
    wanted, at = parse_untils(untils), [_setting(text) for text in settings]
    loaded = load(experiment, overrides)
    search = Search(wanted or thresholds(loaded), path, low, high, patterns, at, precision)
    effort = Effort(replications or _LOOKS * max(loaded.spec.run.replications, 2), workers, engine)
    with shown(str(experiment), wanted=not quiet and not as_json) as report:
        found = capacity(loaded, search, effort, report)
    for output, write in written.items():
        replace_file(output, write(found))
    say(capacity_json(found) if as_json else drawn(lambda console: render_capacity(found, console)))


def _setting(text: str) -> tuple[str, tuple[str, ...]]:
    """Read `A.B=V,W`."""
    path, equals, values = text.partition("=")
    found = tuple(value.strip() for value in values.split(","))
    if not equals or not path.strip() or not all(found):
        hint = "write for example --at workload.arrivals.rate_per_s=5,20,80"
        raise InvalidInput([Issue(f"'{text}' is not a key with values", "--at", hint=hint)])
    return path.strip(), found
