"""Whether a run shows a system that keeps up with its work, and what to tell when it may not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sim.outcome.intervals import Interval, ratio_interval
from sim.outcome.outcomes import Outcome
from sim.outcome.warmup import cold_start

_FULL, _NEARLY_FULL = 1.0, 0.95
_NS = 1e9


def loads(outcomes: Sequence[Outcome], level: float) -> dict[str, Interval]:
    """Give offered load over servers by model, with its interval, for models with a queue.

    Replicas that follow their load can do what the most of them can; of those that come and go by a schedule, the ones
    that were paid for count.
    """
    window = np.array([float(outcome.window.length_ns) for outcome in outcomes])
    found = {}
    for number, model in enumerate(outcomes[0].models):
        logs = [outcome.model_logs[number] for outcome in outcomes]
        paid = np.array([float(log.replica_ns * log.slots) for log in logs])
        servers = paid if logs[0].by_schedule else window * logs[0].servers
        offered = np.array([float(log.needed_ns) for log in logs])
        load = ratio_interval(offered, servers, level) if logs[0].servers else None
        if load is not None:
            found[model] = load
    return found


def unstable(outcomes: Sequence[Outcome], by_model: Mapping[str, Interval]) -> bool:
    """Say whether some queue grows for as long as the run lasts."""
    return bool(_endless(outcomes, overloaded(by_model)))


def overloaded(by_model: Mapping[str, Interval]) -> list[str]:
    """Name the models that are offered more than they can do, with the whole interval of their load."""
    return [model for model, load in by_model.items() if (load.value if load.lower is None else load.lower) >= _FULL]


def _endless(outcomes: Sequence[Outcome], full: Sequence[str]) -> list[str]:
    """Name those of the overloaded models whose queue grows for as long as the run lasts."""
    logs = dict(zip(outcomes[0].models, outcomes[0].model_logs, strict=True))
    return [model for model in full if not logs[model].bounded]


def warnings(outcomes: Sequence[Outcome], by_model: Mapping[str, Interval]) -> list[str]:
    """Say which models cannot keep up or may not, and whether the warm-up looks too short."""
    full = overloaded(by_model)
    endless = _endless(outcomes, full)
    found = [
        f"{model} is offered {by_model[model].value:.2f} times the work it can do: "
        + (
            "its queue grows for as long as the run lasts, so latencies depend on the length of the run"
            if model in endless
            else "what it cannot take is rejected or given up"
        )
        for model in full
    ]
    for model, load in by_model.items():
        if model not in full and (load.value if load.upper is None else load.upper) >= _NEARLY_FULL:
            found.append(f"{model} is offered {load.value:.0%} of what it can do: only long runs are trustworthy")
    return found if full else found + _cold(outcomes)


def _cold(outcomes: Sequence[Outcome]) -> list[str]:
    """Warn of a warm-up that looks too short; a system that only ever fills is told of in other words."""
    count, first_ns = cold_start([outcome.series for outcome in outcomes])
    if not count:
        return []
    what = f"the first {count:,} requests look unlike the rest (MSER-5)"
    return [f"{what}: a run.warm_up of {first_ns / _NS:.0f}s would leave them out"]
