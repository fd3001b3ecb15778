"""The command line: `tiercast VERB`.

stdout is the answer, stderr is progress and errors. Exit codes: 0 done (also when the reader of stdout went away, as
``| head`` does), 1 the run or this program failed, 2 the input or the command line cannot be used, 130 interrupted.

A verb's module is imported when the verb is called, so that `--help` and `--version` answer at once.
"""

from __future__ import annotations

import importlib
import io
import keyword
import os
import signal
import sys
from pathlib import Path
from typing import Any

import click

from sim.cli.answer import answering
from sim.cli.failures import told_as_exit_code
from sim.version import __version__

VERBS = {
    "init": "Copy a small experiment to start from.",
    "validate": "Check experiment files and name every mistake.",
    "explain": "Show what would run, and where each value comes from.",
    "run": "Simulate an experiment and print the answer.",
    "check": "Hold an experiment against its thresholds; the exit code says it.",
    "diff": "Compare experiments, git revisions or results: what a change does.",
    "capacity": "Find how much an experiment takes.",
    "plan": "Find the pattern, the signals and the thresholds to route by.",
    "fit": "Learn thresholds and the worth of routers from labelled data.",
    "prices": "Show what models cost over time; take prices over from a package.",
    "forecast": "Forecast the monthly spend of every pattern.",
    "drift": "Play the months ahead: what moves, and when gates would notice.",
    "import": "Take over what other tools have written, such as OpenSLO.",
    "schema": "Print the JSON Schema of experiment files, for editors.",
    "doctor": "Check this installation.",
}
"""Verbs in the order one meets them, with their line in `--help`. Each is a module here with a `command`."""


class Verbs(click.Group):
    """The group of verbs; imports one only when it is called, and turns errors into messages and exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Name all verbs."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import the verb's module."""
        if cmd_name not in VERBS:
            return None
        module = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name
        command: click.Command = importlib.import_module(f"sim.cli.{module}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """List the verbs without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Read the arguments before the verb; ``--help`` and ``--version`` answer and leave."""
        with told_as_exit_code(), answering():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> object:
        """Call the verb."""
        with told_as_exit_code():
            return super().invoke(ctx)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tiercast", message="%(prog)s %(version)s")
def cli() -> None:
    """Simulate LLM model routing before rollout: cost, quality, latency and escalation per routing pattern."""


def main() -> None:
    """Run the command line and exit."""
    _fill_standard_streams()
    # before numpy is loaded: small equations are solved faster by one thread, and to the same last digit everywhere
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends it, it ends in the same orderly way
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a name the terminal cannot show is no reason to fail
    cli(prog_name="tiercast")


def _fill_standard_streams() -> None:
    """Stand in for standard streams that the caller has closed (``>&-``).

    Otherwise the next file to be opened would take the number of a closed one, and be written to by whoever prints.
    """
    if sys.stdin is None:
        sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115 - open until the process ends
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - the same
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - the same
