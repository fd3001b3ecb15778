"""What a run would use and do, before it is run: every value with its origin, and the load on every model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.columns import Floats
from sim.experiment.crosscheck import warnings_of
from sim.experiment.headroom import (
    REPLICAS,
    SERVERS,
    Ceiling,
    at_the_fewest,
    ceilings,
    first_tries,
    in_words,
    weights,
)
from sim.experiment.scene import Scene
from sim.fleet.capacity import needed, servers_of, slots_of
from sim.units import show_fraction, show_seconds
from sim.workload.arrivals.constant import ConstantArrivals
from sim.workload.arrivals.poisson import PoissonArrivals
from sim.workload.arrivals.renewal import RenewalArrivals
from sim.workload.arrivals.trace import TraceReplay
from sim.workload.sources import processes_of

if TYPE_CHECKING:
    from sim.experiment.resolve import Experiment
    from sim.routing.plan import Plan

PILOT_REQUESTS = 20_000
"""Requests that the loads are estimated from: the first ones of the first replication."""

_NS = 1e9
_STEADY = (ConstantArrivals, PoissonArrivals, RenewalArrivals)
_FULL = 1.0
_NEARLY_FULL = 0.95
_BATCHES = "  (replicas x slots; there the utilisation counts calls for the time that they take in full batches)"


@dataclass(frozen=True, slots=True)
class ModelLoad:
    """Load that a pattern brings to a model.

    `calls_per_request` and `service_mean_s` come from the pilot; `offered_load` = arrival rate x calls x mean service
    time, in Erlang; `servers` are those of all replicas that there may be (0 without a limit), each of which has so
    many `slots` if it serves in batches; `utilisation` is the offered load over them (None without a limit), in batches
    with the time that calls take in full ones; `full_at_per_s` is the arrival rate at which it is 1.
    """

    pattern: str
    model: str
    calls_per_request: float
    service_mean_s: float
    offered_load: float
    servers: int
    utilisation: float | None
    full_at_per_s: float | None
    slots: int = 0


@dataclass(frozen=True, slots=True)
class Value:
    """A resolved value and where it comes from."""

    path: str
    value: Any
    origin: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """What `tiercast explain` shows.

    `ceilings` are the limits of each pattern, the one that breaks first in front, and `breaks_first` says it in words.
    """

    name: str
    hash: str
    values: tuple[Value, ...]
    arrival_rate_per_s: float
    pilot_requests: int
    loads: tuple[ModelLoad, ...]
    ceilings: tuple[Ceiling, ...]
    breaks_first: tuple[str, ...]
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give all of it as plain data for JSON."""
        return asdict(self)

    def lines(self) -> list[str]:
        """Give all of it as text, line by line."""
        wide = max(len(value.path) for value in self.values)
        shown = [f"  {value.path:<{wide}}  {value.value!s:<24}  {value.origin}" for value in self.values]
        return [
            f"{self.name}  {self.hash[:12]}",
            "",
            "values and where they come from",
            *shown,
            "",
            f"load at {self.arrival_rate_per_s:.4g} requests/s (services of the first {self.pilot_requests:,})",
            *_table(self._load_rows()),
            *([_BATCHES] if any(load.slots for load in self.loads) else []),
            "",
            "what breaks first (first tries alone: retries, fallbacks and what spills over come on top)",
            *(_table(self._ceiling_rows()) if self.ceilings else ()),
            *(f"  {line}" for line in self.breaks_first),
            *([""] if self.warnings else []),
            *(f"warning: {warning}" for warning in self.warnings),
        ]

    def _load_rows(self) -> Sequence[tuple[str, ...]]:
        head = (
            "pattern",
            "model",
            "calls/request",
            "mean service",
            "offered load",
            "servers",
            "utilisation",
            "full at",
        )
        return [head] + [
            (
                load.pattern,
                load.model,
                f"{load.calls_per_request:.3f}",
                show_seconds(load.service_mean_s),
                f"{load.offered_load:.2f}",
                f"{load.servers // load.slots} x {load.slots}" if load.slots else str(load.servers or "unlimited"),
                "-" if load.utilisation is None else show_fraction(load.utilisation),
                "-" if load.full_at_per_s is None else f"{load.full_at_per_s:.3g}/s",
            )
            for load in self.loads
        ]

    def _ceiling_rows(self) -> Sequence[tuple[str, ...]]:
        head = ("pattern", "of", "limit", "allows", "offered", "used", "reached at")
        return [head] + [
            (
                one.pattern,
                one.owner,
                one.limit,
                f"{one.allowed:,.0f}",
                f"{one.offered:,.2f}" if one.limit in {SERVERS, REPLICAS} else f"{one.offered:,.0f}",
                show_fraction(one.used),
                f"{one.reached_at_per_s:.3g}/s",
            )
            for one in self.ceilings
        ]


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    wide = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return ["  " + "  ".join(cell.ljust(width) for cell, width in zip(row, wide, strict=True)).rstrip() for row in rows]


