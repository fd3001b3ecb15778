"""The comment on a pull request, rendered as GitHub's Markdown."""

from __future__ import annotations

import dataclasses
import re

import pytest
from drawn_remarks import FEW, checks
from findings import checked, finding
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from sim.report.comment import COMMENT_BYTES, comment, marker
from sim.report.escapes import one_line, utf8
from sim.study.verdict import CheckResult, FailOn, Kind, Verdict

PLAIN = frozenset({"text", "text_special", "html_inline"})


def tables(text: str, allowed: frozenset[str] = PLAIN | {"strong_open", "strong_close"}) -> list[list[list[str]]]:
    """Render Markdown; give the tables in it as rows of the text of cells, which hold nothing but what is allowed."""
    found: list[list[list[str]]] = []
    tokens = MarkdownIt().enable(["table", "strikethrough"]).parse(text)
    for before, token in zip([Token("", "", 0), *tokens], tokens, strict=False):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif before.type in {"td_open", "th_open"}:
            children = token.children or []
            assert {child.type for child in children} <= allowed
            found[-1][-1].append("".join(child.content for child in children if child.type != "html_inline"))
    return found


def test_the_verdict_comes_first(check: CheckResult) -> None:
    """Below the marker stand the verdict, the counts, and what is broken or open in sentences, the worst first."""
    lines = [line for line in comment(check).splitlines() if line]
    assert lines[0] == marker(check)
    assert lines[1] == "### ❌ tiercast, Support chat: a promise is broken"
    assert lines[2] == "**2 failed, 1 unstable, 1 worse, 1 inconclusive, 1 better, 1 same, 2 passed**"
    assert [line.split(" ")[1] for line in lines[3:8]] == ["❌", "❌", "❌", "⚠️", "❔"]
    assert lines[3].endswith(" at or above the limit of 2 s. (experiments/support-chat.yaml:42)")


def test_tables_say_the_numbers_with_their_intervals(check: CheckResult) -> None:
    """Thresholds, objectives and regressions have a table each, and the run has one, folded away."""
    thresholds, objectives, regressions, run = tables(comment(check))
    assert thresholds[0] == ["verdict", "pattern", "metric", "wanted", "measured"]
    assert thresholds[1] == ["❌ fail", "cascade", "latency.p95", "p(95)<2s", "2.44 s [2.37, 2.51]"]
    assert objectives[1][-3:] == ["2.0 % [1.9, 2.1]", "5 %", "0.40 x [0.38, 0.42]"]
    assert regressions[1][3:] == ["$4.30 [4.28, 4.32]", "$4.82 [4.80, 4.84]", "+12.1 % [11.9, 12.3]", "2 %"]
    assert len(run) == 1 + len(check.run.patterns)
    assert "<details>\n<summary>All patterns of this run</summary>" in comment(check)


@pytest.mark.parametrize(
    ("verdict", "heading"),
    [
        (Verdict.PASS, "✅ tiercast, Tiny: every promise is kept"),
        (Verdict.INCONCLUSIVE, "❔ tiercast, Tiny: not decided"),
        (Verdict.UNSTABLE, "❌ tiercast, Tiny: a promise is broken"),
    ],
)
def test_the_heading_is_what_it_adds_up_to(verdict: Verdict, heading: str) -> None:
    """One look at the heading is enough."""
    assert f"### {heading}\n" in comment(checked(finding(Kind.THRESHOLD, verdict)))


def test_a_regression_alone_is_named_as_one() -> None:
    """Worse than before is another thing than broken."""
    text = comment(checked(finding(Kind.REGRESSION, Verdict.WORSE), finding(Kind.THRESHOLD, Verdict.PASS)))
    assert "### ❌ tiercast, Tiny: worse than the baseline\n" in text


def test_a_check_of_nothing_passes_no_promise() -> None:
    """Without findings nobody reads that all is well."""
    assert "### ⚠️ tiercast, Tiny: nothing was checked\n" in comment(checked())


def test_what_breaks_the_check_bears_the_cross(check: CheckResult) -> None:
    """If warnings and open verdicts break the check, they look like it."""
    assert {row[0][0] for row in tables(comment(check, frozenset(FailOn)))[0][1:]} == {"❌", "✅"}
    assert not any(row[0].startswith("❌ f") for row in tables(comment(check, frozenset()))[0])


def test_the_marker_is_of_the_experiment(check: CheckResult) -> None:
    """The same experiment has the same marker in every run, another one has another, and no name can end it."""
    renamed = [
        dataclasses.replace(check, run=dataclasses.replace(check.run, experiment=name, seed=9))
        for name in ("support-chat", "Support chat", "--><b>", "-->" * 100)
    ]
    marks = [marker(one) for one in renamed]
    assert marks[0] == marker(check)
    assert len(set(marks)) == 4
    assert all(re.fullmatch(r"<!-- tiercast check: [a-z0-9-]* [0-9a-f]{8} -->", mark) for mark in marks)


@pytest.mark.parametrize("most", [16_384, COMMENT_BYTES])
@pytest.mark.parametrize("letter", ["x", "@"])
def test_it_never_outgrows_its_room(most: int, letter: str) -> None:
    """Of findings with long names as many stay as there is room for, broken ones first; the others are counted."""
    good = [dataclasses.replace(finding(Kind.THRESHOLD, Verdict.PASS), pattern=letter * 300)] * 500
    bad = dataclasses.replace(finding(Kind.THRESHOLD, Verdict.FAIL), message=letter * 3_000)
    text = comment(checked(*good, bad, notes=(letter * 5_000,)), most=most)
    assert len(text.encode()) <= most
    (rows,) = tables(text)
    told = re.search(r"Left out for want of room: the table of patterns, notes, ([0-9,]+) findings?\.", text)
    assert told is not None
    assert (rows[1][0], len(rows) - 1 + int(told[1].replace(",", ""))) == ("❌ fail", 501)


def test_it_fills_the_room_that_it_has() -> None:
    """Only as much is left out as must be."""
    many = checked(*[finding(Kind.THRESHOLD, Verdict.PASS)] * 1_000)
    assert COMMENT_BYTES - 200 < len(comment(many).encode()) <= COMMENT_BYTES


@FEW
@given(checks())
def test_any_text_is_shown_in_its_cell(check: CheckResult) -> None:
    """Whatever names hold, every row has all of its cells, and shows the name; the same each time."""
    text = comment(check)
    rows = [row for table in tables(text, PLAIN)[:-1] for row in table[1:]]
    assert sorted(row[1] for row in rows) == sorted(utf8(one_line(one.pattern)) for one in check.findings)
    assert {len(row) for table in tables(text) for row in table} == {len(table[0]) for table in tables(text)}
    assert comment(check) == text


@given(st.text())
def test_no_name_is_obeyed(name: str) -> None:
    """A heading with any name in it has no mark-up but the comments that keep mentions apart."""
    run = dataclasses.replace(checked().run, title=name or "x")
    tokens = MarkdownIt().enable(["table", "strikethrough"]).parse(comment(dataclasses.replace(checked(), run=run)))
    heading = tokens[[token.type for token in tokens].index("heading_open") + 1].children or []
    assert all(child.type in {"text", "text_special"} or child.content == "<!-- -->" for child in heading)
