"""What a change of an experiment does to its monthly spend, in the same drawn futures before and after."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.columns import Floats
from sim.errors import InvalidInput, Issue
from sim.study.diff.answer import State
from sim.study.diff.edits import Edit, edits
from sim.study.diff.pair import Asked
from sim.study.diff.sides import Side, open_side
from sim.study.forecast import spend_draws
from sim.study.spend.answers import Range, ranged
from sim.study.spend.tails import ALL, Place, outside

if TYPE_CHECKING:
    from sim.experiment.resolve import Experiment

_SEE = "docs/how-to/forecast-spend.md"


@dataclass(frozen=True, slots=True)
class SpendChange:
    """Spend of a month, or of all of them, in USD. None stands for a side that does not have the pattern.

    `change` is after less before, future by future, and so its interval is that of the change and not of the spend;
    `dearer` is the share of the futures in which it is above 0.
    """

    before: Range | None
    after: Range | None
    change: Range | None
    dearer: float | None


@dataclass(frozen=True, slots=True)
class PatternSpend:
    """One pattern: what became of it, and its spend by month and in all."""

    name: str
    state: State
    months: Mapping[str, SpendChange]
    total: SpendChange


@dataclass(frozen=True, slots=True)
class SpendDifference:
    """Two forecasts held against each other; `level` is that of each prediction interval."""

    experiment: str
    before: str
    after: str
    seed: int
    draws: int
    level: float
    edits: tuple[Edit, ...]
    patterns: tuple[PatternSpend, ...]
    notes: tuple[str, ...]


def spend_difference(before: str, after: str, asked: Asked) -> SpendDifference:
    """Forecast two sides in the same futures: an experiment file, ``REVISION:FILE`` or a baseline each.

    Seed, number of draws and, where the first side asks for no forecast of its own, the forecast are those of the
    second. Raises InvalidInput for a result, which cannot be forecast, and where the two ask for different months.
    """
    with ExitStack() as until:
        sides = open_side(before, (), until), open_side(after, asked.overrides, until)
        olds, news = (_playable(side) for side in sides)
        news = news.with_(seed=asked.seed, replications=asked.replications)
        olds = _like(olds, news)
        first, second = (spend_draws(one, asked.engine, asked.progress, workers=asked.workers) for one in (olds, news))
        if first.months != second.months:
            months = [f"{one.months[0]} to {one.months[-1]}" for one in (first, second)]
            message = f"the sides ask for different months: {months[0]} and {months[1]}"
            raise InvalidInput([Issue(message, file=after, path="forecast", hint="--set forecast.start=2027-01")])
        names = [*second.spend, *(name for name in first.spend if name not in second.spend)]
        level = second.level
        patterns = tuple(
            _pattern(name, (first.spend.get(name), second.spend.get(name)), second.months, level) for name in names
        )
        return SpendDifference(
            experiment=news.name,
            before=sides[0].name,
            after=sides[1].name,
            seed=news.spec.seed,
            draws=len(next(iter(second.spend.values()))),
            level=level,
            edits=tuple(edits(olds.resolved, news.resolved, also="forecast")),
            patterns=patterns,
            notes=(*_notes(level), *outside(_changes(patterns), level)),
        )


def _playable(side: Side) -> Experiment:
    if side.experiment is None:
        hint = "give an experiment file, REVISION:FILE or a baseline"
        raise InvalidInput([Issue("a result holds no forecast, and cannot be played", file=side.name, hint=hint)])
    return side.experiment


def _like(before: Experiment, after: Experiment) -> Experiment:
    """Give the first side with what must be common to both."""
    asked = after.spec.forecast
    if asked is None:
        raise InvalidInput([Issue("the experiment asks for no forecast", file=after.name, path="forecast", hint=_SEE)])
    before = before.with_(seed=after.spec.seed, replications=after.spec.run.replications)
    if before.spec.forecast is None:
        return before.set(f"forecast={json.dumps(after.resolved['forecast'])}")
    return before.set(f"forecast.draws={asked.draws}")


def _pattern(
    name: str, sides: tuple[Floats | None, Floats | None], months: tuple[str, ...], level: float
) -> PatternSpend:
    before, after = sides
    by_month = {
        month: _change(*(None if side is None else side[:, number] for side in sides), level=level)
        for number, month in enumerate(months)
    }
    total = _change(*(None if side is None else side.sum(axis=1) for side in sides), level=level)
    if before is None or after is None:
        return PatternSpend(name, State.NEW if before is None else State.GONE, by_month, total)
    same = bool((before == after).all())
    return PatternSpend(name, State.SAME if same else State.CHANGED, by_month, total)


def _change(before: Floats | None, after: Floats | None, *, level: float) -> SpendChange:
    ranges = [None if side is None else ranged(side, level) for side in (before, after)]
    if before is None or after is None:
        return SpendChange(ranges[0], ranges[1], None, None)
    return SpendChange(ranges[0], ranges[1], ranged(after - before, level), float((after > before).mean()))


def _changes(patterns: Sequence[PatternSpend]) -> Iterator[Place]:
    """Yield every change that is told with an interval."""
    for pattern in patterns:
        for month, one in (*pattern.months.items(), (ALL, pattern.total)):
            if one.change is not None:
                yield f"{pattern.name}, change", month, one.change


def _notes(level: float) -> Iterator[str]:
    yield (
        f"brackets are {100 * level:g} % prediction intervals: of the change in one more future that both sides share, "
        "with the same growth, drift and luck; means add up and subtract, medians do not"
    )
