"""What all formats say of a finding: what it is about, how bad it is, in which order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Literal

from sim.outcome.estimates import Estimate
from sim.outcome.intervals import Interval
from sim.report.numbers import written
from sim.report.remarks import Remark
from sim.study.verdict import (
    BROKEN,
    DEFAULT_FAIL_ON,
    INCONCLUSIVE,
    REGRESSED,
    CheckResult,
    FailOn,
    Finding,
    Verdict,
)

Overall = Literal["pass", "fail", "regression", "inconclusive"]
Counted = AbstractSet[FailOn]

_ORDER = tuple(Verdict(name) for name in ("fail", "unstable", "worse", "inconclusive", "better", "same", "pass"))


def overall(check: CheckResult, fail_on: Counted = DEFAULT_FAIL_ON) -> Overall:
    """Return what the findings add up to: a broken promise weighs more than a regression, that more than an open one.

    An open verdict of level ``error`` is told even where it does not count.
    """
    code = check.exit_code(fail_on)
    if code in {BROKEN, REGRESSED}:
        return "fail" if code == BROKEN else "regression"
    is_open = any(finding.verdict is Verdict.INCONCLUSIVE for finding in check.findings if finding.level == "error")
    return "inconclusive" if code == INCONCLUSIVE or is_open else "pass"


def breaks(finding: Finding, fail_on: Counted = DEFAULT_FAIL_ON) -> bool:
    """Say whether this finding alone would break the check, which `fail_on` decides."""
    if finding.level != "error" and FailOn.WARN not in fail_on:
        return False
    is_open = finding.verdict is Verdict.INCONCLUSIVE
    return (finding.breached and FailOn.FAIL in fail_on) or (is_open and FailOn.INCONCLUSIVE in fail_on)


def worst_first(findings: Iterable[Finding], fail_on: Counted = DEFAULT_FAIL_ON) -> list[Finding]:
    """Return what breaks the check, then broken promises that do not, what is open, and the rest."""
    return sorted(findings, key=lambda finding: (not breaks(finding, fail_on), _ORDER.index(finding.verdict)))


def promise(finding: Finding) -> str:
    """Return what is promised of a pattern, in the author's words: ``latency.p95: p(95)<4s``."""
    named = finding.wanted.startswith(finding.metric)
    return finding.wanted if named else f"{finding.metric}: {finding.wanted}"


def remarks_of(check: CheckResult, fail_on: Counted = DEFAULT_FAIL_ON) -> list[Remark]:
    """Return a remark for each finding that is not good news, the worst first: an error if it breaks the check."""
    return [
        Remark(
            "error" if breaks(finding, fail_on) else "warning",
            finding.kind.value,
            f"{finding.verdict.value}: {finding.pattern} {promise(finding)}",
            finding.message,
            finding.file if finding.line else "",
            finding.line,
            finding.col,
            f"{finding.pattern}\0{finding.metric}\0{finding.wanted}",
        )
        for finding in worst_first(check.findings, fail_on)
        if finding.breached or finding.verdict is Verdict.INCONCLUSIVE
    ]


def outputs_of(check: CheckResult, fail_on: Counted, files: Sequence[Path]) -> dict[str, str]:
    """Return what a CI step hands on: the verdict, how many findings break the check, and its first Markdown file."""
    return {
        "verdict": overall(check, fail_on),
        "failed": str(sum(breaks(finding, fail_on) for finding in check.findings)),
        "report": next((str(file) for file in files if file.suffix.lower() == ".md"), ""),
    }


def change(interval: Interval) -> str:
    """Write a relative change with its interval: ``+26 % [+21, +31]``."""
    found = Estimate(interval.value, interval.lower, interval.upper, "fraction", few_data=interval.few_data)
    return str(written(found, signed=True))
