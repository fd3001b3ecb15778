"""`tiercast run`: simulate an experiment, keep the result, print the answer."""

from __future__ import annotations

import contextlib
import signal
from pathlib import Path

import click

from sim.cli.answer import Verb, say
from sim.cli.outputs import output_option, writers
from sim.cli.paper import drawn
from sim.cli.progress import shown
from sim.experiment import store
from sim.experiment.resolve import load
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
@output_option(".json, .csv, .parquet, .md, .om.txt (OpenMetrics), .bench.json")
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
    writers(outputs, writer_for)
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
    say(summary_bytes(run.result) if as_json else drawn(lambda console: render(run.result, console)))
    if run.remark:
        click.echo(f"tiercast: {run.remark}", err=True)
    if not quiet:
        click.echo(f"results: {folder}", err=True)
