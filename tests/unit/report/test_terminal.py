"""The report on terminals wide and narrow, with and without colour and Unicode."""

from __future__ import annotations

import dataclasses
import io
import re

import pytest
from rich.cells import cell_len
from rich.console import Console

from sim.experiment.result import PatternResult, RunResult
from sim.outcome.estimates import Estimate
from sim.report.sentences import in_words
from sim.report.terminal import render


def drawn(result: RunResult, width: int, encoding: str = "utf-8", *, colour: bool = False) -> str:
    """Return what a terminal of this width and encoding is sent."""
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="\n")
    console = Console(
        file=file,
        width=width,
        force_terminal=colour,
        color_system="truecolor" if colour else None,
        legacy_windows=False,
    )
    render(result, console)
    file.flush()
    return file.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]


def squeezed(text: str) -> str:
    """Return the text with each run of white space as one space."""
    return " ".join(text.split())


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 130, 200])
def test_no_line_is_longer_than_the_terminal_is_wide(result: RunResult, width: int) -> None:
    """At any width every line fits, and every number of the main table is there."""
    text = drawn(result, width)
    assert max(cell_len(line) for line in text.splitlines()) <= width
    for part in ("$4.82", "[4.80, 4.84]", "61 %", "820 ms", "[2.37, 2.51]", "21.5 %", "~4.4 s", "unstable"):
        assert part in text


def test_one_line_per_pattern_where_there_is_room(result: RunResult) -> None:
    """On a wide terminal a pattern is one line: value and interval side by side."""
    row = next(line for line in drawn(result, 160).splitlines() if line.startswith("cascade "))
    assert re.split(r" {2,}", row) == [
        "cascade",
        "$4.82 [4.80, 4.84]",
        "61 % [59, 63]",
        "95.7 % [95.4, 96.0]",
        "0.6 [0.3, 0.9]",
        "820 ms [812, 828]",
        "2.44 s [2.37, 2.51]",
        "21.5 % [21.1, 21.9]",
    ]


def test_a_hundred_columns_are_enough_for_a_table(result: RunResult) -> None:
    """At 100 columns the main table is still a table: one heading line names all columns."""
    headings = next(line for line in drawn(result, 100).splitlines() if "cost/1k" in line)
    assert headings.split() == ["cost/1k", "saving", "accepted", "(points)", "P50", "P95", "escalated"]


def test_numbers_stand_under_their_headings(result: RunResult) -> None:
    """Columns are right-aligned: each value ends where its heading ends."""
    lines = drawn(result, 160).splitlines()
    heading = next(line for line in lines if line.startswith("pattern ") and "cost/1k" in line)
    row = next(line for line in lines if line.startswith("cascade "))
    ends = [match.end() for match in re.finditer(r"\S+", heading)][1:]
    assert [match.end() for match in re.finditer(r"\]", row)] == ends


def test_the_header_says_what_ran(result: RunResult) -> None:
    """Title, size, window, seed, hash and engine stand on top."""
    assert squeezed(drawn(result, 100)).startswith(
        "Support chat 1,000,000 requests in 20 replications, window 1 d, seed 7, hash 0123456789ab, engine reference "
    )


def test_segments_have_a_table_of_their_own(result: RunResult) -> None:
    """With several segments each has a row per pattern, and columns that no pattern fills are left out."""
    bill = Estimate(800.0, 792.0, 808.0, "usd")
    saving = Estimate(0.5, 0.49, 0.51, "fraction", "frontier-only")
    estimates = {"cost.per_30d.segment.paid.eu": bill, "cost.saving.segment.paid.eu": saving}
    one = dataclasses.replace(result.patterns["cascade"], estimates=estimates)
    base = dataclasses.replace(result.patterns["frontier-only"], estimates={"cost.per_30d.segment.paid.eu": bill})
    lines = drawn(dataclasses.replace(result, patterns={"cascade": one, "frontier-only": base}), 160).splitlines()
    at = lines.index("Segments")
    assert [re.split(r" {2,}", line) for line in (lines[at + 1], *lines[at + 3 : at + 5])] == [
        ["segment", "pattern", "cost/30 days", "saving"],
        ["paid.eu", "cascade", "$800 [792, 808]", "50.0 % [49.0, 51.0]"],
        ["paid.eu", "frontier-only", "$800 [792, 808]", "baseline"],
    ]
    assert "Segments" not in drawn(result, 160)


def test_absent_metrics_say_why(result: RunResult) -> None:
    """A dash carries a letter, and the letter the reason."""
    text = drawn(result, 160)
    row = next(line for line in text.splitlines() if line.startswith("pre-route "))
    assert row.endswith("\N{EN DASH} (a)")
    assert "\n(a) it never escalates\n" in text


def test_untrusted_and_unstable_are_explained_only_where_they_occur(result: RunResult) -> None:
    """The meaning of ~ and of unstable is told if they are used, and not otherwise."""
    text = drawn(result, 160)
    assert "\n~ too few" in text
    assert "\nunstable: more work" in text
    calm = dataclasses.replace(result, patterns={"cheap-only": result.patterns["cheap-only"]})
    assert "~" not in drawn(calm, 160)
    assert "unstable" not in drawn(calm, 160)


