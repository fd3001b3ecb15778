"""From errors to what the user reads on stderr, and to exit codes."""

from __future__ import annotations

import contextlib
import os
import traceback
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from sim.cli.answer import remark
from sim.cli.github_actions import annotate
from sim.errors import InterruptedRun, InvalidInput, Issue, RunError
from sim.report.remarks import of_issues

FAILED, INVALID, INTERRUPTED = 1, 2, 130
_LONGEST_LINE = 160
_BEFORE_CARET = 100
_LONGEST_SEARCH = 4 << 20
_NO_TEXT = (b"PAR1", b"\x1f\x8b")
"""How files begin that have no lines to show: Parquet, gzip."""


@contextlib.contextmanager
def told_as_exit_code() -> Iterator[None]:
    """Report any error of the block on stderr and leave with its exit code; click's own errors pass through."""
    try:
        yield
    except (click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except InvalidInput as error:
        issues = error.issues
        annotate(lambda: of_issues(issues))
        _leave(invalid_input(issues), INVALID)
    except RunError as error:
        _leave([f"tiercast: error: {_one_line(str(error))}"], FAILED)
    except InterruptedRun as error:
        _leave([f"tiercast: interrupted: {_one_line(str(error))}".removesuffix(": ")], INTERRUPTED)
    except KeyboardInterrupt:
        _leave(["tiercast: interrupted"], INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - the last stop: whatever it is, the user gets one line and a code
        _leave(_internal(error), FAILED)


def invalid_input(issues: Iterable[Issue]) -> list[str]:
    """Return the lines that tell about `issues`: place and message, the line with a caret, the hint; then a count."""
    found = tuple(issues)
    texts = {file: _lines_of(file) for file in {issue.file for issue in found if issue.line}}
    lines = []
    for issue in found:
        lines.append(_one_line(str(issue)))
        lines += _source(issue, texts.get(issue.file, []))
        if issue.hint:
            lines.append(f"  hint: {_one_line(issue.hint)}")
    files = len({issue.file for issue in found})
    count = f"{len(found)} error{'s' if len(found) != 1 else ''}"
    return [*lines, f"{count} in {files} files" if files > 1 else count]


def _source(issue: Issue, text: list[str]) -> list[str]:
    """Return the line an issue is about, with a caret under its column; nothing if it cannot be shown."""
    if not 1 <= issue.line <= len(text):
        return []
    line, at = text[issue.line - 1], max(issue.col - 1, 0)
    start = max(0, at - _BEFORE_CARET) if len(line) > _LONGEST_LINE else 0
    shown = line[start : start + _LONGEST_LINE]
    return (
        [f"  {_printable(shown)}", f"  {_blank(shown[: at - start])}^"]
        if at <= len(line)
        else [f"  {_printable(shown)}"]
    )


def _lines_of(file: str) -> list[str]:
    """Read the first lines of a file, up to some megabytes: inputs may be many gigabytes. None where it is no text."""
    try:
        with Path(file).open("rb") as stream:
            content = b"" if stream.peek(4).startswith(_NO_TEXT) else stream.read(_LONGEST_SEARCH)
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return []
    return content.decode("utf-8-sig", "replace").splitlines()


def _blank(text: str) -> str:
    """Return white space as wide as `text`."""
    return "".join("\t" if letter == "\t" else " " * _cells(letter) for letter in text)


def _cells(letter: str) -> int:
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 0 if unicodedata.combining(letter) else 1


def _printable(text: str) -> str:
    """Return `text` without what would steer the terminal."""
    return "".join(letter if letter.isprintable() or letter == "\t" else "\N{REPLACEMENT CHARACTER}" for letter in text)


def _one_line(text: str) -> str:
    return _printable(" ".join(text.splitlines()))


def _internal(error: Exception) -> list[str]:
    lines = traceback.format_exception(error) if os.environ.get("TIERCAST_DEBUG") == "1" else []
    what = f"{type(error).__name__}: {_one_line(str(error))}".removesuffix(": ")
    advice = "" if lines else ", and what TIERCAST_DEBUG=1 adds"
    report = f"tiercast: internal error: {what}; please report this line with what `tiercast doctor` prints{advice}"
    return ["".join(lines).rstrip(), report] if lines else [report]


def _leave(lines: Iterable[str], code: int) -> None:
    with contextlib.suppress(OSError):  # stderr may be closed; the exit code still says it
        remark("\n".join(lines))
    raise click.exceptions.Exit(code)
