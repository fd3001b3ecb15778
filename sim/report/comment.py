"""A check as Markdown: the comment on a pull request, and the summary of a CI step.

The verdict first, then what is broken in sentences, then tables; what one only looks up is folded away. The first line
is a marker that nobody sees, by which whoever posts the comment finds the one to replace.
"""

from __future__ import annotations

import bisect
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from sim.outcome.estimates import Estimate
from sim.report.escapes import clipped, escaped
from sim.report.findings import Counted, breaks, change, overall, worst_first
from sim.report.grids import ABSENT
from sim.report.numbers import MARK, plural, written
from sim.report.remarks import slashes
from sim.report.tables import markdown_body
from sim.study.verdict import DEFAULT_FAIL_ON, CheckResult, Finding, Kind, Verdict

COMMENT_BYTES: Final = 65_536
"""GitHub takes comments of so many characters; as bytes, so that no way of counting characters finds more."""

SIGNS: Final = {
    Verdict.PASS: "\N{WHITE HEAVY CHECK MARK}",
    Verdict.FAIL: "\N{CROSS MARK}",
    Verdict.INCONCLUSIVE: "\N{WHITE QUESTION MARK ORNAMENT}",
    Verdict.UNSTABLE: "\N{CROSS MARK}",
    Verdict.BETTER: "\N{WHITE HEAVY CHECK MARK}",
    Verdict.SAME: "\N{WHITE HEAVY CHECK MARK}",
    Verdict.WORSE: "\N{CROSS MARK}",
}
"""Stand before the word of a verdict, never instead of it."""

_WARNING: Final = "\N{WARNING SIGN}\N{VARIATION SELECTOR-16}"
_LONGEST: Final = 200
_LONGEST_SENTENCE: Final = 1_000

_HEADS: Final = {
    "pass": (SIGNS[Verdict.PASS], "every promise is kept"),
    "fail": (SIGNS[Verdict.FAIL], "a promise is broken"),
    "regression": (SIGNS[Verdict.WORSE], "worse than the baseline"),
    "inconclusive": (SIGNS[Verdict.INCONCLUSIVE], "not decided"),
}

_VERBS: Final = {
    Verdict.FAIL: "failed",
    Verdict.UNSTABLE: "unstable",
    Verdict.WORSE: "worse",
    Verdict.INCONCLUSIVE: "inconclusive",
    Verdict.BETTER: "better",
    Verdict.SAME: "same",
    Verdict.PASS: "passed",
}


def comment(check: CheckResult, fail_on: Counted = DEFAULT_FAIL_ON, *, most: int = COMMENT_BYTES) -> str:
    """Return the check as GitHub Markdown of at most `most` bytes (not below 16,384); what is left out is said.

    The numbers of the run go first, then findings, the good ones before the bad ones.
    """
    findings = worst_first(check.findings, fail_on)
    whole = _drawn(check, findings, fail_on, folded=True)
    if _size(whole) <= most:
        return whole
    kept = bisect.bisect_right(
        range(len(findings) + 1), most, key=lambda count: _size(_drawn(check, findings[:count], fail_on, folded=False))
    )
    return _drawn(check, findings[: max(kept - 1, 0)], fail_on, folded=False)


def marker(check: CheckResult) -> str:
    """Return the marker of the comment on this experiment: the same for each run, another for another experiment."""
    name = check.run.experiment
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40]
    digest = hashlib.sha256(name.encode("utf-8", "backslashreplace")).hexdigest()[:8]
    return f"<!-- tiercast check: {plain} {digest} -->"


def _drawn(check: CheckResult, findings: Sequence[Finding], fail_on: Counted, *, folded: bool) -> str:
    run = check.run
    sign, words = _HEADS[overall(check, fail_on)] if check.findings else (_WARNING, "nothing was checked")
    bad = [finding for finding in findings if finding.breached or finding.verdict is Verdict.INCONCLUSIVE]
    parts = [
        marker(check),
        f"### {sign} tiercast, {_text(run.title or run.experiment)}: {words}",
        _counted(check),
        "\n".join(_bullet(finding, fail_on) for finding in bad),
        *(_section(check, findings, kind, fail_on) for kind in Kind),
    ]
    if folded:
        parts.append("\n".join(f"{escaped(note)}<br>" for note in check.notes))
        parts.append(f"<details>\n<summary>All patterns of this run</summary>\n\n{markdown_body(run)}\n</details>")
    else:
        parts.append(_left_out(len(check.findings) - len(findings)))
    facts = f"{plural(run.replications, 'replication')}, {run.level * 100:g} % intervals, seed {run.seed}"
    parts.append(f"<sub>tiercast, simulated: {facts}, hash {run.hash[:12]}</sub>")
    return "\n\n".join(part for part in parts if part) + "\n"


