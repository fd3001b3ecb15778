"""Least cost within a latency: the cheapest model that is expected to answer in time as busy as it is now."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from sim.columns import Floats, Ints
from sim.routing.conditions import NO_LIMIT
from sim.routing.patterns.pattern import Pattern
from sim.routing.plan import Planner
from sim.routing.typical import Typical, expected_ns, servers_at_start, stretch, typical_call
from sim.units import PositiveDurationNs


class LeastCostWithinLatency(Pattern):
    """Each request goes to the model that is cheapest for it among those expected to answer within a time.

    A model with c servers, n calls waiting and a mean service S is expected to answer in (n + 1) S / c + s, s being the
    request's own service by its tokens, or in s where a server is free. (n + 1) S / c is the exact mean wait where
    services are exponential. The router knows the queues, the prices, the tokens of the prompt and, as no real one does
    for sure, those of the answer. It does not know how far calls in service have come, limits, faults, who goes first
    or what is about to come; a call that is rejected goes on to the next model.

    Of the models that would answer a request in time with nobody waiting, the dearest takes it whatever its queue. If
    none would, the one that is fastest for it does.
    """

    kind: Literal["least_cost_within_latency"]
    """The cheapest model that is expected to answer in time."""
    models: Annotated[list[str], Field(min_length=2, max_length=10)]
    """Models to choose from; of two that cost the same for a request, the first is asked first."""
    within: PositiveDurationNs
    """Time within which a call should be answered, waiting for a server included."""
    mean_service: dict[str, PositiveDurationNs] = Field(default_factory=dict)
    """What the router takes for the mean time of a call at a model, by name; worked out from the laws of the workload
    where not given. Needed where a trace, an outcome table or measured calls say how long answers take."""

    @model_validator(mode="after")
    def _models_are_named_once(self) -> Self:
        twice = [model for model in dict.fromkeys(self.models) if self.models.count(model) > 1]
        if twice:
            raise ValueError(f"the models name {twice[0]} twice")
        for model in self.mean_service:
            if model not in self.models:
                raise ValueError(f"mean_service names {model!r}, which is not among the models")
        return self

    def follows_prices(self) -> bool:
        """Say that the cheapest model in time is another one at other prices."""
        return True

    def own_models(self) -> tuple[str, ...]:
        """Give the models in the order of the file."""
        return tuple(self.models)

    def may_refuse(self) -> bool:
        """Say yes: that is what it is about."""
        return True

    def route(self, planner: Planner, rows: Ints) -> None:
        """Call the cheapest model that may answer in time, and the others in its place where it refuses."""
        for model in self.models:  # every route has its name in every part of a run, whoever comes in it
            planner.call(rows[:0], model)
            planner.answer(rows[:0], model)
        costs, alone, most = (np.array(columns) for columns in zip(*self._columns(planner, rows), strict=True))
        chains = _chains(np.argsort(costs, axis=0, kind="stable"), alone, self.within)
        for code in np.unique(chains).tolist():
            chosen, mine = _decoded(code, len(self.models)), chains == code
            names = [self.models[number] for number in chosen]
            queues = {self.models[number]: most[number, mine] for number in chosen[:-1]}
            planner.call(rows[mine], names[0], queue_most=queues or None, instead=names[1:])
            planner.answer(rows[mine], names[0])

    def _columns(self, planner: Planner, rows: Ints) -> list[tuple[Ints, Floats, Ints]]:
        """Give for each model what requests cost there, how long they take alone, and what queue is too long."""
        requests, found = planner.requests, []
        cached, prompt = requests.cached_tokens[rows], requests.input_tokens[rows]
        written = requests.cache_write_tokens[rows]
        for name in self.models:
            model, output = planner.answers.fleet[name], planner.answers.output_tokens(name)[rows]
            typical = self._typical(planner, name)
            alone = expected_ns(model, typical, prompt - cached, output)
            longer, servers = stretch(model, typical), servers_at_start(model)
            room = (self.within - longer * alone) * servers / max(longer * typical.total_ns, 1.0)
            most = np.clip(np.floor(room), 0, NO_LIMIT // 2).astype(np.int64)
            costs = model.price.call_nano(prompt, cached, output, written)
            found.append((costs, alone, most if servers else np.full(len(rows), NO_LIMIT, dtype=np.int64)))
        return found

    def _typical(self, planner: Planner, name: str) -> Typical:
        requests = planner.requests
        typical = typical_call(planner.answers.fleet[name], requests.classes, requests.task_shares.tolist())
        stated = self.mean_service.get(name)
        if stated is not None:
            return Typical(0.0 if typical is None else min(typical.prefill_ns, stated), float(stated))
        if typical is None:
            raise ValueError(f"a pattern without the mean service of {name!r} was let through")
        return typical


def _chains(ranked: Ints, alone: Floats, within_ns: int) -> Ints:
    """Give which models each request asks, in which order, as one number: a digit for each, 1 and more.

    `ranked` int64[models, requests] are the models from the cheapest on; `alone` float64[models, requests] is how long
    they take with nobody waiting.
    """
    base = len(ranked) + 1
    chains = np.zeros(ranked.shape[1], dtype=np.int64)
    for place in ranked:
        in_time = np.take_along_axis(alone, place[np.newaxis], axis=0)[0] <= within_ns
        chains = np.where(in_time, chains * base + place + 1, chains)
    return np.where(chains == 0, np.argmin(alone, axis=0) + 1, chains)


def _decoded(code: int, models: int) -> list[int]:
    """Give the models of a chain."""
    found = []
    while code:
        code, digit = divmod(code, models + 1)
        found.append(digit - 1)
    return found[::-1]
