"""What became of the requests under one pattern: the request log, and what is kept of it for a replication."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from sim.columns import Bools, Ints
from sim.engine.log import LegLog
from sim.fleet import Model
from sim.fleet.prices import Rates
from sim.fleet.token_rates import FEMTO_PER_NANO
from sim.outcome.bill import Bought, rates_of, request_costs
from sim.outcome.latency import Waits
from sim.outcome.samples import Sample, Samples
from sim.outcome.sums import Sums
from sim.outcome.warmup import Series
from sim.routing.answers import Answers
from sim.routing.conditions import LegOutcome
from sim.routing.plan import Plan

T = TypeVar("T", bound=np.generic)

FIELDS: Final = (
    "count",
    "escalated",
    "acceptable",
    "refused",
    "good",
    "failed",
    "latency_ns",
    "ttft_ns",
    "wait_ns",
)
"""What is summed over requests: how many there are, escalate, are acceptable, refusals, meet all goals, got no answer;
times, of those that got one."""

DURATIONS: Final = {"latency": "latency_ns", "ttft": "ttft_ns", "wait": "wait_ns"}
"""The columns that quantiles are taken of, and the sum that belongs to each."""


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a run that is measured: requests that arrive from `start_ns` on, up to `end_ns`."""

    start_ns: int
    end_ns: int

    @property
    def length_ns(self) -> int:
        """Length of the window."""
        return self.end_ns - self.start_ns


@dataclass(frozen=True)
class RequestLog:
    """Requests in order of arrival, one value each.

    Times int64 ns, codes int64 into the names beside them; `served_by` is the model whose answer the user got, -1 if it
    `failed`: then `latency_ns` is the time until that was known. What only those want who read the log is made on first
    use, for all requests of the plan, of which `rows` are in this log.
    """

    segments: tuple[str, ...]
    tasks: tuple[str, ...]
    routes: tuple[str, ...]
    models: tuple[str, ...]
    arrival_ns: Ints
    segment: Ints
    task: Ints
    route: Ints
    served_by: Ints
    escalated: Bools
    acceptable: Bools
    refused: Bools
    failed: Bools
    latency_ns: Ints
    ttft_ns: Ints
    wait_ns: Ints
    input_tokens: Ints
    rows: slice
    make_output_tokens: Callable[[], Ints]
    make_costs: Callable[[], Ints]

    @cached_property
    def output_tokens(self) -> Ints:
        """Length of the answers that users got, int64; 0 for none."""
        return self.make_output_tokens()[self.rows]

    @cached_property
    def cost_nano(self) -> Ints:
        """What each request cost, int64 nano-dollars: each of its calls rounded by itself."""
        return self.make_costs()[self.rows]


@dataclass(frozen=True, slots=True)
class ModelLog:
    """What one model did in the window.

    `calls` were made for the measured requests, whenever, and none is one that a breaker skipped; `busy_ns` and
    `queued_ns` are integrated over the window; `offered_ns` of service was brought by the calls that joined in it;
    `servers` is 0 for no limit. `by_outcome` counts the calls for measured requests by `LegOutcome`, where calls may be
    refused; `retries` are those that followed a failed try; `bounded` says that the queue cannot grow without end,
    because it is full at some length or those in it give up. `needed_ns` is the server time that what was offered needs
    at least: the same, unless a batch slows it.
    Where calls may be refused, `waited` of those for measured requests waited, for `wait_ns` together, and `fallbacks`
    gave their requests the answer in the place of a model that had failed for good. `hedges` were sent beside calls
    that took long (-1: nothing is hedged with this model), and `hedge_wins` of them were done first; the model's
    breaker was open for `open_ns` of the window (-1: it has none), and some call waited for `at_limit_ns` of it (-1: it
    has no limits at which calls wait).

    Where replicas of so many `slots` each serve in batches, within the window: `replica_ns` they were paid for, and any
    of their slots was taken for `serving_ns`; they come and go `by_schedule`, or not. Of the calls that were answered,
    whenever: how many, `answered`, the time `first_token_ns` that they took to their first token, waits included,
    `decode_ns` from there to the last one, and the tokens `decoded` in that time.
    """

    servers: int
    calls: int
    busy_ns: int
    queued_ns: int
    offered_ns: int
    by_outcome: tuple[int, ...] = (0,) * len(LegOutcome)
    retries: int = 0
    bounded: bool = False
    needed_ns: int = 0
    slots: int = 0
    replica_ns: int = 0
    serving_ns: int = 0
    by_schedule: bool = False
    answered: int = 0
    first_token_ns: int = 0
    decode_ns: int = 0
    decoded: int = 0
    waited: int = 0
    wait_ns: int = 0
    fallbacks: int = 0
    hedges: int = -1
    hedge_wins: int = 0
    open_ns: int = -1
    at_limit_ns: int = -1


