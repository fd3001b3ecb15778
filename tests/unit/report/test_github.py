"""What GitHub Actions reads, read back as its runner does."""

from __future__ import annotations

import re

import pytest
from drawn_remarks import REMARKS
from hypothesis import given
from hypothesis import strategies as st

from sim.report.escapes import clipped, printable, utf8
from sim.report.github import MOST, harmless, outputs, workflow_commands
from sim.report.remarks import Remark, slashes

_COMMAND = re.compile(r"::(?P<name>error|warning) (?P<places>[^:]*)::(?P<data>.*)", re.DOTALL)
_OUTPUT = re.compile(r"(?P<name>[a-z]+)<<(?P<delimiter>\S+)\n(?P<value>.*?)\n(?P=delimiter)\n", re.DOTALL)


def unescaped(text: str) -> str:
    """Undo the escapes of a workflow command in the order of the runner."""
    for code, letter in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        text = text.replace(code, letter)
    return text


def read(line: str) -> tuple[str, dict[str, str], str]:
    """Read a command: its name, its properties and its message."""
    found = _COMMAND.fullmatch(line)
    assert found is not None
    pairs = (pair.split("=", 1) for pair in found["places"].split(","))
    return found["name"], {key: unescaped(value) for key, value in pairs}, unescaped(found["data"])


@given(REMARKS)
def test_any_remark_is_one_line_that_reads_back(remark: Remark) -> None:
    """Whatever it holds, a remark is one line, and the runner reads from it what was written."""
    (line,) = workflow_commands([remark])
    assert not {"\n", "\r"}.intersection(line)
    name, places, message = read(line)
    assert (name, message) == (remark.level, printable(remark.message))
    assert places["title"] == f"tiercast: {printable(remark.title)}"
    assert places.get("file", "") == utf8(slashes(remark.file))
    assert ("line" in places) == bool(remark.file and remark.line)


def test_what_would_not_be_shown_is_counted() -> None:
    """Of more remarks than GitHub shows of a level, the last one says how many are left; the worst come first."""
    remarks = [Remark("warning", "x", "t", str(at)) for at in range(3)]
    remarks += [Remark("error", "x", "t", str(at)) for at in range(14)]
    lines = workflow_commands(remarks)
    assert [line.split(" ")[0] for line in lines] == ["::error"] * MOST + ["::warning"] * 3
    assert lines[MOST - 1] == "::error title=tiercast::and 5 more of this kind, which the log has"


def test_a_long_message_is_cut() -> None:
    """A message as long as a file does not fill the log."""
    (line,) = workflow_commands([Remark("error", "x", "t", "m" * 100_000)])
    assert read(line)[2] == clipped("m" * 100_000, 4_000)


@given(st.dictionaries(st.from_regex("[a-z]+", fullmatch=True), st.text(), max_size=3))
def test_any_output_reads_back(values: dict[str, str]) -> None:
    """Whatever a value holds, line breaks and what looks like an end too, it is read back and sets nothing else."""
    found = [(one["name"], one["value"]) for one in _OUTPUT.finditer(outputs(values))]
    assert found == [(name, utf8(value)) for name, value in values.items()]


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("::error::x", "\u2060::error::x"),
        ("a\n  ::set-output name=x::y", "a\n  \u2060::set-output name=x::y"),
        ("a ##[error]b", "a ##\u2060[error]b"),
        ("a\r::x", "a\r\u2060::x"),
        ("a::b", "a::b"),
        ("| # [x]", "| # [x]"),
    ],
)
def test_no_name_is_a_command(text: str, safe: str) -> None:
    """A line that the runner would obey is shown to it in another way; others stay as they are."""
    assert harmless(text) == safe


@given(st.text(alphabet=st.sampled_from(":#[]e \t\r\n\x0b\u2028")))
def test_nothing_in_the_log_is_a_command(text: str) -> None:
    """The runner, which strips white space from lines, finds no command."""
    lines = re.split("[\r\n]", harmless(text))
    assert not any(line.strip().startswith("::") or "##[" in line for line in lines)
