"""Plans of calls that may be refused: every try that may come to be, and what the request gets by how they end.

A call becomes a chain of tries: the first one, its retries after a pause, then the fallback models with theirs. All of
them are in the itinerary with their times drawn; the engine finds out which are tried. Afterwards `settle` turns the
plan into the one that came about, and accounting goes on as if it had been made so.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.chance import Purpose
from sim.columns import Bools, Ints
from sim.fleet import Model, Provider
from sim.fleet.capacity import queue_of
from sim.routing.answers import Answers
from sim.routing.batching import lots, replica_columns
from sim.routing.calling import callers_of_plan
from sim.routing.conditions import NO_LIMIT, NONE, Conditions, LegOutcome
from sim.routing.lanes import Lanes
from sim.routing.plan import Cause, LegGroup, Plan, Planner
from sim.routing.replicas import Replicas
from sim.routing.stations import lane_columns, station_columns

FALLBACK = "fallback:"
"""How the routes of requests begin whose answer is that of a model asked instead."""

HEDGE = "hedge:"
"""How the routes of requests begin whose answer is that of another model, asked when the first one took long."""

UNANSWERED = "unanswered"
"""Route of requests that got no answer."""


@dataclass(slots=True)
class _Try:
    """What is particular to a group of legs that are tries."""

    slot: int
    after: int
    retry: bool = False
    delay_ns: Ints | int = 0
    heeds: bool = False
    patience_ns: int = NO_LIMIT
    timeout_ns: int = NO_LIMIT
    queue_most: Ints | int = NO_LIMIT
    fails: Bools | bool = False
    lot: Ints | int = 0
    tokens: Ints | int = 0
    ends: bool = False
    stops: bool = False
    lenient: bool = False
    hedges: int = NONE
    hedge_ns: int = 1
    fallback: bool = False
    escalation: Bools | None = None
    route: int = NONE


@dataclass(frozen=True, slots=True)
class _Offer:
    """An answer that these requests would get, if the call in `slots` is done; or (without slots) a name of a route."""

    rows: Ints
    route: int
    slots: Ints | None = None
    held: bool = False


@dataclass(slots=True)
class Tries:
    """How to tell what a request gets from the outcomes of its legs."""

    tries: list[_Try] = field(default_factory=list)
    offers: list[_Offer] = field(default_factory=list)

    def settle(self, plan: Plan, outcome: NDArray[np.int8]) -> Plan:
        """Give the plan as it came about: only legs that were tried, the answer that was had, the route that was taken.

        Of the answers that are offered to a request, the last one counts whose call was done. Requests without any have
        the answer model -1.
        """
        won = self._won(plan, outcome)
        requests = plan.itinerary.requests
        answer, route = np.full(requests, NONE, dtype=np.int64), np.full(requests, len(plan.routes) - 1, dtype=np.int64)
        held, got = np.zeros(requests, dtype=np.bool_), np.zeros(requests, dtype=np.bool_)
        routes = np.array([one.route for one in self.tries], dtype=np.int64)
        for offer in self.offers:
            rows = offer.rows
            if offer.slots is None:
                rows = rows[got[rows]]
            else:
                group = won[offer.slots, rows]
                got[rows] = group >= 0
                rows, group = rows[group >= 0], group[group >= 0]
                answer[rows], held[rows] = group, offer.held
                own = routes[group]
                route[rows] = np.where(own < 0, offer.route, own)
                continue
            route[rows] = offer.route
        escalated = np.zeros(requests, dtype=np.bool_)
        groups = []
        for number, (group_of, one) in enumerate(zip(plan.groups, self.tries, strict=True)):
            tried = outcome[group_of.leg] != LegOutcome.NOT_TRIED
            groups.append(_chosen(group_of, tried, answer, number, one))
            if one.escalation is not None:
                escalated[group_of.request[tried & one.escalation]] = True
        model_of = np.array([*(group.model for group in plan.groups), NONE], dtype=np.int64)
        return dataclasses.replace(
            plan,
            groups=tuple(groups),
            answer_model=model_of[answer],
            answer_held=held | (answer < 0),
            escalated=escalated,
            route=route,
        )

    def _won(self, plan: Plan, outcome: NDArray[np.int8]) -> Ints:
        """Give for each slot and request the group whose leg was done, or -1."""
        slots = 1 + max((one.slot for one in self.tries), default=0)
        won = np.full((slots, plan.itinerary.requests), NONE, dtype=np.int64)
        for number, (group, one) in enumerate(zip(plan.groups, self.tries, strict=True)):
            done = outcome[group.leg] == LegOutcome.DONE
            won[one.slot, group.request[done]] = number
        return won


def _chosen(group: LegGroup, tried: Bools, answer: Ints, number: int, one: _Try) -> LegGroup:
    request = group.request[tried]
    return dataclasses.replace(
        group,
        request=request,
        leg=group.leg[tried],
        stage=group.stage[tried],
        ttft_ns=group.ttft_ns[tried],
        is_answer=answer[request] == number,
        retry=one.retry,
        fallback=one.fallback,
        hedge=one.hedges >= 0,
    )


class TryingPlanner(Planner):
    """Collects the legs of a pattern whose calls may be refused, fail, or be given up."""

    def __init__(
        self, answers: Answers, providers: Mapping[str, Provider], window_ns: tuple[int, int] = (0, 0)
    ) -> None:
        """Plan calls to models of these providers; within the window it is measured what replicas do."""
        super().__init__(answers)
        self.providers = providers
        self._window_ns = window_ns
        self._tries = Tries()
        self._slots = 0
        self._last_slot = np.full((len(self.models), len(self.requests)), NONE, dtype=np.int64)

    def call(
        self,
        rows: Ints,
        model: str,
        *,
        cause: Cause = Cause.ANSWER,
        awaited: bool = True,
        queue_most: int | Mapping[str, Ints] | None = None,
        instead: Sequence[str] = (),
    ) -> None:
        """Add a call to `model` and all that may follow it: hedges, retries, and the models that are asked instead."""
        asked = (model, *instead)
        chain = (*asked, *self._fallbacks(asked[-1]))
        routes = [NONE, *(self._route_number(name) for name in instead)]
        routes += [self._route_number(f"{FALLBACK}{name}") for name in chain[len(asked) :]]
        if not len(rows):
            return
        slot, self._slots = self._slots, self._slots + 1
        self._last_slot[self.models.index(model), rows] = slot
        after = NONE
        for place, name in enumerate(chain):
            spills = place < len(asked) - 1  # then the next one is asked at once, and it is not tried again
            most = queue_most if spills or not instead else None
            queue = most.get(name, NO_LIMIT) if isinstance(most, Mapping) else NO_LIMIT if most is None else most
            for retry in range(1 if spills else self.answers.fleet[name].client.retries + 1):
                one = self._try_of(rows, name, retry, slot)
                one.after, one.retry = after, after >= 0
                one.queue_most = np.minimum(one.queue_most, queue if place < len(asked) else NO_LIMIT)
                one.ends = one.fallback = place >= len(asked)
                # who finds too long a queue is not to come back: the answer at hand is better than a late one
                one.stops = queue_most is not None and not instead and place < len(asked)
                one.lenient = most is not None and place < len(asked)
                one.route = routes[place]
                self._call(rows, name, cause, awaited=awaited, retry=retry)
                self._tries.tries.append(one)
                after = len(self._added) - 1
                self._hedge(rows, name, one, retry, cause, awaited=awaited)

    def _hedge(self, rows: Ints, name: str, one: _Try, retry: int, cause: Cause, *, awaited: bool) -> None:
        """Add the call beside the try `one`, which was added last, if its client hedges."""
        hedge = self.answers.fleet[name].client.hedge
        if hedge is None:
            return
        other = hedge.model or name
        rival = self._try_of(rows, other, retry, one.slot, hedge=True)
        rival.hedges, rival.hedge_ns = len(self._added) - 1, hedge.after
        rival.queue_most = np.minimum(rival.queue_most, one.queue_most) if other == name else rival.queue_most
        rival.retry, rival.fallback = one.retry, one.fallback
        rival.stops, rival.lenient = one.stops, one.lenient
        rival.ends = one.ends or other != name
        rival.route = one.route if other == name else self._route_number(f"{HEDGE}{other}")
        self._call(rows, other, cause, awaited=awaited, retry=retry, hedge=True)
        self._tries.tries.append(rival)

    def _fallbacks(self, model: str) -> Sequence[str]:
        return self.answers.fleet[model].client.fallback

    def step(self, rows: Ints, name: str, time_ns: Ints, usd: float, *, cause: Cause, awaited: bool = True) -> None:
        """Add a step; it is never refused."""
        before = len(self._added)
        super().step(rows, name, time_ns, usd, cause=cause, awaited=awaited)
        if len(self._added) > before:
            self._tries.tries.append(_Try(self._slots, NONE))
            self._slots += 1

    def answer(self, rows: Ints, model: str, *, held: bool = False) -> None:
        """Offer these requests the answer of the last call to `model` that was added for them."""
        super().answer(rows, model, held=held)
        slots = self._last_slot[self.models.index(model), rows]
        self._tries.offers.append(_Offer(rows, self._routes.index(model), slots, held))

    def relabel(self, rows: Ints, route: str) -> None:
        """Name the route of those who get the answer that was offered last."""
        super().relabel(rows, route)
        self._tries.offers.append(_Offer(rows, self._routes.index(route)))

    def finish(self, fleet: Mapping[str, Model]) -> Plan:
        """Put the legs in the order of the itinerary, with the conditions that they are under."""
        plan = super().finish(fleet)
        columns = self._leg_columns(plan)
        callers = callers_of_plan(fleet, self.models, {name: columns.pop(name) for name in _OF_CALLERS})
        columns |= station_columns(fleet, self.providers, self.models)
        conditions = Conditions(**columns, lanes=self._lanes(plan, fleet))
        itinerary = dataclasses.replace(
            plan.itinerary, conditions=conditions, replicas=self._replicas(plan), callers=callers
        )
        return dataclasses.replace(
            plan,
            itinerary=itinerary,
            routes=(*plan.routes, UNANSWERED),
            tries=self._tries,
        )

    def _lanes(self, plan: Plan, fleet: Mapping[str, Model]) -> Lanes | None:
        """Put each leg on the lane of its request's segment, where its station tells segments apart."""
        columns = lane_columns(fleet, self.providers, self.models, self.requests.segments)
        if columns is None:
            return None
        station = plan.itinerary.leg_station
        first, end = (np.searchsorted(columns["lane_station"], station, side=side) for side in ("left", "right"))
        return Lanes(
            lane=first + np.where(end - first > 1, self.requests.segment[plan.itinerary.leg_request], 0), **columns
        )

    def _try_of(self, rows: Ints, name: str, retry: int, slot: int, *, hedge: bool = False) -> _Try:
        model = self.answers.fleet[name]
        client, queue = model.client, queue_of(model.capacity)
        attempt = (f"hedge-{retry}",) if hedge else (str(retry),) if retry else ()
        pause: Ints | int = 0
        if retry and not hedge:
            pause = client.backoff.pause_ns(retry, self.requests.uniform(Purpose.BACKOFF, name, str(retry)))[rows]
        return _Try(
            slot=slot,
            after=NONE,
            delay_ns=pause,
            heeds=bool(retry) and client.heed_retry_after,
            patience_ns=client.patience_ns(NO_LIMIT),
            timeout_ns=NO_LIMIT if client.timeout is None else client.timeout,
            queue_most=NO_LIMIT if queue is None else queue,
            fails=self.answers.fails(name, retry, hedge=hedge)[rows] if model.faults.error_rate else False,
            lot=_of(lots(self.requests, model, name, attempt), rows),
            tokens=self._tokens(name)[rows],
            escalation=self._escalated[rows] if self._escalated[rows].any() else None,
        )

    def _tokens(self, name: str) -> Ints:
        """Give the tokens that a call counts for at the limits of its model or provider."""
        model = self.answers.fleet[name]
        shared = None if model.provider is None else self.providers[model.provider].limits
        limits = model.limits if model.limits is not None and model.limits.counts_tokens else shared
        if limits is None or not limits.counts_tokens:
            return np.zeros(len(self.requests), dtype=np.int64)
        return limits.tokens(self.requests.input_tokens, self.answers.output_tokens(name))

    def _replicas(self, plan: Plan) -> Replicas | None:
        """Give the replicas of the itinerary: a call reads its prompt for as long as its first token takes alone."""
        columns = replica_columns(self.answers.fleet, self.models, self._window_ns)
        if columns is None:
            return None
        prefill, lot = (np.zeros(plan.itinerary.legs, dtype=np.int64) for _ in range(2))
        for group, one in zip(plan.groups, self._tries.tries, strict=True):
            if columns["slots"][group.model + 1]:
                prefill[group.leg], lot[group.leg] = group.ttft_ns, one.lot
        return Replicas(prefill_ns=prefill, lot=lot, **columns)

    def _leg_columns(self, plan: Plan) -> dict[str, NDArray[Any]]:
        legs = plan.itinerary.legs
        columns: dict[str, NDArray[Any]] = {
            name: np.empty(legs, dtype=np.int64) for name in ("after", "hedges", *_NUMBERS)
        }
        columns |= {name: np.empty(legs, dtype=np.bool_) for name in _FLAGS}
        for group, one in zip(plan.groups, self._tries.tries, strict=True):
            for name in ("after", "hedges"):
                of = getattr(one, name)
                columns[name][group.leg] = NONE if of < 0 else plan.groups[of].leg
            for name in (*_NUMBERS, *_FLAGS):
                columns[name][group.leg] = getattr(one, name)
        return columns


def _of(column: Ints | int, rows: Ints) -> Ints | int:
    return column if isinstance(column, int) else column[rows]


_NUMBERS = ("delay_ns", "patience_ns", "timeout_ns", "queue_most", "tokens", "hedge_ns")
_FLAGS = ("heeds", "fails", "ends", "stops", "lenient")
_OF_CALLERS = ("lenient", "hedges", "hedge_ns")
