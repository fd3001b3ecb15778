"""Quantiles that no report carries, measured when somebody asks for them: the observations are kept anyway."""

from __future__ import annotations

from collections.abc import Sequence

from sim.outcome.change import Basis, quantile_basis
from sim.outcome.estimates import Estimate
from sim.outcome.intervals import quantile_intervals
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


def _known(outcome: Outcome, group: Group) -> bool:
    names = {"segment": outcome.segments, "task": outcome.tasks}.get(group.kind)
    return names is None or group.name in names
