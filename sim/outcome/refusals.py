"""What is measured where calls may be refused, fail, or be given up: counts of calls as pairs of sums."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from sim.columns import Floats
from sim.outcome.outcomes import ModelLog, Outcome, names_seen
from sim.routing.conditions import LegOutcome
from sim.routing.tries import FALLBACK

_NS: Final = 1e9
_ENDS: Final = {
    "rejected": (LegOutcome.REJECTED,),
    "errors": (LegOutcome.FAILED,),
    "timed_out": (LegOutcome.TIMED_OUT,),
    "abandoned": (LegOutcome.ABANDONED,),
}


@dataclass(frozen=True, slots=True)
class Pair:
    """A metric that is `some` over `every`, one of each for each replication.

    A `share` lies between 0 and 1; where `chance` has no say in it, a share of none or all is certain.
    """

    metric: str
    some: Floats
    every: Floats
    reason: str = "no call was made"
    share: bool = True
    chance: bool = True


def pairs(outcomes: Sequence[Outcome]) -> Iterator[Pair]:
    """Yield what is measured of the calls of one pattern, all its models together and then one by one."""
    logs = [outcome.model_logs for outcome in outcomes]
    requests = np.array([float(outcome.requests) for outcome in outcomes])
    none = "no request was measured"

    def together(name: str) -> Floats:
        return np.array([float(sum(max(getattr(log, name), 0) for log in of)) for of in logs])

    yield Pair("calls.per_request", together("calls"), requests, none, share=False)
    yield Pair("retries.per_request", together("retries"), requests, none, share=False)
    routes = names_seen(outcomes, lambda outcome: outcome.routes)
    falls_back = any(route.startswith(FALLBACK) for route in routes)
    yield Pair("fallback.rate", together("fallbacks"), requests, none, chance=falls_back)
    if any(log.hedges >= 0 for of in logs for log in of):
        hedges = together("hedges")
        yield Pair("hedges.per_request", hedges, requests, none, share=False)
        if hedges.any():
            yield Pair("hedges.won", together("hedge_wins"), hedges, "no call was hedged")
    for number, model in enumerate(outcomes[0].models):
        yield from _of_model(f"models.{model}", [of[number] for of in logs], outcomes)


def _of_model(model: str, logs: Sequence[ModelLog], outcomes: Sequence[Outcome]) -> Iterator[Pair]:
    calls = _floats([log.calls for log in logs])
    if calls.any():
        yield Pair(f"{model}.waited", _floats([log.waited for log in logs]), calls)
        yield Pair(f"{model}.wait_mean", _floats([log.wait_ns for log in logs]) / _NS, calls, share=False)
        for name, ends in _ENDS.items():
            yield Pair(f"{model}.{name}", _ended(logs, *ends), calls)
        given_up = _ended(logs, LegOutcome.CANCELLED, LegOutcome.WITHDRAWN)
        if given_up.any():
            yield Pair(f"{model}.outpaced", given_up, calls)
    window = _floats([outcome.window.length_ns for outcome in outcomes])
    no_time = "the measured window has no length"
    if calls.any() and any(log.at_limit_ns >= 0 for log in logs):
        yield Pair(f"{model}.time_at_limit", _floats([max(log.at_limit_ns, 0) for log in logs]), window, no_time)
    if any(log.open_ns >= 0 for log in logs):
        skipped = _ended(logs, LegOutcome.SKIPPED)
        if (calls + skipped).any():
            yield Pair(f"{model}.skipped", skipped, calls + skipped)
        yield Pair(f"{model}.breaker_open", _floats([max(log.open_ns, 0) for log in logs]), window, no_time)


def _ended(logs: Sequence[ModelLog], *outcomes: LegOutcome) -> Floats:
    return _floats([sum(log.by_outcome[outcome] for outcome in outcomes) for log in logs])


def _floats(numbers: Sequence[int]) -> Floats:
    return np.array(numbers, dtype=np.float64)
