"""What a plan is to reach: an objective, and the conditions that it must meet on the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from sim.study.until import Until

Objective = Literal["cost", "latency", "quality"]

OBJECTIVES: Final = ("cost", "latency", "quality")

LOSS: Final = "quality.loss"
SPEND: Final = "cost.per_30d"
PER_1K: Final = "cost.per_1k"
P95: Final = "latency.p95"


def loss_of(segment: str) -> str:
    """Name the metric of the points that requests of a segment lose."""
    return f"{LOSS}.segment.{segment}"


@dataclass(frozen=True, slots=True)
class Goal:
    """The least cost or P95 latency, or the most quality, within limits.

    `quality_budget` are the points of acceptance that may be lost against frontier-only, None for any number, and
    `segment_budgets` those that requests of a segment may lose; `spend_cap` USD in 30 days. `others` are conditions on
    any other metric. No server may be used more than `utilisation` of the time. What differs by less than
    `indifference` (a share of the cost, or of the latency) is taken for equally good. `signals` are those that rules
    may use; None: those that the experiment declares or uses, and prompt length.
    """

    minimise: Objective = "cost"
    quality_budget: float | None = 1.0
    segment_budgets: tuple[tuple[str, float], ...] = ()
    spend_cap: float | None = None
    others: tuple[Until, ...] = ()
    utilisation: float = 0.95
    indifference: float = 0.01
    signals: tuple[str, ...] | None = None

    @property
    def segments(self) -> tuple[str, ...]:
        """The segments that have budgets of their own."""
        return tuple(name for name, _ in self.segment_budgets)

    @property
    def by_tables(self) -> tuple[Until, ...]:
        """The conditions that the search itself sees to: on money, and on losses against frontier-only."""
        own = {loss_of(name) for name in self.segments}
        return tuple(one for one in self.conditions if one.metric in {LOSS, SPEND, PER_1K, *own})

    @property
    def conditions(self) -> tuple[Until, ...]:
        """All that must be met, as conditions on metrics."""
        found = []
        if self.quality_budget is not None:
            budget = self.quality_budget
            found.append(Until(LOSS, "<=", budget, f"{LOSS}<={budget:g}%"))
        for segment, budget in self.segment_budgets:
            text = f"{LOSS}{{segment:{segment}}}<={budget:g}%"
            found.append(Until(loss_of(segment), "<=", budget, text))
        if self.spend_cap is not None:
            found.append(Until(SPEND, "<=", self.spend_cap, f"{SPEND}<={self.spend_cap:g}usd"))
        return (*found, *self.others)


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard to look.

    `requests` are drawn for the search, and as many afresh to confirm it; shares of answers are looked at in `levels`
    steps, numeric signals at `bounds` values; what is found is looked at again `finer` times as finely. `margin`: so
    many standard errors must lie between the loss that the search sees and the budget. `replications` are played to
    confirm (None: those of the experiment). `workers`: cores, None for all that are worth it; `engine`: what plays.
    `plays` are requests that are played through all patterns together, about: of longer runs the first part is played.
    """

    requests: int = 1_400_000
    levels: int = 50
    bounds: int = 7
    finer: int = 20
    margin: float = 3.8
    replications: int | None = None
    workers: int | None = None
    engine: str = "auto"
    plays: int = 30_000_000


QUICK: Final = Effort()
FULL: Final = Effort(requests=5_600_000, levels=200, bounds=20, finer=20, plays=300_000_000)
