"""Verdicts on a terminal."""

from __future__ import annotations

import dataclasses
import io

import pytest
from findings import checked, finding
from rich.cells import cell_len
from rich.console import Console

from sim.report.verdicts import render
from sim.study.verdict import CheckResult, Kind, Verdict


def drawn(check: CheckResult, width: int, encoding: str = "utf-8") -> str:
    """Return what a terminal of this width and encoding is sent."""
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="\n")
    render(check, Console(file=file, width=width, legacy_windows=False))
    file.flush()
    return file.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]


MIXED = checked(
    finding(Kind.THRESHOLD, Verdict.PASS),
    finding(Kind.THRESHOLD, Verdict.FAIL),
    finding(Kind.REGRESSION, Verdict.WORSE),
    notes=("a note",),
)


@pytest.mark.parametrize("width", [20, 40, 80, 140])
def test_every_verdict_is_there_at_any_width(width: int) -> None:
    """At any width every line fits, and verdict, wanted, measured and change are there."""
    text = drawn(MIXED, width)
    assert max(cell_len(line) for line in text.splitlines()) <= width
    flat = " ".join(text.split())
    for part in ("pass", "fail", "worse", "p(95)<2.3s", "2.31 s", "[2.27, 2.36]", "+15.5 %", "5 %", "a note"):
        assert part in flat


def test_what_is_broken_is_said_with_its_place() -> None:
    """If a promise is broken, its sentence names file, line and column; one that is kept has no sentence."""
    text = " ".join(drawn(MIXED, 140).split())
    assert "fail latency.p95 of cascade is said to be fail. (experiments/tiny.yaml:12:7)" in text
    assert "said to be pass" not in text
    assert text.endswith("3 verdicts: 1 pass, 1 fail, 1 worse")


def test_names_of_the_user_do_not_steer_the_terminal() -> None:
    """If a pattern or a file is named with control characters or markup, they are shown and not obeyed."""
    odd = dataclasses.replace(finding(Kind.THRESHOLD, Verdict.FAIL, pattern="[red]\x1b[2J"), file="a\x1b]0;b.yaml")
    text = drawn(checked(odd), 140)
    assert "\x1b" not in text
    assert "[red]" in text


def test_a_terminal_without_unicode_is_written_in_ascii() -> None:
    """If the terminal knows ASCII only, everything is drawn in it."""
    assert "pass" in drawn(MIXED, 100, "ascii")
