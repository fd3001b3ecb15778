"""`tiercast check`: an experiment held against its thresholds, with an exit code for CI."""

from __future__ import annotations

import contextlib
import io
import signal
import sys
from pathlib import Path

import click
from rich.console import Console

from sim.cli.answer import Verb, say, say_json, width
from sim.cli.progress import shown
from sim.experiment.resolve import load
from sim.report.verdicts import render
from sim.study.check import check
from sim.study.content import check_of
from sim.study.verdict import CheckResult, FailOn


@click.command("check", cls=Verb)
@click.argument("experiment", type=click.Path(path_type=Path))
@click.option(
    "--set", "overrides", multiple=True, metavar="A.B=V", help="Change one value of the experiment; repeatable."
)
@click.option("--seed", type=click.IntRange(min=0, max=2**63 - 1), help="Seed instead of the experiment's.")
@click.option(
    "--replications",
    type=click.IntRange(min=1, max=100_000),
    help="Number of replications instead of the experiment's.",
)
@click.option(
    "--fail-on",
    "fail_on",
    multiple=True,
    type=click.Choice([*(one.value for one in FailOn), "never"]),
    help="What the exit code tells of, repeatable; fail by default. inconclusive and warn are added to it; never: exit "
    "code 0 whatever is found.",
)
@click.option("--workers", type=click.IntRange(min=1, max=1024), help="Cores to use; the answer does not depend on it.")
@click.option(
    "--engine",
    type=click.Choice(["auto", "reference", "compiled"]),
    default="auto",
    show_default=True,
    help="What plays the requests; the answer does not depend on it. auto: compiled, unless the run is short.",
)
@click.option("--json", "as_json", is_flag=True, help="Print verdicts and summary as one JSON object.")
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Folder that keeps results.",
)
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
@click.pass_context
def command(
    context: click.Context,
    experiment: Path,
    overrides: tuple[str, ...],
    *,
    seed: int | None,
    replications: int | None,
    fail_on: tuple[str, ...],
    workers: int | None,
    engine: str,
    results: Path,
    as_json: bool,
    quiet: bool,
) -> None:
    """Simulate EXPERIMENT and hold it against its thresholds.

    Exit code 99 if one is broken, 97 if one is open and --fail-on inconclusive was given, else 0.
    """
    with contextlib.suppress(ValueError):  # outside the main thread
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # asked to end: keep what is finished, as on Ctrl-C
    loaded = load(experiment, overrides).with_(seed=seed, replications=replications)
    with shown(str(experiment), wanted=not quiet and not as_json) as report:
        found = check(loaded, workers=workers, engine=engine, progress=report, results=results)
    if as_json:
        say_json(check_of(found))
    else:
        say(_drawn(found))
    context.exit(found.exit_code(_counted(fail_on)))


def _counted(fail_on: tuple[str, ...]) -> frozenset[FailOn]:
    """Give what the exit code tells of: failures always, unless it is never to tell of anything."""
    if "never" in fail_on:
        return frozenset()
    return frozenset({FailOn.FAIL, *(FailOn(one) for one in fail_on)})


def _drawn(found: CheckResult) -> bytes:
    """Return the verdicts as stdout shows them, coloured where that is a terminal that has colours."""
    paper = io.TextIOWrapper(io.BytesIO(), encoding=sys.stdout.encoding or "utf-8", newline="")
    render(found, Console(file=paper, width=width(), force_terminal=True if sys.stdout.isatty() else None))
    paper.seek(0)
    return paper.buffer.read()
