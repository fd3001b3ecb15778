"""stdout: the answer and nothing else."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import click

from sim.errors import RunError

PIPE_WIDTH = 120
"""Columns where stdout is a file or a pipe: the same everywhere."""

_LEAST_WIDTH = 20


class Verb(click.Command):
    """A verb of the command line. Its ``--help`` is an answer like any other."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Read the arguments; an option such as ``--help`` answers and leaves."""
        with answering():
            return super().make_context(info_name, args, parent, **extra)


def say(text: str | bytes) -> None:
    """Write the answer; bytes go out as they are, text with a final line break. Fails as `answering` says."""
    with answering():
        click.echo(text if isinstance(text, bytes) else in_log(text), nl=isinstance(text, str))


def remark(text: str) -> None:
    """Write a line or more to stderr."""
    click.echo(in_log(text), err=True)


def in_log(text: str) -> str:
    """Return text for people so that no name in it is a command to what keeps the log: GitHub Actions reads some."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return text
    from sim.report.github import harmless  # noqa: PLC0415 - of no use elsewhere

    return harmless(text)


@contextlib.contextmanager
def answering() -> Iterator[None]:
    """Write to stdout and to nothing else.

    If the reader has gone (``| head``), the program ends with exit code 0: it has what it wanted. RunError if stdout
    cannot be written for another reason.
    """
    try:
        yield
    except BrokenPipeError:
        # Python flushes stdout once more at exit; let that go nowhere instead of failing there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise click.exceptions.Exit(0) from None
    except OSError as error:
        raise RunError(f"cannot write to standard output: {error.strerror}") from error


def say_json(content: Mapping[str, Any]) -> None:
    """Write one JSON object in UTF-8. ValueError for NaN or infinity: JSON has neither."""
    say((json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace"))


def width() -> int | None:
    """Columns to draw in; None leaves it to the terminal."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isascii() and columns.isdigit():
        return max(int(columns), _LEAST_WIDTH)
    return None if sys.stdout.isatty() else PIPE_WIDTH
