"""Objectives held against a run: what of the error budget this traffic uses up, and how fast."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from sim.errors import Issue
from sim.experiment.objectives import Goal
from sim.outcome.estimates import Estimate
from sim.outcome.on_demand import complement, flagged_share, late_share
from sim.outcome.outcomes import Group
from sim.study.judging import judge, replications_to_decide
from sim.study.verdict import Budget, Finding, Kind, Verdict
from sim.study.words import counted, interval
from sim.units import show_seconds

if TYPE_CHECKING:
    from sim.experiment.simulate import Run

ALERTS: Final = ((14.4, "1 h", "page"), (6.0, "6 h", "page"), (1.0, "3 d", "ticket"))
"""Burn rates of the usual alerts, the window they look at, and what they send (Beyer et al. 2018, The Site Reliability
Workbook, chapter 5, table 5-8)."""

_NS: Final = 1e9


def objectives(run: Run, wanted: Sequence[Goal]) -> Iterator[Finding | Issue]:
    """Yield a verdict per objective and pattern; an issue for one about no request of the run."""
    for goal in wanted:
        found = [(name, bad) for name in goal.patterns if (bad := _bad(run, goal, name)) is not None]
        for name, bad in found:
            yield _finding(run, goal, name, bad)
        if not found:
            at = goal.mark
            message = f"objective {goal.objective.name}: no request of this run is in that group: nothing was checked"
            yield Issue(message, at.file, at.line, at.col, goal.place, "correct the selector, or leave it out")


def _bad(run: Run, goal: Goal, pattern: str) -> Estimate | None:
    outcomes, group = run.outcomes[pattern], Group(goal.group, goal.name)
    if goal.column and goal.objective.under is not None:
        return late_share(outcomes, goal.column, group, goal.objective.under, run.level)
    if goal.flag == "answered":
        return flagged_share(outcomes, "failed", group, run.level)
    good = flagged_share(outcomes, goal.flag, group, run.level)
    return None if good is None else complement(good)


def _finding(run: Run, goal: Goal, pattern: str, bad: Estimate) -> Finding:
    objective = goal.objective
    allowed = float(f"{1 - objective.target:.12g}")
    unstable = run.result.patterns[pattern].status == "unstable"
    verdict = Verdict.UNSTABLE if unstable else judge(bad, "<=", allowed)
    more = None
    if verdict is Verdict.INCONCLUSIVE and not bad.few_data:
        more = replications_to_decide(bad, allowed, run.replications, run.level)
    bounds = [None if bound is None else bound / allowed for bound in (bad.lower, bad.upper)]
    budget = Budget(
        target=objective.target,
        allowed=allowed,
        bad=bad,
        burn_rate=Estimate(bad.value / allowed, bounds[0], bounds[1], "ratio", "", bad.few_data),
        window_s=objective.window / _NS,
    )
    return Finding(
        kind=Kind.OBJECTIVE,
        verdict=verdict,
        level=objective.level,
        pattern=pattern,
        metric=objective.name,
        wanted=goal.text,
        place=goal.place,
        file=goal.mark.file,
        line=goal.mark.line,
        col=goal.mark.col,
        estimate=None if unstable else bad,
        limit=allowed,
        before=None,
        change=None,
        tolerance=None,
        budget=None if unstable else budget,
        message=_sentence(goal, pattern, verdict, budget, more),
        more_replications=more,
    )


def _sentence(goal: Goal, pattern: str, verdict: Verdict, budget: Budget, more: int | None) -> str:
    what = f"{goal.objective.name} of {pattern}"
    if verdict is Verdict.UNSTABLE:
        return f"{what} cannot be told: the system is unstable, more work is offered than can be done."
    burn, window = budget.burn_rate, show_seconds(budget.window_s)
    told = (
        f"{what}: {interval(budget.bad)} of requests are bad, {100 * budget.allowed:.4g} % may be: "
        f"burn rate {interval(burn)}"
    )
    if verdict is Verdict.PASS:
        return f"{told}, which uses {100 * burn.value:.3g} % of the error budget of {window}."
    if verdict is Verdict.FAIL:
        gone = show_seconds(budget.window_s / burn.value)
        return f"{told}: the error budget of {window} is gone after {gone}{_alert(burn.value)}."
    if budget.bad.few_data or more is None:
        remedy = "a longer run would help" if budget.bad.few_data else "more replications may not help"
        return f"{told}, which does not decide: {remedy}."
    return f"{told}, which does not decide: about {counted(more, 'more replication')} would."


def _alert(burn: float) -> str:
    """Say which of the usual alerts such a burn rate sets off."""
    for rate, window, sends in ALERTS:
        if burn >= rate:
            return f"; the usual alert at a burn rate of {rate:g} over {window} would send a {sends}"
    return ""
