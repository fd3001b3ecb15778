"""Two sides and what each answers: the part of a comparison that does not ask how the sides were made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sim.errors import InvalidInput, Issue
from sim.experiment.selectors import BadSelector, Chosen, parse_selector
from sim.experiment.targets import whole_metric
from sim.outcome.catalogue import metric_of
from sim.outcome.estimates import Estimate
from sim.outcome.intervals import Interval
from sim.study.diff.answer import Difference, Direction, Moved, PatternDifference, State, direction_of
from sim.study.diff.edits import edits
from sim.study.diff.sides import Side
from sim.study.regression import simultaneous

HEADLINES: Final = (
    "latency.p50",
    "latency.p95",
    "ttft.p95",
    "cost.per_1k",
    "quality.acceptance",
    "escalation.rate",
    "failure.rate",
)
"""Metrics that are compared unless others are asked for."""

_DIFFERENCES: Final = frozenset({"fraction", "points"})
"""Units of which the difference is told and not the share: 8 % after 4 % is +4 points, not +100 %."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is compared and how: `metrics` as they are typed (none: the headlines), or `everything` that both have."""

    metrics: tuple[str, ...] = ()
    everything: bool = False
    overrides: tuple[str, ...] = ()
    seed: int | None = None
    replications: int | None = None
    workers: int | None = None
    engine: str = "auto"
    progress: Callable[[float, int], None] | None = None


class Pair:
    """Two sides with what each answers; how a change is told is left to those who know how the sides were made."""

    paired = False

    def __init__(self, sides: Sequence[Side], asked: Asked) -> None:
        self.sides, self.asked = sides, asked

    def facts(self, at: int) -> Mapping[str, Any]:
        """Give seed, replications and level of a side."""
        raise NotImplementedError

    def statuses(self, at: int) -> dict[str, str]:
        """Give the status of each pattern of a side."""
        raise NotImplementedError

    def known(self, at: int, pattern: str) -> list[str]:
        """Name the metrics that a side has of a pattern."""
        raise NotImplementedError

    def estimate(self, at: int, pattern: str, chosen: Chosen) -> Estimate | None:
        """Give an estimate of a side."""
        raise NotImplementedError

    def change(self, pattern: str, chosen: Chosen, level: float, *, relative: bool) -> Interval | None:
        """Tell how much a metric that both sides have has changed."""
        raise NotImplementedError

    def chosen(self, text: str) -> tuple[Chosen, tuple[str, ...]]:
        """Read a metric that was asked for. Raises BadSelector."""
        selector = parse_selector(text)
        names = [name for at in (0, 1) for name in self.statuses(at)]
        wanted = selector.where.get("pattern")
        if wanted is not None and wanted not in names:
            raise BadSelector(f"there is no pattern {wanted!r}", f"there are: {', '.join(dict.fromkeys(names))}")
        return whole_metric(selector), (wanted,) if wanted is not None else tuple(dict.fromkeys(names))

    def notes(self) -> Iterator[str]:
        """Say what is to be known besides."""
        raise NotImplementedError

    def difference(self) -> Difference:
        """Compare every pattern."""
        wanted = self._wanted()
        statuses = [self.statuses(at) for at in (0, 1)]
        level = float(self.facts(1)["level"])
        common = [name for name in statuses[1] if name in statuses[0]]
        pairs = sum(self._both(name, chosen) for name in common for chosen in wanted.get(name, ()))
        each = simultaneous(level, pairs)
        patterns = [self._pattern(name, statuses, wanted.get(name, ()), each) for name in statuses[1]]
        gone = [self._pattern(name, statuses, wanted.get(name, ()), each) for name in statuses[0] if name not in common]
        olds, news = (side.resolved for side in self.sides)
        return Difference(
            experiment=str(self.facts(1)["experiment"]),
            before=self.sides[0].name,
            after=self.sides[1].name,
            seed=int(self.facts(1)["seed"]),
            replications=int(self.facts(1)["replications"]),
            level=level,
            each=each,
            paired=self.paired,
            edits=tuple(edits(olds, news)) if olds is not None and news is not None else (),
            patterns=(*patterns, *gone),
            notes=tuple(self.notes()),
        )

    def _wanted(self) -> dict[str, list[Chosen]]:
        """Give the metrics to compare by pattern. InvalidInput for those that nobody has."""
        names = list(dict.fromkeys(name for at in (0, 1) for name in self.statuses(at)))
        if self.asked.everything or not self.asked.metrics:
            return {name: list(self._usual(name)) for name in names}
        found: dict[str, list[Chosen]] = {name: [] for name in names}
        issues = []
        for text in self.asked.metrics:
            try:
                chosen, patterns = self.chosen(text)
            except BadSelector as error:
                issues.append(error.issue("--metric", 0, 0, text))
                continue
            if not any(self.estimate(at, name, chosen) for at in (0, 1) for name in patterns):
                issues.append(Issue("neither side has data of it", file="--metric", path=text))
            for name in patterns:
                found[name].append(chosen)
        if issues:
            raise InvalidInput(issues)
        return found

    def _usual(self, pattern: str) -> Iterator[Chosen]:
        have = dict.fromkeys(metric for at in (0, 1) for metric in self.known(at, pattern))
        for name in have if self.asked.everything else (one for one in HEADLINES if one in have):
            metric = metric_of(name)
            yield Chosen(name, metric.unit, metric.better)

    def _both(self, pattern: str, chosen: Chosen) -> bool:
        return all(self.estimate(at, pattern, chosen) is not None for at in (0, 1))

    def _pattern(
        self, name: str, statuses: Sequence[Mapping[str, str]], wanted: Sequence[Chosen], level: float
    ) -> PatternDifference:
        states = statuses[0].get(name, ""), statuses[1].get(name, "")
        moved = tuple(found for chosen in wanted if (found := self._moved(name, chosen, states, level)) is not None)
        if all(states):
            same = states[0] == states[1] and all(one.direction is Direction.SAME for one in moved)
            state = State.SAME if same else State.CHANGED
        else:
            state = State.NEW if states[1] else State.GONE
        return PatternDifference(name, state, states, moved)

    def _moved(self, name: str, chosen: Chosen, states: tuple[str, str], level: float) -> Moved | None:
        before, after = (self.estimate(at, name, chosen) if states[at] else None for at in (0, 1))
        if before is None and after is None:
            return None
        relative = chosen.unit not in _DIFFERENCES
        change = None
        if before is not None and after is not None:
            change = self.change(name, chosen, level, relative=relative)
        return Moved(chosen.metric, chosen.unit, before, after, change, relative, direction_of(change, chosen.better))