def _counted(check: CheckResult) -> str:
    """Return how many findings of each kind there are, the worst first."""
    counts = check.counts()
    told = [f"{counts[verdict.value]} {word}" for verdict, word in _VERBS.items() if verdict.value in counts]
    return f"**{', '.join(told)}**" if told else "The experiment states no thresholds."


def _bullet(finding: Finding, fail_on: Counted) -> str:
    where = f" ({_text(slashes(finding.file))}:{finding.line})" if finding.line else ""
    return f"- {_sign(finding, fail_on)} {escaped(clipped(finding.message, _LONGEST_SENTENCE))}{where}"


def _left_out(findings: int) -> str:
    """Say what a comment has no room for."""
    what = ["the table of patterns", "notes", *([plural(findings, "finding")] if findings else [])]
    return f"Left out for want of room: {', '.join(what)}. The other outputs of the check have everything."


def _section(check: CheckResult, findings: Sequence[Finding], kind: Kind, fail_on: Counted) -> str:
    """Return the table of one kind of finding; nothing where there are none."""
    own = [finding for finding in findings if finding.kind is kind]
    if not own:
        return ""
    columns = {"verdict": lambda finding: _verdict(finding, fail_on), **_ABOUT, **_COLUMNS[kind]}
    columns.pop("wanted" if kind is Kind.REGRESSION else "", None)
    lines = [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    lines += [f"| {' | '.join(draw(finding) for draw in columns.values())} |" for finding in own]
    footnotes = list(_footnotes(own))
    if kind is Kind.REGRESSION and check.baseline:
        footnotes.insert(0, f"before: {_text(check.baseline)}; changes are of the same requests, paired")
    return "\n".join([*lines, *(["", *(f"{note}<br>" for note in footnotes)] if footnotes else [])])


def _footnotes(findings: Sequence[Finding]) -> Iterator[str]:
    estimates = [one for finding in findings for one in (finding.estimate, finding.before) if one is not None]
    if any(one.few_data for one in estimates):
        yield f"\\{MARK} too few or dependent data for the interval to be trusted"


def _sign(finding: Finding, fail_on: Counted) -> str:
    """Return the sign of a verdict; a warning for a broken promise that does not break the check."""
    if breaks(finding, fail_on):
        return SIGNS[Verdict.FAIL]
    return _WARNING if finding.breached else SIGNS[finding.verdict]


def _verdict(finding: Finding, fail_on: Counted) -> str:
    return f"{_sign(finding, fail_on)} {finding.verdict.value}{' (warn)' if finding.level == 'warn' else ''}"


def _measured(found: Estimate | None) -> str:
    return ABSENT if found is None else str(written(found)).replace("~", "\\~").replace("$", "\\$")


def _text(text: str) -> str:
    return escaped(clipped(text, _LONGEST))


_ABOUT: Final[dict[str, Callable[[Finding], str]]] = {
    "pattern": lambda finding: _text(finding.pattern),
    "metric": lambda finding: _text(finding.metric),
    "wanted": lambda finding: _text(finding.wanted),
}

_COLUMNS: Final[dict[Kind, dict[str, Callable[[Finding], str]]]] = {
    Kind.THRESHOLD: {"measured": lambda finding: _measured(finding.estimate)},
    Kind.OBJECTIVE: {
        "bad requests": lambda finding: _measured(finding.budget.bad if finding.budget else finding.estimate),
        "budget": lambda finding: f"{finding.budget.allowed * 100:.4g} %" if finding.budget else ABSENT,
        "burn rate": lambda finding: _measured(finding.budget.burn_rate if finding.budget else None),
    },
    Kind.REGRESSION: {
        "before": lambda finding: _measured(finding.before),
        "now": lambda finding: _measured(finding.estimate),
        "change": lambda finding: change(finding.change).replace("~", "\\~") if finding.change else ABSENT,
        "tolerated": lambda finding: ABSENT if finding.tolerance is None else f"{finding.tolerance * 100:.4g} %",
    },
}
"""Columns of the table of each kind: heading, and what stands below it."""


def _size(text: str) -> int:
    return len(text.encode("utf-8", "backslashreplace"))
