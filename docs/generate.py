"""Write what the documentation takes from the program: reference pages, JSON Schema, captured outputs.

    python docs/generate.py            write what has changed
    python docs/generate.py --check    write nothing; name what is stale and exit with 1

A block between ``<!-- output: tiercast ... -->`` and the end of the fence after it is captured anew. The marker may end
with ``; from: TEXT`` (first line that is kept, by how it starts) and ``; to: TEXT`` (first line that is not).
"""
# ruff: noqa: INP001 - a program beside the pages it writes, not a package

from __future__ import annotations

import contextlib
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
from click.testing import CliRunner
from experiment_page import HEAD, experiment_page, prose, table
from families import schema

from sim.cli import VERBS, cli
from sim.cli.failures import FAILED, INTERRUPTED, INVALID
from sim.experiment.summary import json_bytes
from sim.outcome.catalogue import CATALOGUE, Metric
from sim.report.check_schema import check_schema
from sim.study.verdict import BROKEN, INCONCLUSIVE, REGRESSED

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent

_OUTPUT = re.compile(r"(<!-- output: (?P<marker>[^\n]*?) -->\n```text\n)(?P<old>.*?)(```\n)", re.DOTALL)


# ---- reference/metrics.md


def metrics_page() -> str:
    """Give the reference of the metrics."""
    groups: dict[str, list[Metric]] = {}
    for metric in CATALOGUE:
        groups.setdefault(metric.name.split(".")[0], []).append(metric)
    parts = [HEAD, "# Metrics\n\n", _METRICS]
    for name, metrics in groups.items():
        rows = [(f"`{one.name}`", one.unit, one.better, prose(one.meaning)) for one in metrics]
        parts += [f"## {name}\n\n", table(("metric", "unit", "better", "meaning"), rows)]
    return "".join(parts)


_METRICS = """Names are those of `summary.json`, `metrics.parquet`, `-o` files and `run.summary`. A name in angle
brackets stands for each segment, task class, route, cause or model of the run. A metric without data is left out, and
`summary.json` gives the reason under `absent`. "better" is empty where neither direction is.

Units: s (seconds), usd, usd/1k (US dollars per 1,000 requests), fraction (0 to 1), points (percentage points), ratio,
1/s, requests (a mean number of them). [How intervals are made](../statistics.md) is a page of its own.

"""


# ---- reference/cli.md


def cli_page() -> str:
    """Give the reference of the command line."""
    context = click.Context(cli, info_name="tiercast", **cli.context_settings)
    parts = [HEAD, "# Command line\n\n", f"{cli.help}\n\n", _usage(cli, context), _STREAMS]
    codes = [
        ("0", "done; also when the reader of stdout went away, as `head` does"),
        (str(FAILED), "the run, the writing of its results or the program failed"),
        (str(INCONCLUSIVE), "`check --fail-on inconclusive`: nothing is broken, but something is open"),
        (str(REGRESSED), "`check`: something has become worse than the baseline, and no limit is broken"),
        (str(BROKEN), "`check`: a threshold or objective is broken, or a pattern unstable"),
        (str(INVALID), "the input or the command line cannot be used; every issue is on stderr"),
        (str(INTERRUPTED), "interrupted; finished replications are kept and the same command goes on from them"),
    ]
    parts += ["## Exit codes\n\n", table(("code", "meaning"), codes)]
    for verb in VERBS:
        command = cli.get_command(context, verb)
        if command is not None:
            inner = click.Context(command, info_name=verb, parent=context)
            parts += [f"## tiercast {verb}\n\n", f"{prose(command.help or '')}\n\n", _usage(command, inner)]
            parts += [_options(command, inner)]
            parts += list(_verbs_of(command, inner))
    return "".join(parts)


