"""The plan of a pattern: the itinerary for the engine, and beside it what the engine need not know."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from sim.columns import Bools, Ints
from sim.fleet import Model
from sim.fleet.capacity import servers_of
from sim.routing.answers import Answers
from sim.routing.itinerary import UNLIMITED, Itinerary
from sim.units import nano_usd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.routing.tries import Tries

    Codes = NDArray[np.int32]

STEPS_STATION = 0
"""Station of classifiers, verifiers and judges: never queues. Models follow as 1, 2, ... in the order of the fleet."""


class Cause(IntEnum):
    """Why a leg is paid for."""

    ANSWER = 0
    WASTED_FIRST_PASS = 1
    SECOND_OPINION = 2
    CLASSIFIER = 3
    VERIFICATION = 4
    JUDGE = 5
    FAILED_TRY = 6
    HEDGE = 7

    @property
    def label(self) -> str:
        """Name in reports and metric names."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Step:
    """A leg that is not a model call: a classifier, a verification, a judge."""

    name: str
    nano_usd: int


@dataclass(frozen=True, slots=True)
class LegGroup:
    """Legs that were added together: at most one for each request, all to one station, for one purpose.

    `request` and `leg` int64: the requests, ascending, and the rows of their legs in the itinerary; `stage` int64,
    where they stand in their requests; `ttft_ns` int64 from start to first token; `is_answer` bool, whether the user
    gets this answer. `model` is -1 for a step, `step` (into `Plan.steps`) is -1 for a model call; `awaited` says
    whether the user waits for these legs, `retry` whether they are tried (or hedge one that is) because others failed,
    `fallback` whether they are calls to a model that is asked when the wanted one has failed for good, `hedge` whether
    they are sent beside calls that take long.
    """

    request: Ints
    leg: Ints
    stage: Ints
    ttft_ns: Ints
    is_answer: Bools
    model: int
    step: int
    cause: Cause
    awaited: bool
    retry: bool = False
    fallback: bool = False
    hedge: bool = False


@dataclass(frozen=True)
class Plan:
    """What a pattern decided.

    `groups` are the legs as they were added; what is asked leg by leg stands in columns made on first use.
    Per request: `answer_model` int64 into `models`, whose answer the user gets, -1 for none; `answer_held` bool,
    whether the answer is checked as a whole before it is shown; `escalated` bool; `route` int64 into `routes`.
    `tries` is set where calls may be refused: what comes about is then known after the play.
    """

    itinerary: Itinerary
    models: tuple[str, ...]
    steps: tuple[Step, ...]
    routes: tuple[str, ...]
    groups: tuple[LegGroup, ...]
    answer_model: Ints
    answer_held: Bools
    escalated: Bools
    route: Ints
    tries: Tries | None = None

    @cached_property
    def leg_model(self) -> Ints:
        """Model of each leg, int64; -1 for a step."""
        return self._per_leg(lambda group: group.model)

    @cached_property
    def leg_step(self) -> Ints:
        """Step of each leg, int64 into `steps`; -1 for a model call."""
        return self._per_leg(lambda group: group.step)

    @cached_property
    def leg_cause(self) -> Ints:
        """Why each leg is paid for, int64 of `Cause`."""
        return self._per_leg(self.causes)

    @cached_property
    def leg_awaited(self) -> Bools:
        """Whether the user waits for each leg."""
        return self._per_leg(lambda group: group.awaited).astype(np.bool_)

    @cached_property
    def leg_ttft_ns(self) -> Ints:
        """Time from start to first token of each leg, int64 ns; of a step its whole time."""
        return self._per_leg(lambda group: group.ttft_ns)

    @cached_property
    def answer_leg(self) -> Ints:
        """Row of the leg whose answer each request gets, int64."""
        legs = np.empty(self.itinerary.requests, dtype=np.int64)
        for group in self.groups:
            legs[group.request[group.is_answer]] = group.leg[group.is_answer]
        return legs

    def causes(self, group: LegGroup) -> Ints:
        """Give why each leg of a group is paid for: an answer that was not used is a wasted first pass or a second one.

        It was wasted if the request went on to another model because of it, and a second opinion if both were asked.
        """
        causes = np.full(len(group.leg), int(group.cause), dtype=np.int64)
        if group.cause == Cause.ANSWER and not group.is_answer.all():
            escalated = self.escalated[group.request]
            causes[~group.is_answer & escalated] = Cause.WASTED_FIRST_PASS
            causes[~group.is_answer & ~escalated] = Cause.SECOND_OPINION
        return causes

    def _per_leg(self, value: Callable[[LegGroup], Ints | int]) -> Ints:
        column = np.full(self.itinerary.legs, -1, dtype=np.int64)  # legs that were not tried belong to no group
        for group in self.groups:
            column[group.leg] = value(group)
        return column


