"""`tiercast forecast`: what every pattern will cost in the months to come, with prediction intervals."""

from __future__ import annotations

from pathlib import Path

import click

from sim.cli.answer import Verb, say
from sim.cli.outputs import output_option, writers
from sim.cli.paper import drawn
from sim.cli.progress import shown
from sim.experiment.durable import replace_file
from sim.experiment.resolve import load
from sim.report.forecast import forecast_json, render_forecast, writer_for_forecast
from sim.study.forecast import forecast


@click.command("forecast", cls=Verb)
@click.argument("experiment", type=click.Path(path_type=Path))
@click.option("--set", "overrides", multiple=True, metavar="A.B=V", help="Change one value first; repeatable.")
@click.option("--workers", type=click.IntRange(min=1, max=1024), help="Cores to use; the answer does not depend on it.")
@click.option(
    "--engine",
    type=click.Choice(["auto", "reference", "compiled"]),
    default="auto",
    show_default=True,
    help="What plays the requests; the answer does not depend on it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@output_option(".json, .md, .csv, .parquet; .commitments.csv and others for one table each; .focus.csv for FOCUS")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def command(
    experiment: Path,
    *,
    overrides: tuple[str, ...],
    workers: int | None,
    engine: str,
    as_json: bool,
    outputs: tuple[Path, ...],
    quiet: bool,
) -> None:
    """Forecast the monthly spend of every pattern of EXPERIMENT, as its key `forecast` asks."""
    written = writers(outputs, writer_for_forecast)
    loaded = load(experiment, overrides)
    with shown(str(experiment), wanted=not quiet and not as_json) as report:
        found = forecast(loaded, engine, report, workers=workers)
    for output, write in written.items():
        replace_file(output, write(found))
    say(forecast_json(found) if as_json else drawn(lambda console: render_forecast(found, console)))
