"""``-o FILE``: the answer as files, each in the format that the end of its name says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click

from sim.errors import InvalidInput, Issue

Writer = TypeVar("Writer")
Command = TypeVar("Command", bound=Callable[..., Any])


def output_option(formats: str) -> Callable[[Command], Command]:
    """Give a verb the option ``-o`` as `outputs`; `formats` are the endings it knows, for the help."""
    return click.option(
        "-o",
        "--output",
        "outputs",
        multiple=True,
        type=click.Path(path_type=Path),
        metavar="FILE",
        help=f"Write the answer to FILE too; its extension names the format: {formats}. Repeatable.",
    )


def writers(outputs: Iterable[Path], writer_for: Callable[[Path], Writer]) -> dict[Path, Writer]:
    """Find the writer of each output. InvalidInput for all that nobody can write: before the simulation, not after."""
    found: dict[Path, Writer] = {}
    issues: list[Issue] = []
    for output in outputs:
        try:
            found[output] = writer_for(output)
        except InvalidInput as error:
            issues += error.issues
    if issues:
        raise InvalidInput(issues)
    return found
