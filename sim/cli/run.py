"""`tiercast run`: simulate an experiment, keep the result, print the answer."""

from __future__ import annotations

import contextlib
import io
import signal
import sys
from pathlib import Path

import click
from rich.console import Console

from sim.cli.answer import Verb, say, width
from sim.cli.progress import shown
from sim.errors import InvalidInput, Issue
from sim.experiment import store
from sim.experiment.resolve import load
from sim.experiment.result import RunResult
from sim.experiment.summary import summary_bytes
from sim.report.tables import write_output, writer_for
from sim.report.terminal import render


@click.command("run", cls=Verb)
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
@click.option("--workers", type=click.IntRange(min=1, max=1024), help="Cores to use; the answer does not depend on it.")
@click.option(
    "--engine",
    type=click.Choice(["auto", "reference", "compiled"]),
    default="auto",
    show_default=True,
    help="What plays the requests; the answer does not depend on it. auto: compiled, unless the run is short.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the answer to FILE too; its extension names the format: .json, .csv, .parquet, .md. Repeatable.",
)
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Folder that keeps results.",
)
@click.option("--requests", is_flag=True, help="Keep a table with one row per request as well; takes another run.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def command(
    experiment: Path,
    overrides: tuple[str, ...],
    *,
    seed: int | None,
    replications: int | None,
    workers: int | None,
    engine: str,
    outputs: tuple[Path, ...],
    results: Path,
    as_json: bool,
    requests: bool,
    quiet: bool,
) -> None:
    """Simulate EXPERIMENT (a YAML file) and print what each pattern costs, how good and how fast it is."""
    _refuse_unknown(outputs)
    with contextlib.suppress(ValueError):  # outside the main thread
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # asked to end: keep what is finished, as on Ctrl-C
    loaded = load(experiment, overrides)
    with shown(str(experiment), wanted=not quiet and not as_json) as report:
        run = loaded.run(
            workers=workers, seed=seed, replications=replications, engine=engine, progress=report, results=results
        )
    with run.kept_if_interrupted():
        folder = store.write(run.result, results, run.requests_parts() if requests else None)
        for output in outputs:
            write_output(run.result, output)
    say(summary_bytes(run.result) if as_json else _drawn(run.result))
    if run.remark:
        click.echo(f"tiercast: {run.remark}", err=True)
    if not quiet:
        click.echo(f"results: {folder}", err=True)


def _refuse_unknown(outputs: tuple[Path, ...]) -> None:
    """Refuse formats nobody can write before the simulation, not after it."""
    issues: list[Issue] = []
    for output in outputs:
        try:
            writer_for(output)
        except InvalidInput as error:
            issues += error.issues
    if issues:
        raise InvalidInput(issues)


def _drawn(result: RunResult) -> bytes:
    """Return the report as stdout shows it, coloured where that is a terminal that has colours."""
    paper = io.TextIOWrapper(io.BytesIO(), encoding=sys.stdout.encoding or "utf-8", newline="")
    # Drawn apart from stdout: rich has a way of its own with readers that have gone.
    render(result, Console(file=paper, width=width(), force_terminal=True if sys.stdout.isatty() else None))
    paper.seek(0)
    return paper.buffer.read()
