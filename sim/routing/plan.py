"""The plan of a pattern: the itinerary for the engine, and beside it what the engine need not know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from sim.columns import Bools, Ints
from sim.fleet import Model
from sim.fleet.capacity import servers_of
from sim.routing.answers import Answers
from sim.routing.itinerary import UNLIMITED, Itinerary
from sim.units import nano_usd

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
class Plan:
    """What a pattern decided.

    Per leg (as in `itinerary`): `leg_model` int64, -1 for a step; `leg_step` int64 into `steps`, -1 for a model call;
    `leg_cause` int64 of `Cause`; `leg_awaited` bool, whether the user waits for it; `leg_ttft_ns` int64.
    Per request: `answer_leg` int64, the leg whose answer the user gets; `answer_model` int64 into `models`;
    `answer_held` bool, whether the answer is checked as a whole before it is shown; `escalated` bool; `route` int64
    into `routes`.
    """

    itinerary: Itinerary
    models: tuple[str, ...]
    steps: tuple[Step, ...]
    routes: tuple[str, ...]
    leg_model: Ints
    leg_step: Ints
    leg_cause: Ints
    leg_awaited: Bools
    leg_ttft_ns: Ints
    answer_leg: Ints
    answer_model: Ints
    answer_held: Bools
    escalated: Bools
    route: Ints


@dataclass(slots=True)
class _Legs:
    """A block of legs that were added together."""

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
        self._last_call = np.full((len(self.models), n), -1, dtype=np.int64)
        self._answer_block = np.full(n, -1, dtype=np.int64)
        self._answer_model = np.full(n, -1, dtype=np.int64)
        self._held = np.zeros(n, dtype=np.bool_)
        self._escalated = np.zeros(n, dtype=np.bool_)
        self._route = np.zeros(n, dtype=np.int64)
        self._routes: list[str] = []
        self._steps: list[Step] = []
        self._blocks: list[_Legs] = []

    def everyone(self) -> Ints:
        """Give the rows of all requests."""
        return np.arange(len(self.requests), dtype=np.int64)

    def call(self, rows: Ints, model: str, *, cause: Cause = Cause.ANSWER, awaited: bool = True) -> None:
        """Add a call to `model` for these requests, at their current stage."""
        number = self.models.index(model)
        times = self.answers.service(model)
        total_ns = times.total_ns[rows]
        self._add(
            rows,
            station=number + 1,
            # a call holds a server for a nanosecond at least: see the itinerary's contract
            service_ns=total_ns if self.answers.fleet[model].capacity == "unlimited" else np.maximum(total_ns, 1),
            ttft_ns=times.ttft_ns[rows],
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
        self._stage[rows] += self._stage_is_used[rows]
        self._stage_is_used[rows] = False

    def answer(self, rows: Ints, model: str, *, held: bool = False) -> None:
        """Say that these requests get the answer of the last call to `model` that was added for them.

        A `held` answer is looked at as a whole before the user sees any of it, so it does not stream.
        """
        self._held[rows] = held
        number = self.models.index(model)
        self._answer_model[rows] = number
        self._answer_block[rows] = self._last_call[number, rows]
        self._mark(rows, model)

    def relabel(self, rows: Ints, route: str) -> None:
        """Name the route these requests took."""
        self._mark(rows, route)

    def escalate(self, rows: Ints) -> None:
        """Mark these requests as escalated; their calls so far become wasted first passes."""
        self._escalated[rows] = True

    def _mark(self, rows: Ints, route: str) -> None:
        if route not in self._routes:
            self._routes.append(route)
        self._route[rows] = self._routes.index(route)

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
        self._stage_is_used[rows] = True
        if model >= 0:
            self._last_call[model, rows] = len(self._blocks)
        self._blocks.append(
            _Legs(rows, self._stage[rows].copy(), station, service_ns, ttft_ns, model, step, cause, awaited)
        )

    def finish(self, fleet: Mapping[str, Model]) -> Plan:
        """Sort the legs into an itinerary. Raises ValueError if a request was left without an answer."""
        if np.any(self._answer_model < 0):
            raise ValueError("a pattern left a request without an answer")
        blocks = self._blocks
        sizes = [len(block.request) for block in blocks]
        number = np.repeat(np.arange(len(blocks), dtype=np.int64), sizes)
        request = _concat([block.request for block in blocks])
        stage = _concat([block.stage for block in blocks])
        order = np.lexsort((number, stage, request))
        block_of = number[order]
        itinerary = Itinerary(
            arrival_ns=self.requests.arrival_ns,
            servers=np.array([UNLIMITED, *(servers_of(fleet[m].capacity) for m in self.models)], dtype=np.int64),
            leg_request=request[order],
            leg_stage=stage[order],
            leg_station=_spread([block.station for block in blocks], block_of),
            leg_service_ns=_concat([block.service_ns for block in blocks])[order],
        )
        itinerary.check()
        return Plan(
            itinerary=itinerary,
            models=self.models,
            steps=tuple(self._steps),
            routes=tuple(self._routes),
            leg_model=_spread([block.model for block in blocks], block_of),
            leg_step=_spread([block.step for block in blocks], block_of),
            leg_cause=self._causes(itinerary.leg_request, block_of),
            leg_awaited=_spread([block.awaited for block in blocks], block_of).astype(np.bool_),
            leg_ttft_ns=_concat([block.ttft_ns for block in blocks])[order],
            answer_leg=self._answer_legs(itinerary.leg_request, block_of),
            answer_model=self._answer_model,
            answer_held=self._held,
            escalated=self._escalated,
            route=self._route,
        )

    def _answer_legs(self, leg_request: Ints, block_of: Ints) -> Ints:
        rows = np.flatnonzero(self._answer_block[leg_request] == block_of)
        legs = np.full(len(self.requests), -1, dtype=np.int64)
        legs[leg_request[rows]] = rows
        if np.any(legs < 0):
            raise ValueError("a pattern gave an answer of a model it did not call")
        return legs

    def _causes(self, leg_request: Ints, block_of: Ints) -> Ints:
        """Give the cause of each leg; an answer that was not used is a wasted first pass if the request escalated."""
        cause = _spread([int(block.cause) for block in self._blocks], block_of)
        unused = (cause == Cause.ANSWER) & (self._answer_block[leg_request] != block_of)
        cause[unused & self._escalated[leg_request]] = Cause.WASTED_FIRST_PASS
        cause[unused & ~self._escalated[leg_request]] = Cause.SECOND_OPINION
        return cause


def _concat(columns: Sequence[Ints]) -> Ints:
    return np.concatenate([*columns, np.empty(0, dtype=np.int64)])


def _spread(values: Sequence[int], block_of: Ints) -> Ints:
    """Give each leg the value of its block."""
    return np.array([*values, 0], dtype=np.int64)[block_of]
