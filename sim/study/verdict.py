"""What a check finds: one verdict per promise, each resting on an interval, and the exit code they add up to."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sim.experiment.result import RunResult
from sim.outcome.estimates import Estimate
from sim.outcome.intervals import Interval

PASSED: Final = 0
INCONCLUSIVE: Final = 97
REGRESSED: Final = 98
BROKEN: Final = 99


class Verdict(StrEnum):
    """What is known of a promise.

    A threshold or objective passes only if the whole interval is on the good side, and fails only if it is wholly on
    the bad side. UNSTABLE never passes. BETTER, SAME and WORSE are said of regressions; WORSE fails.
    """

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    UNSTABLE = "unstable"
    BETTER = "better"
    SAME = "same"
    WORSE = "worse"


class Kind(StrEnum):
    """What was promised: a limit, a share of requests within one, or no change for the worse."""

    THRESHOLD = "threshold"
    OBJECTIVE = "objective"
    REGRESSION = "regression"


class FailOn(StrEnum):
    """What the exit code tells of.

    FAIL: limits and objectives that are broken, patterns that are unstable, regressions. INCONCLUSIVE and WARN add
    verdicts that are open, and breaches of the level ``warn``. With none of them the exit code is always 0.
    """

    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    WARN = "warn"


DEFAULT_FAIL_ON: Final = frozenset({FailOn.FAIL})

_BREACHES = frozenset({Verdict.FAIL, Verdict.UNSTABLE, Verdict.WORSE})


@dataclass(frozen=True, slots=True)
class Budget:
    """Error budget of an objective.

    `allowed` is the share of requests that may be bad, 1 - `target`; `bad` the share that is, and `burn_rate` bad over
    allowed, both with their intervals: at a burn rate of 1 a window of `window_s` seconds uses up its budget exactly.
    """

    target: float
    allowed: float
    bad: Estimate
    burn_rate: Estimate
    window_s: float


@dataclass(frozen=True, slots=True)
class Finding:
    """One verdict.

    `level` is ``error`` or ``warn``; `metric` a dotted name of the catalogue; `wanted` what the author wrote
    (``p(95)<4s``), at `place` (dotted), `file`, `line`, `col` (0 where it came from no file). `estimate` is None if
    there is none to trust, `limit` in its unit. `before`, `change` (0.26 is 26 % more, paired) and `tolerance` are
    those of a regression, `budget` that of an objective. `message` is a sentence. `more_replications` says about how
    many more would decide, where an inconclusive verdict can be decided that way.
    """

    kind: Kind
    verdict: Verdict
    level: str
    pattern: str
    metric: str
    wanted: str
    place: str
    file: str
    line: int
    col: int
    estimate: Estimate | None
    limit: float | None
    before: Estimate | None
    change: Interval | None
    tolerance: float | None
    budget: Budget | None
    message: str
    more_replications: int | None

    @property
    def breached(self) -> bool:
        """Whether the promise is broken."""
        return self.verdict in _BREACHES


@dataclass(frozen=True, slots=True)
class CheckResult:
    """All verdicts on one run, in the order of the file; `baseline` is the path of the file compared with, or empty."""

    run: RunResult
    findings: tuple[Finding, ...]
    baseline: str = ""
    notes: tuple[str, ...] = ()

    def exit_code(self, fail_on: AbstractSet[FailOn] = DEFAULT_FAIL_ON) -> int:
        """Give 99 if a limit or objective is broken, else 98 for a regression, else 97 for an open verdict, else 0.

        Which of them count is said by `fail_on`.
        """
        levels = {"error", *(["warn"] if FailOn.WARN in fail_on else [])}
        looked_at = [finding for finding in self.findings if finding.level in levels]
        broken = {finding.kind for finding in looked_at if finding.breached} if FailOn.FAIL in fail_on else set()
        if broken - {Kind.REGRESSION}:
            return BROKEN
        if broken:
            return REGRESSED
        is_open = any(finding.verdict is Verdict.INCONCLUSIVE for finding in looked_at)
        return INCONCLUSIVE if is_open and FailOn.INCONCLUSIVE in fail_on else PASSED

    @property
    def passed(self) -> bool:
        """Whether nothing of the level ``error`` is broken; open verdicts are not."""
        return self.exit_code() == PASSED

    def counts(self) -> dict[str, int]:
        """Give the number of findings by verdict, those that occur."""
        found: dict[str, int] = {}
        for finding in self.findings:
            found[finding.verdict.value] = found.get(finding.verdict.value, 0) + 1
        return found
