"""A forecast of spend in words, and how its dollars, shares and probabilities are written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sim.report.numbers import Written, plural

if TYPE_CHECKING:
    from sim.study.spend.answers import (
        BudgetAnswer,
        CommitmentAnswer,
        PatternForecast,
        ProjectAnswer,
        Range,
        SpendForecast,
    )

_SELDOM = 3.0
"""What was seen in none of n futures has, at 95 %, a probability of less than 3 / n."""


def in_words(found: SpendForecast) -> Iterator[str]:
    """Say what the whole costs, which budgets are crossed when, and when projects have paid for themselves."""
    for pattern in found.patterns.values():
        yield _pattern_words(pattern, found)
    for budget in found.budgets:
        yield _budget_words(budget, found.draws)
    for project in found.projects:
        yield _project_words(project, found)
    for commitment in found.commitments:
        yield _commitment_words(commitment, found)


def _pattern_words(pattern: PatternForecast, found: SpendForecast) -> str:
    words = f"{pattern.name}: {_told(pattern.total, found.level)} in {plural(len(pattern.months), 'month')}"
    saved = pattern.savings.get(found.baseline)
    words += "" if saved is None else f", saving {share_cell(saved[1], found.level)} against {found.baseline}"
    alone = {factor: share for factor, share in pattern.drivers.items() if factor != "interactions"}
    top = max(alone, key=lambda factor: alone[factor], default="")
    return f"{words}; its largest uncertainty is {top} ({percent(alone[top])} of the variance)." if top else f"{words}."


def _budget_words(answer: BudgetAnswer, draws: int) -> str:
    name = f"{answer.pattern} and budget {answer.budget} of {money(answer.usd)} a month"
    if answer.never == 1:
        return f"{name}: crossed in none of {draws:,} futures, so with a probability of {_likely(0.0, draws)}."
    likely = max(answer.first, key=lambda month: answer.first[month])
    crossed = (
        f"the median stays below it{'' if answer.expected is None else f', the mean crosses it in {answer.expected}'}"
        if answer.median is None
        else f"the median crosses it in {answer.median}{_mean_too(answer)}"
    )
    return (
        f"{name}: {crossed}; it is crossed within these months with a probability of "
        f"{_likely(1 - answer.never, draws)}, most likely first in {likely} ({chance(answer.first[likely], draws)})."
    )


def _mean_too(answer: BudgetAnswer) -> str:
    if answer.expected == answer.median:
        return ""
    return ", the mean never does" if answer.expected is None else f", the mean in {answer.expected}"


def _project_words(answer: ProjectAnswer, found: SpendForecast) -> str:
    last, level = list(answer.by)[-1], found.level
    upkeep = f" and {money(answer.upkeep_usd_per_month)} a month" if answer.upkeep_usd_per_month else ""
    name = f"Project {answer.project} ({answer.pattern} instead of {answer.instead_of}, {money(answer.usd)}{upkeep})"
    early, late = answer.between
    when = f"in {answer.median}" if answer.median else f"after {last}"
    when += f" [{early or 'later'}, {late or 'later'}]"
    return (
        f"{name}: has paid for itself {when}; by the end of {last} with a probability of "
        f"{_likely(answer.by[last], found.draws)}, then net {_told(answer.net, level)}."
    )


def _commitment_words(answer: CommitmentAnswer, found: SpendForecast) -> str:
    name = f"Commitment {answer.commitment} of {money(answer.usd_per_month)} a month under {answer.pattern}"
    if answer.break_even_usd is None or answer.break_even_utilisation is None:
        return f"{name}: in most futures no use makes it pay; all that it can serve would cost less by use."
    when = (
        f"It pays in half of the futures or more from {answer.from_month} on"
        if answer.from_month
        else "In the last month it pays in less than half of the futures"
    )
    last, level = answer.months[-1], found.level
    return (
        f"{name}: pays where its calls would cost {money(answer.break_even_usd)} by use, "
        f"{share_cell(answer.break_even_utilisation, level)} of what is bought; in {last.month} they cost "
        f"{_told(last.by_use, level)}. {when}, over all months with a probability of "
        f"{_likely(answer.whole.pays, found.draws)}, saving {_told(answer.whole.saving, level)}."
    )


def _told(found: Range, level: float) -> str:
    """Write a median with its interval, and the mean where it reads otherwise."""
    mean, (low, high) = money(found.mean), found.intervals[level]
    where = "" if low <= found.mean <= high else ", which lies outside"
    return f"{usd_cell(found, level)}{f' (mean {mean}{where})' if mean != money(found.median) else ''}"


def usd_cell(found: Range, level: float) -> Written:
    """Write a median with its prediction interval, which is left out only where no future differs."""
    low, high = found.intervals[level]
    return Written(money(found.median), f"[{money(low)}, {money(high)}]" if found.error else "")


def share_cell(found: Range, level: float) -> Written:
    """Write a share with its prediction interval, which is left out where all futures read alike."""
    low, high = (percent(end) for end in found.intervals[level])
    alike = low == high == percent(found.mean)
    return Written(percent(found.median), "" if alike else f"[{low}, {high}]")


def money(usd: float) -> str:
    """Write dollars with as many digits as matter at their size."""
    size = abs(usd)
    digits = 0 if size >= 1000 or not usd else 2 if size >= 1 else 4  # noqa: PLR2004 - cents matter below a thousand
    return f"{'-' if usd < 0 else ''}${size:,.{digits}f}"


def percent(share: float) -> str:
    """Write a share; what is not 0 does not look like it."""
    least = 0.0005  # reads as 0.1 %
    if 0 < abs(share) < least:
        return "< 0.1 %" if share > 0 else "> -0.1 %"
    return f"{round(100 * share, 9):.1f} %"  # so that 1 - 0.9925 reads as 0.0075 does


def _likely(share: float, draws: int) -> str:
    """Write a probability within a sentence."""
    return chance(share, draws).replace("<", "less than").replace(">", "more than")


def chance(share: float, draws: int) -> str:
    """Write the share of futures as a probability: none or all of them is no certainty."""
    if share in {0.0, 1.0}:
        return f"{'>' if share else '<'} {100 * abs(share - _SELDOM / draws):.4g} %"
    return percent(share)
