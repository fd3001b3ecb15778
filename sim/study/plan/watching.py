"""Gates that watch a plan: what they would look at each day, and how long they take to see that it no longer holds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sim.gates.detectors.cusum import Cusum
from sim.gates.kinds.escalation import EscalationRate
from sim.gates.kinds.judge import Judge

if TYPE_CHECKING:
    from sim.gates.detectors.detector import Side
    from sim.gates.kinds.gate import RateGate
    from sim.study.plan.options import Option

JUDGED_A_DAY: Final = 1_000
"""Answers that a judge looks at in a day, where there are so many."""

_FOREVER: Final = 1e9
_DAY_S: Final = 86_400.0
_REFERENCE_DAYS: Final = 28
_FALSE_ALARM_DAYS: Final = 364
_LEAST_POINTS: Final = 1.0
_ESCALATION_POINTS: Final = 3.0
_LARGEST_SHIFT: Final = 3.0  # of many answers a day; more would be a chart that never remembers yesterday


@dataclass(frozen=True, slots=True)
class Watch:
    """A gate with its settings, and its run lengths in days.

    `looks_at` are answers a day, of which a share `share` is bad (or escalated) at first. It is set to find a change by
    `finds` points of acceptance (or of escalation), on average `delay_days` after it; `headroom_days` are the same for
    the points that are left in the budget, None where there is no budget. False alarms come every `false_alarm_days`.
    """

    what: str
    settings: dict[str, Any]
    looks_at: float
    share: float
    finds: float
    threshold: float
    false_alarm_days: float
    delay_days: float
    headroom: float | None
    headroom_days: float | None


def watches(chosen: Option, rate_per_s: float, budget: float | None) -> list[Watch]:
    """Give a judge of the answers, and the escalation rate where there is one; each with a look a day.

    The judge has the sensitivity and specificity that a judge has by default. Nothing for fewer than one answer a day.
    """
    daily = rate_per_s * _DAY_S
    if daily < 1:
        return []
    found = [_judge(chosen, daily, budget)]
    escalation = chosen.estimates.get("escalation.rate")
    if escalation is not None and 0 < escalation.value < 1:
        found.append(_escalation(escalation.value, daily))
    return found


def _judge(chosen: Option, daily: float, budget: float | None) -> Watch:
    acceptance, loss = chosen.value("quality.acceptance"), chosen.value("quality.loss")
    sample = min(1.0, JUDGED_A_DAY / daily)
    points = _LEAST_POINTS if budget is None else max(budget, _LEAST_POINTS)
    plain = Judge(kind="judge", name="answers")
    informative = plain.sensitivity + plain.specificity - 1
    gate = Judge(
        kind="judge",
        name="answers",
        by="all",
        sample=float(f"{sample:.2g}"),
        find=float(f"{points / 100 * informative:.3g}"),
    )
    bad = (1 - acceptance) * gate.sensitivity + acceptance * (1 - gate.specificity)
    headroom = None if budget is None else max(budget - loss, 0.0)
    return _watch(
        "share of answers that a judge calls bad",
        gate,
        count=daily * gate.sample,
        share=bad,
        points=points,
        headroom=headroom,
        factor=informative,
    )


def _escalation(share: float, daily: float) -> Watch:
    shift = _ESCALATION_POINTS / 100 * math.sqrt(daily / (share * (1 - share)))
    gate = EscalationRate(
        kind="escalation",
        name="escalations",
        detector=Cusum(kind="cusum", shift=float(f"{min(shift, _LARGEST_SHIFT):.3g}")),
    )
    return _watch(
        "share of requests that escalate",
        gate,
        count=daily,
        share=share,
        points=_ESCALATION_POINTS,
        headroom=None,
        factor=1.0,
    )


def _watch(
    what: str, gate: RateGate, *, count: float, share: float, points: float, headroom: float | None, factor: float
) -> Watch:
    reference = np.array([round(count * _REFERENCE_DAYS), round(count * share * _REFERENCE_DAYS)], dtype=np.int64)
    law = gate.law(reference, _REFERENCE_DAYS)
    detector = gate.chart_detector(reference, _REFERENCE_DAYS)
    side: Side = "up"
    threshold = detector.threshold(_FALSE_ALARM_DAYS, side, law, 1 / math.sqrt(_REFERENCE_DAYS))

    def delay(change: float) -> float:
        shift = change / 100 * factor * math.sqrt(count / (share * (1 - share)))
        return _rounded(detector.delay(threshold, side, shift, law))

    return Watch(
        what=what,
        settings=gate.model_dump(mode="json", exclude_defaults=True, exclude_none=True),
        looks_at=count,
        share=share,
        finds=points,
        threshold=_rounded(threshold),
        false_alarm_days=_FALSE_ALARM_DAYS,
        delay_days=delay(points),
        headroom=headroom,
        headroom_days=None if headroom is None else delay(headroom),
    )


def _rounded(value: float) -> float:
    """Give six digits: those that follow depend on how many threads solve the equations."""
    return float(f"{value:.6g}") if math.isfinite(value) else _FOREVER