def _verbs_of(command: click.Command, context: click.Context) -> Iterator[str]:
    """Yield the parts of the verbs of a verb."""
    for name, inner in command.commands.items() if isinstance(command, click.Group) else ():
        own = click.Context(inner, info_name=name, parent=context)
        yield f"### {own.command_path}\n\n{prose(inner.help or '')}\n\n{_usage(inner, own)}{_options(inner, own)}"


_STREAMS = """stdout is the answer and nothing else; progress and errors go to stderr. `COLUMNS` sets the width of the
report. `TIERCAST_DEBUG=1` adds the traceback to an internal error.

"""


def _usage(command: click.Command, context: click.Context) -> str:
    return f"```text\n{' '.join([context.command_path, *command.collect_usage_pieces(context)])}\n```\n\n"


def _options(command: click.Command, context: click.Context) -> str:
    records = [param.get_help_record(context) for param in command.get_params(context)]
    rows = [(f"`{names}`".replace("|", "\\|"), prose(text)) for names, text in filter(None, records) if text]
    return table(("option", "meaning"), rows)


# ---- captured outputs


def refreshed(text: str) -> str:
    """Give a page with every captured output as the program prints it now."""

    def capture(match: re.Match[str]) -> str:
        line, *edges = match["marker"].split("; ")
        wanted = dict(edge.split(": ", 1) for edge in edges)
        lines = output_of(line).splitlines()
        first = _place(lines, wanted.get("from", ""), 0)
        last = _place(lines, wanted["to"], first + 1) if "to" in wanted else len(lines)
        shown = "\n".join(one.rstrip() for one in lines[first:last]).rstrip()
        return f"{match[1]}{shown}\n{match[4]}"

    return _OUTPUT.sub(capture, text)


def _place(lines: list[str], start: str, since: int) -> int:
    """Find the line that starts like this. ValueError if there is none: the marker needs a new text."""
    for at in range(since, len(lines)):
        if lines[at].startswith(start):
            return at
    raise ValueError(f"no line of the output starts with {start!r}")


@cache
def output_of(line: str) -> str:
    """Run a command line of tiercast beside copies of the shipped examples; give what it prints."""
    program, *arguments = shlex.split(line)
    if program != "tiercast":
        raise ValueError(f"only tiercast is run, not {program}")
    if arguments[0] == "run":
        arguments += ["--quiet", "--workers", "1"]  # which change no number
    runner = CliRunner(env={"COLUMNS": None, "FORCE_COLOR": None, "TTY_COMPATIBLE": None})
    with tempfile.TemporaryDirectory() as folder:
        for name in ("experiments", "workloads"):
            shutil.copytree(ROOT / name, Path(folder) / name)
        with contextlib.chdir(folder):
            result = runner.invoke(cli, arguments, prog_name="tiercast")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


# ---- all of it


def pages() -> Iterator[tuple[Path, str]]:
    """Yield every file that is written, or holds captured outputs, with its right content."""
    yield DOCS / "schema" / "experiment.schema.json", json_bytes(schema()).decode()
    yield DOCS / "schema" / "check.schema.json", json_bytes(check_schema()).decode()
    yield DOCS / "reference" / "experiment.md", experiment_page()
    yield DOCS / "reference" / "metrics.md", metrics_page()
    yield DOCS / "reference" / "cli.md", cli_page()
    for path in (ROOT / "README.md", *sorted(DOCS.rglob("*.md"))):
        text = path.read_text(encoding="utf-8")
        if _OUTPUT.search(text):
            yield path, refreshed(text)


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; name what is stale and exit with 1.")
def main(*, check: bool) -> None:
    """Bring the generated parts of the documentation up to date."""
    stale = 0
    for path, right in pages():
        if path.is_file() and path.read_text(encoding="utf-8") == right:
            continue
        stale += 1
        click.echo(f"{'stale' if check else 'wrote'}: {path.relative_to(ROOT)}")
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(right, encoding="utf-8")
    if check and stale:
        click.echo("run: python docs/generate.py", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
