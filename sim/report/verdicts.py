"""Verdicts on a terminal: what is broken first, one line each, then a table of everything."""

from __future__ import annotations

from rich.console import Console, RenderableType
from rich.text import Text

from sim.outcome.estimates import Estimate
from sim.report.grids import ABSENT, Grid, Row
from sim.report.layout import fitted, tidy
from sim.report.numbers import Written, plural, written
from sim.report.terminal import Encodable, header, remarks
from sim.study.verdict import CheckResult, Finding, Kind, Verdict

_STYLES = {
    Verdict.PASS: "green",
    Verdict.SAME: "green",
    Verdict.BETTER: "green",
    Verdict.FAIL: "bold red",
    Verdict.WORSE: "bold red",
    Verdict.UNSTABLE: "bold red",
    Verdict.INCONCLUSIVE: "yellow",
}


def render(check: CheckResult, console: Console) -> None:
    """Print the verdicts in the width of `console`."""
    blocks: list[RenderableType] = [header(check.run)]
    for kind, title in _TITLES.items():
        findings = [finding for finding in check.findings if finding.kind is kind]
        if findings:
            blocks.append(fitted(_grid(title, findings), console.width))
    if told := [finding for finding in check.findings if finding.breached or finding.verdict is Verdict.INCONCLUSIVE]:
        blocks.append(_sentences(told))
    notes = (*check.notes, *check.run.notes)
    if notes:
        blocks.append(remarks("Notes", notes, ""))
    blocks.append(_total(check))
    spaced = [part for block in blocks for part in (block, Text(""))][:-1]
    for block in spaced:
        console.print(Encodable(block), highlight=False)


_TITLES = {
    Kind.THRESHOLD: "Thresholds",
    Kind.OBJECTIVE: "Objectives",
    Kind.REGRESSION: "Against the baseline",
}


def _grid(title: str, findings: list[Finding]) -> Grid:
    if findings[0].kind is Kind.REGRESSION:
        headings: tuple[str, ...] = ("verdict", "before", "now", "change", "tolerance")
        rows = [_regression(finding) for finding in findings]
    elif findings[0].kind is Kind.OBJECTIVE:
        headings = ("verdict", "wanted", "bad", "burn rate")
        rows = [_objective(finding) for finding in findings]
    else:
        headings = ("verdict", "wanted", "measured")
        rows = [
            Row(_keys(finding), (Written(_verdict(finding)), Written(finding.wanted), _cell(finding.estimate)))
            for finding in findings
        ]
    return Grid(title, ("pattern", "metric"), headings, rows)


def _objective(finding: Finding) -> Row:
    burn = _cell(None if finding.budget is None else finding.budget.burn_rate)
    cells = (Written(_verdict(finding)), Written(finding.wanted), _cell(finding.estimate), burn)
    return Row(_keys(finding), cells)


def _keys(finding: Finding) -> tuple[str, str]:
    return finding.pattern, finding.metric


def _regression(finding: Finding) -> Row:
    change = finding.change
    text = Written(ABSENT)
    if change is not None:
        text = written(Estimate(change.value, change.lower, change.upper, "fraction", "", change.few_data), signed=True)
    tolerance = Written(ABSENT if finding.tolerance is None else f"{100 * finding.tolerance:.4g} %")
    cells = (Written(_verdict(finding)), _cell(finding.before), _cell(finding.estimate), text, tolerance)
    return Row(_keys(finding), cells)


def _verdict(finding: Finding) -> str:
    return finding.verdict.value + (" (warn)" if finding.level == "warn" and finding.breached else "")


def _cell(estimate: Estimate | None) -> Written:
    return Written(ABSENT) if estimate is None else written(estimate)


def _sentences(findings: list[Finding]) -> Text:
    """Give what is broken or open in words, each with the place to look at."""
    text = Text()
    for number, finding in enumerate(findings):
        label = "warning" if finding.level == "warn" and finding.breached else finding.verdict.value
        text.append("\n" if number else "")
        text.append(label, style=_STYLES[finding.verdict])
        where = f"{finding.file}:{finding.line}:{finding.col}" if finding.line else finding.file
        text.append(f" {tidy(finding.message)} ({tidy(where)})")
    return text


def _total(check: CheckResult) -> Text:
    counts = check.counts()
    text = Text(f"{plural(len(check.findings), 'verdict')}: ")
    for number, verdict in enumerate(verdict for verdict in Verdict if verdict.value in counts):
        text.append(", " if number else "")
        text.append(f"{counts[verdict.value]:,} {verdict.value}", style=_STYLES[verdict])
    return text
