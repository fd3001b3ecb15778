"""The threshold that escalates a wanted share: set by rank, since the scale of a confidence score means nothing."""

from __future__ import annotations

import functools
import math
from typing import Final, NamedTuple

import numpy as np

from sim.chance.normal import normal_cdf, normal_quantile
from sim.routing.answers import Answers
from sim.routing.confidence import reading_correlation

_STEPS: Final = 80
_FAR: Final = 40.0


def surety_at_share(answers: Answers, model: str, auroc: float | None, share: float) -> float:
    """Give the smallest threshold t with P(surety <= t) >= share over all answers of the model; -inf for no share.

    Exact for the modelled confidence, and for a measured score the quantile of the score in the outcome table; either
    with the task classes in the proportions expected of the whole run, so that it is one number whatever requests are
    at hand. Answers that tie are at or below t together.
    """
    if not share:
        return -math.inf
    quality, requests = answers.quality, answers.requests
    shares = requests.task_shares.tolist()
    table = quality.table
    if table is not None and auroc is None and table.models[model].confidence is not None:
        return table.confidence_at_share(model, dict(zip(requests.tasks, shares, strict=True)), share)
    stated = quality.auroc[model].tolist() if auroc is None else [auroc] * len(shares)
    classes = zip(shares, quality.acceptance[model].tolist(), stated, strict=True)
    return _modelled(tuple(_TaskClass(*numbers) for numbers in classes), share)


class _TaskClass(NamedTuple):
    """The answers of a model in one task class: their share, acceptance probability and AUROC."""

    share: float
    acceptance: float
    auroc: float


@functools.lru_cache(maxsize=256)
def _modelled(classes: tuple[_TaskClass, ...], share: float) -> float:
    """Find the threshold on the modelled surety by bisection; kept, since every chunk of a run asks for the same."""
    low, high = -_FAR, _FAR
    for _ in range(_STEPS):
        middle = (low + high) / 2
        below = sum(group.share * _share_up_to(group, middle) for group in classes if group.share)
        if below < share:
            low = middle
        else:
            high = middle
    return math.inf if high == _FAR else high


def _share_up_to(group: _TaskClass, surety: float) -> float:
    """Give P(surety of an answer <= surety) in one task class, for a finite surety."""
    r = reading_correlation(group.auroc, group.acceptance)
    cut = float(normal_quantile(np.array([group.acceptance]))[0])
    if math.isinf(cut):
        return float(cut < 0)
    if r >= 1:
        return 1 - group.acceptance
    if r <= 0:
        return float(cut <= surety)
    reading = (surety * math.sqrt(1 - r * r) - cut) / r
    return float(normal_cdf(np.array([reading]))[0])
