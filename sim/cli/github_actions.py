"""GitHub Actions: annotations at the lines to mend, the summary and the outputs of the step.

All of it where ``GITHUB_ACTIONS=true``; annotations also with ``--annotate``.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from sim.experiment.durable import failing_as_run_error
from sim.report.github import SUMMARY_BYTES, outputs, workflow_commands
from sim.report.remarks import Remark

LEAST_ROOM: Final = 16_384
"""Bytes below which a summary is left out."""

_WANTED: Final = "sim.cli.annotate"
Command = TypeVar("Command", bound=Callable[..., Any])


def annotate_option(command: Command) -> Command:
    """Give a verb the option ``--annotate``, which `annotate` looks at."""
    return click.option(
        "--annotate/--no-annotate",
        default=None,
        expose_value=False,
        callback=_remember,
        help="Print GitHub annotations at the lines that are to be looked at; by default where GITHUB_ACTIONS=true.",
    )(command)


def on_github() -> bool:
    """Say whether this is a step of GitHub Actions."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def annotate(remarks: Callable[[], Sequence[Remark]]) -> None:
    """Print annotations on stderr, where the runner reads them too, if they are wanted."""
    context = click.get_current_context(silent=True)
    wanted = None if context is None else context.meta.get(_WANTED)
    if on_github() if wanted is None else wanted:
        for line in workflow_commands([_in_repository(remark) for remark in remarks()]):
            click.echo(line, err=True)


def append_summary(text: Callable[[int], str]) -> None:
    """Append to the summary of the step what `text` makes of so many bytes; nothing where there is no such file.

    RunError if the file cannot be written.
    """
    if path := _file_of("GITHUB_STEP_SUMMARY"):
        with failing_as_run_error(path):
            room = SUMMARY_BYTES - (path.stat().st_size if path.exists() else 0)
            if room >= LEAST_ROOM:
                _append(path, text(room - 1) + "\n")


def set_outputs(values: Mapping[str, str]) -> None:
    """Set outputs of the step; nothing where there is no such file. RunError if the file cannot be written."""
    if path := _file_of("GITHUB_OUTPUT"):
        with failing_as_run_error(path):
            _append(path, outputs(values))


def _remember(context: click.Context, _: click.Parameter, value: bool | None) -> None:
    context.meta[_WANTED] = value


def _file_of(variable: str) -> Path | None:
    name = os.environ.get(variable, "")
    return Path(name) if name and on_github() else None


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8", newline="") as file:
        file.write(text)


def _in_repository(remark: Remark) -> Remark:
    """Return the remark with the path of its file from the root of the repository, wherever the step has gone."""
    root = os.environ.get("GITHUB_WORKSPACE", "")
    if not root or not remark.file:
        return remark
    found = os.path.relpath(Path(remark.file).absolute(), root)
    return remark if found.startswith("..") else dataclasses.replace(remark, file=found)
