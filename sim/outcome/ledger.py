"""Accounting of one pattern in one replication, part by part in order of arrival; no part is kept.

Everything is added up as integers, so that the result does not depend on where a run was cut.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sim.columns import Ints
from sim.engine.log import LegLog
from sim.fleet import Model
from sim.fleet.capacity import Capacity, batching_of, needed, queue_of, replicas_of, servers_of
from sim.outcome.backlog import Backlog
from sim.outcome.bill import billed, rates_of
from sim.outcome.cells import Cells
from sim.outcome.latency import first_tokens, waits
from sim.outcome.outcomes import DURATIONS, FIELDS, ModelLog, Outcome, RequestLog, Window, request_log
from sim.outcome.purchases import Purchases
from sim.outcome.samples import Collector
from sim.outcome.sums import exact, sums_by, total, zeros
from sim.outcome.warmup import Series
from sim.routing.answers import Answers
from sim.routing.conditions import LegOutcome
from sim.routing.plan import LegGroup, Plan
from sim.routing.replicas import Usage
from sim.workload.requests import Requests

_FLAGS = 5  # of the fields: escalated, acceptable, refused, good, failed
_EVERY = 1 << _FLAGS
_HAS = [np.arange(_EVERY) >> bit & 1 == 1 for bit in range(_FLAGS)]


@dataclass(frozen=True, slots=True)
class Goals:
    """What a good answer must meet to count as goodput, in nanoseconds; None: no such goal."""

    latency_ns: int | None = None
    ttft_ns: int | None = None


@dataclass(frozen=True)
class Terms:
    """What is accounted for, and how.

    `window` is measured, in this many `sections` of equal time. `kept` are the models that the pattern may call: their
    replicas are paid for, called or not, and no others. Up to `most_exact` observations are kept for quantiles.
    `compared` says that the pattern is compared with direct calls to the last model it may call.
    """

    fleet: Mapping[str, Model]
    kept: Collection[str]
    window: Window
    sections: int = 1
    goals: Goals = Goals()
    most_exact: int = 1 << 20
    compared: bool = False

    @cached_property
    def edges_ns(self) -> Ints:
        """Where the second and later sections begin, int64 ns."""
        length = self.window.length_ns
        edges = [self.window.start_ns + length * number // self.sections for number in range(1, self.sections)]
        return np.array(edges, dtype=np.int64)

    def parts(self, arrival_ns: Ints) -> Iterator[tuple[int, int, int]]:
        """Yield (section, first, end) for each section that has some of these arrivals; the warm-up is left out."""
        starts = np.searchsorted(arrival_ns, np.concatenate(([self.window.start_ns], self.edges_ns))).tolist()
        for section, (first, end) in enumerate(zip(starts, [*starts[1:], len(arrival_ns)], strict=True)):
            if first < end:
                yield section, first, end


class Ledger:
    """Adds up what becomes of requests."""

    def __init__(self, terms: Terms, requests: Requests, routes: tuple[str, ...]) -> None:
        """Open a ledger for requests like these (only their names count) and these routes."""
        self.terms = terms
        self.segments, self.tasks, self.routes = requests.segments, requests.tasks, routes
        self.models = tuple(terms.fleet)
        sizes = {"route": 2 * len(routes), "segment": len(self.segments), "task": len(self.tasks)}
        self._cells = Cells({name: size for name, size in sizes.items() if size > 1})
        sections, most = terms.sections, terms.most_exact
        self._sums = {table: zeros(sections, self._cells.count(table), len(FIELDS)) for table in self._cells.tables}
        self._durations = Collector(tuple(DURATIONS), self._cells.sizes, sections, most)
        self._direct = Collector(("latency",), {"route": 1}, sections, most) if terms.compared else None
        self._series = Series()
        self._backlog = Backlog(terms.window.start_ns, terms.window.end_ns)
        self._purchases = Purchases(sections, len(self.segments), len(self.models))
        self._spans = [_Spans() for _ in self.models]

    def add(self, plan: Plan, log: LegLog, answers: Answers) -> RequestLog:
        """Account for the next requests, and give the request log of those that are measured."""
        if plan.tries is not None and log.outcome is not None:
            plan = plan.tries.settle(plan, log.outcome)
        if plan.routes != self.routes:
            raise ValueError(f"the routes of a pattern change during a run: {plan.routes} after {self.routes}")
        arrival_ns = plan.itinerary.arrival_ns
        parts = list(self.terms.parts(arrival_ns))
        first = parts[0][1] if parts else len(arrival_ns)  # the first request that is measured
        for group in plan.groups:
            self._purchases.add(group, billed(group, plan, answers, log), plan, answers.requests, parts)
            if group.model >= 0:
                cancels = self.terms.fleet[self.models[group.model]].client.cancel_on_timeout
                self._spans[group.model].add(group, plan, log, self.terms.window, first, cancels=cancels)
                if log.replica is not None:
                    tokens = answers.output_tokens(self.models[group.model])
                    self._spans[group.model].add_decoding(group, log, tokens, first)
        times = waits(plan, log)
        requests = request_log(plan, log, times, answers, slice(first, None))
        for section, begin, end in parts:
            self._add_requests(section, requests, slice(begin - first, end - first))
        self._backlog.add(arrival_ns, times.latency_ns)
        self._series.add(requests.latency_ns, requests.arrival_ns)
        return requests

    def add_direct(self, latency_ns: Ints, arrival_ns: Ints, escalated: np.typing.NDArray[np.bool_]) -> None:
        """Take in what the same requests waited for a direct call to the last model; only the escalated ones count."""
        if self._direct is None:
            raise ValueError("this pattern is not compared with direct calls")
        for section, first, end in self.terms.parts(arrival_ns):
            values = latency_ns[first:end][escalated[first:end]]
            self._direct.add(section, {"latency": values}, {"route": np.zeros(len(values), dtype=np.int64)})

    def close(self, usage: Sequence[Usage] = ()) -> Outcome:
        """Give the sums; `usage` is what the engine says that the replicas of each station did."""
        terms = self.terms
        used = usage[1:] or [Usage()] * len(self.models)  # the first station is that of steps
        return Outcome(
            segments=self.segments,
            tasks=self.tasks,
            routes=self.routes,
            models=self.models,
            window=terms.window,
            sums={
                name: sums
                for table, sums_of_cells in self._sums.items()
                for name, sums in self._cells.by_dimension(table, sums_of_cells, axis=1)
            },
            durations=self._durations.finish(),
            direct=None if self._direct is None else self._direct.finish(),
            series=self._series,
            backlog=self._backlog.close(),
            bought=self._purchases.bought,
            rates=rates_of(terms.fleet, self.models),
            model_logs=tuple(
                spans.close(terms.fleet[name], of)
                for name, spans, of in zip(self.models, self._spans, used, strict=True)
            ),
            replica_ns=tuple(
                _replica_ns(terms.fleet[name].capacity, of, terms.window) if name in terms.kept else 0
                for name, of in zip(self.models, used, strict=True)
            ),
        )

    def _add_requests(self, section: int, log: RequestLog, rows: slice) -> None:
        codes = {
            "route": 2 * log.route[rows] + log.escalated[rows],
            "segment": log.segment[rows],
            "task": log.task[rows],
        }
        failed = log.failed[rows]
        values = {column: getattr(log, column)[rows] for column in FIELDS[1 + _FLAGS :]}
        if failed.any():  # how long nothing took is no latency
            values |= {column: np.where(failed, 0, values[column]) for column in DURATIONS.values()}
        flags = (log.escalated[rows], log.acceptable[rows], log.refused[rows], self._good(log, rows), failed)
        together = sum((flag.astype(np.int64) << bit for bit, flag in enumerate(flags)), start=np.int64(0))
        for table in self._cells.tables:
            size, cells = self._cells.count(table), self._cells.of(table, codes)
            counts = np.bincount(_EVERY * cells + together, minlength=_EVERY * size).reshape(size, _EVERY)
            sums = [counts.sum(axis=1).tolist()]
            sums += [counts[:, _HAS[bit]].sum(axis=1).tolist() for bit in range(_FLAGS)]
            sums += [sums_by(cells, values[field], size) for field in FIELDS[1 + _FLAGS :]]
            self._sums[table][section] += exact(sums).T
        durations = {name: values[column] for name, column in DURATIONS.items()}
        if failed.any():
            durations, codes = ({k: v[~failed] for k, v in columns.items()} for columns in (durations, codes))
        self._durations.add(section, durations, codes)

    def _good(self, log: RequestLog, rows: slice) -> np.typing.NDArray[np.bool_]:
        good, goals = log.acceptable[rows], self.terms.goals
        if goals.latency_ns is not None:
            good = good & (log.latency_ns[rows] <= goals.latency_ns)
        if goals.ttft_ns is not None:
            good = good & (log.ttft_ns[rows] <= goals.ttft_ns)
        return good


class _Spans:
    """What became of the calls of one model, and how long they took, waited and were to take within the window."""

    def __init__(self) -> None:
        self.calls = self.busy = self.queued = self.offered = self.prefill = self.retries = 0
        self.decode = self.decoded = 0
        self.by_outcome = np.zeros(len(LegOutcome), dtype=np.int64)

    def add(self, group: LegGroup, plan: Plan, log: LegLog, window: Window, first: int, *, cancels: bool) -> None:
        """Add the legs of a group; requests are measured from row `first` on."""
        joined, started, ended = (column[group.leg] for column in (log.joined_ns, log.started_ns, log.ended_ns))
        service_ns = plan.itinerary.leg_service_ns[group.leg]
        measured = int(np.searchsorted(group.request, first))
        self.calls += len(group.request) - measured
        inside = (joined >= window.start_ns) & (joined <= window.end_ns)
        if log.outcome is not None:
            outcome = log.outcome[group.leg]
            self.by_outcome += np.bincount(outcome[measured:], minlength=len(LegOutcome))
            self.retries += len(group.request) - measured if group.retry else 0
            if not cancels:  # the server works on although nobody waits for it
                ended = np.where(outcome == LegOutcome.TIMED_OUT, started + service_ns, ended)
            inside &= ~np.isin(outcome, (LegOutcome.REJECTED, LegOutcome.DENIED))
            inside &= (outcome != LegOutcome.FAILED) | (ended > joined)  # one that failed at once brought no work
        self.busy += _overlap_ns(started, ended, window)
        self.queued += _overlap_ns(joined, started, window)
        self.offered += total(service_ns * inside)
        self.prefill += total(group.ttft_ns * inside)

    def add_decoding(self, group: LegGroup, log: LegLog, tokens: Ints, first: int) -> None:
        """Add how long calls of a group that were served in batches took from the first to the last of their tokens."""
        if log.replica is None or log.outcome is None:
            return
        row = int(np.searchsorted(group.request, first))
        leg = group.leg[row:]
        done = (log.outcome[leg] == LegOutcome.DONE) & (log.replica[leg] >= 0)
        times = log.ended_ns[leg] - first_tokens(group, log)[row:]
        self.decode += total(times[done])
        self.decoded += total(np.maximum(tokens[group.request[row:]][done] - 1, 0))

    def close(self, model: Model, usage: Usage) -> ModelLog:
        """Give the sums of a model, whose replicas did this."""
        capacity, client = model.capacity, model.client
        full = queue_of(capacity) is not None
        batched = batching_of(capacity) is not None
        return ModelLog(
            servers=servers_of(capacity),
            calls=self.calls,
            busy_ns=usage.served_ns if batched else self.busy,
            queued_ns=self.queued,
            offered_ns=self.offered,
            by_outcome=tuple(self.by_outcome.tolist()),
            retries=self.retries,
            bounded=full or client.queue_timeout is not None or client.timeout is not None,
            needed_ns=round(needed(capacity, self.prefill, self.offered)) if batched else self.offered,
            slots=servers_of(capacity) // replicas_of(capacity),
            replica_ns=usage.up_ns,
            serving_ns=usage.busy_ns,
            decode_ns=self.decode,
            decoded=self.decoded,
        )


def _replica_ns(capacity: Capacity, usage: Usage, window: Window) -> int:
    """Give the time that replicas are paid for."""
    return usage.up_ns if batching_of(capacity) is not None else replicas_of(capacity) * window.length_ns


def _overlap_ns(begin: Ints, end: Ints, window: Window) -> int:
    """Give the time that the spans [begin, end) lie within the window, summed."""
    return total(np.maximum(np.minimum(end, window.end_ns) - np.maximum(begin, window.start_ns), 0))
