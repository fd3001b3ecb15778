"""`tiercast check`: an experiment held against its thresholds, with an exit code for CI."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable
from pathlib import Path

import click

from sim.cli.answer import Verb, remark, say, say_json
from sim.cli.github_actions import annotate, annotate_option, append_summary, set_outputs
from sim.cli.outputs import output_option, writers
from sim.cli.paper import drawn
from sim.cli.progress import shown
from sim.errors import InvalidInput
from sim.experiment.durable import replace_file
from sim.report.checked import check_writer_for
from sim.report.comment import comment
from sim.report.findings import outputs_of, remarks_of
from sim.report.verdicts import render
from sim.study.content import check_of
from sim.study.kept import Question, answered, digests, keep
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
@click.option(
    "--until-decided", is_flag=True, help="Add replications while verdicts are open, up to the budget, and keep all."
)
@click.option(
    "--budget",
    type=click.IntRange(min=1, max=100_000),
    help="Most replications for --until-decided; instead of run.budget, or of ten times as many as one begins with.",
)
@click.option(
    "--save-baseline",
    is_flag=True,
    help="Write the answer as the baseline that later checks compare with, instead of comparing: where "
    "regression.baseline says, or results/baselines/NAME.json.",
)
@click.option("--workers", type=click.IntRange(min=1, max=1024), help="Cores to use; the answer does not depend on it.")
@click.option(
    "--engine",
    type=click.Choice(["auto", "reference", "compiled"]),
    default="auto",
    show_default=True,
    help="What plays the requests; the answer does not depend on it. auto: compiled, unless the run is short.",
)
@output_option(
    ".md (pull-request comment), .xml (JUnit), .json, .sarif, .codequality.json (GitLab), .om.txt (OpenMetrics), "
    ".bench.json, .csv, .parquet"
)
@annotate_option
@click.option("--json", "as_json", is_flag=True, help="Print verdicts and summary as one JSON object.")
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Folder that keeps results.",
)
@click.option(
    "--fresh",
    is_flag=True,
    help="Play the experiment even if nothing has changed since an answer was kept in --results.",
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
    until_decided: bool,
    budget: int | None,
    save_baseline: bool,
    workers: int | None,
    engine: str,
    outputs: tuple[Path, ...],
    results: Path,
    as_json: bool,
    fresh: bool,
    quiet: bool,
) -> None:
    """Simulate EXPERIMENT and hold it against its thresholds and its baseline.

    Exit code 99 if a threshold is broken, 98 if something is worse than the baseline, 97 if a verdict is open and
    --fail-on inconclusive was given, else 0.
    """
    if budget is not None and not until_decided:
        raise click.UsageError("--budget says how far --until-decided may go; give both")
    with contextlib.suppress(ValueError):  # outside the main thread
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # asked to end: keep what is finished, as on Ctrl-C
    wanted = writers(outputs, check_writer_for)
    question = Question(str(experiment), overrides, seed, replications, until_decided, budget, engine)
    found = None if fresh or save_baseline else answered(question, results)
    if found is not None and not quiet and not as_json:
        remark(f"{experiment}: nothing has changed since this answer was kept; --fresh plays it again")
    if found is None:
        with shown(str(experiment), wanted=not quiet and not as_json) as report:
            found = _checked(question, results, workers, report, new_baseline=save_baseline)
    counted = _counted(fail_on)
    for path, write in wanted.items():
        replace_file(path, write(found, counted))
    if as_json:
        say_json(check_of(found))
    else:
        say(drawn(lambda console: render(found, console)))
    annotate(lambda: remarks_of(found, counted))
    append_summary(lambda most: comment(found, counted, most=most))
    set_outputs(outputs_of(found, counted, outputs))
    context.exit(found.exit_code(counted))


def _counted(fail_on: tuple[str, ...]) -> frozenset[FailOn]:
    """Give what the exit code tells of: failures always, unless it is never to tell of anything."""
    if "never" in fail_on:
        return frozenset()
    return frozenset({FailOn.FAIL, *(FailOn(one) for one in fail_on)})


def _checked(
    question: Question,
    results: Path,
    workers: int | None,
    progress: Callable[[float, int], None] | None,
    *,
    new_baseline: bool,
) -> CheckResult:
    """Make the check, and keep its answer for the next time, if no file has changed while it was made."""
    # A kept answer must not wait for what plays experiments.
    from sim.experiment.resolve import load  # noqa: PLC0415
    from sim.study.check import check, files_read  # noqa: PLC0415

    def now() -> dict[str, str]:
        """Give the content of all files, {} if one of them has just gone; the check will say what is wrong with it."""
        with contextlib.suppress(OSError, InvalidInput):
            return digests(files_read(load(question.experiment, question.overrides)))
        return {}

    # All is read between two looks: a file that is saved meanwhile must not get the answer of the old one.
    before = {} if new_baseline else now()
    loaded = load(question.experiment, question.overrides)
    found = check(
        loaded.with_(seed=question.seed, replications=question.replications),
        workers=workers,
        engine=question.engine,
        progress=progress,
        results=results,
        until_decided=question.until_decided,
        budget=question.budget,
        new_baseline=new_baseline,
    )
    if before and before == now():
        keep(question, results, found, before)
    return found