def explain(experiment: Experiment) -> Explanation:
    """Resolve every value and estimate every model's load from the first requests of the first replication."""
    scene = Scene(experiment.spec, experiment.line_up, experiment.inputs())
    requests = scene.requests(0, most=PILOT_REQUESTS)
    answers = scene.answers(requests)
    traced = any(isinstance(process, TraceReplay) for process in processes_of(scene.spec.workload).values())
    rate = _rate_per_s(requests.arrival_ns) if traced else scene.spec.workload.rate_per_s()
    weight = weights(requests, scene.spec.workload)
    loads, limits, words = list[ModelLoad](), list[Ceiling](), list[str]()
    for pattern in scene.line_up.patterns:
        plan = scene.plan(pattern, answers)
        loads += _loads(scene, pattern.name, plan, weight, rate)
        fleet, providers = scene.spec.fleet, scene.spec.providers
        own = ceilings(pattern.name, plan, requests, weight, fleet=fleet, providers=providers, rate_per_s=rate)
        limits += own
        words += [in_words(pattern.name, own, rate), *at_the_fewest(own, fleet)]
    return Explanation(
        name=experiment.name,
        hash=experiment.hash,
        values=tuple(_values(experiment)),
        arrival_rate_per_s=rate,
        pilot_requests=len(requests),
        loads=tuple(loads),
        ceilings=tuple(limits),
        breaks_first=(*words, *_uneven(scene)),
        warnings=(*warnings_of(experiment), *_overloads(loads), *_beyond(scene, limits)),
    )


def _rate_per_s(arrival_ns: np.typing.NDArray[np.int64]) -> float:
    span_ns = int(arrival_ns[-1] - arrival_ns[0]) if len(arrival_ns) else 0
    return (len(arrival_ns) - 1) / span_ns * _NS if span_ns else 0.0


def _loads(scene: Scene, pattern: str, plan: Plan, weight: Floats, rate: float) -> Iterator[ModelLoad]:
    requests = max(plan.itinerary.requests, 1)
    first, of_leg = first_tries(plan), weight[plan.itinerary.leg_request]
    for number, model in enumerate(plan.models):
        legs = (plan.leg_model == number) & first  # what a model is asked for if nothing goes wrong
        calls = float(of_leg[legs].sum())
        if not calls:
            continue
        mean_s, first_s = (
            float(np.average(column[legs], weights=of_leg[legs])) / _NS
            for column in (plan.itinerary.leg_service_ns, plan.leg_ttft_ns)
        )
        per_request = calls / requests * mean_s
        capacity = scene.spec.fleet[model].capacity
        servers = servers_of(capacity)
        busy = calls / requests * needed(capacity, first_s, mean_s)
        yield ModelLoad(
            pattern=pattern,
            model=model,
            calls_per_request=calls / requests,
            service_mean_s=mean_s,
            offered_load=rate * per_request,
            servers=servers,
            utilisation=rate * busy / servers if servers else None,
            full_at_per_s=servers / busy if servers and busy else None,
            slots=slots_of(capacity),
        )


def _overloads(loads: list[ModelLoad]) -> Iterator[str]:
    for load in loads:
        if load.utilisation is not None and load.utilisation >= _FULL:
            yield (
                f"{load.pattern}: {load.model} is offered {load.utilisation:.2f} times the work it can do; "
                f"it is full at {load.full_at_per_s:.3g} requests/s"
            )
        elif load.utilisation is not None and load.utilisation >= _NEARLY_FULL:
            share = show_fraction(load.utilisation)
            yield f"{load.pattern}: {load.model} runs at {share}; only long runs are trustworthy"


def _beyond(scene: Scene, found: list[Ceiling]) -> Iterator[str]:
    fleet = scene.spec.fleet
    endless = {
        (limit.owner, limit.what)
        for limit in scene.limits()
        if limit.queues and not all(fleet[name].bounds_waits() for name in limit.models)
    }
    for one in found:
        if one.limit not in {SERVERS, REPLICAS} and one.used >= _FULL:
            end = "; beyond it a line grows for as long as the run lasts" if (one.owner, one.limit) in endless else ""
            yield (
                f"{one.pattern}: {one.owner} is asked for {one.used:.2f} times the {one.limit} it accepts; "
                f"the limit is reached at {one.reached_at_per_s:.3g} requests/s{end}"
            )


def _uneven(scene: Scene) -> Iterator[str]:
    """Say so where the rate is a mean over better and worse hours."""
    if not all(isinstance(one, _STEADY) for one in processes_of(scene.spec.workload).values()):
        yield "rates are means over time: while traffic is above its mean, limits are reached sooner"


def _values(experiment: Experiment) -> Iterator[Value]:
    flat: dict[str, Any] = {}
    _flatten(experiment.resolved, "", flat)
    origins = experiment.origins
    for path, value in flat.items():
        yield Value(path, value, origins.get(path, "added as a baseline"))


def _flatten(value: Any, path: str, flat: dict[str, Any]) -> None:
    """Write nested values by dotted path; items of a list go by their name where they have one."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            _flatten(inner, f"{path}.{key}" if path else key, flat)
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            name = inner.get("name") if isinstance(inner, dict) else None
            _flatten(inner, f"{path}.{name or index}", flat)
    else:
        flat[path] = value