@dataclass(frozen=True, slots=True)
class Group:
    """Some of the requests: all of them, or those of one `kind` (escalated, not_escalated, route, segment, task).

    `name` says which route, segment or task class.
    """

    kind: str = ""
    name: str = ""

    def __str__(self) -> str:
        """Give the group as metrics are named."""
        return f"{self.kind}.{self.name}" if self.name else self.kind


ALL: Final = Group()


@dataclass(frozen=True, slots=True)
class Outcome:
    """One replication of one pattern, summed up.

    `sums[dimension]` is [section, code, field] with fields as in `FIELDS`. Dimensions: `route` with the code
    2 x route + escalated, and `segment` and `task` where there are several. Sections are equal parts of the window
    (one, unless the run has a single replication). What was `bought` costs what the `rates` of the models say; on top
    come their replicas, each model's paid for `replica_ns` together. `direct` are the latencies that the escalated
    requests have under the pattern that calls the last model at once. `backlog` is the mean number of requests in the
    system over time. `asked_ns` is what calls asked of each limit that there is (see `sim.outcome.limits`).
    """

    segments: tuple[str, ...]
    tasks: tuple[str, ...]
    routes: tuple[str, ...]
    models: tuple[str, ...]
    window: Window
    sums: Mapping[str, Sums]
    durations: Samples
    direct: Samples | None
    series: Series
    backlog: NDArray[np.float64]
    bought: Bought
    rates: tuple[Rates, ...]
    model_logs: tuple[ModelLog, ...]
    replica_ns: tuple[int, ...]
    asked_ns: tuple[int, ...] = ()

    @property
    def requests(self) -> int:
        """Number of measured requests."""
        return int(self.sums["route"][:, :, 0].sum())

    def sum(self, field: str, group: Group = ALL) -> list[int]:
        """Give the sum of a field over the requests of a group, for each section."""
        dimension, codes = self._codes(group)
        table = self.sums[dimension][:, :, FIELDS.index(field)]
        return [int(total) for total in (table if codes is None else table[:, codes]).sum(axis=1)]

    def by_cause(self) -> Sums:
        """Give the cost of calls and steps in femto-dollars (1e-15 USD) by [section, cause]."""
        return self.bought.by_cause(self.rates)

    def by_model(self) -> Sums:
        """Give the cost of calls in femto-dollars by [section, model]."""
        return self.bought.by_model(self.rates)

    def spent(self, segment: str | None = None) -> list[int]:
        """Give the cost of calls and steps in femto-dollars, for each section; of one segment if it is named."""
        if segment is None:
            return [int(femto) for femto in self.by_cause().sum(axis=1)]
        return [int(femto) for femto in self.bought.of_segment(self.rates, self.segments.index(segment))]

    def replica_cost(self) -> int:
        """Give the cost of replicas in femto-dollars, of each model rounded to a nano-dollar."""
        return sum(self.replica_costs())

    def replica_costs(self) -> list[int]:
        """Give the same for each model."""
        nano = (rates.replica_nano(time) for rates, time in zip(self.rates, self.replica_ns, strict=True))
        return [each * FEMTO_PER_NANO for each in nano]

    def priced(self, fleet: Mapping[str, Model]) -> Outcome:
        """Give the same outcome at the prices of another fleet that has these models: nothing is played again.

        ValueError if its prices change at lengths of a prompt at which calls were not told apart.
        """
        return dataclasses.replace(self, rates=rates_of(fleet, self.models, self.bought.starts))

    def samples(self, column: str, group: Group = ALL) -> list[Sample]:
        """Give the observations of a column of `DURATIONS` in a group, for each section."""
        return self.durations.samples(column, *self._codes(group))

    def direct_samples(self) -> list[Sample]:
        """Give the latencies of direct calls to the last model for the escalated requests, for each section."""
        if self.direct is None:
            raise ValueError("no latencies of direct calls were collected for this pattern")
        return self.direct.samples("latency", "route", None)

    def _codes(self, group: Group) -> tuple[str, list[int] | None]:
        """Give the dimension and the codes of a group; a route that this replication never saw has none."""
        both = range(2 * len(self.routes))
        if group.kind == "":
            return "route", None
        if group.kind in {"escalated", "not_escalated"}:
            return "route", list(both[group.kind == "escalated" :: 2])
        if group.kind == "route":
            return "route", [code for code in both if self.routes[code // 2] == group.name]
        names = self.segments if group.kind == "segment" else self.tasks
        return group.kind, [names.index(group.name)]


def request_log(plan: Plan, log: LegLog, times: Waits, answers: Answers, rows: slice) -> RequestLog:
    """Turn these rows of a plan, with its leg log and waits, into what people care about, request by request."""
    requests, failed = answers.requests, plan.answer_model < 0
    by_model = [(name, plan.answer_model == number) for number, name in enumerate(plan.models)]
    answered = [(name, mine) for name, mine in by_model if mine.any()] or by_model[:1]
    return RequestLog(
        segments=requests.segments,
        tasks=requests.tasks,
        routes=plan.routes,
        models=plan.models,
        arrival_ns=requests.arrival_ns[rows],
        segment=requests.segment[rows],
        task=requests.task[rows],
        route=plan.route[rows],
        served_by=plan.answer_model[rows],
        escalated=plan.escalated[rows],
        acceptable=_flags(answered, answers.acceptable)[rows],
        refused=_flags(answered, answers.refused)[rows],
        failed=failed[rows],
        latency_ns=times.latency_ns[rows],
        ttft_ns=times.ttft_ns[rows],
        wait_ns=times.queueing_ns[rows],
        input_tokens=requests.input_tokens[rows],
        rows=rows,
        make_output_tokens=lambda: np.where(failed, 0, _of_chosen(answered, answers.output_tokens)),
        make_costs=lambda: request_costs(plan, answers, log),
    )


def _of_chosen(answered: Sequence[tuple[str, Bools]], column: Callable[[str], NDArray[T]]) -> NDArray[T]:
    """Give each request the value of the model that answered it; models that answered nothing are not asked.

    `answered` are the models that answered, and which requests.
    """
    if len(answered) < 2:  # noqa: PLR2004 - one model answered all, or there is nothing to choose
        return column(answered[0][0])
    chosen = column(answered[0][0]).copy()
    for name, mine in answered[1:]:
        np.copyto(chosen, column(name), where=mine)
    return chosen


def _flags(answered: Sequence[tuple[str, Bools]], column: Callable[[str], Bools]) -> Bools:
    """Give each request the flag of the model that answered it, False where none did."""
    flags = column(answered[0][0]) & answered[0][1]
    for name, mine in answered[1:]:
        flags |= column(name) & mine
    return flags


def columns_of(log: RequestLog) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Give the columns of a request log as they are written, and their units."""
    columns: dict[str, NDArray[Any]] = {
        "arrival_ns": log.arrival_ns,
        "segment": np.array(log.segments, dtype=object)[log.segment],
        "task": np.array(log.tasks, dtype=object)[log.task],
        "route": np.array(log.routes, dtype=object)[log.route],
        "model": np.array([*log.models, ""], dtype=object)[log.served_by],
        "input_tokens": log.input_tokens,
        "output_tokens": log.output_tokens,
        "escalated": log.escalated,
        "acceptable": log.acceptable,
        "refused": log.refused,
        "failed": log.failed,
        "latency_ns": log.latency_ns,
        "ttft_ns": log.ttft_ns,
        "wait_ns": log.wait_ns,
        "cost_nano_usd": log.cost_nano,
    }
    units = {"input_tokens": "tokens", "output_tokens": "tokens", "cost_nano_usd": "nano-USD"}
    units |= {column: "ns" for column in columns if column.endswith("_ns")}
    return columns, units


def names_seen(outcomes: Sequence[Outcome], names: Callable[[Outcome], tuple[str, ...]]) -> list[str]:
    """Give the names seen in any replication, in order of first appearance."""
    return list(dict.fromkeys(name for outcome in outcomes for name in names(outcome)))
