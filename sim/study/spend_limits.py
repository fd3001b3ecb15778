"""Thresholds on spend held against the forecast: by where one more future would lie."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim.columns import Floats
from sim.experiment.spend_limits import SpendLimit
from sim.outcome.estimates import Estimate
from sim.study.forecast import SpendDraws, spend_draws
from sim.study.judging import judge, keeps
from sim.study.spend.answers import ranged
from sim.study.verdict import Finding, Kind, Verdict
from sim.study.words import interval, number

if TYPE_CHECKING:
    from sim.experiment.resolve import Experiment

_WORST_FIRST = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS)


def spend_findings(
    experiment: Experiment, wanted: Sequence[SpendLimit], engine: str, workers: int | None = None
) -> list[Finding]:
    """Forecast once, and give a verdict per limit and pattern; of several months that of the one that decides.

    A limit passes if the whole prediction interval keeps it, at the level that the forecast asks for, and fails if none
    of it does: with 80 %, one future in ten at most is on the wrong side of a limit that passes.
    """
    if not wanted:
        return []
    draws = spend_draws(experiment, engine, workers=workers)
    return [_finding(limit, name, draws) for limit in wanted for name in limit.patterns]


@dataclass(frozen=True, slots=True)
class _Looked:
    """A month, or all of them: its prediction interval, the spend of its futures, and what that says."""

    month: str
    found: Estimate
    values: Floats
    verdict: Verdict


def _finding(limit: SpendLimit, pattern: str, draws: SpendDraws) -> Finding:
    looked = list(_looked_at(limit, pattern, draws))
    worst = min(looked, key=lambda one: (_WORST_FIRST.index(one.verdict), _room(one.found, limit)))
    return Finding(
        kind=Kind.THRESHOLD,
        verdict=worst.verdict,
        level=limit.level,
        pattern=pattern,
        metric=limit.metric,
        wanted=limit.text,
        place=limit.place,
        file=limit.mark.file,
        line=limit.mark.line,
        col=limit.mark.col,
        estimate=worst.found,
        limit=limit.limit,
        before=None,
        change=None,
        tolerance=None,
        budget=None,
        message=_sentence(limit, pattern, worst, draws.level, others=len(looked) > 1),
        more_replications=None,
    )


def _looked_at(limit: SpendLimit, pattern: str, draws: SpendDraws) -> Iterator[_Looked]:
    """Yield each month that a limit is on, or all months together."""
    spend = draws.spend[pattern]
    columns = {month: spend[:, place] for place, month in enumerate(draws.months) if limit.month in ("", month)}
    if limit.metric == "spend.total":
        columns = {f"{draws.months[0]} to {draws.months[-1]}": spend.sum(axis=1)}
    for month, values in columns.items():
        found = _predicted(values, draws.level)
        yield _Looked(month, found, values, judge(found, limit.operator, limit.limit))


def _predicted(values: Floats, level: float) -> Estimate:
    found = ranged(values, level)
    low, high = found.intervals[level]
    return Estimate(found.median, low, high, "usd")


def _room(found: Estimate, limit: SpendLimit) -> float:
    """Give how far the median is on the right side of a limit."""
    return limit.limit - found.value if limit.operator.startswith("<") else found.value - limit.limit


def _sentence(limit: SpendLimit, pattern: str, worst: _Looked, level: float, *, others: bool) -> str:
    broken = float(np.mean([not keeps(float(value), limit.operator, limit.limit) for value in worst.values]))
    told = (
        f"{pattern} spends {interval(worst.found)} in {worst.month} ({100 * level:g} % of {len(worst.values):,} "
        f"futures); {100 * broken:.3g} % of them break the limit of {number(limit.limit, 'usd')}"
    )
    if worst.verdict is Verdict.PASS:
        return f"{told}, and no month is nearer to it." if others else f"{told}."
    if worst.verdict is Verdict.FAIL:
        return f"{told}: it is broken."
    return f"{told}, which does not decide; what makes spend uncertain, tiercast forecast tells."
