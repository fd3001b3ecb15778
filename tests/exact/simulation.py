"""One replication of a queueing system, built from our own streams, arrivals and laws, played by the compiled engine.

It starts empty; the first `CUT` requests are left out because they met a system not yet full, the last `SPARE` because
nobody arrived behind them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from sim.chance import Purpose, Streams
from sim.chance.laws import DurationLaw
from sim.engine import LegLog
from sim.engine import play as play_on
from sim.routing.itinerary import Itinerary
from sim.units import as_int64
from sim.workload.arrivals import REGISTRY
from sim.workload.calendar import Calendar

Columns = Mapping[str, NDArray[np.float64]]
"""What one replication shows: per request (or per run) the times in seconds that values are taken from."""

REQUESTS, CUT, SPARE = 20_000, 600, 400
SEED = int(os.environ.get("TIERCAST_EXACT_SEED", "1"))
"""Fixed for every commit; a nightly run sets another."""
SECOND = 1e9
"""In nanoseconds."""

_LAW = TypeAdapter(DurationLaw)


@dataclass(frozen=True)
class Call:
    """One call of each request (of those `taken`, if given): its stage, station and service times."""

    stage: int
    station: int
    service_ns: NDArray[np.int64]
    taken: NDArray[np.bool_] | None = None


class Draws:
    """The random columns of one replication of one system, from streams that carry the system's name."""

    def __init__(self, system: str, replication: int) -> None:
        self._system = system
        self._streams = Streams(SEED, replication)

    def arrivals(self, kind: str, rate_per_s: float, **parameters: object) -> NDArray[np.int64]:
        """Give arrival times in ns."""
        process = REGISTRY[kind].model_validate({"kind": kind, "rate_per_s": rate_per_s, **parameters})
        return next(process.times(self._streams, self._system, Calendar()))[:REQUESTS]

    def service(self, station: str, law: object) -> NDArray[np.int64]:
        """Give one service time per request in ns, by the law as YAML writes it."""
        uniforms = self._streams.uniform(Purpose.SERVICE, (self._system, station), 0, REQUESTS)
        return as_int64(_LAW.validate_python(law).quantile(uniforms))

    def chance(self) -> NDArray[np.float64]:
        """Give one uniform per request, for what happens next to it."""
        return self._streams.uniform(Purpose.CORRECT, (self._system,), 0, REQUESTS)

    def lots(self) -> NDArray[np.float64]:
        """Give one uniform per request, for which replica it goes to."""
        return self._streams.uniform(Purpose.BALANCE, (self._system,), 0, REQUESTS)


def exponential_law(mean: str) -> dict[str, str]:
    """Write an exponential law."""
    return {"law": "exponential", "mean": mean}


def simulate(arrival_ns: NDArray[np.int64], servers: list[int], calls: list[Call]) -> dict[str, NDArray[np.float64]]:
    """Play the calls; give `sojourn` and the `wait` and `waited` (0 or 1) of the first leg, per request kept."""
    plan, log = play(arrival_ns, servers, calls)
    first = np.searchsorted(plan.leg_request, np.arange(plan.requests))
    sojourn = np.maximum.reduceat(log.ended_ns, first) - arrival_ns
    wait = (log.started_ns - log.joined_ns)[first]
    kept = slice(CUT, REQUESTS - SPARE)
    return {
        "sojourn": sojourn[kept] / SECOND,
        "wait": wait[kept] / SECOND,
        "waited": (wait[kept] > 0).astype(np.float64),
    }


def play(arrival_ns: NDArray[np.int64], servers: list[int], calls: list[Call]) -> tuple[Itinerary, LegLog]:
    """Lay the calls out as an itinerary and play it on the compiled engine."""
    everyone = np.ones(REQUESTS, dtype=bool)
    requests = [np.flatnonzero(everyone if call.taken is None else call.taken) for call in calls]
    request = np.concatenate(requests)
    stage, station = (
        np.concatenate([np.full(len(rows), number) for rows, number in zip(requests, numbers, strict=True)])
        for numbers in ([call.stage for call in calls], [call.station for call in calls])
    )
    service = np.concatenate([call.service_ns[rows] for call, rows in zip(calls, requests, strict=True)])
    order = np.lexsort((stage, request))  # stable: calls of one stage keep the order in which they are listed
    legs = (request[order], stage[order], station[order], service[order])
    plan = Itinerary(arrival_ns, np.array(servers, dtype=np.int64), *legs)
    return plan, play_on(plan, "compiled")
