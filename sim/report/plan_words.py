"""A router plan in words: what to do, and how it was found."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from sim.report.grids import ABSENT
from sim.report.numbers import negated, plural, written
from sim.report.plan_tables import stands, usd
from sim.study.plan.goal import loss_of
from sim.study.until import UNSTABLE, Standing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sim.outcome.estimates import Estimate
    from sim.study.plan.answer import RouterPlan
    from sim.study.plan.options import Option

_AIMS = {"cost": "the least cost", "latency": "the least P95 latency", "quality": "the fewest points lost"}


def recommendation(found: RouterPlan) -> list[str]:
    """Give the recommendation in two sentences."""
    chosen = found.chosen
    if chosen is None:
        asked = conditions(found) or "the limits of the fleet"
        return [f"No plan is recommended: nothing that was looked at is sure to meet {asked}.", _nearest(found)]
    return [f"{imperative(chosen.settings)}.", f"{_effect(found, chosen)}."]


def conditions(found: RouterPlan) -> str:
    """Name the conditions."""
    return listed([until.text for until in found.goal.conditions])


def listed(names: list[str]) -> str:
    """Write `a, b and c`."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _nearest(found: RouterPlan) -> str:
    undecided = [one for one in found.options if one.judgement.standing is Standing.UNDECIDED]
    if undecided:
        names = listed([one.name for one in undecided[:3]])
        reasons = list(dict.fromkeys(reason for one in undecided for reason in one.judgement.open))[:2]
        why = f" ({'; '.join(reasons)})" if reasons else ""
        return f"Of {names} it is undecided{why}: more replications (--replications) or a longer run would tell."
    best = next(one for one in found.options if one.name == found.nearest)
    broken = "cannot keep up" if best.judgement.broken == (UNSTABLE,) else stands(best)
    loses = f" (it loses {interval(best.estimates.get('quality.loss'))} points)" if found.goal.quality_budget else ""
    return f"The nearest, {best.name}, {broken}{loses}; loosen a condition, or change the fleet."


def interval(loss: Estimate | None) -> str:
    """Write points lost with their interval."""
    if loss is None:
        return ABSENT
    if loss.lower is None or loss.upper is None:
        return points_of(loss.value)
    return f"{points_of(loss.value)} [{points_of(loss.lower)}, {points_of(loss.upper)}]"


def imperative(settings: Mapping[str, Any]) -> str:
    """Tell what to do, from the pattern itself."""
    settings = dict(settings)
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
        f"{f'go on from {model}' if rung else f'ask {model} first and go on'} to {high} {_when(rules[rung])}"
        for rung, (model, high) in enumerate(itertools.pairwise(ladder))
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
    parts = [_saves(found, chosen), _loses(found, chosen), _answers(chosen, base)]
    return f"This {listed([part for part in parts if part])}"


def _saves(found: RouterPlan, chosen: Option) -> str:
    cost, saving = chosen.estimates["cost.per_1k"], chosen.estimates.get("cost.saving")
    before = next(one for one in found.options if one.name == found.baseline).estimates["cost.per_1k"]
    was = written(before).value if found.yardstick.holds else usd(found.yardstick.usd)
    change = f"({was} to {written(cost).value} per 1,000 requests)"
    if saving is None:
        return ""
    if saving.value >= 0:
        of = f"the cost of {found.baseline}" if found.yardstick.holds else f"what {found.baseline} would cost"
        return f"saves {written(saving)} of {of} {change}"
    return f"costs {written(negated(saving))} more than {found.baseline} {change}"


def _loses(found: RouterPlan, chosen: Option) -> str:
    loss, budget = chosen.estimates.get("quality.loss"), found.goal.quality_budget
    if loss is None:
        return ""
    if loss.value < 0:
        return f"gains {points_of(-loss.value)} points of acceptance{_by_segment(found, chosen)}"
    allowed = "" if budget is None else f" of the {budget:g} allowed"
    return f"loses {points_of(loss.value)} points of acceptance{allowed}{_by_segment(found, chosen)}"


def _by_segment(found: RouterPlan, chosen: Option) -> str:
    """Write what each segment with a budget of its own loses."""
    told = []
    for name, budget in found.goal.segment_budgets:
        loss = chosen.estimates.get(loss_of(name))
        if loss is not None:
            told.append(f"{name} {points_of(loss.value)} of {budget:g}")
    return f" ({', '.join(told)})" if told else ""


def _answers(chosen: Option, base: Option) -> str:
    tail, other = chosen.estimates.get("latency.p95"), base.estimates.get("latency.p95")
    if tail is None:
        return ""
    against = "" if other is None else f" instead of {written(other).value}"
    return f"answers 95 % of the requests within {written(tail).value}{against}"


def points_of(value: float) -> str:
    """Write points of acceptance."""
    return f"{value:.2f}"


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
