"""`tiercast validate`: every mistake in every file, at once."""

from __future__ import annotations

from pathlib import Path

import click

from sim.cli.answer import Verb, remark, say
from sim.cli.github_actions import annotate, annotate_option
from sim.cli.outputs import output_option, writers
from sim.errors import InvalidInput
from sim.experiment.crosscheck import warnings_of
from sim.experiment.durable import replace_file
from sim.experiment.resolve import load
from sim.report.remarks import of_warnings
from sim.report.validated import Validated, validation_writer_for


@click.command("validate", cls=Verb)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--set", "overrides", multiple=True, metavar="A.B=V", help="Change one value first; repeatable.")
@output_option(".sarif, .xml (JUnit), .codequality.json (GitLab)")
@annotate_option
def command(files: tuple[Path, ...], overrides: tuple[str, ...], *, outputs: tuple[Path, ...]) -> None:
    """Check experiment FILES without running them; what is allowed but probably not meant is a warning."""
    wanted = writers(outputs, validation_writer_for)
    found = [_validated(file, overrides) for file in files]
    for path, write in wanted.items():
        replace_file(path, write(found))
    for one in found:
        for warning in one.warnings:
            remark(f"{one.file}: warning: {warning}")
    annotate(lambda: [doubt for one in found for doubt in of_warnings(one.file, one.warnings)])
    issues = dict.fromkeys(issue for one in found for issue in one.issues)  # a workload that two share is blamed once
    if issues:
        raise InvalidInput(issues)


def _validated(file: Path, overrides: tuple[str, ...]) -> Validated:
    try:
        experiment = load(file, overrides)
    except InvalidInput as error:
        return Validated(str(file), issues=error.issues)
    say(f"{file}: ok, hash {experiment.hash[:12]}")
    return Validated(str(file), warnings=tuple(warnings_of(experiment)))
