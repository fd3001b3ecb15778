"""What no report carries, measured when somebody asks for it: the observations are kept anyway."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.outcome.change import Basis, quantile_basis
from sim.outcome.estimates import Estimate
from sim.outcome.histogram import Histogram, edges_of
from sim.outcome.intervals import ENOUGH_EVENTS, Sample, quantile_intervals, ratio_interval, too_short, worth
from sim.outcome.metrics import sections_for
from sim.outcome.outcomes import Group, Outcome

_NS = 1e9


def quantile_of(outcomes: Sequence[Outcome], column: str, group: Group, q: float, level: float) -> Estimate | None:
    """Give the `q` quantile of a column of `DURATIONS` in a group, in seconds; None if it has no observation.

    `outcomes` are those of every replication of one pattern.
    """
    if not _known(outcomes[0], group):
        return None
    samples = [sample for outcome in outcomes for sample in outcome.samples(column, group)]
    found = quantile_intervals(samples, (q,), level, sectioned=sections_for(len(outcomes)) > 1)
    if found is None:
        return None
    value, lower, upper = found[0].value, found[0].lower, found[0].upper
    bounds = [None if bound is None else bound / _NS for bound in (lower, upper)]
    return Estimate(value / _NS, bounds[0], bounds[1], "s", few_data=found[0].few_data)


def basis_of_quantile(outcomes: Sequence[Outcome], column: str, group: Group, q: float) -> Basis | None:
    """Give what that quantile rests on, in nanoseconds."""
    if not _known(outcomes[0], group):
        return None
    return quantile_basis([sample for outcome in outcomes for sample in outcome.samples(column, group)], q)


def late_share(outcomes: Sequence[Outcome], column: str, group: Group, limit_ns: int, level: float) -> Estimate | None:
    """Give the share of a group's requests whose `column` of `DURATIONS` is not below a limit, or that have no answer.

    Where a histogram stands for observations, those in the bucket of the limit are taken to lie evenly in it, and the
    interval holds whatever they do. None if the group has no request.
    """
    if not _known(outcomes[0], group):
        return None
    late, every, unsure = [], [], 0.0
    for outcome in outcomes:
        for sample, count in zip(outcome.samples(column, group), outcome.sum("count", group), strict=True):
            below, amid = _below(sample, limit_ns)
            late.append(count - below - amid / 2)
            every.append(float(count))
            unsure += amid / 2
    return _bad_share(outcomes, group, (late, every), unsure, level)


def flagged_share(outcomes: Sequence[Outcome], flag: str, group: Group, level: float) -> Estimate | None:
    """Give the share of a group's requests that have a flag: `failed`, `acceptable`, ... None if it has no request."""
    if not _known(outcomes[0], group):
        return None
    some = [float(number) for outcome in outcomes for number in outcome.sum(flag, group)]
    every = [float(number) for outcome in outcomes for number in outcome.sum("count", group)]
    return _bad_share(outcomes, group, (some, every), 0.0, level)


def complement(found: Estimate) -> Estimate:
    """Give the share of all others."""
    lower = None if found.upper is None else 1 - found.upper
    upper = None if found.lower is None else 1 - found.lower
    return Estimate(1 - found.value, lower, upper, found.unit, found.baseline, found.few_data)


def _bad_share(
    outcomes: Sequence[Outcome], group: Group, pairs: tuple[list[float], list[float]], unsure: float, level: float
) -> Estimate | None:
    """Give a share with its interval; where there are few events, that of Clopper and Pearson (1934).

    That one takes requests as independent, so it is given as many as they are worth: those of a queue come and go
    together, and `worth` tells from their latencies how many independent ones would vary as little.
    """
    some, every = (np.array(column) for column in pairs)
    events, count = float(some.sum()), float(every.sum())
    found = ratio_interval(some, every, level, sectioned=sections_for(len(outcomes)) > 1)
    if found is None:
        return None
    value, lower, upper, few = found.value, found.lower, found.upper, found.few_data
    if min(events, count - events) < ENOUGH_EVENTS:
        latencies = [sample for outcome in outcomes for sample in outcome.samples("latency", group) if len(sample)]
        several = len(latencies) > 1
        lower, upper = share_of_few(events / count, min(worth(latencies), count) if several else count, level)
        few = not several or too_short(latencies)
    if lower is not None and upper is not None:
        lower, upper = max(lower - unsure / count, 0.0), min(upper + unsure / count, 1.0)
    return Estimate(value, lower, upper, "fraction", few_data=few)


def share_of_few(share: float, count: float, level: float) -> tuple[float, float]:
    """Give the interval of Clopper and Pearson for a share of so many independent requests, whole or not."""
    from scipy.special import betaincinv  # noqa: PLC0415 - scipy loads slowly and `validate` must not wait for it

    events, tail = share * count, (1 - level) / 2
    lower = float(betaincinv(events, count - events + 1, tail)) if events > 0 else 0.0
    upper = float(betaincinv(events + 1, count - events, 1 - tail)) if events < count else 1.0
    return lower, upper


def _below(sample: Sample, limit_ns: int) -> tuple[int, int]:
    """Count the observations below a limit, and those of which nobody knows."""
    if not isinstance(sample, Histogram):
        return int(np.count_nonzero(sample < limit_ns)), 0
    least, largest = edges_of(sample.buckets)
    below = largest < limit_ns
    amid = (least < limit_ns) & ~below
    return int(sample.counts[below].sum()), int(sample.counts[amid].sum())


def _known(outcome: Outcome, group: Group) -> bool:
    names = {"segment": outcome.segments, "task": outcome.tasks}.get(group.kind)
    return names is None or group.name in names
