"""A router plan in words: what to do, what it rests on, and when it stops being right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sim.report.numbers import negated, plural, written
from sim.report.plan_tables import count, days, stands, usd
from sim.study.until import Standing

if TYPE_CHECKING:
    from sim.study.plan.answer import RouterPlan
    from sim.study.plan.horizon import Ahead
    from sim.study.plan.options import Option

_AIMS = {"cost": "the least cost", "latency": "the least P95 latency", "quality": "the fewest points lost"}


def recommendation(found: RouterPlan) -> list[str]:
    """Give the recommendation in two sentences."""
    chosen = found.chosen
    if chosen is None:
        asked = conditions(found) or "the limits of the fleet"
        return [f"No plan is recommended: nothing that was looked at is sure to meet {asked}.", _nearest(found)]
    return [f"{_imperative(chosen)}.", f"{_effect(found, chosen)}."]


def conditions(found: RouterPlan) -> str:
    """Name the conditions."""
    return listed([until.text for until in found.goal.conditions])


def listed(names: list[str]) -> str:
    """Write `a, b and c`."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _nearest(found: RouterPlan) -> str:
    undecided = [one.name for one in found.options if one.judgement.standing is Standing.UNDECIDED]
    if undecided:
        names = listed(undecided[:3])
        return f"Of {names} it is undecided: more replications (--replications) or a longer run would tell."
    best = min(found.options, key=lambda one: (len(one.judgement.broken), one.value("quality.loss")))
    return f"The nearest, {best.name}, {stands(best)}; loosen a condition, or change the fleet."


def _imperative(chosen: Option) -> str:
    """Tell what to do, from the pattern itself."""
    settings = dict(chosen.settings)
    rules = [f"{_meets(rule['when'])} straight to {rule['to']}" for rule in settings.get("rules", [])]
    text = _BODIES[settings["kind"]](settings)
    return f"Send {listed(rules)}; {text[0].lower()}{text[1:]}" if rules else text


def _meets(when: dict[str, Any]) -> str:
    return listed([_condition(signal, wanted) for signal, wanted in when.items()])


def _condition(signal: str, wanted: str | list[str]) -> str:
    values = [wanted] if isinstance(wanted, str) else wanted
    if values[0][0] in "<>":
        return f"requests with {signal} {listed(values)}"
    return f"requests whose {signal} is {' or '.join(values)}"


def _single(settings: dict[str, Any]) -> str:
    return f"Send every request to {settings['model']}"


def _pre_route(settings: dict[str, Any]) -> str:
    return f"Send all others to {settings['otherwise']}"


def _cascade(settings: dict[str, Any]) -> str:
    ladder, when = settings["ladder"], settings["escalate_when"]
    rules = when if isinstance(when, list) else [when] * (len(ladder) - 1)
    steps = [
        f"ask {model} {'next' if rung else 'first'} and go on to {ladder[rung + 1]} {_when(rules[rung])}"
        for rung, model in enumerate(ladder[:-1])
    ]
    text = ", then ".join(steps)
    return f"{text[0].upper()}{text[1:]}"


def _when(rule: dict[str, Any]) -> str:
    parts = []
    if rule.get("lowest"):
        parts.append(f"with the {100 * rule['lowest']:.4g} % of its answers that it is least sure of")
    below = rule.get("confidence_below")
    if below is not None:
        shown = f"{below:.4g}" if isinstance(below, float) else listed([f"{v:.4g} in {k}" for k, v in below.items()])
        parts.append(f"where its confidence is below {shown}")
    words = [name for name, key in (("refusals", "refusal"), ("hedged answers", "hedging")) if rule.get(key)]
    if words:
        parts.append(f"with its {listed(words)}")
    return listed(parts)


def _ensemble(settings: dict[str, Any]) -> str:
    first, second = settings["models"]
    share = f"{100 * settings['sample']:.3g} %"
    return f"Ask {second} beside {first} for {share} of the requests and keep the better answer"


def _split(settings: dict[str, Any]) -> str:
    shares = [f"{100 * share:.3g} % to {model}" for model, share in settings["shares"].items()]
    return f"Send requests at random, {listed(shares)}"


def _other(settings: dict[str, Any]) -> str:
    return f"Keep the pattern {settings['name']} ({settings['kind']}) as it is written"


_BODIES = {
    "single": _single,
    "pre_route": _pre_route,
    "cascade": _cascade,
    "ensemble": _ensemble,
    "split": _split,
    "spillover": _other,
    "least_cost_within_latency": _other,
}


def _effect(found: RouterPlan, chosen: Option) -> str:
    if chosen.name == found.baseline:
        return "Nothing that was looked at does better within the limits"
    base = next(one for one in found.options if one.name == found.baseline)
    parts = [_saves(chosen, base), _loses(found, chosen), _answers(chosen, base)]
    return f"This {listed([part for part in parts if part])}"