@dataclass(slots=True)
class _Added:
    """Legs that were added together, before their place in the itinerary is known."""

    request: Ints
    stage: Ints
    station: int
    service_ns: Ints
    ttft_ns: Ints
    model: int
    step: int
    cause: Cause
    awaited: bool


class Planner:
    """Collects the legs of a pattern: `call` and `step` add legs, `then` goes on to the next stage."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.requests = answers.requests
        self.models = tuple(answers.fleet)
        n = len(self.requests)
        self._stage = np.zeros(n, dtype=np.int64)
        self._stage_is_used = np.zeros(n, dtype=np.bool_)
        self._last_call: dict[int, Codes] = {}
        self._answer_group = np.full(n, -1, dtype=np.int32)
        self._answer_model = np.full(n, -1, dtype=np.int64)
        self._held = np.zeros(n, dtype=np.bool_)
        self._escalated = np.zeros(n, dtype=np.bool_)
        self._route = np.zeros(n, dtype=np.int64)
        self._routes: list[str] = []
        self._steps: list[Step] = []
        self._added: list[_Added] = []

    def everyone(self) -> Ints:
        """Give the rows of all requests."""
        return np.arange(len(self.requests), dtype=np.int64)

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
        """Add a call to `model` for these requests, at their current stage.

        With `queue_most` (one number, or by model one for each request) it is refused where so many wait, and `instead`
        are asked in that case, the last one whatever its queue. ValueError for either: this planner makes plans in
        which nothing is refused.
        """
        if queue_most is not None or instead:
            raise ValueError("a call that may be refused needs a planner of tries")
        self._call(rows, model, cause, awaited=awaited)

    def _call(
        self, rows: Ints, model: str, cause: Cause, *, awaited: bool, retry: int = 0, hedge: bool = False
    ) -> None:
        """Add a call, or its retry or hedge with times of its own."""
        number, these = self.models.index(model), self._these(rows)
        times = self.answers.service(model, retry, hedge=hedge)
        total_ns = times.total_ns[these]
        self._add(
            rows,
            station=number + 1,
            # a call holds a server for a nanosecond at least: see the itinerary's contract
            service_ns=total_ns if self.answers.fleet[model].capacity == "unlimited" else np.maximum(total_ns, 1),
            ttft_ns=times.ttft_ns[these],
            model=number,
            step=-1,
            cause=cause,
            awaited=awaited,
        )

    def step(self, rows: Ints, name: str, time_ns: Ints, usd: float, *, cause: Cause, awaited: bool = True) -> None:
        """Add a step of given duration and price per call; nothing if it costs neither time nor money."""
        nano = nano_usd(usd)
        if not nano and not time_ns.any():
            return
        step = Step(name, nano)
        if step not in self._steps:
            self._steps.append(step)
        self._add(
            rows,
            station=STEPS_STATION,
            service_ns=time_ns,
            ttft_ns=time_ns,
            model=-1,
            step=self._steps.index(step),
            cause=cause,
            awaited=awaited,
        )

    def then(self, rows: Ints) -> None:
        """Let what is added next for these requests wait for the end of all they have so far."""
        these = self._these(rows)
        self._stage[these] += self._stage_is_used[these]
        self._stage_is_used[these] = False

    def answer(self, rows: Ints, model: str, *, held: bool = False) -> None:
        """Say that these requests get the answer of the last call to `model` that was added for them.

        A `held` answer is looked at as a whole before the user sees any of it, so it does not stream.
        """
        number, these = self.models.index(model), self._these(rows)
        self._held[these] = held
        self._answer_model[these] = number
        self._answer_group[these] = self._last_call[number][these] if number in self._last_call else -1
        self._mark(rows, model)

    def relabel(self, rows: Ints, route: str) -> None:
        """Name the route these requests took."""
        self._mark(rows, route)

    def escalate(self, rows: Ints) -> None:
        """Mark these requests as escalated; their calls so far become wasted first passes."""
        self._escalated[self._these(rows)] = True

    def _these(self, rows: Ints) -> Ints | slice:
        """Give an index for these requests, ascending and each once: all of them are a slice, which copies nothing."""
        return slice(None) if len(rows) == len(self.requests) else rows

    def _mark(self, rows: Ints, route: str) -> None:
        self._route[self._these(rows)] = self._route_number(route)

    def _route_number(self, route: str) -> int:
        if route not in self._routes:
            self._routes.append(route)
        return self._routes.index(route)

    def _add(
        self,
        rows: Ints,
        *,
        station: int,
        service_ns: Ints,
        ttft_ns: Ints,
        model: int,
        step: int,
        cause: Cause,
        awaited: bool,
    ) -> None:
        if not len(rows):
            return
        these = self._these(rows)
        self._stage_is_used[these] = True
        if model >= 0:
            if model not in self._last_call:
                self._last_call[model] = np.full(len(self.requests), -1, dtype=np.int32)
            self._last_call[model][these] = len(self._added)
        stage = self._stage.copy() if isinstance(these, slice) else self._stage[rows]
        self._added.append(_Added(rows, stage, station, service_ns, ttft_ns, model, step, cause, awaited))

    def finish(self, fleet: Mapping[str, Model]) -> Plan:
        """Put the legs in the order of the itinerary. Raises ValueError if a request was left without an answer."""
        if np.any(self._answer_model < 0):
            raise ValueError("a pattern left a request without an answer")
        columns, rows = self._in_order()
        pairs = zip(self._added, rows, strict=True)
        groups = [self._group(number, added, leg) for number, (added, leg) in enumerate(pairs)]
        if sum(int(np.count_nonzero(group.is_answer)) for group in groups) != len(self.requests):
            raise ValueError("a pattern gave an answer of a model it did not call")
        return Plan(
            itinerary=Itinerary(
                self.requests.arrival_ns,
                np.array([UNLIMITED, *(servers_of(fleet[m].capacity) for m in self.models)], dtype=np.int64),
                *columns,
            ),
            models=self.models,
            steps=tuple(self._steps),
            routes=tuple(self._routes),
            groups=tuple(groups),
            answer_model=self._answer_model,
            answer_held=self._held,
            escalated=self._escalated,
            route=self._route,
        )

    def _in_order(self) -> tuple[tuple[Ints, Ints, Ints, Ints], list[Ints]]:
        """Give request, stage, station and service time of all legs in order, and the rows of those added together.

        A request's stages only go on, so its legs in the order in which they were added are in the order of stages.
        """
        n = len(self.requests)
        if len(self._added) == 1:  # each request has one leg: nothing is to be put in order
            (added,) = self._added
            station = np.full(n, added.station, dtype=np.int64)
            return (added.request, added.stage, station, added.service_ns), [added.request]
        legs = np.zeros(n, dtype=np.int64)
        for added in self._added:
            legs[self._these(added.request)] += 1
        place = np.cumsum(legs) - legs
        request, stage, station, service_ns = (np.empty(int(legs.sum()), dtype=np.int64) for _ in range(4))
        rows = []
        for added in self._added:
            these = self._these(added.request)
            leg = place.copy() if isinstance(these, slice) else place[these]
            place[these] = leg + 1
            request[leg], stage[leg], station[leg] = added.request, added.stage, added.station
            service_ns[leg] = added.service_ns
            rows.append(leg)
        return (request, stage, station, service_ns), rows

    def _group(self, number: int, added: _Added, leg: Ints) -> LegGroup:
        return LegGroup(
            request=added.request,
            leg=leg,
            stage=added.stage,
            ttft_ns=added.ttft_ns,
            is_answer=np.equal(self._answer_group[self._these(added.request)], number),
            model=added.model,
            step=added.step,
            cause=added.cause,
            awaited=added.awaited,
        )
