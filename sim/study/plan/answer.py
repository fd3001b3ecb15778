"""What `tiercast plan` answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sim.experiment.headroom import Ceiling
    from sim.study.plan.candidates import Candidate
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
class Yardstick:
    """What quality and savings are held against: the baseline, or its model with every call answered (if not `holds`).

    `usd` of 1,000 requests, `acceptance` a share. `unanswered` is the share of requests that the baseline itself leaves
    without an answer as played, `is_stable` whether it keeps up.
    """

    usd: float
    acceptance: float
    unanswered: float
    is_stable: bool

    @property
    def holds(self) -> bool:
        """Say whether the baseline serves its load: it keeps up, and nearly every request is answered."""
        return serves(self.unanswered, is_stable=self.is_stable)


def serves(unanswered: float, *, is_stable: bool) -> bool:
    """Say whether a pattern serves its load: it keeps up, and answers all but one request in a thousand."""
    return is_stable and unanswered < _FEW


_FEW: Final = 0.001


@dataclass(frozen=True, slots=True)
class Beyond:
    """The best candidate within all limits but those of servers, where nothing else is: what more capacity would buy.

    `usd` of 1,000 requests, `loss` in points; `short` are the limits that it would use by more than is allowed.
    """

    candidate: Candidate
    settings: Mapping[str, Any]
    usd: float
    loss: float
    short: tuple[Ceiling, ...]


@dataclass(frozen=True, slots=True)
class RouterPlan:
    """What `tiercast plan` answers.

    `chosen` is None if nothing was confirmed to meet the conditions; `options` are all that were confirmed, the best of
    each kind, those of the experiment and some of the front. `front` are the names of options that no other one beats
    in cost, loss and P95 at once. `alike` are the names of those that cannot be told from the choice, or differ from
    it by less than the goal's indifference. `nearest` is the name of the option that comes nearest to the conditions
    where none meets them, `beyond` what would.
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
    yardstick: Yardstick
    nearest: str = ""
    beyond: Beyond | None = None
    watches: tuple[Watch, ...] = ()
    ahead: Ahead | None = None
    tornado: Tornado | None = None
    notes: tuple[str, ...] = ()
    command: str = ""
