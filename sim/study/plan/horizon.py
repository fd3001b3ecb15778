"""How long a plan holds while traffic drifts: the month in which it loses, or costs, more than it may.

Hard task classes gain share and tokens grow, at the rates that public data show; thresholds and models stay as they
are. Within a class nothing changes, so that what each class costs and loses today says what any mix of them does.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from sim.columns import Bools, Floats
from sim.experiment.drifting import PRESETS
from sim.study.plan.effects import as_if_answered
from sim.study.plan.sample import CONFIRM_FROM, drawn, measured_from

if TYPE_CHECKING:
    from sim.experiment.scene import Scene
    from sim.routing.answers import Answers
    from sim.routing.patterns import Pattern

MONTHS: Final = 12
"""Months that are looked ahead."""

REQUESTS: Final = 200_000
"""Requests that the sums of each class are taken over at most."""

_APART: Final = 1 << 20
_TINY: Final = 1e-12
_NANO: Final = 1e9


@dataclass(frozen=True, slots=True)
class Drift:
    """Change a month: of the logit of the share of hard classes, and of prompt and answer tokens (0.07 is +7 %)."""

    name: str
    logit: float
    input_growth: float
    output_growth: float


DRIFTS: Final = tuple(
    Drift(name, rates.hard_log_odds, rates.input_growth, rates.output_growth) for name, rates in PRESETS.items()
)
"""The presets that `tiercast drift` plays forward, where their source is told."""


@dataclass(frozen=True, slots=True)
class Month:
    """Expected after so many months: share of hard classes, points lost, escalated share.

    `usd` is the cost of 1,000 requests, `saving` the share of the baseline's that it is less.
    """

    month: int
    hard: float
    loss: float
    usd: float
    saving: float
    escalated: float


@dataclass(frozen=True, slots=True)
class Horizon:
    """The months to come under one drift; None stands for beyond the last.

    `breaks` is the month in which the budget of quality is exceeded, `overspends` that in which the spend cap is, with
    as many requests as now.
    """

    drift: Drift
    months: tuple[Month, ...]
    breaks: float | None
    overspends: float | None


@dataclass(frozen=True, slots=True)
class Now:
    """What was confirmed of today: USD of 1,000 requests of the pattern and of the yardstick, points lost.

    `escalated` is the share of requests that escalate.
    """

    usd: float
    base_usd: float
    loss: float
    escalated: float

    def from_here(self, found: Month, start: Month) -> Month:
        """Give a month as it follows from today: cost by the same factor, loss by as many points as on the requests."""
        usd = found.usd * self.usd / start.usd if start.usd else self.usd
        base, before = _base_usd(found), _base_usd(start)
        of = self.base_usd * base / before if before else 0.0
        return replace(
            found,
            usd=usd,
            loss=self.loss + found.loss - start.loss,
            saving=1 - usd / of if of else found.saving,
            escalated=self.escalated + found.escalated - start.escalated,
        )


def _base_usd(month: Month) -> float:
    """Give what the baseline costs in a month."""
    return month.usd / (1 - month.saving) if month.saving < 1 else 0.0


@dataclass(frozen=True, slots=True)
class Ahead:
    """Which task classes count as hard, and what each drift brings."""

    hard: tuple[str, ...]
    horizons: tuple[Horizon, ...]


@dataclass(slots=True)
class _ByClass:
    """Sums of a pattern by task class, float64[tasks]: requests, acceptable answers, escalations, nano-dollars.

    The cost is that of prompts, of answers, and of what does not depend on tokens.
    """

    count: Floats
    right: Floats
    escalated: Floats
    of_input: Floats
    of_output: Floats
    fixed: Floats

    def add(self, other: _ByClass) -> _ByClass:
        """Give the sums of both."""
        names = [field.name for field in fields(self)]
        return _ByClass(*(getattr(self, name) + getattr(other, name) for name in names))

    def usd(self, per: Floats, drift: Drift, month: int) -> float:
        """Give the cost of 1,000 requests, `per` of each class counted, after so many months."""
        parts = (
            (self.of_input, (1 + drift.input_growth) ** month),
            (self.of_output, (1 + drift.output_growth) ** month),
            (self.fixed, 1.0),
        )
        return sum(float(np.dot(per, nano)) * factor for nano, factor in parts) / _NANO * 1000


def look_ahead(
    scene: Scene,
    pattern: Pattern,
    baseline: Pattern,
    *,
    budget: float | None,
    cap_per_1k: float | None,
    now: Now,
    requests: int = REQUESTS,
) -> Ahead:
    """Give what the months bring to a pattern. With one task class only tokens grow, and no class is hard.

    `budget` are points, `cap_per_1k` USD of 1,000 requests; sums are taken over so many `requests`, and tell how months
    differ from today, which is as it was confirmed (`now`).
    """
    both: list[_ByClass] = []
    tasks: tuple[str, ...] = ()
    quality = np.empty(0)
    for answers in drawn(scene, CONFIRM_FROM + _APART, requests):
        rows, _ = measured_from(scene, answers.requests)
        some = [_summed(scene, one, answers, rows) for one in (pattern, baseline)]
        tasks, quality = answers.requests.tasks, answers.quality.acceptance[scene.line_up.cheap]
        both = [mine.add(more) for mine, more in zip(both, some, strict=True)] if both else some
    if not both:
        raise ValueError("no request arrives in the measured part of the run")
    shares = both[0].count / both[0].count.sum()
    hard = quality < float(np.dot(shares, quality)) - _TINY
    limits = (budget, cap_per_1k)
    return Ahead(
        tuple(task for task, is_hard in zip(tasks, hard.tolist(), strict=True) if is_hard),
        tuple(_horizon((both[0], both[1]), hard, drift, limits, now) for drift in DRIFTS),
    )


def _horizon(
    both: tuple[_ByClass, _ByClass], hard: Bools, drift: Drift, limits: tuple[float | None, float | None], now: Now
) -> Horizon:
    found = [_month(*both, hard, drift, month) for month in range(MONTHS + 1)]
    months = tuple(now.from_here(month, found[0]) for month in found)
    budget, cap = limits
    return Horizon(
        drift,
        months,
        None if budget is None else _crossing([month.loss for month in months], budget),
        None if cap is None else _crossing([month.usd for month in months], cap),
    )


def _crossing(losses: list[float], budget: float) -> float | None:
    """Give when the line through the months first lies above the budget."""
    if losses[0] > budget:
        return 0.0
    for month, (before, after) in enumerate(itertools.pairwise(losses)):
        if after > budget:
            return month + (budget - before) / (after - before)
    return None


def _month(mine: _ByClass, base: _ByClass, hard: Bools, drift: Drift, month: int) -> Month:
    shares = mine.count / mine.count.sum()
    share = float(shares[hard].sum())
    moved = shares
    if 0 < share < 1:
        odds = share / (1 - share) * np.exp(drift.logit * month)
        now = float(odds / (1 + odds))
        moved = np.where(hard, shares * now / share, shares * (1 - now) / (1 - share))
        share = now
    per = np.where(mine.count > 0, moved / np.maximum(mine.count, 1), 0.0)
    usd, before = mine.usd(per, drift, month), base.usd(per, drift, month)
    return Month(
        month=month,
        hard=share,
        loss=100 * float(np.dot(per, base.right - mine.right)),
        usd=usd,
        saving=1 - usd / before if before else 0.0,
        escalated=float(np.dot(per, mine.escalated)),
    )


def _summed(scene: Scene, pattern: Pattern, answers: Answers, rows: slice) -> _ByClass:
    requests, of = answers.requests, as_if_answered(scene.plan(pattern, answers))
    n = len(requests)
    of_input, of_output, fixed, right = (np.zeros(n) for _ in range(4))
    for group in of.groups:
        at = group.request
        if group.model < 0:
            fixed[at] += of.steps[group.step].nano_usd
            continue
        name = of.models[group.model]
        use = requests.input_tokens, requests.cached_tokens, answers.output_tokens(name), requests.cache_write_tokens
        per_call, prompt, answer = scene.spec.fleet[name].price.parts_nano(*(tokens[at] for tokens in use))
        fixed[at] += per_call
        of_input[at] += prompt
        of_output[at] += answer
    for number, name in enumerate(of.models):
        mine = of.answer_model == number
        right[mine] = answers.acceptable(name)[mine]
    columns = (np.ones(n), right, of.escalated.astype(np.float64), of_input, of_output, fixed)
    task, size = requests.task[rows], len(requests.tasks)
    sums: list[Floats] = [np.bincount(task, weights=column[rows], minlength=size).astype(float) for column in columns]
    return _ByClass(*sums)
