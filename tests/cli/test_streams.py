"""Where the output goes: pipes that close, terminals, continuous integration, streams that are not there."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from cli.commands import Answer, command, environment, invoke, process

posix = pytest.mark.skipif(sys.platform == "win32", reason="pipes, shells and pseudo-terminals of POSIX")
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
RUN = ("run", "tiny.yaml", "--workers", "1")


def in_terminal(*arguments: str, **variables: str) -> tuple[int, str]:
    """Run the command line with a pseudo-terminal as all its streams; give its exit code and what the user sees."""
    ours, theirs = os.openpty()
    child = subprocess.Popen(
        command(*arguments), stdin=theirs, stdout=theirs, stderr=theirs, env=environment(TERM="xterm", **variables)
    )
    os.close(theirs)
    seen = b""
    with contextlib.suppress(OSError):  # how Linux says that the other end is closed
        while piece := os.read(ours, 65_536):
            seen += piece
    os.close(ours)
    return child.wait(), seen.decode()


def test_a_process_of_its_own_says_the_same() -> None:
    """If the command is a process, `python -m sim`, its streams, code and result are those of a call from Python."""
    called = invoke(*RUN)
    assert process(*RUN) == called


@posix
@pytest.mark.parametrize("arguments", ["--help", "validate --help", "validate tiny.yaml", "schema"])
def test_a_reader_that_goes_away_is_no_error(arguments: str) -> None:
    """If nobody reads stdout any more, the code is 0 and stderr empty."""
    ours, theirs = os.pipe()
    os.close(ours)
    with os.fdopen(theirs, "wb") as stdout:
        assert process(*arguments.split(), stdout=stdout) == Answer(0, "", "")


@posix
def test_a_long_answer_may_be_cut_short() -> None:
    """If only the first line of a long answer is read, as by `| head -1`, the code is 0 and stderr empty."""
    text = Path("tiny.yaml").read_text(encoding="utf-8")
    Path("tiny.yaml").write_text(f"{text}description: {'long ' * 100_000}\n", encoding="utf-8")
    with subprocess.Popen(
        command("explain", "tiny.yaml", "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert child.stdout.readline() == b"{\n"
        child.stdout.close()
        assert child.stderr.read() == b""
    assert child.returncode == 0


@posix
@pytest.mark.parametrize(("arguments", "code"), [(RUN, 0), (("validate", "nowhere.yaml"), 2)])
def test_streams_may_be_closed(arguments: tuple[str, ...], code: int) -> None:
    """If all standard streams are closed, the code tells as always, and no file takes their place."""
    script = f"exec {shlex.join(command(*arguments))} >&- 2>&- <&-"
    done = subprocess.run(["/bin/sh", "-c", script], check=False, env=environment())
    assert done.returncode == code
    kept = {path.name: path.read_bytes() for path in Path().glob("results/*/*/*.json") if path.name != "manifest.json"}
    invoke(*arguments)
    assert kept == {path.name: path.read_bytes() for path in Path().glob("results/*/*/*.json") if path.name in kept}


@posix
def test_a_terminal_gets_colours_and_a_bar_that_goes_away() -> None:
    """If the user sits at a terminal, the report is coloured and progress is shown, and none of it is in a file."""
    code, seen = in_terminal(*RUN, COLUMNS="100")
    assert code == 0
    assert ESCAPE.search(seen)
    assert "".join(invoke(*RUN).out.split()) in "".join(ESCAPE.sub("", seen).split())


def test_nothing_but_text_where_no_terminal_is() -> None:
    """If stdout is no terminal, as in continuous integration, the code is 0 and no control sequence is written."""
    answer = process(*RUN, CI="true", TERM="dumb", NO_COLOR="1", PYTHONIOENCODING="ascii", LC_ALL="C", COLUMNS="1")
    assert answer.code == 0
    assert not ESCAPE.search(answer.out + answer.err)
    assert [name for name in ("cheap-only", "frontier-only", "cascade") if name not in answer.out] == []


def test_colours_forced_for_terminals_do_not_reach_files() -> None:
    """If colours are forced, JSON and files are as they always are."""
    forced = process(*RUN, "--json", "-o", "answer.md", FORCE_COLOR="1", CLICOLOR_FORCE="1")
    assert forced.out == invoke(*RUN, "--json", "-o", "plain.md").out
    assert Path("answer.md").read_bytes() == Path("plain.md").read_bytes()