def _saves(chosen: Option, base: Option) -> str:
    cost, before = chosen.estimates["cost.per_1k"], base.estimates["cost.per_1k"]
    saving = chosen.estimates.get("cost.saving")
    change = f"({written(before).value} to {written(cost).value} per 1,000 requests)"
    if saving is None:
        return ""
    if saving.value >= 0:
        return f"saves {written(saving)} of the cost of {base.name} {change}"
    return f"costs {written(negated(saving))} more than {base.name} {change}"


def _loses(found: RouterPlan, chosen: Option) -> str:
    loss, budget = chosen.estimates.get("quality.loss"), found.goal.quality_budget
    if loss is None:
        return ""
    if loss.value < 0:
        return f"gains {_points(-loss.value)} points of acceptance"
    return f"loses {_points(loss.value)} points of acceptance" + (
        "" if budget is None else f" of the {budget:g} allowed"
    )


def _answers(chosen: Option, base: Option) -> str:
    tail, other = chosen.estimates.get("latency.p95"), base.estimates.get("latency.p95")
    if tail is None:
        return ""
    against = "" if other is None else f" instead of {written(other).value}"
    return f"answers 95 % of the requests within {written(tail).value}{against}"


def _points(value: float) -> str:
    return f"{value:.2f}"


def remarks_of(found: RouterPlan) -> list[str]:
    """Say what is to be known beside the recommendation."""
    lines = [
        *_alike(found),
        *_blind(found),
        *_certainty(found),
        *_worth(found),
        *_sensitive(found),
        *_drift(found),
        *_watching(found),
    ]
    return [f"{line[0].upper()}{line[1:]}" for line in lines]


def _alike(found: RouterPlan) -> list[str]:
    if found.chosen is None:
        return []
    unit = "points" if found.goal.minimise == "quality" else "%"
    band = f"{100 * found.goal.indifference:.3g} {unit}"
    if not found.alike:
        return [f"nothing else in the table that meets the conditions is within {band} of {found.chosen.name}."]
    names = listed(list(found.alike))
    return [f"within {band} of {found.chosen.name}, or not to be told from it: {names}. Take what is simpler to run."]


def _blind(found: RouterPlan) -> list[str]:
    """Say what signals are worth: how much the plan saves beyond requests sent at random in the right shares."""
    split = next((one for one in found.options if one.name == "best-split"), None)
    if found.chosen is None or split is None or split.dearer is None or found.goal.minimise != "cost":
        return []
    if split.dearer.lower is None or split.dearer.lower <= 0:
        return ["a coin that sends requests at random does as well for the same loss: the signals are worth nothing."]
    return [f"a coin that sends requests at random would cost {written(split.dearer)} more for the same quality."]


def _certainty(found: RouterPlan) -> list[str]:
    fresh = found.fresh_seeds
    if fresh is None or found.chosen is None:
        return []
    loss = found.chosen.estimates["quality.loss"]
    interval = f"[{loss.lower or 0:.2f}, {loss.upper or 0:.2f}]"
    seeds = f"{fresh.seeds} fresh seeds of {found.fresh_requests // fresh.seeds:,} requests"
    text = f"the loss is {_points(loss.value)} points {interval} over {seeds}"
    alone = (
        f"{fresh.within} keep to the budget each by itself, where chance gives or takes {fresh.give_or_take:.2g} points"
    )
    over = "none exceeds" if fresh.over == 0 else f"{fresh.over} exceeds" if fresh.over == 1 else f"{fresh.over} exceed"
    return [f"{text}; {alone}, and {over} it by more than that."]


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
        after = f"({_points(middle.loss)} points after six)"
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
    saving = f"the saving goes from {100 * start.saving:.3g} to {100 * middle.saving:.3g} %"
    costs = f"1,000 requests cost {usd(middle.usd)} after six months instead of {usd(start.usd)}"
    return [*lines, f"under base drift {costs}, and {saving}."]


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
    if judge.headroom is not None and judge.headroom_days is not None:
        left = f"the {judge.headroom:.2f} points that are left of the budget"
        late = "never" if days(judge.headroom_days) == "never" else f"after {days(judge.headroom_days)}"
        text += f", and {left} {late}"
    return [f"{text}."]


def computed(found: RouterPlan) -> str:
    """Say how it was computed."""
    aim = _AIMS[found.goal.minimise]
    limits = f" within {conditions(found)}" if found.goal.conditions else ""
    fresh = f"{found.fresh_requests:,} fresh requests and " if found.fresh_requests else ""
    tries = "" if found.attempts == 1 else f", at attempt {found.attempts}"
    return (
        f"{aim}{limits}: {plural(found.searched, 'candidate')} on {found.requests:,} requests, confirmed on {fresh}"
        f"{plural(found.replications, 'replication')} that the search had not seen{tries}; intervals are of "
        f"{100 * found.level:.4g} %"
    )
