"""`tiercast fit history`: growth and weekdays from a daily usage file."""

from __future__ import annotations

from pathlib import Path

import click

from sim.cli.answer import Verb, say
from sim.cli.outputs import output_option, writers
from sim.cli.paper import drawn
from sim.experiment.durable import replace_file
from sim.report.history import history_json, render_history, writer_for_history
from sim.study.fit.history import fit_history
from sim.study.fit.usage import read_history


@click.command("history", cls=Verb)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--date", default="date", show_default=True, metavar="COLUMN", help="The day, such as 2026-11-30.")
@click.option(
    "--value",
    default="requests",
    show_default=True,
    metavar="COLUMN",
    help="What was used: a column; of an export in JSON requests, tokens or usd.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@output_option(".json, .yaml (the traffic of a forecast)")
def history(file: Path, *, date: str, value: str, as_json: bool, outputs: tuple[Path, ...]) -> None:
    """Estimate growth and weekdays from FILE, for `forecast.traffic`; rows of a day are added up.

    FILE is CSV, Parquet, or in JSON what OpenRouter gives as activity or LiteLLM as daily activity.

    The later days of the file are forecast from the earlier ones, to say what that would have been worth.
    """
    written = writers(outputs, writer_for_history)
    found = fit_history(read_history(file, date, value))
    for output, write in written.items():
        replace_file(output, write(found))
    say(history_json(found) if as_json else drawn(lambda console: render_history(found, console)))