def test_escalation_names_the_baseline_of_each_ratio(result: RunResult) -> None:
    """Ratios say what they are over: the direct call to the first model and to the last."""
    text = drawn(result, 160)
    assert re.search(r"P50 over +escalated P50 over\n", text)
    assert re.search(r"cheap-only +frontier-only\n", text)


def test_comparison_with_another_baseline_is_remarked(result: RunResult) -> None:
    """A saving against something else than the run's baseline says against what."""
    other = result.patterns["cheap-only"]
    estimates = {**other.estimates, "cost.saving": Estimate(0.2, 0.1, 0.3, "fraction", "pre-route")}
    changed = {**result.patterns, "cheap-only": dataclasses.replace(other, estimates=estimates)}
    text = drawn(dataclasses.replace(result, patterns=changed), 200)
    assert re.search(r"20 % \(([a-z])\) \[10, 30\].*\n\(\1\) against pre-route\n", text, re.DOTALL)


def test_models_with_dots_in_their_names(result: RunResult) -> None:
    """A model called gpt-4.1 keeps its name."""
    assert re.search(r"\ncascade +gpt-4\.1 +61\.0 % \[60\.0, 62\.0\] +39\.1 \[38\.7, 39\.5\]", drawn(result, 120))


def test_markup_and_escape_sequences_of_users_are_shown_not_obeyed(result: RunResult) -> None:
    """A title in rich markup is printed as it is; escape sequences lose their first byte."""
    text = drawn(dataclasses.replace(result, title="[red]x[/red] \x1b[31m :smile:\n[/]", notes=("[/nothing]",)), 100)
    assert text.startswith("[red]x[/red] \N{REPLACEMENT CHARACTER}[31m :smile:\N{REPLACEMENT CHARACTER}[/]\n")
    assert "[/nothing]" in text
    assert "\x1b" not in text


def test_no_terminal_gets_no_colour(result: RunResult) -> None:
    """A file gets plain text, a terminal the same text with styles."""
    plain, styled = drawn(result, 100), drawn(result, 100, colour=True)
    assert "\x1b" not in plain
    assert "\x1b[1m" in styled
    assert re.sub(r"\x1b\[[0-9;]*m", "", styled) == plain


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_old_encodings_are_no_obstacle(result: RunResult, encoding: str) -> None:
    """Without Unicode, dashes and rules become ASCII, other letters a question mark; the layout stays."""
    text = drawn(dataclasses.replace(result, title="模型"), 160, encoding)
    assert text.startswith("??\n")
    assert "- (a)" in text
    assert "-----" in text
    assert "* prices of 2026-01-01" in text


def test_wide_letters_keep_the_columns_straight(result: RunResult) -> None:
    """Names in letters two cells wide do not shift the numbers."""
    renamed = {"模型路由": dataclasses.replace(result.patterns["cascade"], name="模型路由"), **result.patterns}
    lines = drawn(dataclasses.replace(result, patterns=renamed), 160).splitlines()
    wide = next(line for line in lines if line.startswith("模型路由 "))
    narrow = next(line for line in lines if line.startswith("cascade "))
    assert cell_len(wide) == cell_len(narrow)


def test_a_bare_result_can_be_shown(result: RunResult) -> None:
    """With no metric at all there are dashes, not a crash."""
    bare = dataclasses.replace(
        result, title="", notes=(), patterns={"x": PatternResult("x", "single", "ok", {})}, baseline="x"
    )
    text = drawn(bare, 100)
    assert text.startswith("support-chat\n")
    assert "In words" not in text
    assert "\N{EN DASH}" in text


def test_the_answer_in_words(result: RunResult) -> None:
    """Saving, quality and tail in one sentence; more expensive, unstable and unknown have their own words."""
    assert in_words(result) == [
        "cascade saves 61 % [59, 63] against frontier-only at -0.6 points [-0.9, -0.3] quality; P95 +83 % [79, 87].",
        (
            "pre-route is unstable: it offers its fleet more work than can be done, so its waits grow with the length "
            "of the run and none of its latencies holds."
        ),
        (
            "cheap-only costs 14.5 % [13.5, 15.5] more against frontier-only at -4.2 points [-4.5, -3.9] quality; "
            "P95 -17 % [-19, -15]."
        ),
    ]


def test_words_for_a_saving_that_may_be_none(result: RunResult) -> None:
    """If the interval contains zero, nothing is claimed; if nothing is known, that is said."""
    one = result.patterns["cascade"]
    about = dataclasses.replace(one, estimates={"cost.saving": Estimate(0.01, -0.02, 0.04, "fraction", "b")})
    exact = dataclasses.replace(one, estimates={"cost.saving": Estimate(0.0, 0.0, 0.0, "fraction", "b")})
    unknown = dataclasses.replace(one, estimates={"latency.p95_ratio": Estimate(1.84, 1.8, 1.88, "ratio")})
    patterns = {"a": about, "e": exact, "u": unknown}
    assert in_words(dataclasses.replace(result, patterns=patterns)) == [
        "cascade costs about the same (saving 1 % [-2, 4]) against b.",
        "cascade costs the same against b.",
        "cascade has no known saving against frontier-only; P95 +84 % [80, 88].",
    ]
