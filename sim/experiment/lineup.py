"""The line-up of a run: the user's patterns and the baselines they are held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

from sim.fleet import Model, cheap_and_frontier
from sim.routing.patterns import Pattern
from sim.routing.patterns.single import Single

CHEAP_ONLY = "cheap-only"
FRONTIER_ONLY = "frontier-only"
_AS_IN_NAMES = str.maketrans("/:", "--")  # pattern names become names of folders and columns
_LONGEST_MODEL = 40  # leaves room for what is appended, in a pattern name of 60 characters


@dataclass(frozen=True, slots=True)
class LineUp:
    """All patterns of a run in the order of the report, and the roles of some.

    `baseline`, `cheap_only` and `frontier_only` are pattern names; `cheap` and `frontier` model names; `direct` maps a
    model to the pattern that sends everything to it.
    """

    patterns: tuple[Pattern, ...]
    baseline: str
    cheap: str
    frontier: str
    cheap_only: str
    frontier_only: str
    direct: Mapping[str, str]

    def only(self, name: str, *, compared: bool) -> LineUp:
        """Give the line-up of one pattern: with those it is `compared` with, or as if it were its own baseline."""
        pattern = next(pattern for pattern in self.patterns if pattern.name == name)
        if not compared:
            direct = dict.fromkeys(self.direct, name)
            return LineUp((pattern,), name, self.cheap, self.frontier, name, name, direct)
        ends = [self.direct[model] for model in pattern.baselines()]
        wanted = {name, self.baseline, self.cheap_only, self.frontier_only, *ends}
        return replace(self, patterns=tuple(one for one in self.patterns if one.name in wanted))


def line_up(patterns: Sequence[Pattern], fleet: Mapping[str, Model], baseline: str | None) -> LineUp:
    """Add cheap-only, frontier-only and the direct calls that cascades are compared with, where the user has none."""
    cheap, frontier = cheap_and_frontier(fleet)
    direct = {p.model: p.name for p in reversed(patterns) if isinstance(p, Single) and not p.rules}
    added: list[Pattern] = []
    wanted = {cheap: CHEAP_ONLY, frontier: FRONTIER_ONLY}
    for pattern in patterns:
        for model in pattern.baselines():
            wanted.setdefault(model, f"{model.translate(_AS_IN_NAMES)[:_LONGEST_MODEL]}-only")
    for model, name in wanted.items():
        if model not in direct and model in fleet:
            direct[model] = _free(name, {pattern.name for pattern in (*added, *patterns)})
            added.append(Single(kind="single", name=direct[model], model=model))
    return LineUp(
        patterns=(*added, *patterns),
        baseline=baseline or direct[frontier],
        cheap=cheap,
        frontier=frontier,
        cheap_only=direct[cheap],
        frontier_only=direct[frontier],
        direct=direct,
    )


def _free(name: str, taken: set[str]) -> str:
    """Give the name, or the first of ``name-direct``, ``name-direct-2``, ... that no pattern has yet."""
    if name not in taken:
        return name
    return next(free for n in count(1) if (free := f"{name}-direct" + (f"-{n}" if n > 1 else "")) not in taken)
