"""Thresholds held against a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sim.errors import Issue
from sim.experiment.expectations import Expectation
from sim.experiment.result import PatternResult, RunResult
from sim.experiment.selectors import Chosen
from sim.outcome.estimates import Estimate
from sim.study.judging import judge, replications_to_decide
from sim.study.verdict import Finding, Kind, Verdict
from sim.study.words import counted, interval, number

Measure: TypeAlias = Callable[[str, Chosen], Estimate | None]
"""Gives what no report carries: a quantile of a pattern."""

_OPPOSITE = {"<": "at or above", "<=": "above", ">": "at or below", ">=": "below"}
_SAME = {"<": "below", "<=": "at or below", ">": "above", ">=": "at or above"}


@dataclass(frozen=True, slots=True)
class Unmatched:
    """An expectation that no data of the run answers, and why."""

    expectation: Expectation
    reason: str

    def issue(self) -> Issue:
        """Give it with its place."""
        at = self.expectation.mark
        message = f"{self.expectation.chosen.metric} has no data in this run{self.reason}: nothing was checked"
        hint = "correct the selector, or leave the threshold out"
        return Issue(message, at.file, at.line, at.col, self.expectation.place, hint)


def judged(result: RunResult, wanted: Sequence[Expectation], measure: Measure) -> Iterator[Finding | Unmatched]:
    """Yield the verdicts of every expectation: one per pattern that has the metric; one that has no data at all."""
    for expectation in wanted:
        found, reason = False, ""
        for name in expectation.patterns:
            pattern = result.patterns[name]
            estimate = estimate_of(pattern, expectation.chosen, measure)
            reason = reason or pattern.absent.get(expectation.chosen.metric, "")
            if estimate is not None or _hidden(pattern, expectation.chosen):
                found = True
                yield _finding(result, pattern, expectation, estimate)
        if not found:
            yield Unmatched(expectation, f" ({reason})" if reason else "")


def estimate_of(pattern: PatternResult, chosen: Chosen, measure: Measure) -> Estimate | None:
    """Give the estimate of a metric under a pattern; None if the run has none."""
    if chosen.quantile is not None or chosen.window:
        return measure(pattern.name, chosen)
    return pattern.estimates.get(chosen.metric)


def _hidden(pattern: PatternResult, chosen: Chosen) -> bool:
    """Say whether a metric is left out because the system is unstable, which is a verdict and no lack of data."""
    return pattern.status == "unstable" and chosen.metric in pattern.absent


def _finding(result: RunResult, pattern: PatternResult, wanted: Expectation, estimate: Estimate | None) -> Finding:
    verdict = Verdict.UNSTABLE if pattern.status == "unstable" or estimate is None else None
    more = None
    if verdict is None and estimate is not None:
        verdict = judge(estimate, wanted.operator, wanted.limit)
        if verdict is Verdict.INCONCLUSIVE and not biased(estimate):
            more = replications_to_decide(estimate, wanted.limit, result.replications, result.level)
    return Finding(
        kind=Kind.THRESHOLD,
        verdict=verdict or Verdict.UNSTABLE,
        level=wanted.level,
        pattern=pattern.name,
        metric=wanted.chosen.metric,
        wanted=wanted.text,
        place=wanted.place,
        file=wanted.mark.file,
        line=wanted.mark.line,
        col=wanted.mark.col,
        estimate=estimate if pattern.status != "unstable" else None,
        limit=wanted.limit,
        before=None,
        change=None,
        tolerance=None,
        budget=None,
        message=_sentence(
            result.replications,
            pattern.name,
            wanted,
            estimate=estimate,
            verdict=verdict or Verdict.UNSTABLE,
            more=more,
        ),
        more_replications=more,
    )


def biased(estimate: Estimate) -> bool:
    """Say whether the data are so few that the value itself is not to be trusted: for a time, more of them do not help.

    A share with few events, by contrast, gets better with every replication.
    """
    return estimate.few_data and estimate.unit == "s"


def _sentence(
    replications: int,
    pattern: str,
    wanted: Expectation,
    *,
    estimate: Estimate | None,
    verdict: Verdict,
    more: int | None,
) -> str:
    what = f"{wanted.chosen.metric} of {pattern}"
    limit = number(wanted.limit, wanted.chosen.unit)
    if verdict is Verdict.UNSTABLE or estimate is None:
        return (
            f"{what} cannot be told: the system is unstable, more work is offered than can be done, so that what one "
            "measures depends on the length of the run."
        )
    of = f"in {counted(replications, 'replication')}"
    measured = f"{what} is {interval(estimate)} {of}"
    if verdict is Verdict.PASS:
        return f"{measured}, {_SAME[wanted.operator]} the limit of {limit}."
    if verdict is Verdict.FAIL:
        return f"{measured}, {_OPPOSITE[wanted.operator]} the limit of {limit}."
    return f"{measured}, which does not decide about the limit of {limit}: {_remedy(estimate, more)}."


def _remedy(estimate: Estimate, more: int | None) -> str:
    if estimate.lower is None:
        return "one replication alone has no interval; run several"
    if biased(estimate):
        return (
            "each replication holds too few requests for this number; a longer run would help, more of them would not"
        )
    if more is not None:
        return f"about {counted(more, 'more replication')} would"
    if estimate.few_data:
        return "too few events; a longer run or more replications would help"
    return "the value lies at the limit, so that no number of replications may ever decide"
