"""A run held against its baseline: paired replication by replication, judged by an interval against a tolerance."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sim.errors import Issue
from sim.experiment.targets import Target
from sim.outcome.catalogue import Better
from sim.outcome.change import relative_change
from sim.outcome.estimates import Estimate
from sim.outcome.intervals import Interval
from sim.study.judging import replications_to_decide
from sim.study.verdict import Finding, Kind, Verdict
from sim.study.words import change_in_words, counted, interval

if TYPE_CHECKING:
    from sim.experiment.simulate import Run


def simultaneous(level: float, comparisons: int) -> float:
    """Give the level of each of several intervals that together keep `level` (Bonferroni 1936)."""
    return 1 - (1 - level) / max(comparisons, 1)


def judge_change(change: Interval, tolerance: float, better: Better) -> Verdict:
    """Hold a relative change against a tolerance.

    With `better` lower, a metric is WORSE if the whole interval lies above the tolerance; it is not if the whole
    interval lies below: then BETTER where it lies below zero and reaches beyond the tolerance, else SAME. Mirrored for
    `better` higher. Where neither direction is better, a change beyond the tolerance either way is WORSE.
    """
    low, high = change.lower, change.upper
    if low is None or high is None or change.few_data or not (math.isfinite(low) and math.isfinite(high)):
        return Verdict.INCONCLUSIVE
    if better == "higher":
        low, high = -high, -low
    if low > tolerance or (not better and high < -tolerance):
        return Verdict.WORSE
    if high > tolerance or (not better and low < -tolerance):
        return Verdict.INCONCLUSIVE
    return Verdict.BETTER if better and high < 0 and low < -tolerance else Verdict.SAME


def regressions(now: Run, before: Run, wanted: Sequence[Target], level: float) -> Iterator[Finding | Issue]:
    """Yield a verdict for each metric and pattern that both runs have; an issue for a metric that none has.

    `level` is that of all intervals of changes together.
    """
    pairs = [(target, name) for target in wanted for name in target.patterns if name in before.outcomes]
    each = simultaneous(level, len(pairs))
    for target in wanted:
        names = [name for of, name in pairs if of is target]
        found = [finding for name in names if (finding := _finding(now, before, target, name, each)) is not None]
        yield from found
        if names and not found:
            at = target.mark
            message = f"{target.chosen.metric} has no data in this run or in its baseline: nothing was compared"
            yield Issue(message, at.file, at.line, at.col, target.place, "correct the metric, or leave it out")


def _finding(now: Run, before: Run, target: Target, name: str, level: float) -> Finding | None:
    chosen = target.chosen
    estimates = now.estimate(name, chosen), before.estimate(name, chosen)
    unstable = [run.result.patterns[name].status == "unstable" for run in (now, before)]
    if not any(unstable) and None in estimates:
        return None
    change: Interval | None = None
    if any(unstable):
        verdict = Verdict.UNSTABLE if unstable[0] else Verdict.BETTER
    else:
        bases = now.basis(name, chosen), before.basis(name, chosen)
        if bases[0] is None or bases[1] is None:
            return None
        change = relative_change(bases[0], bases[1], level)
        verdict = Verdict.INCONCLUSIVE if change is None else judge_change(change, target.share, chosen.better)
    more = None
    if verdict is Verdict.INCONCLUSIVE and change is not None:
        more = _more(change, target, now.replications, level)
    shown = [None if bad else found for bad, found in zip(unstable, estimates, strict=True)]
    return Finding(
        kind=Kind.REGRESSION,
        verdict=verdict,
        level="error",
        pattern=name,
        metric=chosen.metric,
        wanted=target.text,
        place=target.place,
        file=target.mark.file,
        line=target.mark.line,
        col=target.mark.col,
        estimate=shown[0],
        limit=None,
        before=shown[1],
        change=change,
        tolerance=target.share,
        budget=None,
        message=_sentence(
            f"{chosen.metric} of {name}", target, (shown[0], shown[1]), verdict, change=change, more=more
        ),
        more_replications=more,
    )


def _more(change: Interval, target: Target, replications: int, level: float) -> int | None:
    """Estimate the replications that would bring one end of the interval to the tolerance."""
    if change.few_data and target.chosen.unit == "s":
        return None
    edges = {"lower": [target.share], "higher": [-target.share], "": [target.share, -target.share]}[
        target.chosen.better
    ]
    nearest = min(edges, key=lambda edge: abs(edge - change.value))
    found = Estimate(change.value, change.lower, change.upper, "fraction")
    return replications_to_decide(found, nearest, replications, level)


def _sentence(
    what: str,
    target: Target,
    shown: tuple[Estimate | None, Estimate | None],
    verdict: Verdict,
    *,
    change: Interval | None,
    more: int | None,
) -> str:
    now, before = shown
    if verdict is Verdict.UNSTABLE:
        return f"{what} cannot be compared: the system is unstable, more work is offered than can be done."
    if now is None or before is None:
        return f"{what} can be told, which it could not before: the baseline is unstable."
    told = f"{what} is {interval(now)} after {interval(before)}"
    if change is None:
        return f"{told}: of nothing no share can be taken."
    moved = f"{told}: {change_in_words(change)}"
    tolerance = f"the tolerance of {100 * target.share:.3g} %"
    if verdict is Verdict.WORSE:
        return f"{moved}, beyond {tolerance}."
    if verdict is Verdict.INCONCLUSIVE:
        remedy = "too few data" if change.few_data else "more replications may not help"
        return f"{moved}, which does not decide about {tolerance}: " + (
            f"about {counted(more, 'more replication')} would." if more is not None else f"{remedy}."
        )
    return f"{moved}, within {tolerance}." if verdict is Verdict.SAME else f"{moved}, for the better."
