"""The threshold that escalates a wanted share: set by rank, since the scale of a confidence score means nothing."""

from __future__ import annotations

import math

import numpy as np

from sim.chance.normal import normal_cdf, normal_quantile
from sim.columns import Floats
from sim.routing.answers import Answers
from sim.routing.confidence import reading_correlation
from sim.workload.outcome_table import OutcomeTable

_STEPS = 80
_FAR = 40.0


def surety_at_share(answers: Answers, model: str, auroc: float | None, share: float) -> float:
    """Give the smallest threshold t with P(surety <= t) >= share over all answers of the model; -inf for no share.

    Exact for the modelled confidence, and for a measured score the quantile of the score in the outcome table; either
    with the task classes in the proportions of these requests. Answers that tie are at or below t together.
    """
    if not share:
        return -math.inf
    quality, requests = answers.quality, answers.requests
    weights = np.bincount(requests.task, minlength=len(requests.tasks)) / max(len(requests), 1)
    table = quality.table
    measured = None if table is None or auroc is not None else table.models[model].confidence
    if table is not None and measured is not None:
        return _weighted_quantile(measured, _row_weights(table, requests.tasks, weights), share)
    low, high = -_FAR, _FAR
    for _ in range(_STEPS):
        middle = (low + high) / 2
        below = sum(
            weight * _share_up_to(answers, model, auroc, code, middle) for code, weight in enumerate(weights) if weight
        )
        if below < share:
            low = middle
        else:
            high = middle
    return math.inf if high == _FAR else high


def _row_weights(table: OutcomeTable, tasks: tuple[str, ...], weights: Floats) -> Floats:
    """Give each row of the table the weight that the requests give its task class, spread over the class's rows."""
    by_name = dict(zip(tasks, weights, strict=True))
    rows = np.bincount(table.task_code, minlength=len(table.tasks))
    each = np.array([by_name.get(name, 0.0) for name in table.tasks]) / np.maximum(rows, 1)
    return each[table.task_code]


def _weighted_quantile(score: Floats, weights: Floats, share: float) -> float:
    """Give the smallest score at or below which at least this share of the weight lies."""
    order = np.argsort(score, kind="stable")
    reached = np.cumsum(weights[order]) / weights.sum()
    slack = 1e-12  # a cumulative sum of equal weights falls a little short of the share it stands for
    return float(score[order][min(int(np.searchsorted(reached, share - slack)), len(score) - 1)])


def _share_up_to(answers: Answers, model: str, auroc: float | None, code: int, surety: float) -> float:
    """Give P(surety of an answer <= surety) in one task class, for a finite surety."""
    acceptance = float(answers.quality.acceptance[model][code])
    stated = float(answers.quality.auroc[model][code]) if auroc is None else auroc
    r = reading_correlation(stated, acceptance)
    cut = float(normal_quantile(np.array([acceptance]))[0])
    if math.isinf(cut):
        return float(cut < 0)
    if r >= 1:
        return 1 - acceptance
    if r <= 0:
        return float(cut <= surety)
    reading = (surety * math.sqrt(1 - r * r) - cut) / r
    return float(normal_cdf(np.array([reading]))[0])
