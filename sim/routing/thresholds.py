"""The threshold that escalates a wanted share: set by rank, since the scale of a confidence score means nothing."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
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
    quality, requests = answers.quality.calibrated or answers.quality, answers.requests
    shares = requests.task_shares.tolist()
    table = quality.table
    if table is not None and auroc is None and table.models[model].confidence is not None:
        return table.confidence_at_share(model, dict(zip(requests.tasks, shares, strict=True)), share)
    stated = quality.auroc[model].tolist() if auroc is None else [auroc] * len(shares)
    classes = zip(shares, quality.acceptance[model].tolist(), stated, strict=True)
    return _modelled(tuple(_TaskClass(*numbers) for numbers in classes), share)


def confidence_at_share(answers: Answers, model: str, auroc: float | None, share: float) -> float:
    """Give the same threshold as the score that production sees: a stated probability, or a measured score as it is.

    Of a time without episodes: those shift what is stated and leave the order of the answers.
    """
    threshold = surety_at_share(answers, model, auroc, share)
    table = answers.quality.table
    if auroc is None and table is not None and table.models[model].confidence is not None:
        return threshold
    probability = normal_cdf(np.array([threshold]))
    stated = probability if auroc is not None else answers.quality.miscalibration[model].distort(probability)
    return float(stated[0])


class _TaskClass(NamedTuple):
    """The answers of a model in one task class: their share, acceptance probability and AUROC."""

    share: float
    acceptance: float
    auroc: float


@functools.lru_cache(maxsize=4096)
def _modelled(classes: tuple[_TaskClass, ...], share: float) -> float:
    """Find the threshold on the modelled surety by bisection; kept, since every chunk of a run asks for the same."""
    low, high = -_FAR, _FAR
    share_up_to = _distribution([group for group in classes if group.share])
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if share_up_to(middle) < share:
            low = middle
        else:
            high = middle
    return math.inf if high == _FAR else high


def _distribution(classes: Sequence[_TaskClass]) -> Callable[[float], float]:
    """Give the distribution function of the surety of all answers, for finite sureties."""
    weight = np.array([group.share for group in classes])
    acceptance = np.array([group.acceptance for group in classes])
    r = np.array([reading_correlation(group.auroc, group.acceptance) for group in classes])
    cut = normal_quantile(acceptance)
    certain = np.isinf(cut) | (r >= 1)  # no finite surety: all of a class, or its wrong answers, lie below any
    below = math.fsum(weight[certain] * (1 - acceptance[certain]))
    blind, reads = ~certain & (r <= 0), ~certain & (r > 0)
    tied, tie = weight[blind], cut[blind]
    spread, weight, cut, r = np.sqrt(1 - r[reads] ** 2), weight[reads], cut[reads], r[reads]

    def share_up_to(surety: float) -> float:
        read = weight * normal_cdf((surety * spread - cut) / r)
        return math.fsum([below, *tied[tie <= surety].tolist(), *read.tolist()])

    return share_up_to
