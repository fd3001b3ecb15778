"""Heavy tails: where the mean of drawn futures lies outside the interval that one of them lies in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from sim.study.spend.answers import CommitmentMonth, PatternForecast, Range, SpendForecast

Place: TypeAlias = tuple[str, str, Range]
"""What a quantity is, of which month, and its range."""


ALL = "all months"


def outside(places: Iterable[Place], level: float) -> Iterator[str]:
    """Say in one sentence for each side of which quantities and months the mean lies outside the interval."""
    found: dict[str, dict[str, list[str]]] = {}
    for whose, which, one in places:
        low, high = one.intervals[level]
        if not low <= one.mean <= high and abs(one.mean - one.median) > _NOISE * abs(one.median):
            found.setdefault("above" if one.mean > high else "below", {}).setdefault(whose, []).append(which)
    for side, quantities in found.items():
        told = "; ".join(f"{whose} ({_some(several)})" for whose, several in quantities.items())
        yield (
            f"the mean lies {side} the {100 * level:g} % interval of: {told}. Few futures far {side} all others make "
            "it: expect the median of one future, and the mean of the average of many"
        )


_NOISE = 1e-9
"""Futures that are all alike differ in the last digits."""

_MOST = 3


def _some(which: Sequence[str]) -> str:
    """Name a few months, and the ends of many."""
    months = [one for one in which if one != ALL]
    if len(months) > _MOST:
        months = [f"{len(months)} months from {months[0]} to {months[-1]}"]
    return ", ".join([*months, *(one for one in which if one == ALL)])


def places_of(found: SpendForecast) -> Iterator[Place]:
    """Yield every sum of money, unit cost and saving of a forecast, in the order in which they are told."""
    for pattern in found.patterns.values():
        yield from _of_pattern(pattern)
    for project in found.projects:
        for month_name, one in project.nets.items():
            yield f"project {project.project}, net", month_name, one
    for answer in found.commitments:
        name = f"commitment {answer.commitment} under {answer.pattern}"
        for each in (*answer.months, answer.whole):
            yield from _of_commitment(name, each)


def _of_pattern(found: PatternForecast) -> Iterator[Place]:
    for month in found.months:
        yield f"{found.name}, spend", month.month, month.spend
        yield f"{found.name}, spend up to the end of a month", month.month, month.cumulative
        if month.per_1k is not None:
            yield f"{found.name}, cost per 1k requests", month.month, month.per_1k
        for segment, one in month.users.items():
            yield f"{found.name}, cost per user of {segment}", month.month, one
    yield f"{found.name}, spend", ALL, found.total
    if found.per_1k is not None:
        yield f"{found.name}, cost per 1k requests", ALL, found.per_1k
    for other, both in found.savings.items():
        for what, one in zip(("USD", "share"), both, strict=True):
            yield f"{found.name}, saving against {other}", what, one


def _of_commitment(name: str, one: CommitmentMonth) -> Iterator[Place]:
    which = ALL if one.month == "all" else one.month
    yield f"{name}, cost by use", which, one.by_use
    yield f"{name}, saving", which, one.saving
