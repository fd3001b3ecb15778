"""Whether a run shows a system that keeps up with its work, and what to tell when it may not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim.outcome.intervals import Interval, ratio_interval
from sim.outcome.outcomes import Outcome
from sim.outcome.warmup import cold_start
from sim.routing.stations import NamedLimit

_FULL, _NEARLY_FULL = 1.0, 0.95
_NS = 1e9


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked of the servers of a model, or of a limit, over what they can do.

    `what` a limit counts is empty for servers. `bounded` says that what waits there cannot grow without end, because it
    is rejected or gives up; `queues` that some may wait.
    """

    owner: str
    share: Interval
    bounded: bool
    what: str = ""
    queues: bool = True

    @property
    def is_full(self) -> bool:
        """Whether more is asked than can be done, with the whole interval."""
        return (self.share.value if self.share.lower is None else self.share.lower) >= _FULL

    @property
    def may_be_full(self) -> bool:
        """Whether so much may be asked that only long runs tell."""
        return (self.share.value if self.share.upper is None else self.share.upper) >= _NEARLY_FULL

    def warning(self) -> str | None:
        """Say what is wrong with that, if anything is."""
        asked, able = ("asked for", f"the {self.what} it accepts") if self.what else ("offered", "the work it can do")
        grows = f"its {'line' if self.what else 'queue'} grows for as long as the run lasts, so latencies depend on the"
        if self.is_full:
            end = "what it cannot take is rejected or given up" if self.bounded else f"{grows} length of the run"
            return f"{self.owner} is {asked} {self.share.value:.2f} times {able}: {end}"
        if not self.may_be_full or not self.queues:
            return None
        able = able if self.what else "what it can do"
        return f"{self.owner} is {asked} {self.share.value:.0%} of {able}: only long runs are trustworthy"


def loads(outcomes: Sequence[Outcome], level: float, limits: Sequence[NamedLimit] = ()) -> list[Load]:
    """Give what is asked of everything that has a queue, and of these limits, where any call was made.

    Replicas that follow their load can do what the most of them can; of those that come and go by a schedule, the ones
    that were paid for count.
    """
    window = np.array([float(outcome.window.length_ns) for outcome in outcomes])
    found = []
    for number, model in enumerate(outcomes[0].models):
        logs = [outcome.model_logs[number] for outcome in outcomes]
        paid = np.array([float(log.replica_ns * log.slots) for log in logs])
        servers = paid if logs[0].by_schedule else window * logs[0].servers
        offered = np.array([float(log.needed_ns) for log in logs])
        load = ratio_interval(offered, servers, level) if logs[0].servers else None
        if load is not None:
            found.append(Load(model, load, logs[0].bounded))
    of = dict(zip(outcomes[0].models, outcomes[0].model_logs, strict=True))
    for number, limit in enumerate(limits):
        asked = np.array([float(outcome.asked_ns[number]) if outcome.asked_ns else 0.0 for outcome in outcomes])
        load = ratio_interval(asked, window, level) if asked.any() else None
        if load is not None:
            bounded = not limit.queues or all(of[name].bounded for name in limit.models if of[name].calls)
            found.append(Load(limit.owner, load, bounded, limit.what, limit.queues))
    return found


def unstable(found: Sequence[Load]) -> bool:
    """Say whether some queue or line grows for as long as the run lasts."""
    return any(load.is_full and not load.bounded for load in found)


def warnings(outcomes: Sequence[Outcome], found: Sequence[Load]) -> list[str]:
    """Say which models and limits cannot keep up or may not, and whether the warm-up looks too short."""
    told = [text for load in sorted(found, key=lambda load: not load.is_full) if (text := load.warning()) is not None]
    return told if any(load.is_full for load in found) else told + _cold(outcomes)


def _cold(outcomes: Sequence[Outcome]) -> list[str]:
    """Warn of a warm-up that looks too short; a system that only ever fills is told of in other words."""
    count, first_ns = cold_start([outcome.series for outcome in outcomes])
    if not count:
        return []
    what = f"the first {count:,} requests look unlike the rest (MSER-5)"
    return [f"{what}: a run.warm_up of {first_ns / _NS:.0f}s would leave them out"]
