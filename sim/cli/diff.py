"""`tiercast diff`: what a change of an experiment does, pattern by pattern."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import click
from rich.console import Console

from sim.cli.answer import Verb, say, say_json
from sim.cli.outputs import output_option, writers
from sim.cli.paper import drawn
from sim.cli.progress import shown
from sim.experiment.durable import replace_file
from sim.report.diff import diff_of, diff_writer_for, render_diff
from sim.report.diff_spend import render_spend_diff, spend_diff_of, spend_diff_writer_for
from sim.study.diff.diff import difference
from sim.study.diff.pair import Asked
from sim.study.diff.revisions import HEAD
from sim.study.diff.spend import spend_difference

Found = TypeVar("Found")


@click.command("diff", cls=Verb)
@click.argument("before")
@click.argument("after", required=False)
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME",
    help="Compare this metric instead of the usual ones, such as latency.p99 or 'ttft.p95{segment:enterprise}'; "
    "repeatable.",
)
@click.option("--all", "everything", is_flag=True, help="Compare every metric that there is.")
@click.option(
    "--forecast",
    "spend",
    is_flag=True,
    help="Compare the monthly spend that both forecast, in the same futures, instead of metrics.",
)
@click.option("--set", "overrides", multiple=True, metavar="A.B=V", help="Change one value of AFTER first; repeatable.")
@click.option("--seed", type=click.IntRange(min=0, max=2**63 - 1), help="Seed of both instead of that of AFTER.")
@click.option(
    "--replications",
    type=click.IntRange(min=1, max=100_000),
    help="Number of replications of both instead of that of AFTER.",
)
@click.option("--workers", type=click.IntRange(min=1, max=1024), help="Cores to use; the answer does not depend on it.")
@click.option(
    "--engine",
    type=click.Choice(["auto", "reference", "compiled"]),
    default="auto",
    show_default=True,
    help="What plays the requests; the answer does not depend on it.",
)
@output_option(".md (pull-request comment), .json, .csv")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def command(
    before: str,
    after: str | None,
    *,
    metrics: tuple[str, ...],
    everything: bool,
    spend: bool,
    overrides: tuple[str, ...],
    seed: int | None,
    replications: int | None,
    workers: int | None,
    engine: str,
    outputs: tuple[Path, ...],
    as_json: bool,
    quiet: bool,
) -> None:
    """Compare two experiments, revisions of one, baselines or results: what has been edited, and what that does.

    BEFORE and AFTER are each an experiment file, REVISION:FILE for one of a git revision (main:experiments/chat.yaml),
    a baseline, or the folder or summary.json of a result. A file alone is compared with what was last committed of it.
    With --set alone, the file is compared with itself as changed.
    """
    if everything + spend + bool(metrics) > 1:
        raise click.UsageError("--metric, --all and --forecast say what is compared; give one of them")
    if after is None:
        before, after = (before, before) if overrides else (f"{HEAD}:{before}", before)
    asked = Asked(metrics, everything, overrides, seed, replications, workers, engine)
    sides = before, after
    if spend:
        _show(sides, asked, outputs, _SPEND, as_json=as_json, quiet=quiet)
    else:
        _show(sides, asked, outputs, _METRICS, as_json=as_json, quiet=quiet)


@dataclass(frozen=True, slots=True)
class _Kind(Generic[Found]):
    """A kind of comparison: how it is made, and how its answer is told."""

    compare: Callable[[str, str, Asked], Found]
    writer_for: Callable[[Path], Callable[[Found], bytes]]
    data: Callable[[Found], Mapping[str, Any]]
    render: Callable[[Found, Console], None]


_METRICS = _Kind(difference, diff_writer_for, diff_of, render_diff)
_SPEND = _Kind(spend_difference, spend_diff_writer_for, spend_diff_of, render_spend_diff)


def _show(
    sides: tuple[str, str], asked: Asked, outputs: tuple[Path, ...], kind: _Kind[Found], *, as_json: bool, quiet: bool
) -> None:
    """Compare, and tell the answer."""
    wanted = writers(outputs, kind.writer_for)
    with shown(sides[1], wanted=not quiet and not as_json) as report:
        found = kind.compare(*sides, replace(asked, progress=report))
    for path, write in wanted.items():
        replace_file(path, write(found))
    if as_json:
        say_json(kind.data(found))
    else:
        say(drawn(lambda console: kind.render(found, console)))
