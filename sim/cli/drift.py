"""`tiercast drift`: play an experiment months forward and say when its gates would have noticed."""

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
from sim.report.diagnosis import diagnosis_json, render_diagnosis, writer_for_diagnosis
from sim.report.drift import drift_json, render_drift, writer_for_drift
from sim.study.drift.answer import drift
from sim.study.drift.diagnose import diagnose


@click.command("drift", cls=Verb)
@click.argument("experiment", type=click.Path(path_type=Path))
@click.option("--set", "overrides", multiple=True, metavar="A.B=V", help="Change one value first; repeatable.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Another seed than the experiment's.")
@click.option("--replications", type=click.IntRange(1, 100_000), help="Another number than the experiment's.")
@click.option("--workers", type=click.IntRange(min=1, max=1024), help="Cores to use; the answer does not depend on it.")
@click.option(
    "--engine",
    type=click.Choice(["auto", "reference", "compiled"]),
    default="auto",
    show_default=True,
    help="What plays the requests; the answer does not depend on it.",
)
@click.option(
    "--diagnose",
    "months",
    metavar="A..B",
    help="Instead, explain by cause what has changed from month A ahead to month B.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@output_option(".json, .csv (one row per day), .md")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def command(
    experiment: Path,
    *,
    overrides: tuple[str, ...],
    seed: int | None,
    replications: int | None,
    workers: int | None,
    engine: str,
    months: str | None,
    as_json: bool,
    outputs: tuple[Path, ...],
    quiet: bool,
) -> None:
    """Play the months ahead of EXPERIMENT day by day: what its `drift` moves, and when its `gates` would notice."""
    loaded = load(experiment, overrides).with_(seed=seed, replications=replications)
    if months is not None:
        between = _between(months)
        files = writers(outputs, writer_for_diagnosis)
        with shown(str(experiment), wanted=not quiet and not as_json) as report:
            why = diagnose(loaded, between, workers=workers, engine=engine, progress=report)
        for output, put in files.items():
            replace_file(output, put(why))
        say(diagnosis_json(why) if as_json else drawn(lambda console: render_diagnosis(why, console)))
        return
    written = writers(outputs, writer_for_drift)
    with shown(str(experiment), wanted=not quiet and not as_json) as report:
        found = drift(loaded, workers=workers, engine=engine, progress=report)
    for output, write in written.items():
        replace_file(output, write(found))
    say(drift_json(found) if as_json else drawn(lambda console: render_drift(found, console)))


def _between(text: str) -> tuple[int, int]:
    """Read `A..B`."""
    first, dots, last = text.partition("..")
    if not dots or not first.strip().isdigit() or not last.strip().isdigit():
        raise InvalidInput(
            [Issue(f"{text!r} are no two months", "--diagnose", hint="write for example --diagnose 1..6")]
        )
    return int(first), int(last)
