"""What is to be known beside the recommendation of a router plan: what it rests on, and when it stops being right."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sim.experiment.headroom import REPLICAS, SERVERS
from sim.report.numbers import written
from sim.report.plan_tables import count, days, usd
from sim.report.plan_words import imperative, interval, listed, points_of
from sim.study.plan.effects import RIGHT
from sim.study.until import UNSTABLE

if TYPE_CHECKING:
    from sim.study.plan.answer import RouterPlan
    from sim.study.plan.horizon import Ahead, Horizon
    from sim.study.plan.options import Option

_FASTER = 0.9
_NO_CHANCE = 1e-6
_OVERRUN = 0.1


def remarks_of(found: RouterPlan) -> list[str]:
    """Say what is to be known beside the recommendation."""
    lines = [
        *_yardstick(found),
        *_beyond(found),
        *_closest(found),
        *_overrun(found),
        *_alike(found),
        *_blind(found),
        *_certainty(found),
        *_worth(found),
        *_sensitive(found),
        *_drift(found),
        *_watching(found),
    ]
    return [f"{line[0].upper()}{line[1:]}" for line in lines]


def _yardstick(found: RouterPlan) -> list[str]:
    """Say so where the baseline itself cannot serve the load: then it is held against what it would do."""
    stick = found.yardstick
    if stick.holds:
        return []
    how = "cannot keep up with this load" if not stick.is_stable else "is no working system at this load"
    left = f": it leaves {100 * stick.unanswered:.3g} % of the requests unanswered" if stick.unanswered else ""
    would = f"{100 * stick.acceptance:.3g} % acceptable answers for {usd(stick.usd)} per 1,000 requests"
    held = f"Loss and saving are held against what it would answer and cost if every call were answered: {would}"
    return [f"{found.baseline}, the yardstick, {how}{left}. {held}."]


def _beyond(found: RouterPlan) -> list[str]:
    """Say what would do if servers could do more."""
    beyond = found.beyond
    if beyond is None:
        return []
    how = imperative(beyond.settings)
    needs = [f"{one.owner} would need {one.offered:.3g} of its {one.allowed:g} {one.limit}" for one in beyond.short]
    text = (
        f"what keeps to the budget needs more capacity than there is. With enough of it, the best would be: "
        f"{how[0].lower()}{how[1:]} ({usd(beyond.usd)} per 1,000 requests, {points_of(beyond.loss)} points lost)"
    )
    most = f", of which {100 * found.goal.utilisation:.3g} % may be busy" if needs else ""
    return [f"{text}; {listed(needs)}{most}." if needs else f"{text}."]


def _closest(found: RouterPlan) -> list[str]:
    """Say of each condition which option comes nearest to it, where none meets all."""
    if found.chosen is not None:
        return []
    told = []
    for until in found.goal.conditions:
        some = [one for one in found.options if until.metric in one.estimates and one.status != UNSTABLE]
        if some:
            pick = min if until.sign.startswith("<") else max
            best = pick(some, key=lambda one, metric=until.metric: one.value(metric))  # type: ignore[misc]
            estimate = best.estimates[until.metric]
            shown = f"{interval(estimate)} points" if estimate.unit == "points" else str(written(estimate))
            told.append(f"{until.metric} {shown} ({best.name})")
    return [f"the best in this table, condition by condition: {'; '.join(told)}."] if told else []


def _overrun(found: RouterPlan) -> list[str]:
    """Say which options of the search lose more as played than the requests alone would have it."""
    some = [(one, -100 * float(one.effect.more[RIGHT])) for one in found.options if one.candidate is not None]
    told = [f"{one.name} loses {more:.2f} points more" for one, more in some if more > _OVERRUN]
    if not told:
        return []
    return [f"as played, {listed(told)} than with every call answered: while traffic is high its calls come too late."]


def _alike(found: RouterPlan) -> list[str]:
    if found.chosen is None:
        return []
    unit = "points" if found.goal.minimise == "quality" else "%"
    band = f"{100 * found.goal.indifference:.3g} {unit}"
    if not found.alike:
        return [f"nothing else in the table that meets the conditions is within {band} of {found.chosen.name}."]
    names = listed(list(found.alike))
    lines = [f"within {band} of {found.chosen.name}, or not to be told from it: {names}. Take what is simpler to run."]
    return [*lines, *_faster(found, found.chosen)]


def _faster(found: RouterPlan, chosen: Option) -> list[str]:
    """Say so where an option that costs the same is faster for sure by a tenth and more."""
    mine, told = chosen.estimates.get("latency.p95"), []
    for one in found.options:
        tail = one.estimates.get("latency.p95")
        if one.name not in found.alike or mine is None or tail is None or mine.lower is None or tail.upper is None:
            continue
        if tail.upper < mine.lower and tail.value < _FASTER * mine.value:
            told.append(f"{one.name} answers 95 % within {written(tail).value}")
    against = "" if mine is None else f" instead of {written(mine).value}"
    return [f"at the same cost {listed(told)}{against}: take that where waits count."] if told else []


def _blind(found: RouterPlan) -> list[str]:
    """Say what signals are worth: how much the plan saves beyond requests sent at random in the right shares."""
    split = next((one for one in found.options if one.name == "best-split"), None)
    if (
        found.chosen is None
        or found.chosen.settings["kind"] == "single"
        or split is None
        or split.dearer is None
        or found.goal.minimise != "cost"
    ):
        return []
    if split.dearer.lower is None or split.dearer.lower <= 0:
        return ["a coin that sends requests at random does as well for the same loss: the signals are worth nothing."]
    return [f"a coin that sends requests at random would cost {written(split.dearer)} more within the same limits."]


def _certainty(found: RouterPlan) -> list[str]:
    fresh = found.fresh_seeds
    if found.chosen is None:
        return []
    if fresh is None or found.chosen.name == found.baseline:
        return _as_played(found.chosen)
    if fresh.give_or_take < _NO_CHANCE:
        same = (
            f"the loss is {points_of(found.chosen.value('quality.loss'))} points on each of {fresh.seeds} fresh seeds"
        )
        return [f"{same}: the rows of the outcome table are the same each time.", *_as_played(found.chosen)]
    seeds = f"{fresh.seeds} fresh seeds of {found.fresh_requests // fresh.seeds:,} requests"
    text = f"the loss is {interval(found.chosen.estimates['quality.loss'])} points over {seeds}"
    alone = (
        f"{fresh.within} keep to the budget each by itself, where chance gives or takes {fresh.give_or_take:.2g} points"
    )
    over = "none exceeds" if fresh.over == 0 else f"{fresh.over} exceeds" if fresh.over == 1 else f"{fresh.over} exceed"
    return [f"{text}; {alone}, and {over} it by more than that.", *_as_played(found.chosen)]


def _as_played(chosen: Option) -> list[str]:
    """Say what queues, limits and faults add to what fresh requests say by themselves."""
    effect = chosen.effect
    if not effect.requests:
        return []
    played = f"{effect.requests:,} requests that were played"
    if not effect.is_seen:
        rare = f"fewer than one in {effect.requests // 3:,} does not, at 95 %"
        return [f"each of the {played} got the answer that its route meant it to get, if late: {rare}."]
    points, half = -100 * float(effect.more[RIGHT]), 100 * float(effect.half[RIGHT])
    size, what = f"{abs(points):.2f} points (give or take {half:.2f})", "calls that are refused, fail or come too late"
    if points >= 0:
        return [f"{what} cost it {size} of that, as the {played} show."]
    return [f"{what} are answered by better models: without them it would lose {size} more, as the {played} show."]


def _worth(found: RouterPlan) -> list[str]:
    """Say from which value of an acceptable answer on the plan does not pay."""
    if found.chosen is None or found.chosen.saved_per_answer is None:
        return []
    saved = found.chosen.saved_per_answer
    return [
        f"it saves {written(saved)} for each acceptable answer that it loses: it pays unless one is worth more to you."
    ]


def _sensitive(found: RouterPlan) -> list[str]:
    """Say which assumptions flip the choice, and which one is worth measuring better."""
    if found.tornado is None or found.chosen is None or not found.tornado.entries:
        return []
    entries = found.tornado.entries
    flips = [f"{one.name} {one.flips_at} ({one.flips_to})" for one in entries if one.flips_at]
    how = "better than this one by more than the indifference, thresholds set anew"
    lines = [
        f"another kind of plan would be {how}, from here on: {'; '.join(flips)}."
        if flips
        else f"none of {len(entries)} assumptions, moved by three times its range, makes another kind of plan {how}."
    ]
    best = max(entries, key=lambda one: one.worth or 0.0)
    if best.worth and found.tornado.point_usd is not None:
        price = f"a point of quality costs {usd(found.tornado.point_usd)} per 1,000 requests here"
        lines.append(f"{price}; at that price knowing the {best.name} for sure is worth ${best.worth:,.0f} in 30 days.")
    return lines


def _drift(found: RouterPlan) -> list[str]:
    if found.ahead is None or found.chosen is None:
        return []
    base = next(horizon for horizon in found.ahead.horizons if horizon.drift.name == "base")
    start, middle, last = base.months[0], base.months[6], base.months[-1]
    lines = []
    if found.goal.quality_budget is not None and base.breaks is None:
        after = f"({points_of(middle.loss)} points after six)"
        lines.append(f"under base drift the loss stays within the budget for {last.month} months and more {after}.")
    elif found.goal.quality_budget is not None and base.breaks is not None:
        what = "review the thresholds by then, or plan with a smaller budget"
        lines.append(f"under base drift the loss exceeds the budget {_within(base.breaks)}: {what}.")
    lines += _beside(found.ahead, found.goal.quality_budget)
    if found.goal.spend_cap is not None and base.overspends is None:
        lines.append(f"under base drift the spend cap holds for {last.month} months and more.")
    elif base.overspends is not None:
        lines.append(
            f"under base drift the spend cap is exceeded {_within(base.overspends)}, with as many requests as now."
        )
    before, then = (f"{100 * month.saving:.3g}" for month in (start, middle))
    saving = f"the saving stays {before} %" if before == then else f"the saving goes from {before} to {then} %"
    costs = f"1,000 requests cost {usd(middle.usd)} after six months instead of {usd(start.usd)}"
    lines += _full(found, base)
    if round(100 * (middle.escalated - start.escalated)):
        costs += f" ({100 * middle.escalated:.3g} % escalate instead of {100 * start.escalated:.3g} %)"
    is_baseline = found.chosen.name == found.baseline
    return [*lines, f"under base drift {costs}." if is_baseline else f"under base drift {costs}, and {saving}."]


def _full(found: RouterPlan, base: Horizon) -> list[str]:
    """Say when longer answers alone fill the servers of the choice, where that is within the months told of."""
    growth, last = base.drift.output_growth, base.months[-1].month
    for one in found.ceilings:
        if one.limit in (SERVERS, REPLICAS) and one.used * (1 + growth) ** last >= 1:
            month = max(math.log(1 / one.used) / math.log1p(growth), 0.0)
            what = (
                f"answers that grow by {100 * growth:.3g} % a month fill all {one.allowed:g} {one.limit} of {one.owner}"
            )
            return [
                f"under base drift {what} {_within(month)}, and waits grow before: loss is told as if there were room."
            ]
    return []


def _beside(ahead: Ahead, budget: float | None) -> list[str]:
    """Say what the slower and the faster drift would do to the loss."""
    if budget is None:
        return []
    told: dict[str, list[str]] = {}
    for one in ahead.horizons:
        if one.drift.name != "base":
            what = "keeps to the budget" if one.breaks is None else f"exceeds the budget {_within(one.breaks)}"
            told.setdefault(what, []).append(one.drift.name)
    return [f"{listed([f'under {listed(names)} drift it {what}' for what, names in told.items()])}."]


def _within(month: float) -> str:
    return "within the first month" if month < 1 else f"in month {month:.1f}"


def _watching(found: RouterPlan) -> list[str]:
    judge = next((one for one in found.watches if one.settings["kind"] == "judge"), None)
    if judge is None:
        return []
    points = "another point lost" if judge.finds == 1 else f"{judge.finds:.3g} more points lost"
    daily, late = count(judge.looks_at), days(judge.delay_days)
    text = f"a judge of {daily} answers a day finds {points} after {late} on average"
    if judge.headroom_days is not None and judge.headroom is not None and judge.headroom_days != judge.delay_days:
        left = f"the {judge.headroom:.2f} points that are left of the budget"
        late = "never" if days(judge.headroom_days) == "never" else f"after {days(judge.headroom_days)}"
        text += f", and {left} {late}"
    return [f"{text}."]
