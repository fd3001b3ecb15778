"""The tables of a router plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.outcome.estimates import Estimate
from sim.report.grids import ABSENT, Grid, Row
from sim.report.numbers import Written, written
from sim.study.plan.goal import LOSS, loss_of
from sim.study.plan.horizon import MONTHS
from sim.study.until import Standing

if TYPE_CHECKING:
    from sim.study.plan.answer import RouterPlan
    from sim.study.plan.options import Option

_MONTH_S = 30 * 86_400.0

_MAIN = {
    "cost.per_1k": "cost/1k",
    "cost.saving": "saving",
    "quality.loss": "loss\n(points)",
    "latency.p50": "P50",
    "latency.p95": "P95",
    "escalation.rate": "escalated",
    "failure.rate": "unanswered",
}
_MEDIAN, _LEFT = "latency.p50", "failure.rate"  # where some get no answer, that says more than the median of the others


def alternatives(found: RouterPlan) -> Grid:
    """Give all options, the choice in front, then those that meet the conditions by rising cost, then the others."""
    left = any(one.unanswered for one in found.options)
    columns = dict[str, str]()
    for metric, heading in _MAIN.items():
        if metric != (_MEDIAN if left else _LEFT):
            columns[metric] = heading
        if metric == LOSS:
            columns |= {loss_of(name): f"loss of\n{name}" for name in found.goal.segments}
    rows = []
    for one in ordered(found):
        cells = [_cell(one, metric) for metric in columns]
        rows.append(Row((_name(found, one),), (*cells, Written(stands(one)))))
    return Grid("Alternatives", ("option",), (*columns.values(), "conditions"), rows)


def worth_it(found: RouterPlan) -> Grid:
    """Give what each option saves for each acceptable answer that it loses, and both sides of it in 30 days."""
    monthly = found.rate_per_s * _MONTH_S
    rows = []
    for one in ordered(found):
        if one.saved_per_answer is None or one.saved_per_answer.value <= 0:
            continue
        saved = (found.yardstick.usd - one.value("cost.per_1k")) / 1000 * monthly
        lost = one.value("quality.loss") / 100 * monthly
        cells = (written(one.saved_per_answer), Written(f"${saved:,.0f}"), Written(f"{lost:,.0f}"))
        rows.append(Row((_name(found, one),), cells))
    headings = ("saved per acceptable\nanswer lost", "saved in\n30 days", "acceptable answers\nlost in 30 days")
    return Grid("Is it worth it", ("option",), headings, rows)


def ordered(found: RouterPlan) -> list[Option]:
    """Give the options in the order of a table."""
    chosen = None if found.chosen is None else found.chosen.name

    def order(one: Option) -> tuple[bool, bool, float]:
        return one.name != chosen, one.judgement.standing is not Standing.MEETS, one.value("cost.per_1k")

    return sorted(found.options, key=order)


def stands(one: Option) -> str:
    """Say in a word or two how an option stands to the conditions."""
    if one.judgement.standing is Standing.MEETS:
        return "met"
    if one.judgement.standing is Standing.FAILS:
        return f"breaks {', '.join(one.judgement.broken)}"
    return "undecided"


def expectations(found: RouterPlan) -> Grid:
    """Give what the choice is expected to bring, beside frontier-only."""
    chosen, base = found.chosen, next(one for one in found.options if one.name == found.baseline)
    names = {
        "cost.per_1k": "cost of 1,000 requests",
        "cost.per_30d": "cost of 30 days",
        "quality.acceptance": "acceptable answers",
        "latency.p50": "latency, P50",
        "latency.p95": "latency, P95",
        "latency.p99": "latency, P99",
        "ttft.p95": "first token, P95",
        "escalation.rate": "escalated",
        "failure.rate": "unanswered",
    }
    segment = "quality.acceptance.segment."
    for metric in () if chosen is None else chosen.estimates:
        if metric.startswith(segment):
            names[metric] = f"acceptable answers, {metric.removeprefix(segment)}"
    names |= {loss_of(name): f"points lost, {name}" for name in found.goal.segments}
    rows = [
        Row((label,), (_cell(chosen, metric), _cell(base, metric)))
        for metric, label in names.items()
        if chosen is not None and metric in chosen.estimates
    ]
    return Grid("What to expect", ("",), ("this plan" if chosen is None else chosen.name, found.baseline), rows)


def thresholds(found: RouterPlan) -> Grid:
    """Give where each rung escalates."""
    rows = [
        Row((one.model,), (Written(f"{100 * one.share:.4g} %"), Written(f"{one.score:.4g}")))
        for one in found.thresholds
    ]
    return Grid("Thresholds", ("answers of",), ("lowest share\nescalates", "confidence\nbelow"), rows)


def capacity(found: RouterPlan) -> Grid:
    """Give every limit that the choice counts against."""
    rows = [
        Row(
            (one.owner, one.limit),
            tuple(
                Written(text)
                for text in (
                    f"{one.allowed:,.4g}",
                    f"{one.offered:,.3g}",
                    f"{100 * one.used:.3g} %",
                    f"{one.reached_at_per_s:.3g} /s",
                )
            ),
        )
        for one in found.ceilings
    ]
    return Grid("Capacity", ("limit of", "in"), ("allowed", "needed", "used", "reached at"), rows)


def gates(found: RouterPlan) -> Grid:
    """Give the gates to install and their run lengths."""
    rows = [
        Row(
            (one.settings["name"], one.what),
            tuple(
                Written(text)
                for text in (
                    count(one.looks_at),
                    f"{100 * one.share:.3g} %",
                    f"{one.threshold:.3g}",
                    f"{one.false_alarm_days:.0f} d",
                    f"+{one.finds:.3g}",
                    days(one.delay_days),
                )
            ),
        )
        for one in found.watches
    ]
    headings = ("looks at\na day", "now", "alarm\nabove", "false alarm\nevery", "set to find\n(points)", "found after")
    return Grid("Gates", ("gate", "watches"), headings, rows)


def tornado(found: RouterPlan) -> Grid:
    """Give what becomes of the plan where an assumption is off, and where another kind would be better."""
    rows = []
    for one in () if found.tornado is None else found.tornado.entries:
        ends = [Written(f"{usd(end.usd)}, {end.loss:.2f}") for end in (one.low, one.high)]
        flips = f"{one.flips_at}: {one.flips_to}" if one.flips_at else ABSENT
        worth = ABSENT if one.worth is None else f"${one.worth:,.0f}"
        rows.append(
            Row(
                (one.name,),
                (Written(one.low.words), ends[0], Written(one.high.words), ends[1], Written(flips), Written(worth)),
            )
        )
    headings = (
        "low",
        "cost/1k,\nloss then",
        "high",
        "cost/1k,\nloss then",
        "another kind\nis better from",
        "worth knowing\n(30 days)",
    )
    return Grid("What would change the decision", ("assumption",), headings, rows)


def days(count: float) -> str:
    """Write a number of days; beyond ten years it is never."""
    return "never" if count > 3650 else f"{count:.3g} d"  # noqa: PLR2004 - ten years


def drift(found: RouterPlan) -> Grid:
    """Give what the months bring under each drift."""
    rows = []
    for horizon in () if found.ahead is None else found.ahead.horizons:
        of = horizon.drift
        start, middle = horizon.months[0], horizon.months[6]
        rows.append(
            Row(
                (of.name,),
                tuple(
                    Written(text)
                    for text in (
                        f"{of.logit:+.2f}",
                        f"{100 * of.input_growth:+.3g} / {100 * of.output_growth:+.3g} %",
                        f"{100 * start.hard:.3g} to {100 * middle.hard:.3g} %",
                        f"{start.loss:.2f} to {middle.loss:.2f}",
                        f"{100 * start.escalated:.3g} to {100 * middle.escalated:.3g} %",
                        f"{usd(start.usd)} to {usd(middle.usd)}",
                        f"{100 * start.saving:.3g} to {100 * middle.saving:.3g} %",
                        _when(horizon.breaks),
                    )
                ),
            )
        )
    headings = (
        "logit of hard\nshare a month",
        "tokens in/out\na month",
        "hard share\nin 6 months",
        "loss (points)\nin 6 months",
        "escalated\nin 6 months",
        "cost/1k\nin 6 months",
        "saving\nin 6 months",
        "budget exceeded\nin month",
    )
    return Grid("Drift", ("drift",), headings, rows)


def usd(value: float) -> str:
    """Write dollars that have no interval."""
    return f"${value:,.2f}" if value >= 1 else f"${value:.3g}"


def count(value: float) -> str:
    """Write a number of answers."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"  # noqa: PLR2004 - below, a digit more


def _when(month: float | None) -> str:
    return f"not in {MONTHS}" if month is None else f"{month:.1f}"


def _name(found: RouterPlan, one: Option) -> str:
    marks = [mark for mark, of in (("chosen", found.chosen and found.chosen.name == one.name),) if of]
    marks += ["alike"] if one.name in found.alike else []
    return f"{one.name} ({', '.join(marks)})" if marks else one.name


def _cell(one: Option | None, metric: str) -> Written:
    estimate: Estimate | None = None if one is None else one.estimates.get(metric)
    if estimate is None:
        return Written(ABSENT)
    if estimate.unit == "points" and estimate.lower is not None and estimate.upper is not None:
        # held against a budget of a point or two: one decimal would hide on which side it lies
        interval = f"[{estimate.lower:.2f}, {estimate.upper:.2f}]" if estimate.lower != estimate.upper else ""
        return Written(f"{estimate.value:.2f}", interval)
    return written(estimate, plain=True)
