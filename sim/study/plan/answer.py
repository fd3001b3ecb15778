"""What `tiercast plan` answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.experiment.headroom import Ceiling
    from sim.study.plan.goal import Effort, Goal
    from sim.study.plan.horizon import Ahead
    from sim.study.plan.ledger import FreshSeeds
    from sim.study.plan.options import Option
    from sim.study.plan.sensitivity import Tornado
    from sim.study.plan.watching import Watch


@dataclass(frozen=True, slots=True)
class Threshold:
    """Where a rung of the chosen cascade escalates: the share of its answers, and the score below which they lie."""

    model: str
    share: float
    score: float
    measured: bool


@dataclass(frozen=True, slots=True)
class RouterPlan:
    """What `tiercast plan` answers.

    `chosen` is None if nothing was confirmed to meet the conditions; `options` are all that were confirmed, the best of
    each kind, those of the experiment and some of the front. `front` are the names of options that no other one beats
    in cost, loss and P95 at once. `alike` are the names of those that cannot be told from the choice, or differ from
    it by less than the goal's indifference.
    """

    experiment: str
    title: str
    hash: str
    seed: int
    level: float
    goal: Goal
    effort: Effort
    rate_per_s: float
    searched: int
    requests: int
    fresh_requests: int
    replications: int
    attempts: int
    chosen: Option | None
    options: tuple[Option, ...]
    front: tuple[str, ...]
    alike: tuple[str, ...]
    thresholds: tuple[Threshold, ...]
    ceilings: tuple[Ceiling, ...]
    fresh_seeds: FreshSeeds | None
    baseline: str
    watches: tuple[Watch, ...] = ()
    ahead: Ahead | None = None
    tornado: Tornado | None = None
    notes: tuple[str, ...] = ()
    command: str = ""
